#include "http/head_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "http/chars.h"
#include "http/head_rules.h"

// A head that comes in one piece, nearly every one, is scanned once. When the bytes run out, the
// line that they ran out in is looked at again once its LF is there, and the whole head once more
// when it is complete: so views never survive a call, and every byte is touched a bounded number of
// times.
//
// An error in a line is reported when the line is complete (or over its limit), whichever call
// finds it: this is what makes the outcome independent of the fragments. The one exception is the
// first byte of a request, so that a TLS handshake on a plain port is answered at once.
namespace midstream::http {
namespace {

constexpr unsigned kEmptyLinesMax = 4;                 // RFC 9112 2.2 asks for one at least
constexpr std::size_t kMethodAndVersionBytesMax = 64;  // of a request line, beside the target
constexpr std::size_t kVersionSize = 8;                // "HTTP/1.1"

constexpr std::uint64_t kOnes = 0x0101010101010101;
constexpr std::uint64_t kHighBits = kOnes * 0x80;

// Gives the first byte below `Floor` or equal to 0x7f, or `end`. Eight bytes at a time; a carry can
// only falsify bytes above a real hit, so that the lowest hit is always real.
template <unsigned char Floor>
const char* find_below(const char* at, const char* end) {
  if constexpr (std::endian::native == std::endian::little) {
    for (; end - at >= 8; at += 8) {
      std::uint64_t word;
      std::memcpy(&word, at, sizeof word);
      const std::uint64_t deleted = word ^ (kOnes * 0x7f);
      const std::uint64_t hits =
          (((word - kOnes * Floor) & ~word) | ((deleted - kOnes) & ~deleted)) & kHighBits;
      if (hits != 0) return at + std::countr_zero(hits) / 8;
    }
  }
  while (at != end && static_cast<unsigned char>(*at) >= Floor && *at != 0x7f)
    ++at;
  return at;
}

const char* find_value_end(const char* at, const char* end) {
  while (true) {
    at = find_below<0x20>(at, end);
    if (at == end || *at != '\t') return at;
    ++at;
  }
}

const char* find_token_end(const char* at, const char* end) {
  while (at != end && is_token_char(*at))
    ++at;
  return at;
}

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

// Why a field line that does not begin with a token and a colon is refused. RFC 9112 5.1 and 5.2.
std::string_view name_error(const char* line, const char* name_end) {
  if (*name_end == '\n') return "LF without CR";
  if (name_end == line) {
    return is_blank(*line) ? "obsolete line folding" : "field without a name";
  }
  return is_blank(*name_end) ? "blank in or after a field name"
                             : "byte not allowed in a field name";
}

// 10 or 11; 0 when malformed; -1 when it is another version of HTTP.
int read_version(std::string_view text) {
  if (text == "HTTP/1.1") return 11;
  if (text == "HTTP/1.0") return 10;
  const bool well_formed = text.size() == kVersionSize && text.starts_with("HTTP/") &&
                           is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
  if (!well_formed) return 0;
  return text[5] == '1' ? 11 : -1;  // RFC 9110 2.5: a higher minor version is read as ours
}

// Where a request line that begins at `line` must be complete.
std::size_t request_line_limit(const HeadLimits& limits, std::size_t line) {
  return std::min(limits.head_bytes_max,
                  line + limits.target_bytes_max + kMethodAndVersionBytesMax);
}

}  // namespace

// One pass over lines. Knows the line it is in, so that it can tell an error from missing bytes.
class HeadParser::Scanner {
 public:
  Scanner(HeadParser& parser, std::string_view buffer, std::size_t from)
      : parser_(parser), buffer_(buffer), line_(buffer.data() + from) {}

  // Past the request line, or false: then `outcome` says why.
  bool request_line(RequestLine& parsed);
  // Past the empty line at the end, or false: then `outcome` says why.
  bool field_lines();

  Outcome outcome;
  [[nodiscard]] std::size_t position() const {
    return static_cast<std::size_t>(line_ - buffer_.data());
  }

 private:
  bool empty_lines();
  bool fail(int status, std::string_view why);
  bool fail_at_once(int status, std::string_view why);
  bool run_out();
  void enter_line(std::size_t line_limit) {
    limit_ = line_limit;
    end_ = buffer_.data() + std::min(buffer_.size(), limit_);
  }

