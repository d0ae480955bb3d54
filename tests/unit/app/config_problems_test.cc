// What is wrong with a configuration, and where: every kind of problem with its line and column.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "app/config_file.h"

namespace midstream::app {
namespace {

struct ProblemCase {
  const char* name;
  const char* text;
  const char* problems;  // "line:column: text", one per line
};

// The text of a file that is right but for its first lines.
constexpr const char* kRest = "[[site]]\n[[site.route]]\nanswer = {}\n";

std::string problems_of(std::string_view text) {
  std::string out;
  for (const ConfigProblem& problem : parse_config(text, {.check_files = false}).problems)
    out += print_problem("f", problem).substr(2) + "\n";
  return out;
}

void check(const ProblemCase& row, const std::string& text) {
  EXPECT_EQ(problems_of(text), row.problems) << row.name << "\n" << text;
}

constexpr ProblemCase kTopLevel[] = {
    {"UnknownKey", "thread = 2\n", "1:1: unknown key \"thread\", did you mean \"threads\"?\n"},
    {"UnknownTable", "[limit]\n", "1:2: unknown key \"limit\", did you mean \"limits\"?\n"},
    {"UnknownKeyLikeNone", "[access_log]\nrotate = true\n",
     "2:1: unknown key \"rotate\" in \"access_log\", expected \"file\" or \"format\"\n"},
    {"IntegerIsAString", "threads = \"2\"\n",
     "1:11: \"threads\" is a string, expected an integer, 1 to 1024\n"},
    {"IntegerIsAFloat", "threads = 2.0\n",
     "1:11: \"threads\" is a floating-point number, expected an integer, 1 to 1024\n"},
    {"IntegerIsADate", "threads = 2026-01-01\n",
     "1:11: \"threads\" is a date or a time, expected an integer, 1 to 1024\n"},
    {"ZeroIsNotAutomatic", "threads = 0\n",
     "1:11: \"threads\" is 0, expected 1 to 1024, or no such key: one per core\n"},
    {"Negative", "threads = -1\n", "1:11: \"threads\" is -1, expected 1 to 1024\n"},
    {"TooMany", "threads = 1025\n", "1:11: \"threads\" is 1025, expected 1 to 1024\n"},
    {"Word", "log_level = \"warning\"\n",
     "1:13: \"log_level\" is \"warning\", expected \"trace\", \"debug\", \"info\", \"warn\", "
     "\"error\" or \"off\", did you mean \"warn\"?\n"},
    {"WordIsABoolean", "log_level = true\n",
     "1:13: \"log_level\" is a boolean, expected \"trace\", \"debug\", \"info\", \"warn\", "
     "\"error\" or \"off\"\n"},
    {"EmptyName", "user = \"\"\n", "1:8: \"user\" is \"\", expected a name\n"},
    {"GroupWithoutUser", "group = \"adm\"\n",
     "1:9: \"group\" is here without \"user\", expected both\n"},
    {"TableIsAString", "access_log = \"/var/log/a\"\n",
     "1:14: \"access_log\" is a string, expected a table: [access_log], or {...}\n"},
    {"TableIsAList", "[[limits]]\n",
     "1:1: \"limits\" is a list, expected a table: [limits], or {...}\n"},
    {"LogFormat", "[access_log]\nformat = \"jso\"\n",
     "2:10: \"format\" is \"jso\", expected \"combined\" or \"json\", did you mean \"json\"?\n"},
    {"LogFileWithoutName", "[access_log]\nfile = \"\"\n",
     "2:8: \"file\" is \"\", expected the path of a file\n"},
    {"MediaType", "[media_types]\nmd = \"markdown\"\n",
     "2:6: \"md\" is \"markdown\", expected a media type such as \"text/html\" or "
     "\"text/plain; charset=utf-8\"\n"},
    {"ExtensionWithDot", "[media_types]\n\".md\" = \"text/markdown\"\n",
     "2:1: the key \".md\" is wrong, expected an extension without its dot, such as \"md\" or "
     "\"tar.gz\", did you mean \"md\"?\n"},
    {"ExtensionTwice", "[media_types]\nmd = \"text/markdown\"\nMD = \"text/plain\"\n",
     "3:1: the extension \"MD\" is there twice, expected it only once\n"},
    {"MediaTypesAreAList", "media_types = []\n",
     "1:15: \"media_types\" is a list, expected a table such as {md = \"text/markdown\"}\n"},
};

TEST(ConfigProblems, TopLevel) {
  for (const ProblemCase& row : kTopLevel)
    check(row, std::string(row.text) + kRest);
}

constexpr ProblemCase kLimits[] = {
    {"DurationWithoutUnit", "idle_timeout = 30\n",
     "2:16: \"idle_timeout\" is 30, expected a duration above zero such as \"250ms\", \"30s\", "
     "\"5m\" or \"2h\"\n"},
    {"DurationZero", "idle_timeout = \"0s\"\n",
     "2:16: \"idle_timeout\" is \"0s\", expected a duration above zero such as \"250ms\", "
     "\"30s\", \"5m\" or \"2h\"\n"},
    {"DurationWithBlank", "grace = \"30 s\"\n",
     "2:9: \"grace\" is \"30 s\", expected a duration above zero such as \"250ms\", \"30s\", "
     "\"5m\" or \"2h\"\n"},
    {"SizeZero", "request_body_bytes = 0\n",
     "2:22: \"request_body_bytes\" is 0, expected at least 1\n"},
    {"SizeNegative", "linger_bytes = -1\n", "2:16: \"linger_bytes\" is -1, expected at least 1\n"},
    {"SizeWithOddUnit", "linger_bytes = \"1M\"\n",
     "2:16: \"linger_bytes\" is \"1M\", expected a size in bytes such as 4096, \"64KiB\" or "
     "\"10GB\"\n"},
    {"SizeTooSmall", "head_bytes = 10\n", "2:14: \"head_bytes\" is 10, expected 256 to 16MiB\n"},
    {"SizeTooLarge", "head_bytes = \"1GiB\"\n",
     "2:14: \"head_bytes\" is \"1GiB\", expected 256 to 16MiB\n"},
    {"SizeIsABoolean", "turn_bytes = true\n",
     "2:14: \"turn_bytes\" is true, expected a size in bytes such as 4096, \"64KiB\" or "
     "\"10GB\"\n"},
    {"Fields", "fields = 0\n", "2:10: \"fields\" is 0, expected 1 to 10000\n"},
    {"UnknownKeyOfAPart", "header_bytes = 1\n",
     "2:1: unknown key \"header_bytes\" in \"limits\", did you mean \"head_bytes\"?\n"},
};

TEST(ConfigProblems, Limits) {
  for (const ProblemCase& row : kLimits)
    check(row, "[limits]\n" + std::string(row.text) + kRest);
}

constexpr const char* kAddresses =
    "\"127.0.0.1:8080\", \"[::1]:8080\", \"unix:/run/midstream.sock\", \"systemd\" or "
    "\"systemd:NAME\"";

struct AddressCase {
  const char* address;
  const char* why;  // nullptr: it is right
  const char* meant = "";
};

TEST(ConfigProblems, ListenAddresses) {
  constexpr const char* kNoAddress = "not an address and port such as 127.0.0.1:8080";
  constexpr const char* kNoPort = "the port is not a number from 0 to 65535";
  constexpr const char* kNoHost = "the address is missing, such as 0.0.0.0 or [::]";
  constexpr AddressCase kCases[] = {
      {"127.0.0.1:0", nullptr},
      {"0.0.0.0:80", nullptr},
      {"[::]:65535", nullptr},
      {"unix:/run/a", nullptr},
      {"unix:a.sock", nullptr},
      {"systemd", nullptr},
      {"systemd:web", nullptr},
      {"", kNoAddress},
      {"127.0.0.1", kNoAddress},
      {"300.0.0.1:80", kNoAddress},
      {"example.org:80", kNoAddress},
      {"*:80", kNoAddress},
      {":80", kNoHost},
      {"127.0.0.1:", kNoPort},
      {"127.0.0.1:http", kNoPort},
      {"127.0.0.1:-1", kNoPort},
      {"127.0.0.1:70000", kNoPort},
      {"127.0.0.1:65536", kNoPort},
      {"[::1]:99999999999999999999", kNoPort},
      {"::1:80", "an IPv6 address stands in brackets, such as [::1]:8080"},
      {"unix:", "the path of the Unix socket is missing"},
      {"systemd:", "the name of the socket is missing"},
      {"unx:/run/a", kNoAddress, ", did you mean \"unix:/run/a\"?"},
      {"sytemd", kNoAddress, ", did you mean \"systemd\"?"},
  };
  for (const auto& [address, why, meant] : kCases) {
    const std::string value = "\"" + std::string(address) + "\"";
    const std::string expected = why == nullptr ? ""
                                                : "2:11: \"address\" is " + value + " (" + why +
                                                      "), expected " + kAddresses + meant + "\n";
    EXPECT_EQ(problems_of("[[listen]]\naddress = " + value + "\n" + kRest), expected) << address;
  }
}

TEST(ConfigProblems, ThePathOfAUnixSocketHasABound) {
  const std::string path = "/" + std::string(107, 'x');
  EXPECT_EQ(problems_of("[[listen]]\naddress = \"unix:" + path + "\"\n" + kRest),
            "2:11: \"address\" is a text that begins with \"unix:/xxxxxxxxxxxxxx\" (the path of a "
            "Unix socket has at most 107 bytes, not 108), expected " +
                std::string(kAddresses) + "\n");
}

constexpr ProblemCase kListen[] = {
    {"NoAddress", "[[listen]]\nmode = 0o600\n",
     "1:1: \"listen\" has no \"address\", expected \"address\" = address\n"},
    {"OneTable", "[listen]\naddress = \"127.0.0.1:1\"\n",
     "1:1: \"listen\" is a table, expected a list of tables: [[listen]]\n"},
    {"Strings", "listen = [\"127.0.0.1:1\"]\n",
     "1:11: \"listen\" is a string, expected a list of tables: [[listen]]\n"},
    {"SamePort", "[[listen]]\naddress = \"[::1]:80\"\n[[listen]]\naddress = \"[0:0::1]:80\"\n",
     "4:11: the address \"[0:0::1]:80\" is there twice, expected it only in line 2\n"},
    {"SameSocket", "[[listen]]\naddress = \"unix:/a\"\n[[listen]]\naddress = \"unix:/a\"\n",
     "4:11: the address \"unix:/a\" is there twice, expected it only in line 2\n"},
    {"PortZeroTwice",
     "[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n", ""},
    {"ModeWithoutSocketFile", "[[listen]]\naddress = \"127.0.0.1:0\"\nmode = 0o600\n",
     "3:8: \"mode\" is here, expected it with \"unix:...\" only\n"},
    {"ModeInDecimal", "[[listen]]\naddress = \"unix:/a\"\nmode = 666\n",
     "3:8: \"mode\" is 666, expected an octal integer from 0o000 to 0o777, such as 0o660\n"},
    {"ModeIsAString", "[[listen]]\naddress = \"unix:/a\"\nmode = \"rw\"\n",
     "3:8: \"mode\" is \"rw\", expected an octal integer such as 0o660\n"},
};

TEST(ConfigProblems, Listen) {
  for (const ProblemCase& row : kListen)
    check(row, std::string(row.text) + kRest);
}

constexpr ProblemCase kSites[] = {
    {"NoSite", "", " there is no site, expected at least one [[site]]\n"},
    {"NoRoute", "[[site]]\n",
     "1:1: this site has no route, expected at least one [[site.route]]\n"},
    {"NoHandler", "[[site]]\n[[site.route]]\npath = \"/a\"\n",
     "2:1: this route has no handler, expected \"files\", \"redirect\" or \"answer\"\n"},
    {"TwoHandlers", "[[site]]\n[[site.route]]\nredirect = {to = \"/\"}\nanswer = {}\n",
     "4:1: \"answer\" is one handler more, expected only \"redirect\"\n"},
    {"HandlerIsAString", "[[site]]\n[[site.route]]\nfiles = \"/srv\"\n",
     "3:9: \"files\" is a string, expected a table: [files], or {...}\n"},
    {"UnknownHandler", "[[site]]\n[[site.route]]\nfile = {root = \"/srv\"}\n",
     "2:1: this route has no handler, expected \"files\", \"redirect\" or \"answer\"\n"
     "3:1: unknown key \"file\" in \"route\", did you mean \"files\"?\n"},
    {"TwoDefaultSites",
     "[[site]]\n[[site.route]]\nanswer = {}\n[[site]]\n[[site.route]]\nanswer = {}\n",
     "4:1: a second site without \"hosts\", expected only one: it takes the hosts that no other "
     "site has\n"},
    {"HostTwice",
     "[[site]]\nhosts = [\"a.org\"]\n[[site.route]]\nanswer = {}\n"
     "[[site]]\nhosts = [\"b.org\", \"A.org\"]\n[[site.route]]\nanswer = {}\n",
     "6:19: the host \"a.org\" has a site already, expected it only in line 1\n"},
    {"HostTwiceInOneSite",
     "[[site]]\nhosts = [\"a.org\", \"a.org\"]\n[[site.route]]\nanswer = {}\n",
     "2:19: \"hosts\" is \"a.org\", expected it only once\n"},
    {"HostsAreAString",
     "[[site]]\nhosts = \"a.org\"\n[[site.route]]\nanswer = {}\n[[site]]\n[[site.route]]\nanswer = "
     "{}\n",
     "2:9: \"hosts\" is a string, expected a list of strings, in brackets\n"},
    {"ARouteTwice",
     "[[site]]\n[[site.route]]\npath = \"/a\"\nanswer = {}\n"
     "[[site.route]]\npath = \"/a/\"\nanswer = {}\n",
     "6:8: the route \"/a\" is there twice, expected it only in line 2\n"},
    {"ARouteTwiceByDefault", "[[site]]\n[[site.route]]\nanswer = {}\n[[site.route]]\nanswer = {}\n",
     "4:1: the route \"/\" is there twice, expected it only in line 2\n"},
    {"ARouteTwiceWithNames",
     "[[site]]\n[[site.route]]\nnames = [\"*.a\"]\nanswer = {}\n"
     "[[site.route]]\nanswer = {}\n[[site.route]]\nnames = [\"*.a\"]\nanswer = {}\n",
     "7:1: the route \"/\" with these names is there twice, expected it only in line 2\n"},
    {"ErrorPageStatus",
     "[[site]]\nerror_pages = {99 = \"/a\", 4x = \"/b\"}\n[[site.route]]\nanswer = {}\n",
     "2:16: the key \"99\" is wrong, expected a status from 400 to 599, \"4xx\" or \"5xx\"\n"
     "2:27: the key \"4x\" is wrong, expected a status from 400 to 599, \"4xx\" or \"5xx\"\n"},
    {"ErrorPagePath", "[[site]]\nerror_pages = {404 = 404}\n[[site.route]]\nanswer = {}\n",
     "2:22: \"404\" is an integer, expected a path\n"},
};

TEST(ConfigProblems, Sites) {
  for (const ProblemCase& row : kSites)
    check(row, row.text);
}

TEST(ConfigProblems, Hosts) {
  const auto refused = [](const std::string& host, const std::string& expected) {
    const std::string text = "[[site]]\nhosts = [\"" + host + "\"]\n[[site.route]]\nanswer = {}\n";
    EXPECT_EQ(
        problems_of(text),
        expected.empty() ? "" : "2:10: \"hosts\" is \"" + host + "\", expected " + expected + "\n");
  };
  const std::string label(63, 'a');
  for (const std::string& fine :
       {std::string("example.org"), std::string("localhost"), std::string("*.example.org"),
        std::string("a_b.example"), std::string("192.0.2.1"), std::string("[2001:db8::1]"), label,
        std::string("EXAMPLE.org")})
    refused(fine, "");
  const std::string host =
      "a host such as \"example.org\", \"*.example.org\", \"192.0.2.1\" or \"[2001:db8::1]\"";
  for (const std::string& wrong :
       {std::string(), std::string("a b"), std::string("a..b"), std::string(".org"),
        std::string("example.org."), std::string("*.*.org"), std::string("*example.org"),
        std::string("www.*"), std::string("[::1"), std::string("[nonsense]"),
        std::string("http://a"), label + "a"})
    refused(wrong, host);
  refused("*", "no \"hosts\" at all for every host that no other site has");
  refused("b\u00fccher.example", "a host in ASCII, such as \"xn--bcher-kva.example\"");
  refused("example.org:80", "a host without a port, did you mean \"example.org\"?");
}

}  // namespace
}  // namespace midstream::app
