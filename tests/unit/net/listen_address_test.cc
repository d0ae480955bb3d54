#include "net/listen_address.h"

#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace midstream::net {
namespace {

struct GoodCase {
  const char* name;
  const char* text;
  ListenAddress expected;
};

Endpoint endpoint(const char* address, unsigned short port) {
  return {asio::ip::make_address(address), port};
}

const GoodCase kGoodCases[] = {
    {"IPv4", "127.0.0.1:8080", endpoint("127.0.0.1", 8080)},
    {"AnyIPv4", "0.0.0.0:80", endpoint("0.0.0.0", 80)},
    {"PickAPort", "127.0.0.1:0", endpoint("127.0.0.1", 0)},
    {"HighestPort", "127.0.0.1:65535", endpoint("127.0.0.1", 65535)},
    {"IPv6", "[::1]:80", endpoint("::1", 80)},
    {"AnyIPv6", "[::]:80", endpoint("::", 80)},
    {"UnixSocket", "unix:/run/midstream.sock", UnixAddress{.path = "/run/midstream.sock"}},
    {"UnixSocketWithARelativePath", "unix:a:b", UnixAddress{.path = "a:b"}},
    {"AllInherited", "systemd", InheritedAddress{}},
    {"InheritedByName", "systemd:web", InheritedAddress{"web"}},
};

void PrintTo(const GoodCase& row, std::ostream* out) { *out << row.text; }

class GoodListenAddress : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodListenAddress, IsTakenAndWrittenBackAsItWas) {
  const auto address = parse_listen_address(GetParam().text);
  ASSERT_TRUE(address.has_value()) << address.error();
  EXPECT_EQ(*address, GetParam().expected);
  EXPECT_EQ(text_of(*address), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(Table, GoodListenAddress, testing::ValuesIn(kGoodCases),
                         [](const auto& row) { return row.param.name; });

struct WrongCase {
  const char* name;
  std::string text;
  const char* says;
};

const WrongCase kWrongCases[] = {
    {"Nothing", "", "not an address and port"},
    {"Nonsense", "nonsense", "not an address and port"},
    {"NoPort", "127.0.0.1", "not an address and port"},
    {"EmptyPort", "127.0.0.1:", "the port is not a number"},
    {"PortTooLarge", "127.0.0.1:65536", "the port is not a number"},
    {"PortNegative", "127.0.0.1:-1", "the port is not a number"},
    {"PortWithABlank", "127.0.0.1: 80", "the port is not a number"},
    {"PortByName", "127.0.0.1:http", "the port is not a number"},
    {"AddressByName", "localhost:80", "not an address and port"},
    {"AddressOutOfRange", "300.0.0.1:80", "not an address and port"},
    {"NoAddress", ":80", "the address is missing"},
    {"IPv6WithoutBrackets", "::1:80", "stands in brackets"},
    {"IPv6WithoutPort", "::1", "address"},
    {"IPv4InBrackets", "[127.0.0.1]:80", "only an IPv6 address"},
    {"EmptyBrackets", "[]:80", "not an address and port"},
    {"UnixWithoutPath", "unix:", "the path of the Unix socket is missing"},
    {"UnixPathTooLong", "unix:/" + std::string(107, 'x'), "at most 107 bytes, not 108"},
    {"UnixPathWithNul", std::string("unix:/a\0b", 9), "no NUL"},
    {"InheritedWithoutName", "systemd:", "the name of the socket is missing"},
    {"AlmostInherited", "systemdx", "not an address and port"},
};

void PrintTo(const WrongCase& row, std::ostream* out) { *out << row.text; }

class WrongListenAddress : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongListenAddress, IsRefusedWithTheReasonAndTheText) {
  const auto address = parse_listen_address(GetParam().text);
  ASSERT_FALSE(address.has_value());
  EXPECT_NE(address.error().find(GetParam().says), std::string::npos) << address.error();
  EXPECT_NE(address.error().find(GetParam().text), std::string::npos) << address.error();
}

INSTANTIATE_TEST_SUITE_P(Table, WrongListenAddress, testing::ValuesIn(kWrongCases),
                         [](const auto& row) { return row.param.name; });

TEST(ListenAddress, TheLongestUnixPathIsTaken) {
  EXPECT_TRUE(parse_listen_address("unix:/" + std::string(106, 'x')).has_value());
}

}  // namespace
}  // namespace midstream::net
