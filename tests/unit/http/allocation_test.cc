#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "http/date.h"
#include "http/fields.h"
#include "http/head_parser.h"
#include "http/media_type.h"
#include "http/precondition.h"
#include "http/range.h"
#include "http/target.h"

// What runs once per request allocates nothing. The program's operator new counts.
namespace {
std::atomic<std::size_t> allocation_count{0};
}  // namespace

// Not inlined: GCC 12 would then take free for the wrong partner of new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocation_count;
  if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace midstream::http {
namespace {

constexpr std::string_view kHead =
    "GET /a%20b/../c.html?d HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "Connection: keep-alive, te\r\n"
    "Range: bytes=0-1, 5-6\r\n"
    "If-Range: \"a tag longer than a short string\"\r\n"
    "If-None-Match: \"one\", W/\"two\"\r\n"
    "If-None-Match: \"three\"\r\n"
    "If-Match: *\r\n"
    "\r\n";

struct Worker {
  HeadParser parser;
  RequestHead head;
  MediaTypes types;
  FieldList response;
  std::string path;
};

void serve(Worker& worker, std::string_view first_part) {
  worker.parser.reset();
  (void)worker.parser.parse(first_part, worker.head);
  ASSERT_EQ(worker.parser.parse(kHead, worker.head).state, HeadParser::State::kDone);
  const std::optional<Target> target = parse_target(worker.head.method, worker.head.target);
  ASSERT_TRUE(target.has_value());
  const auto path = decode_path(target->path_raw, worker.path);
  ASSERT_TRUE(path.has_value());
  ASSERT_EQ(path->relative, "c.html");
  ASSERT_EQ(evaluate(worker.head, "\"now\"", 0), Verdict::kProceed);
  const std::optional<RangeSet> set = parse_ranges(worker.head.range);
  ASSERT_TRUE(set.has_value());
  ASSERT_EQ(decide_ranges(*set, 100).count, 2U);
  const auto date = format_http_date(784111777);
  worker.response.clear();
  worker.response.append("Date", {date.data(), date.size()});
  worker.response.append("Content-Type", worker.types.by_name(path->relative));
  worker.response.append("Content-Range", format_content_range({0, 2}, 100).view());
}

TEST(Allocation, B1ARequestAllocatesNothing) {
  Worker worker;
  serve(worker, kHead.substr(0, 30));  // gets its tables and buffers
  const std::size_t before = allocation_count;
  serve(worker, kHead.substr(0, 0));
  serve(worker, kHead.substr(0, 100));
  EXPECT_EQ(allocation_count, before);
  worker.parser.release_memory();
  serve(worker, kHead.substr(0, 0));
  EXPECT_EQ(allocation_count, before + 1);  // the field table, which was given back
  const std::string counted(100, 'x');
  EXPECT_GT(allocation_count, before);  // the counter counts
}

}  // namespace
}  // namespace midstream::http
