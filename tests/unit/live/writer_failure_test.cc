// A Writer whose every step fails once, and one that is aborted from another thread in the middle
// of a step.
#include <fcntl.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <midstream/reader.h>
#include <midstream/writer.h>

#include "base/errno_error.h"
#include "live/write_target.h"
#include "support/event.h"
#include "support/no_fd_left.h"
#include "support/temp_dir.h"

namespace midstream {
namespace {

using State = LiveFile::State;
using detail::OpenedTarget;
using detail::WriteTarget;

// What happened to a target; outlives it.
struct Record {
  std::vector<std::string> calls;
  bool named = false;
  bool temporary_left = true;    // until it is named or discarded
  std::function<void()> during;  // called at the start of every step
};

// In front of a real target: counts the calls, and fails the one that was asked for.
class FailingTarget final : public WriteTarget {
 public:
  FailingTarget(std::unique_ptr<WriteTarget> real, Record& record, std::size_t failing_call)
      : real_(std::move(real)), record_(record), failing_call_(failing_call) {}

  int fd() const noexcept override { return real_->fd(); }

  result<std::size_t> write_at(std::span<const std::byte> bytes, std::uint64_t offset) override {
    if (fails("write_at")) return errno_error(ENOSPC);
    return real_->write_at(bytes.first((bytes.size() + 1) / 2), offset);  // in several steps
  }
  error_code sync() override { return fails("sync") ? errno_error(EIO) : real_->sync(); }
  error_code close() override {
    const error_code outcome = real_->close();
    return fails("close") ? errno_error(EIO) : outcome;
  }
  error_code commit(int read_fd) override {
    if (fails("commit")) return errno_error(EACCES);
    const error_code outcome = real_->commit(read_fd);
    record_.named = !outcome;
    record_.temporary_left = record_.temporary_left && outcome;
    return outcome;
  }
  error_code sync_directory() override {
    return fails("sync_directory") ? errno_error(EIO) : real_->sync_directory();
  }
  void discard() noexcept override {
    record_.calls.push_back("discard");
    record_.temporary_left = false;
    real_->discard();
  }

 private:
  bool fails(const char* name) {
    if (record_.during) record_.during();
    record_.calls.push_back(name);
    return record_.calls.size() == failing_call_;
  }

  std::unique_ptr<WriteTarget> real_;
  Record& record_;
  std::size_t failing_call_;
};

class WriterFailure : public test::NoFdLeft {
 protected:
  Writer writer_over(Record& record, std::size_t failing_call, WriterOptions options) {
    auto opened = detail::open_named_target(dir_ / "file", options.mode);
    EXPECT_TRUE(opened.has_value());
    opened->target =
        std::make_unique<FailingTarget>(std::move(opened->target), record, failing_call);
    return detail::make_writer(std::move(*opened), options);
  }

