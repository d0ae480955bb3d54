// Request heads per second: our parser, the least that can be built on Beast's basic_parser, and
// Beast's own parser with its container of fields. See docs/decisions/0002-request-head-parser.md.
#include <cstdint>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "http/head_parser.h"

namespace midstream {
namespace {

namespace beast = boost::beast;

constexpr std::string_view kSmall = "GET /4k.bin HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
constexpr std::string_view kBrowser =
    "GET /assets/app/index-4f3c2a.js?v=12 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"120\", \"Not?A_Brand\";v=\"8\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36\r\n"
    "Accept: */*\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "Sec-Fetch-Dest: script\r\n"
    "Referer: https://www.example.com/\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "If-None-Match: \"652a-9f3b2c\"\r\n"
    "Cookie: sid=31d4d96e407aad42; lang=en-US\r\n"
    "\r\n";

// Keeps views of the fields: no copy, no allocation.
class LeastParser final : public beast::http::basic_parser<true> {
 public:
  struct Field {
    beast::http::field id;
    beast::string_view name;
    beast::string_view value;
  };
  explicit LeastParser(std::vector<Field>& fields) : fields_(fields) { fields_.clear(); }

 private:
  using Text = beast::string_view;
  using Error = beast::error_code;

  void on_request_impl(beast::http::verb, Text, Text, int, Error& error) override { error = {}; }
  void on_response_impl(int, Text, int, Error&) override {}
  void on_field_impl(beast::http::field id, Text name, Text value, Error& error) override {
    error = {};
    fields_.push_back({id, name, value});
  }
  void on_header_impl(Error& error) override { error = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Error& error) override {
    error = {};
  }
  std::size_t on_body_impl(Text bytes, Error& error) override { return all_of(bytes, error); }
  void on_chunk_header_impl(std::uint64_t, Text, Error& error) override { error = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, Text bytes, Error& error) override {
    return all_of(bytes, error);
  }
  void on_finish_impl(Error& error) override { error = {}; }

  static std::size_t all_of(Text bytes, Error& error) {
    error = {};
    return bytes.size();
  }

  std::vector<Field>& fields_;
};

template <class Parser>
void parse_with_beast(benchmark::State& state, Parser& parser, std::string_view text) {
  benchmark::DoNotOptimize(text);
  beast::error_code failed;
  parser.put(boost::asio::buffer(text.data(), text.size()), failed);
  if (failed || !parser.is_header_done()) state.SkipWithError("not a head");
  benchmark::DoNotOptimize(parser);
}

void ours(benchmark::State& state, std::string_view text) {
  http::HeadParser parser;
  http::RequestHead head;
  for (auto _ : state) {
    parser.reset();
    benchmark::DoNotOptimize(text);
    const auto outcome = parser.parse(text, head);
    if (outcome.state != http::HeadParser::State::kDone) state.SkipWithError("not a head");
    benchmark::DoNotOptimize(head);
  }
}

void least_on_basic_parser(benchmark::State& state, std::string_view text) {
  std::vector<LeastParser::Field> fields;
  fields.reserve(32);
  for (auto _ : state) {
    LeastParser parser(fields);
    parse_with_beast(state, parser, text);
  }
}

void beast_request_parser(benchmark::State& state, std::string_view text) {
  for (auto _ : state) {
    beast::http::request_parser<beast::http::empty_body> parser;
    parse_with_beast(state, parser, text);
  }
}

BENCHMARK_CAPTURE(ours, small, kSmall);
BENCHMARK_CAPTURE(least_on_basic_parser, small, kSmall);
BENCHMARK_CAPTURE(beast_request_parser, small, kSmall);
BENCHMARK_CAPTURE(ours, browser, kBrowser);
BENCHMARK_CAPTURE(least_on_basic_parser, browser, kBrowser);
BENCHMARK_CAPTURE(beast_request_parser, browser, kBrowser);

}  // namespace
}  // namespace midstream

BENCHMARK_MAIN();
