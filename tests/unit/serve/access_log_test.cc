#include "serve/access_log.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/log_capture.h"
#include "support/no_fd_left.h"
#include "support/temp_dir.h"

namespace midstream::serve {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// -- one line -------------------------------------------------------------------------------------

AccessRecord example() {
  AccessRecord record;
  record.time = std::chrono::system_clock::from_time_t(1'000'000'000) + 42us;
  record.duration = 1'002'003us;
  record.client = "192.0.2.1";
  record.host = "example.org:8080";
  record.method = "GET";
  record.target = "/file?a=b";
  record.version = 11;
  record.status = 206;
  record.body_bytes = 12'345'678'901;
  record.referer = "http://from.test/";
  record.user_agent = "tests/1.0";
  return record;
}

std::string line(const AccessRecord& record, LogFormat format) {
  std::string text = "before ";
  format_record(record, format, text);
  EXPECT_TRUE(text.starts_with("before ")) << "a line is added to what is there";
  return text.substr(7);
}

TEST(AccessRecord, AsJson) {
  EXPECT_EQ(line(example(), LogFormat::kJson),
            R"({"time":"2001-09-09T01:46:40.000042Z","client":"192.0.2.1",)"
            R"("host":"example.org:8080","method":"GET","target":"/file?a=b",)"
            R"("protocol":"HTTP/1.1","status":206,"bytes":12345678901,"duration":1.002003,)"
            R"("referer":"http://from.test/","user_agent":"tests/1.0","end":"complete",)"
            R"("growing":false})"
            "\n");
}

TEST(AccessRecord, InTheCombinedFormatTheHostIsLeftOut) {
  EXPECT_EQ(line(example(), LogFormat::kCombined),
            R"(192.0.2.1 - - [09/Sep/2001:01:46:40 +0000] "GET /file?a=b HTTP/1.1" 206 )"
            R"(12345678901 "http://from.test/" "tests/1.0" 1.002003 complete)"
            "\n");
}

TEST(AccessRecord, WhatIsAbsentIsADashOrEmpty) {
  AccessRecord record = example();
  record.time = std::chrono::system_clock::from_time_t(0);
  record.duration = {};
  record.host = record.method = record.target = record.referer = record.user_agent = {};
  record.version = 10;
  record.status = 408;
  record.body_bytes = 0;
  EXPECT_EQ(line(record, LogFormat::kCombined),
            R"(192.0.2.1 - - [01/Jan/1970:00:00:00 +0000] "- - HTTP/1.0" 408 0 "-" "-" )"
            "0.000000 complete\n");
  EXPECT_EQ(line(record, LogFormat::kJson),
            R"({"time":"1970-01-01T00:00:00.000000Z","client":"192.0.2.1","host":"","method":"",)"
            R"("target":"","protocol":"HTTP/1.0","status":408,"bytes":0,"duration":0.000000,)"
            R"("referer":"","user_agent":"","end":"complete","growing":false})"
            "\n");
}

TEST(AccessRecord, HowTheBodyEndedAndThatItGrew) {
  constexpr std::pair<BodyEnd, const char*> kEnds[] = {{BodyEnd::kComplete, "complete"},
                                                       {BodyEnd::kClientGone, "client_gone"},
                                                       {BodyEnd::kStalled, "stalled"},
                                                       {BodyEnd::kSourceFailed, "source_failed"},
                                                       {BodyEnd::kServerStopped, "server_stopped"}};
  AccessRecord record = example();
  record.growing = true;
  for (const auto& [end, text] : kEnds) {
    record.end = end;
    EXPECT_TRUE(line(record, LogFormat::kCombined).ends_with(std::string(text) + " growing\n"));
    EXPECT_TRUE(line(record, LogFormat::kJson)
                    .ends_with("\"end\":\"" + std::string(text) + "\",\"growing\":true}\n"));
  }
}

struct EscapeCase {
  const char* name;
  std::string text;
  const char* combined;
  const char* json;
};

const EscapeCase kEscapeCases[] = {
    {"Plain", "plain", "plain", "plain"},
    {"Quote", "a\"b", R"(a\"b)", R"(a\"b)"},
    {"Backslash", "a\\", R"(a\\)", R"(a\\)"},
    {"LineFeed", "\n", R"(\x0a)", R"(\u000a)"},
    {"Nul", std::string("a\0b", 3), R"(a\x00b)", R"(a\u0000b)"},
    {"Delete", "\x7f", R"(\x7f)", R"(\u007f)"},
    {"HighBytes", "\xc3\xa4x\xff", R"(\xc3\xa4x\xff)", R"(\u00c3\u00a4x\u00ff)"},
    {"OneAfterTheOther", "\"\\\"", R"(\"\\\")", R"(\"\\\")"},
};

TEST(AccessRecord, WhatCouldForgeALineIsEscaped) {
  for (const EscapeCase& row : kEscapeCases) {
    AccessRecord record = example();
    record.user_agent = row.text;
    EXPECT_NE(line(record, LogFormat::kCombined).find('"' + std::string(row.combined) + "\" 1."),
              std::string::npos)
        << row.name;
    EXPECT_NE(line(record, LogFormat::kJson)
                  .find("\"user_agent\":\"" + std::string(row.json) + "\",\"end\""),
              std::string::npos)
        << row.name;
    record.host = record.target = record.referer = record.method = row.text;
    EXPECT_EQ(line(record, LogFormat::kJson).find('\n'), line(record, LogFormat::kJson).size() - 1);
  }
}

TEST(AccessRecord, TheClient) {
  ClientText buffer;
  const auto text = [&](const char* address) {
    return std::string(client_text(net::Endpoint(asio::ip::make_address(address), 80), buffer));
  };
  for (const char* address :
       {"0.0.0.0", "127.0.0.1", "255.255.255.255", "10.20.30.4", "::1", "2001:db8::2",
        "2001:db8:1111:2222:3333:4444:5555:6666", "::ffff:127.0.0.1"})
    EXPECT_EQ(text(address), address);
  EXPECT_EQ(client_text(net::Endpoint(), buffer), "unix:");
}

// -- the file -------------------------------------------------------------------------------------

class AccessLogTest : public test::NoFdLeft {
 protected:
  void SetUp() override {
    auto opened = AccessLog::open(path(), LogFormat::kCombined);
    ASSERT_TRUE(opened.has_value());
    log_ = std::move(*opened);
  }

  [[nodiscard]] std::string path() const { return (directory_ / "access.log").string(); }
  [[nodiscard]] std::string rotated() const { return path() + ".1"; }

  // One line with this target.
  void append(const std::string& target) const {
    AccessRecord record = example();
    record.target = target;
    log_->append(record);
  }
  // The log is written to its end.
  void close() { log_.reset(); }

  // The targets of the lines of a file, each of which must be whole.
  static std::vector<std::string> targets(const fs::path& path) {
    std::vector<std::string> found;
    std::istringstream lines(test::content_of(path));
    for (std::string one; std::getline(lines, one);) {
      EXPECT_TRUE(!lines.eof() && one.starts_with("192.0.2.1 ") && one.ends_with(" complete"))
          << one;
      const std::size_t begin = one.find("GET ") + 4;
      found.push_back(one.substr(begin, one.find(" HTTP/1.1") - begin));
    }
    return found;
  }

  using Targets = std::vector<std::string>;
  test::TempDir directory_;
  std::unique_ptr<AccessLog> log_;
};

TEST_F(AccessLogTest, IsWholeWhenItIsClosed) {
  append("/a");
  append("/b");
  close();
  EXPECT_EQ(targets(path()), (Targets{"/a", "/b"}));
}

TEST_F(AccessLogTest, ReopenDividesTheLinesWhereItWasCalled) {
  append("/before");
  fs::rename(path(), rotated());
  log_->reopen();
  append("/after");
  close();
  EXPECT_EQ(targets(rotated()), Targets{"/before"});
  EXPECT_EQ(targets(path()), Targets{"/after"});
}

TEST_F(AccessLogTest, ReopenMakesTheFileEvenWhereNothingIsLogged) {
  fs::rename(path(), rotated());
  log_->reopen();
  close();
  EXPECT_TRUE(fs::exists(path()));
  EXPECT_TRUE(fs::exists(rotated()));
}

TEST_F(AccessLogTest, ReopenWithoutARenameGoesOnInTheSameFile) {
  append("/a");
  log_->reopen();
  append("/b");
  log_->reopen();
  append("/c");
  close();
  EXPECT_EQ(targets(path()), (Targets{"/a", "/b", "/c"}));
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedAgainLeavesTheOldOneInUseAndIsTold) {
  test::LogCapture told;
  append("/before");
  fs::rename(path(), rotated());
  fs::create_directory(path());
  log_->reopen();
  append("/after");
  close();
  EXPECT_EQ(targets(rotated()), (Targets{"/before", "/after"}));
  EXPECT_NE(told.text().find("cannot open " + path() + " again"), std::string::npos) << told.text();
}

TEST_F(AccessLogTest, NoLineIsLostOrTornWhileItIsReopenedUnderLoad) {
  constexpr int kThreads = 4;
  constexpr int kLines = 5000;
  constexpr int kRotations = 20;
  std::vector<std::thread> workers;
  for (int thread = 0; thread < kThreads; ++thread) {
    workers.emplace_back([this, thread] {
      for (int i = 0; i < kLines; ++i)
        append("/" + std::to_string(thread) + "/" + std::to_string(i));
    });
  }
  for (int i = 0; i < kRotations; ++i) {
    if (fs::exists(path())) fs::rename(path(), path() + "." + std::to_string(i));
    log_->reopen();
    append("/rotation/" + std::to_string(i));
  }
  for (std::thread& worker : workers)
    worker.join();
  close();
  std::vector<int> next(kThreads, 0);
  Targets all;
  for (int i = 0; i <= kRotations; ++i) {
    const fs::path file = i < kRotations ? path() + "." + std::to_string(i) : path();
    if (!fs::exists(file)) continue;
    for (const std::string& target : targets(file))
      all.push_back(target);
  }
  EXPECT_EQ(all.size(), static_cast<std::size_t>(kThreads * kLines + kRotations));
  for (const std::string& target : all) {
    if (target.starts_with("/rotation")) continue;
    const auto thread = static_cast<std::size_t>(target[1] - '0');
    EXPECT_EQ(target.substr(3), std::to_string(next[thread]++)) << "of one thread, in order";
  }
}

TEST(AccessLog, OfAFileThatCannotBeOpenedIsAnError) {
  const test::TempDir directory;
  EXPECT_EQ(AccessLog::open((directory / "missing/access.log").string(), LogFormat::kJson)
                .error()
                .value(),
            ENOENT);
}

}  // namespace
}  // namespace midstream::serve
