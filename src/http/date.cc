#include "http/date.h"

#include <algorithm>

#include "http/chars.h"

namespace midstream::http {
namespace {

constexpr std::int64_t kSecondsPerDay = 86400;
constexpr std::int64_t kFirstSecond = -62135596800;  // 0001-01-01 00:00:00
constexpr std::int64_t kLastSecond = 253402300799;   // 9999-12-31 23:59:59

constexpr std::string_view kDayNames = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonthNames = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::array<std::string_view, 7> kLongDayNames = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
};

struct Civil {
  std::int64_t year = 0;
  unsigned month = 0;  // 1 to 12
  unsigned day = 0;    // 1 to 31
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
};

// Days since 1970-01-01 in the proleptic Gregorian calendar and back, by Howard Hinnant
// ("chrono-Compatible Low-Level Date Algorithms"). Years begin in March, eras have 400 of them.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

Civil civil_from_days(std::int64_t days) {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t day_of_era = days - era * 146097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted_month = (5 * day_of_year + 2) / 153;
  Civil civil;
  civil.day = static_cast<unsigned>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  civil.month = static_cast<unsigned>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  civil.year = year_of_era + era * 400 + (civil.month <= 2 ? 1 : 0);
  return civil;
}

unsigned days_in_month(std::int64_t year, unsigned month) {
  if (month == 2) {
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return leap ? 29 : 28;
  }
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// Reads fixed fields from the front. One failure makes all further reads fail.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected) {
    if (take(expected.size()) != expected) ok_ = false;
  }

  unsigned digits(std::size_t count) {
    unsigned value = 0;
    for (char c : take(count)) {
      if (!is_digit(c)) ok_ = false;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
  }

  // asctime pads the day of the month with a blank.
  unsigned padded_digits() {
    if (!rest_.starts_with(' ')) return digits(2);
    rest_.remove_prefix(1);
    return digits(1);
  }

  // The index of one of the names of three letters.
  unsigned name(std::string_view names) {
    const std::string_view wanted = take(3);
    for (std::size_t i = 0; i < names.size() && ok_; i += 3) {
      if (names.substr(i, 3) == wanted) return static_cast<unsigned>(i / 3);
    }
    ok_ = false;
    return 0;
  }

  void time_of_day(Civil& civil) {
    civil.hour = digits(2);
    literal(":");
    civil.minute = digits(2);
    literal(":");
    civil.second = digits(2);
  }

  [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view take(std::size_t count) {
    if (!ok_ || rest_.size() < count) {
      ok_ = false;
      return {};
    }
    const std::string_view front = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return front;
  }

  std::string_view rest_;
  bool ok_ = true;
};

std::optional<std::int64_t> to_seconds(const Civil& civil) {
  if (civil.year < 1 || civil.month < 1 || civil.day < 1) return std::nullopt;
  if (civil.day > days_in_month(civil.year, civil.month)) return std::nullopt;
  if (civil.hour > 23 || civil.minute > 59 || civil.second > 60) return std::nullopt;
  return days_from_civil(civil.year, civil.month, civil.day) * kSecondsPerDay +
         std::int64_t{civil.hour} * 3600 + std::int64_t{civil.minute} * 60 + civil.second;
}

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::int64_t> parse_fixdate(std::string_view text) {
  Reader reader(text);
  Civil civil;
  reader.name(kDayNames);
  reader.literal(", ");
  civil.day = reader.digits(2);
  reader.literal(" ");
  civil.month = reader.name(kMonthNames) + 1;
  reader.literal(" ");
  civil.year = reader.digits(4);
  reader.literal(" ");
  reader.time_of_day(civil);
  reader.literal(" GMT");
  return reader.at_end() ? to_seconds(civil) : std::nullopt;
}

// "Sunday, 06-Nov-94 08:49:37 GMT". `after_day` begins with the comma.
std::optional<std::int64_t> parse_rfc850(std::string_view after_day, std::int64_t now_seconds) {
  constexpr std::int64_t kYearsAheadMax = 50;
  Reader reader(after_day);
  Civil civil;
  reader.literal(", ");
  civil.day = reader.digits(2);
  reader.literal("-");
  civil.month = reader.name(kMonthNames) + 1;
  reader.literal("-");
  const std::int64_t two_digits = reader.digits(2);
  reader.literal(" ");
  reader.time_of_day(civil);
  reader.literal(" GMT");
  if (!reader.at_end()) return std::nullopt;

  now_seconds = std::clamp(now_seconds, kFirstSecond, kLastSecond);
  const std::int64_t days = (now_seconds - kFirstSecond) / kSecondsPerDay;
  const std::int64_t this_year = civil_from_days(days + kFirstSecond / kSecondsPerDay).year;
  const std::int64_t latest = this_year + kYearsAheadMax;
  civil.year = latest - (latest - two_digits) % 100;
  return to_seconds(civil);
}

// "Sun Nov  6 08:49:37 1994"
std::optional<std::int64_t> parse_asctime(std::string_view text) {
  Reader reader(text);
  Civil civil;
  reader.name(kDayNames);
  reader.literal(" ");
  civil.month = reader.name(kMonthNames) + 1;
  reader.literal(" ");
  civil.day = reader.padded_digits();
  reader.literal(" ");
  reader.time_of_day(civil);
  reader.literal(" ");
  civil.year = reader.digits(4);
  return reader.at_end() ? to_seconds(civil) : std::nullopt;
}

void put_digits(char* at, std::int64_t value, int count) {
  for (int i = count - 1; i >= 0; --i) {
    at[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

}  // namespace

std::array<char, kHttpDateSize> format_http_date(std::int64_t unix_seconds) {
  const std::int64_t since_first =
      std::clamp(unix_seconds, kFirstSecond, kLastSecond) - kFirstSecond;
  const std::int64_t days = since_first / kSecondsPerDay;
  const std::int64_t second_of_day = since_first % kSecondsPerDay;
  const Civil civil = civil_from_days(days + kFirstSecond / kSecondsPerDay);

  std::array<char, kHttpDateSize> text{};
  constexpr std::string_view kShape = "Day, 00 Mon 0000 00:00:00 GMT";
  static_assert(kShape.size() == kHttpDateSize);
  std::copy(kShape.begin(), kShape.end(), text.begin());
  const auto day_name = static_cast<std::size_t>((days + 1) % 7);  // 0001-01-01 was a Monday
  kDayNames.copy(text.data(), 3, day_name * 3);
  put_digits(text.data() + 5, civil.day, 2);
  kMonthNames.copy(text.data() + 8, 3, (civil.month - 1) * std::size_t{3});
  put_digits(text.data() + 12, civil.year, 4);
  put_digits(text.data() + 17, second_of_day / 3600, 2);
  put_digits(text.data() + 20, second_of_day / 60 % 60, 2);
  put_digits(text.data() + 23, second_of_day % 60, 2);
  return text;
}

std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now_seconds) {
  if (text.size() < 5) return std::nullopt;
  if (text[3] == ',') return parse_fixdate(text);
  if (text[3] == ' ') return parse_asctime(text);
  for (std::string_view day : kLongDayNames) {
    if (text.starts_with(day)) return parse_rfc850(text.substr(day.size()), now_seconds);
  }
  return std::nullopt;
}

}  // namespace midstream::http