  HeadParser& parser_;
  std::string_view buffer_;
  const char* line_;
  const char* end_ = nullptr;  // of what may be looked at for this line
  std::size_t limit_ = 0;      // where this line must be complete, as a position in the buffer
};

bool HeadParser::Scanner::fail_at_once(int status, std::string_view why) {
  outcome = {State::kError, 0, status, why};
  return false;
}

bool HeadParser::Scanner::run_out() {
  if (buffer_.size() >= limit_) {
    return parser_.past_request_line_ ? fail_at_once(431, "head too large")
                                      : fail_at_once(414, "request line too long");
  }
  parser_.checked_ = position();
  parser_.searched_ = buffer_.size();
  outcome = {};
  return false;
}

bool HeadParser::Scanner::fail(int status, std::string_view why) {
  const bool complete = std::memchr(line_, '\n', static_cast<std::size_t>(end_ - line_)) != nullptr;
  return complete || buffer_.size() >= limit_ ? fail_at_once(status, why) : run_out();
}

bool HeadParser::Scanner::empty_lines() {
  while (line_ != end_ && *line_ == '\r') {
    if (end_ - line_ < 2) return run_out();
    if (line_[1] != '\n') return fail(400, "CR without LF");
    if (++parser_.empty_lines_ > kEmptyLinesMax) return fail(400, "too many empty lines");
    line_ += 2;
  }
  return true;
}

bool HeadParser::Scanner::request_line(RequestLine& parsed) {
  enter_line(parser_.limits_.head_bytes_max);
  if (!empty_lines()) return false;
  enter_line(request_line_limit(parser_.limits_, position()));
  if (line_ >= end_) return run_out();
  if (!is_token_char(*line_)) return fail_at_once(400, "not a method");

  const char* at = find_token_end(line_, end_);
  if (at == end_) return run_out();
  if (*at != ' ') return fail(400, "not a method");
  parsed.method = between(line_, at);

  const char* const target = at + 1;
  at = find_below<0x21>(target, end_);
  if (at == end_) return run_out();
  if (*at != ' ') return fail(400, *at == '\r' ? "no version" : "byte not allowed in the target");
  if (at == target) return fail(400, "empty target");
  parsed.target = between(target, at);
  if (parsed.target.size() > parser_.limits_.target_bytes_max) return fail(414, "target too long");

  const char* const version = at + 1;
  at = find_below<0x21>(version, end_);
  if (end_ - at < 2) return at == end_ || *at == '\r' ? run_out() : fail(400, "malformed version");
  if (at[0] != '\r' || at[1] != '\n') return fail(400, "malformed version");
  parsed.version = read_version(between(version, at));
  if (parsed.version == 0) return fail(400, "malformed version");
  if (parsed.version < 0) return fail(505, "not HTTP/1.x");
  line_ = at + 2;
  parser_.past_request_line_ = true;
  return true;
}

bool HeadParser::Scanner::field_lines() {
  std::vector<FieldView>& fields = parser_.fields_;
  enter_line(parser_.limits_.head_bytes_max);
  while (true) {
    if (line_ >= end_) return run_out();
    const char* const name_end = find_token_end(line_, end_);
    if (name_end == end_) return run_out();
    if (*name_end != ':' || name_end == line_) {
      if (*line_ != '\r') return fail(400, name_error(line_, name_end));
      if (end_ - line_ < 2) return run_out();
      if (line_[1] != '\n') return fail(400, "CR without LF");
      line_ += 2;
      return true;
    }
    const char* value = name_end + 1;
    while (value != end_ && is_blank(*value))
      ++value;
    const char* const line_end = find_value_end(value, end_);
    if (line_end == end_) return run_out();
    if (*line_end != '\r') {
      return fail(400, *line_end == '\n' ? "LF without CR" : "control byte in a field");
    }
    if (end_ - line_end < 2) return run_out();
    if (line_end[1] != '\n') return fail(400, "CR without LF");
    const char* value_end = line_end;
    while (value_end != value && is_blank(value_end[-1]))
      --value_end;
    if (fields.size() == parser_.limits_.fields_max) return fail(431, "too many fields");
    fields.push_back({between(line_, name_end), between(value, value_end)});
    line_ = line_end + 2;
  }
}

HeadParser::Outcome HeadParser::scan(std::string_view buffer, std::size_t from, RequestHead& out) {
  if (from == 0) {
    empty_lines_ = 0;
    past_request_line_ = false;
    fields_.clear();
  }
  Scanner scanner(*this, buffer, from);
  RequestLine line;
  if (!past_request_line_ && !scanner.request_line(line)) return scanner.outcome;
  if (!scanner.field_lines()) return scanner.outcome;
  if (from != 0) return {State::kDone, 0, 0, {}};

  out.method = method_from(line.method);
  out.method_text = line.method;
  out.target = line.target;
  out.version = line.version;
  out.fields = fields_;
  const Refusal refusal = interpret_fields(out);
  if (refusal.status != 0) return {State::kError, 0, refusal.status, refusal.why};
  return {State::kDone, scanner.position(), 0, {}};
}

HeadParser::Outcome HeadParser::parse(std::string_view buffer, RequestHead& out) {
  if (searched_ == 0) {
    constexpr std::size_t kUsualFields = 16;
    if (fields_.capacity() == 0) fields_.reserve(kUsualFields);
    return scan(buffer, 0, out);
  }
  if (searched_ > checked_) {
    // The rest of a line: nothing to do before its end is there or its limit is reached.
    const std::size_t limit =
        past_request_line_ ? limits_.head_bytes_max : request_line_limit(limits_, checked_);
    const std::size_t end = std::min(buffer.size(), limit);
    const bool complete =
        searched_ < end && std::memchr(buffer.data() + searched_, '\n', end - searched_) != nullptr;
    if (!complete && buffer.size() < limit) {
      searched_ = std::max(searched_, buffer.size());
      return {};
    }
  }
  const Outcome outcome = scan(buffer, checked_, out);
  return outcome.state == State::kDone && checked_ != 0 ? scan(buffer, 0, out) : outcome;
}

void HeadParser::reset() {
  fields_.clear();
  checked_ = 0;
  searched_ = 0;
  empty_lines_ = 0;
  past_request_line_ = false;
}

void HeadParser::release_memory() {
  reset();
  std::vector<FieldView>().swap(fields_);  // "= {}" would keep the memory
}

}  // namespace midstream::http
