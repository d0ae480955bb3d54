// What a Writer does when everything works, and what it refuses. Its failures:
// writer_failure_test.cc.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <string>

#include <gtest/gtest.h>

#include <midstream/reader.h>
#include <midstream/writer.h>

#include "base/unique_fd.h"
#include "support/failing_syscall.h"
#include "support/no_fd_left.h"
#include "support/temp_dir.h"

namespace midstream {
namespace {

using State = LiveFile::State;
using test::content_of;

std::string read_all(const std::shared_ptr<LiveFile>& file) {
  Reader reader(file);
  std::string bytes;
  char buffer[7];
  for (;;) {
    const auto count = reader.read(std::as_writable_bytes(std::span(buffer)));
    if (!count || *count == 0) return bytes;
    bytes.append(buffer, *count);
  }
}

class WriterTest : public test::NoFdLeft {
 protected:
  Writer create(std::string_view name = "file", WriterOptions options = {}) {
    auto writer = Writer::create(dir_ / name, options);
    EXPECT_TRUE(writer.has_value()) << writer.error().message();
    return std::move(*writer);
  }
  UniqueFd open(std::string_view name, int flags) {
    return UniqueFd(::open((dir_ / name).c_str(), flags | O_CLOEXEC, 0600));
  }
  std::vector<std::string> names() const { return dir_.names(); }
  test::TempDir dir_;
};

using Names = std::vector<std::string>;

TEST_F(WriterTest, CreatesAFileThatHasItsNameOnceItIsSealed) {
  Writer writer = create();
  ASSERT_TRUE(writer.write("hello "));
  ASSERT_TRUE(writer.write("world"));
  EXPECT_EQ(writer.file()->watermark(), 11U);
  EXPECT_EQ(names(), Names{}) << "not before the seal";
  ASSERT_TRUE(writer.seal());
  EXPECT_EQ(names(), Names{"file"});
  EXPECT_EQ(content_of(dir_ / "file"), "hello world");
  EXPECT_EQ(read_all(writer.file()), "hello world");
  EXPECT_EQ(writer.file()->state(), State::kSealed);
}

TEST_F(WriterTest, AnEmptyFileIsAFileToo) {
  Writer writer = create();
  ASSERT_TRUE(writer.write(""));
  ASSERT_TRUE(writer.seal());
  EXPECT_EQ(names(), Names{"file"});
  EXPECT_EQ(content_of(dir_ / "file"), "");
  EXPECT_EQ(writer.file()->total_size(), 0U);
}

TEST_F(WriterTest, L4_AnOlderFileStaysUntilTheSealAndAfterAnAbort) {
  dir_.file("file", "old");
  {
    Writer writer = create();
    ASSERT_TRUE(writer.write("half"));
    EXPECT_EQ(content_of(dir_ / "file"), "old");
    writer.abort("enough");
    EXPECT_EQ(content_of(dir_ / "file"), "old");
    EXPECT_EQ(names(), Names{"file"});
    EXPECT_EQ(writer.file()->failure(), Errc::kWriterFailed);
    EXPECT_EQ(writer.file()->failure_text(), "enough");
  }
  const UniqueFd old_reader = open("file", O_RDONLY);
  Writer writer = create();
  ASSERT_TRUE(writer.write("new"));
  EXPECT_EQ(content_of(dir_ / "file"), "old");
  ASSERT_TRUE(writer.seal());
  EXPECT_EQ(content_of(dir_ / "file"), "new");
  EXPECT_EQ(names(), Names{"file"});
  char buffer[3];
  EXPECT_EQ(::pread(old_reader.get(), buffer, 3, 0), 3);
  EXPECT_EQ(std::string_view(buffer, 3), "old") << "who had it open keeps it";
}

TEST_F(WriterTest, L6_AWriterThatIsDroppedHasFailed) {
  std::shared_ptr<LiveFile> file;
  {
    Writer writer = create();
    file = writer.file();
    ASSERT_TRUE(writer.write("some"));
  }
  EXPECT_EQ(file->state(), State::kFailed);
  EXPECT_EQ(file->failure(), Errc::kWriterFailed);
  EXPECT_EQ(read_all(file), "some");
  EXPECT_EQ(names(), Names{});
}

TEST_F(WriterTest, L6_AWriterThatIsOverwrittenHasFailed) {
  Writer writer = create("a");
  const auto first = writer.file();
  writer = create("b");
  EXPECT_EQ(first->state(), State::kFailed);
  EXPECT_EQ(writer.file()->state(), State::kGrowing);
}

TEST_F(WriterTest, L6_SealAndAbortAreIdempotentAndTheFirstOneCounts) {
  Writer sealed = create("sealed");
  ASSERT_TRUE(sealed.write("all"));
  for (int again = 0; again < 3; ++again) {
    EXPECT_TRUE(sealed.seal());
    sealed.abort("too late");
    EXPECT_EQ(sealed.file()->state(), State::kSealed);
    EXPECT_EQ(content_of(dir_ / "sealed"), "all");
  }
  Writer aborted = create("aborted");
  for (int again = 0; again < 3; ++again) {
    aborted.abort("first");
    EXPECT_EQ(aborted.seal().error(), Errc::kWriterFailed);
    EXPECT_EQ(aborted.file()->failure_text(), "first");
  }
  EXPECT_EQ(names(), Names{"sealed"});
}

TEST_F(WriterTest, L6_AfterTheEndThereIsNothingToWriteTo) {
  Writer sealed = create("sealed");
  ASSERT_TRUE(sealed.write("all"));
  EXPECT_GE(sealed.fd(), 0);
  ASSERT_TRUE(sealed.seal());
  EXPECT_EQ(sealed.fd(), -1);
  EXPECT_EQ(sealed.write("more").error(), Errc::kNotGrowing);
  EXPECT_EQ(sealed.publish(10).error(), Errc::kNotGrowing);
  EXPECT_EQ(sealed.file()->watermark(), 3U);
  Writer aborted = create("aborted");
  aborted.abort();
  EXPECT_EQ(aborted.fd(), -1);
  EXPECT_EQ(aborted.write("more").error(), Errc::kWriterFailed) << "it says why";
  EXPECT_EQ(aborted.publish(10).error(), Errc::kWriterFailed);
  EXPECT_EQ(aborted.file()->watermark(), 0U);
}

TEST_F(WriterTest, L3_ADeclaredSizeIsKeptExactly) {
  Writer writer = create("file", {.declared_size = 5});
  EXPECT_EQ(writer.file()->declared_size(), 5U);
  ASSERT_TRUE(writer.write("123"));
  EXPECT_EQ(writer.write("456").error(), Errc::kBeyondDeclaredSize);
  EXPECT_EQ(writer.file()->watermark(), 3U) << "nothing of it was written";
  EXPECT_EQ(writer.file()->state(), State::kGrowing);
  EXPECT_EQ(writer.publish(6).error(), Errc::kBeyondDeclaredSize);
  ASSERT_TRUE(writer.write("45"));
  EXPECT_EQ(writer.write("6").error(), Errc::kBeyondDeclaredSize);
  ASSERT_TRUE(writer.seal());
  EXPECT_EQ(content_of(dir_ / "file"), "12345");
}

TEST_F(WriterTest, L4_FewerBytesThanDeclaredIsAFailure) {
  for (const std::string_view bytes : {"", "1234"}) {
    Writer writer = create("file", {.declared_size = 5});
    ASSERT_TRUE(writer.write(bytes));
    EXPECT_EQ(writer.seal().error(), Errc::kIncomplete);
    EXPECT_EQ(writer.file()->state(), State::kFailed);
    EXPECT_EQ(writer.file()->failure(), Errc::kIncomplete);
    EXPECT_EQ(names(), Names{});
  }
  Writer nothing = create("file", {.declared_size = 0});
  EXPECT_TRUE(nothing.seal());
}

TEST_F(WriterTest, BytesWrittenByOtherMeansArePublished) {
  Writer writer = create();
  ASSERT_EQ(::pwrite(writer.fd(), "0123456789", 10, 0), 10);
  EXPECT_EQ(writer.file()->watermark(), 0U);
  ASSERT_TRUE(writer.publish(4));
  EXPECT_EQ(writer.file()->watermark(), 4U);
  ASSERT_TRUE(writer.publish(2)) << "lower than before is ignored";
  EXPECT_EQ(writer.file()->watermark(), 4U);
  ASSERT_TRUE(writer.publish(10));
  ASSERT_TRUE(writer.write("abc")) << "goes on behind what was published";
  ASSERT_TRUE(writer.seal());
  EXPECT_EQ(content_of(dir_ / "file"), "0123456789abc");
}

TEST_F(WriterTest, ModeFollowsTheUmaskAndSyncIsDone) {
  const mode_t before = ::umask(027);
  for (const SyncPolicy sync :
       {SyncPolicy::kNone, SyncPolicy::kFile, SyncPolicy::kFileAndDirectory}) {
    Writer writer = create("file", {.mode = 0666, .sync = sync});
    ASSERT_TRUE(writer.write("x"));
    ASSERT_TRUE(writer.seal());
    struct stat status {};
    ASSERT_EQ(::stat((dir_ / "file").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0640U);
  }
  ::umask(before);
}

TEST_F(WriterTest, SaysWhyItCannotCreate) {
  std::filesystem::create_directory(dir_ / "directory");
  dir_.file("plain", "");
  EXPECT_EQ(Writer::create(dir_ / "directory").error(), boost::system::errc::is_a_directory);
  EXPECT_EQ(Writer::create(dir_.path() / "").error(), boost::system::errc::is_a_directory);
  EXPECT_EQ(Writer::create(dir_ / "directory/..").error(), boost::system::errc::is_a_directory);
  EXPECT_EQ(Writer::create(dir_ / "missing/file").error(),
            boost::system::errc::no_such_file_or_directory);
  EXPECT_EQ(Writer::create(dir_ / "plain/file").error(), boost::system::errc::not_a_directory);
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(WriterTest, NamesOfEveryLegalLengthCanBeReplaced) {
  const std::string longest(255, 'n');
  for (const char* content : {"first", "second"}) {
    Writer writer = create(longest);
    ASSERT_TRUE(writer.write(content));
    const auto sealed = writer.seal();
    ASSERT_TRUE(sealed.has_value()) << sealed.error().message();
    EXPECT_EQ(content_of(dir_ / longest), content);
    EXPECT_EQ(names(), Names{longest});
  }
}

// Without O_TMPFILE: a hidden temporary beside the target.
TEST_F(WriterTest, L6_FileSystemsWithoutUnnamedFilesGetAHiddenTemporary) {
  dir_.file("file", "old");
  for (const int error : {EOPNOTSUPP, EISDIR, ENOENT}) {
    const test::RefusedCall no_tmpfile{SYS_openat, error,
                                       test::RefusedCall::Where{2, O_TMPFILE, O_TMPFILE}};
    const bool ran = test::run_refusing(no_tmpfile, [&] {
      {
        Writer dropped = create();
        ASSERT_TRUE(dropped.write("half"));
        ASSERT_EQ(names().size(), 2U);
        for (const std::string& name : names())
          EXPECT_TRUE(name == "file" || name.front() == '.') << name;
        EXPECT_EQ(content_of(dir_ / "file"), "old");
      }
      EXPECT_EQ(names(), Names{"file"}) << "dropped: no temporary left";
      Writer aborted = create();
      aborted.abort();
      EXPECT_EQ(names(), Names{"file"}) << "aborted: no temporary left";
      Writer writer = create(error == EOPNOTSUPP ? std::string(255, 'n') : "other");
      ASSERT_TRUE(writer.write("new"));
      ASSERT_TRUE(writer.seal());
      EXPECT_EQ(names().size(), 2U);
    });
    if (!ran) GTEST_SKIP() << "no seccomp here";
    std::filesystem::remove(dir_ / std::string(255, 'n'));
    std::filesystem::remove(dir_ / "other");
  }
}

// A crash leaves a temporary, and process numbers come again (always 1 in a container).
TEST_F(WriterTest, TemporariesOfACrashAreNotInTheWay) {
  const test::RefusedCall no_tmpfile{SYS_openat, EOPNOTSUPP,
                                     test::RefusedCall::Where{2, O_TMPFILE, O_TMPFILE}};
  std::string temporary;
  const bool ran = test::run_refusing(no_tmpfile, [&] {
    const Writer writer = create();
    temporary = names().at(0);
  });
  if (!ran) GTEST_SKIP() << "no seccomp here";
  // The name is .file.PID-COUNTER.something: take the numbers that come next.
  const std::size_t dash = temporary.find('-');
  const std::size_t dot = temporary.find('.', dash);
  const int counter = std::stoi(temporary.substr(dash + 1, dot - dash - 1));
  for (int next = counter + 1; next < counter + 4; ++next) {
    dir_.file(temporary.substr(0, dash + 1) + std::to_string(next) + temporary.substr(dot),
              "of a crash");
  }
  EXPECT_TRUE(test::run_refusing(no_tmpfile, [&] {
    Writer writer = create();
    ASSERT_TRUE(writer.write("new"));
    ASSERT_TRUE(writer.seal());
    EXPECT_EQ(content_of(dir_ / "file"), "new");
  }));
}

TEST_F(WriterTest, AttachGoesOnWithAnOpenFile) {
  for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDWR | O_APPEND}) {
    dir_.file("file", "there ");
    UniqueFd fd = open("file", flags);
    auto writer = Writer::attach(fd.release());
    ASSERT_TRUE(writer.has_value());
    EXPECT_EQ(writer->file()->watermark(), 6U) << "readable at once";
    ASSERT_TRUE(writer->write("and "));
    ASSERT_TRUE(writer->write("more"));
    ASSERT_TRUE(writer->seal());
    EXPECT_EQ(read_all(writer->file()), "there and more");
    EXPECT_EQ(content_of(dir_ / "file"), "there and more");
    EXPECT_EQ(writer->fd(), -1) << "closed";
  }
}

TEST_F(WriterTest, AttachLeavesTheNameToItsOwner) {
  dir_.file("file", "there");
  auto writer = Writer::attach(open("file", O_WRONLY).release());
  ASSERT_TRUE(writer.has_value());
  writer->abort();
  EXPECT_EQ(content_of(dir_ / "file"), "there");
  auto moved = Writer::attach(open("file", O_WRONLY).release());
  ASSERT_TRUE(moved.has_value());
  std::filesystem::rename(dir_ / "file", dir_ / "elsewhere");
  ASSERT_TRUE(moved->write("!"));
  ASSERT_TRUE(moved->seal());
  EXPECT_EQ(names(), Names{"elsewhere"});
}

TEST_F(WriterTest, AttachRefusesAndStillClosesTheDescriptor) {
  dir_.file("file", "12345");
  EXPECT_EQ(Writer::attach(open("file", O_RDONLY).release()).error(),
            boost::system::errc::bad_file_descriptor);
  EXPECT_EQ(Writer::attach(open("file", O_WRONLY).release(), {.declared_size = 4}).error(),
            Errc::kBeyondDeclaredSize);
  EXPECT_EQ(Writer::attach(open(".", O_RDONLY | O_DIRECTORY).release()).error(),
            boost::system::errc::operation_not_supported);
  EXPECT_EQ(Writer::attach(-1).error(), boost::system::errc::bad_file_descriptor);
  auto exact = Writer::attach(open("file", O_WRONLY).release(), {.declared_size = 5});
  ASSERT_TRUE(exact.has_value());
  EXPECT_TRUE(exact->seal());
}

}  // namespace
}  // namespace midstream