  static std::string bytes_of(const std::shared_ptr<LiveFile>& file) {
    std::string bytes(file->watermark(), '\0');
    EXPECT_EQ(::pread(file->fd(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    return bytes;
  }

  test::TempDir dir_;
};

// The whole life of a file, with step N failing, until N is more steps than there are.
TEST_F(WriterFailure, L6_WhateverStepFailsTheFileFailsAndNothingIsNamed) {
  constexpr std::string_view kText = "12345678";
  for (const SyncPolicy sync :
       {SyncPolicy::kNone, SyncPolicy::kFile, SyncPolicy::kFileAndDirectory}) {
    for (std::size_t failing = 1;; ++failing) {
      dir_.file("file", "old");
      Record record;
      std::shared_ptr<LiveFile> file;
      bool wrote = false;
      bool sealed = false;
      {
        Writer writer = writer_over(record, failing, {.declared_size = 8, .sync = sync});
        file = writer.file();
        wrote = writer.write(kText).has_value();
        sealed = writer.seal().has_value();
        EXPECT_EQ(sealed, writer.seal().has_value()) << "the second answer is the first one";
      }
      SCOPED_TRACE(testing::Message() << "step " << failing << " " << record.calls.back());
      if (record.calls.size() < failing) {
        EXPECT_TRUE(wrote && sealed);
        EXPECT_EQ(file->state(), State::kSealed);
        EXPECT_EQ(test::content_of(dir_ / "file"), kText);
        EXPECT_EQ(std::count(record.calls.begin(), record.calls.end(), "discard"), 0);
        break;
      }
      EXPECT_FALSE(sealed);
      EXPECT_EQ(file->state(), State::kFailed);
      EXPECT_EQ(file->failure().category(), boost::system::system_category());
      EXPECT_NE(file->failure_text(), "");
      EXPECT_EQ(bytes_of(file), kText.substr(0, file->watermark()))
          << "readers keep what was written";
      EXPECT_EQ(record.calls.back(), "discard");
      EXPECT_EQ(std::count(record.calls.begin(), record.calls.end(), "discard"), 1);
      EXPECT_FALSE(record.temporary_left);
      EXPECT_EQ(dir_.names(), std::vector<std::string>{"file"}) << "and no temporary";
      // The directory is synced after the name was given: that alone cannot be taken back.
      const bool last_step = record.calls.at(record.calls.size() - 2) == "sync_directory";
      EXPECT_EQ(record.named, last_step);
      EXPECT_EQ(test::content_of(dir_ / "file"), last_step ? kText : "old");
    }
  }
}

TEST_F(WriterFailure, TheStepsComeInTheirOrder) {
  Record record;
  Writer writer = writer_over(record, 0, {.sync = SyncPolicy::kFileAndDirectory});
  ASSERT_TRUE(writer.write("x"));
  ASSERT_TRUE(writer.seal());
  EXPECT_EQ(record.calls,
            (std::vector<std::string>{"write_at", "sync", "close", "commit", "sync_directory"}));
}

// At each step: an abort from another thread, which must neither wait for the step nor disturb it.
TEST_F(WriterFailure, L6_AnAbortFromAnotherThreadMeetsEveryStep) {
  for (std::size_t aborted_step = 1;; ++aborted_step) {
    dir_.file("file", "old");
    Record record;
    std::shared_ptr<LiveFile> file;
    bool sealed = false;
    {
      Writer writer = writer_over(record, 0, {.sync = SyncPolicy::kFileAndDirectory});
      file = writer.file();
      std::size_t step = 0;
      record.during = [&] {
        if (++step != aborted_step) return;
        const int fd = writer.fd();
        std::thread([&] { writer.abort("from elsewhere"); }).join();
        if (fd >= 0) {
          EXPECT_GE(::fcntl(fd, F_GETFD), 0) << "in use by the step, so it stays open";
        }
      };
      (void)writer.write("12345678");
      sealed = writer.seal().has_value();
      if (step < aborted_step) break;
    }
    SCOPED_TRACE(testing::Message() << "step " << aborted_step << " of " << record.calls.size());
    EXPECT_EQ(file->state() == State::kSealed, sealed);
    EXPECT_EQ(record.named, sealed) << "named if and only if readers see a whole file";
    EXPECT_EQ(test::content_of(dir_ / "file"), sealed ? "12345678" : "old");
    EXPECT_EQ(dir_.names(), std::vector<std::string>{"file"});
    if (!sealed) {
      EXPECT_EQ(file->failure_text(), "from elsewhere");
    }
    EXPECT_EQ(std::count(record.calls.begin(), record.calls.end(), "discard"), sealed ? 0 : 1);
  }
}

TEST_F(WriterFailure, L6_AbortAndSealRaceToOneEnd) {
  const int rounds = test::kThreadSanitizer ? 50 : 300;
  int sealed_rounds = 0;
  for (int round = 0; round < rounds; ++round) {
    std::filesystem::remove(dir_ / "file");
    auto writer = Writer::create(dir_ / "file");
    ASSERT_TRUE(writer.has_value());
    const auto file = writer->file();
    std::atomic<bool> go{false};
    std::thread aborter([&] {
      go.wait(false);
      writer->abort("race");
    });
    (void)writer->write("1234");
    go = true;
    go.notify_all();
    (void)writer->write("5678");
    const bool sealed = writer->seal().has_value();
    aborter.join();
    sealed_rounds += sealed ? 1 : 0;
    EXPECT_EQ(file->state(), sealed ? State::kSealed : State::kFailed);
    EXPECT_EQ(std::filesystem::exists(dir_ / "file"), sealed);
    if (sealed) {
      EXPECT_EQ(test::content_of(dir_ / "file"), "12345678");
    }
  }
  RecordProperty("sealed_rounds", sealed_rounds);
}

}  // namespace
}  // namespace midstream
