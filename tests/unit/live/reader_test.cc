// The two forms of reading, with the same cases: what they give must be the same.
#include <condition_variable>
#include <future>
#include <mutex>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <midstream/reader.h>

#include "support/growing.h"
#include "support/io.h"
#include "support/no_fd_left.h"
#include "support/payload.h"

namespace midstream {
namespace {

namespace asio = boost::asio;
using test::Growing;

// What one reader has got so far, for the writer's thread to wait for.
class Progress {
 public:
  void add(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    bytes_ += bytes;
    changed_.notify_all();
  }
  void end(const error_code& how) {
    const std::lock_guard lock(mutex_);
    end_ = how;
    ended_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool has(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, test::kBound, [&] { return bytes_.size() >= count; });
  }
  [[nodiscard]] bool ended() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, test::kBound, [&] { return ended_; });
  }
  [[nodiscard]] std::string bytes() {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }
  /// No error: the end of a sealed file.
  [[nodiscard]] error_code how() {
    const std::lock_guard lock(mutex_);
    return end_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string bytes_;
  error_code end_;
  bool ended_ = false;
};

void read_blocking(std::shared_ptr<LiveFile> file, std::uint64_t offset, std::size_t buffer_size,
                   Progress& progress) {
  Reader reader(std::move(file), offset);
  std::string buffer(buffer_size, '\0');
  for (;;) {
    const auto count = reader.read(std::as_writable_bytes(std::span(buffer)));
    if (!count) return progress.end(count.error());
    if (*count == 0) return progress.end({});
    progress.add(std::string_view(buffer).substr(0, *count));
  }
}

asio::awaitable<void> read_with_asio(std::shared_ptr<LiveFile> file, std::uint64_t offset,
                                     std::size_t buffer_size, Progress& progress) {
  AsyncReader reader(co_await asio::this_coro::executor, std::move(file), offset);
  std::string buffer(buffer_size, '\0');
  for (;;) {
    error_code error;
    const std::size_t count = co_await reader.async_read_some(
        asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return progress.end(error == asio::error::eof ? error_code() : error);
    progress.add(std::string_view(buffer).substr(0, count));
  }
}

enum class Form { kBlocking, kAsio };

class ReaderTest : public test::NoFdLeft, public testing::WithParamInterface<Form> {
 protected:
  // A reader at work, joined when it goes.
  class Running {
   public:
    Running(Form form, test::IoThread& io, const std::shared_ptr<LiveFile>& file,
            std::uint64_t offset, std::size_t buffer_size) {
      if (form == Form::kBlocking) {
        done_ = std::async(std::launch::async, read_blocking, file, offset, buffer_size,
                           std::ref(progress));
      } else {
        done_ = asio::co_spawn(io.io(), read_with_asio(file, offset, buffer_size, progress),
                               asio::use_future);
      }
    }
    ~Running() { EXPECT_EQ(done_.wait_for(test::kBound), std::future_status::ready); }

    Progress progress;

   private:
    std::future<void> done_;
  };

  std::unique_ptr<Running> start(const Growing& growing, std::uint64_t offset = 0,
                                 std::size_t buffer_size = 64) {
    return std::make_unique<Running>(GetParam(), io_, growing.file(), offset, buffer_size);
  }

 private:
  test::IoThread io_;
};

INSTANTIATE_TEST_SUITE_P(Forms, ReaderTest, testing::Values(Form::kBlocking, Form::kAsio),
                         [](const auto& form) {
                           return form.param == Form::kBlocking ? "Blocking" : "Asio";
                         });

struct Case {
  const char* name;
  std::string_view there;               // when the first reader comes
  std::vector<std::string_view> later;  // piece by piece
  std::optional<std::uint64_t> declared;
  error_code failure;  // none: sealed
};

const Case kCases[] = {
    {"AllThere", "everything", {}, {}, {}},
    {"Nothing", "", {}, {}, {}},
    {"NothingAndFailed", "", {}, {}, Errc::kWriterFailed},
    {"FromTheFirstByte", "", {"a", "b", "cd", "efg"}, {}, {}},
    {"SomeThere", "half", {"and ", "the ", "rest"}, {}, {}},
    {"Declared", "123", {"45", "678"}, 8, {}},
    {"DeclaredEmpty", "", {}, 0, {}},
    {"DeclaredButIncomplete", "123", {"45"}, 8, Errc::kIncomplete},
    {"Failed", "123", {"45", "6"}, {}, Errc::kWriterFailed},
    {"Stalled", "123", {}, {}, Errc::kWriterStalled},
    {"FailedByTheDisk", "123", {"45"}, {}, error_code(ENOSPC, boost::system::system_category())},
};

TEST_P(ReaderTest, L1_ReadersBeforeDuringAndAfterGetTheSameBytes) {
  for (const Case& row : kCases) {
    SCOPED_TRACE(row.name);
    Growing growing("", row.declared);
    std::vector<std::unique_ptr<Running>> readers;
    readers.push_back(start(growing));  // before the first byte
    std::string written(row.there);
    if (!row.there.empty()) growing.append(row.there);
    for (const std::string_view piece : row.later) {
      readers.push_back(
          start(growing, 0, readers.size()));  // during, with small buffers of all sizes
      growing.append(piece);
      written += piece;
      // L1: each piece reaches every reader before the next one is written, however small it is.
      for (const auto& reader : readers)
        ASSERT_TRUE(reader->progress.has(written.size()));
    }
    row.failure ? growing.fail(row.failure) : growing.seal();
    readers.push_back(start(growing));  // after
    for (const auto& reader : readers) {
      ASSERT_TRUE(reader->progress.ended());
      EXPECT_EQ(reader->progress.bytes(), written) << "all bytes, also before a failure";
      EXPECT_EQ(reader->progress.how(), row.failure);
    }
  }
}

TEST_P(ReaderTest, L1_EveryOffsetIsAWayIn) {
  Growing growing("0123456789");
  for (std::uint64_t offset = 0; offset <= 12; ++offset) {
    Growing later("01234");
    const auto reader = start(later, offset, 3);
    later.append("56789");
    later.seal();
    ASSERT_TRUE(reader->progress.ended());
    EXPECT_EQ(reader->progress.bytes(),
              offset < 10 ? std::string("0123456789").substr(offset) : "");
    EXPECT_FALSE(reader->progress.how());
  }
}

TEST_P(ReaderTest, L1_ManyReadersOfABigFileAgree) {
  Growing growing;
  const std::string all = test::payload(1'000'000);
  std::vector<std::unique_ptr<Running>> readers;
  for (std::size_t i = 0; i < 8; ++i)
    readers.push_back(start(growing, 0, 1000 + 7777 * i));
  for (std::size_t at = 0; at < all.size(); at += 40'000) {
    growing.append(std::string_view(all).substr(at, 40'000));
    if (at == 400'000) readers.push_back(start(growing, 0, 65'536));
  }
  growing.seal();
  for (const auto& reader : readers) {
    ASSERT_TRUE(reader->progress.ended());
    EXPECT_EQ(reader->progress.bytes().size(), all.size());
    EXPECT_EQ(test::hash_of(reader->progress.bytes()), test::hash_of(all));
  }
}

TEST_P(ReaderTest, L11_BytesThatAreGoneAreAFailureAndNotAnEnd) {
  Growing growing("0123456789");
  growing.truncate(4);
  const auto reader = start(growing, 0, 4);
  ASSERT_TRUE(reader->progress.ended());
  EXPECT_EQ(reader->progress.bytes(), "0123");
  EXPECT_EQ(reader->progress.how(), Errc::kTruncated);
}

// What only the blocking form has
// ------------------------------------------------------------------------

using BlockingReader = test::NoFdLeft;

TEST_F(BlockingReader, AnEmptyBufferAsksForNothing) {
  const Growing growing("123");
  Reader reader(growing.file(), 3);
  EXPECT_EQ(reader.read({}).value(), 0U) << "although there is nothing to read";
}

TEST_F(BlockingReader, L5_StopAndDeadlineLeaveTheOffset) {
  Growing growing("123");
  Reader reader(growing.file(), 3);
  std::array<std::byte, 8> buffer;
  std::stop_source stop;
  std::promise<error_code> outcome;
  std::thread thread([&] { outcome.set_value(reader.read(buffer, stop.get_token()).error()); });
  stop.request_stop();
  EXPECT_EQ(outcome.get_future().get(), asio::error::operation_aborted);
  thread.join();
  EXPECT_EQ(reader.offset(), 3U);
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
  EXPECT_EQ(reader.read(buffer, {}, soon).error(), asio::error::timed_out);
  EXPECT_EQ(reader.offset(), 3U);
  growing.append("45");
  EXPECT_EQ(reader.read(buffer, stop.get_token()).value(), 2U) << "bytes come before the stop";
  EXPECT_EQ(reader.offset(), 5U);
}

TEST_F(BlockingReader, SeeksAnywhere) {
  Growing growing("0123456789");
  growing.seal();
  Reader reader(growing.file());
  std::array<char, 2> buffer;
  const auto out = std::as_writable_bytes(std::span(buffer));
  for (const std::uint64_t offset : {8U, 0U, 5U}) {
    reader.seek(offset);
    ASSERT_EQ(reader.read(out).value(), 2U);
    EXPECT_EQ(std::string_view(buffer.data(), 2), std::string("0123456789").substr(offset, 2));
  }
  reader.seek(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(reader.read(out).value(), 0U);
}

TEST_F(BlockingReader, ErrorsOfTheDiskAreGiven) {
  const UniqueFd directory(::open("/", O_RDONLY | O_CLOEXEC));
  const auto file =
      std::make_shared<detail::GrowingFile>(UniqueFd(::dup(directory.get())), 10, std::nullopt);
  Reader reader(file);
  std::array<std::byte, 8> buffer;
  EXPECT_EQ(reader.read(buffer).error(), boost::system::errc::is_a_directory);
  EXPECT_EQ(reader.offset(), 0U);
}

}  // namespace
}  // namespace midstream
