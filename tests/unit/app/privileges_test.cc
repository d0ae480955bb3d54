// Every test changes the user of a process of its own.
#include "app/privileges.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "support/event.h"
#include "support/temp_dir.h"

namespace midstream::app {
namespace {

// Runs `body` in a child, and gives what it says.
std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string text = body();
    const bool written =
        ::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  const UniqueFd reading(ends[0]);
  std::string said;
  std::array<char, 4096> buffer;
  for (ssize_t got; (got = ::read(reading.get(), buffer.data(), buffer.size())) > 0;)
    said.append(buffer.data(), static_cast<std::size_t>(got));
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return said;
}

// What went wrong; "done" where nothing did.
std::string change(const char* user, const char* group) {
  const auto changed = change_user(user, group);
  return changed ? "done" : changed.error();
}

// "Uid:\t0\t0\t0\t0" of every thread.
std::string status_lines(const std::string& key) {
  std::string lines;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream in(task.path() / "status");
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with(key)) lines += line + "\n";
    }
  }
  return lines;
}

class Privileges : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can change the user";
  }
};

TEST_F(Privileges, TheUserChangesForGood) {
  const std::string said = in_child([] {
    std::string text = change("nobody", "") + "\n";
    for (const char* key : {"Uid:", "Gid:", "Groups:", "CapPrm:", "CapEff:", "CapAmb:"})
      text += status_lines(key);
    text += ::setresuid(0, 0, 0) == 0 ? "undone\n" : "";
    text += ::setresgid(0, 0, 0) == 0 ? "undone\n" : "";
    return text;
  });
  EXPECT_EQ(said,
            "done\n"
            "Uid:\t65534\t65534\t65534\t65534\n"
            "Gid:\t65534\t65534\t65534\t65534\n"
            "Groups:\t65534 \n"
            "CapPrm:\t0000000000000000\n"
            "CapEff:\t0000000000000000\n"
            "CapAmb:\t0000000000000000\n");
}

TEST_F(Privileges, AGroupMayBeNamed) {
  const std::string said = in_child([] {
    const std::string text = change("nobody", "daemon") + "\n";
    return text + status_lines("Gid:");
  });
  EXPECT_EQ(said, "done\nGid:\t1\t1\t1\t1\n");
}

TEST_F(Privileges, AllThreadsChange) {
  const std::string said = in_child([] {
    test::Event done;
    std::thread other([&] { (void)done.wait(); });
    std::string text = change("nobody", "") + "\n";
    text += status_lines("Uid:");
    done.set();
    other.join();
    return text;
  });
  const std::string line = "Uid:\t65534\t65534\t65534\t65534\n";
  EXPECT_EQ(said, "done\n" + line + line);
}

TEST_F(Privileges, WhatOnlyRootMayReadIsClosedAfterwards) {
  const test::TempDir directory;
  const auto path = directory.file("secret", "of root");
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  const std::string said = in_child([&] {
    const std::string text = change("nobody", "");
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return text + (fd.valid() ? " open" : errno == EACCES ? " closed" : " else");
  });
  EXPECT_EQ(said, "done closed");
}

// A port below 1024 that nobody has.
UniqueFd low_port() {
  for (std::uint16_t port = 1023; port > 600; --port) {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) continue;
    if (::listen(socket.get(), 1) == 0) return socket;
  }
  return {};
}

TEST_F(Privileges, APortBelow1024ThatWasBoundBeforeStillTakesConnections) {
  const UniqueFd listening = low_port();
  ASSERT_TRUE(listening.valid());
  const std::string said = in_child([&] {
    std::string text = change("nobody", "");
    sockaddr_in address{};
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    (void)::getsockname(listening.get(), generic, &size);
    const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), generic, size) != 0) return text + " refused";
    const UniqueFd accepted(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return text + (accepted.valid() ? " accepted" : " not accepted");
  });
  EXPECT_EQ(said, "done accepted");
}

TEST_F(Privileges, AUserOrGroupThatThereIsNotIsAnError) {
  EXPECT_EQ(change("no-such-user", ""), "there is no user no-such-user");
  EXPECT_EQ(change("nobody", "no-such-group"), "there is no group no-such-group");
  EXPECT_EQ(::geteuid(), 0U) << "nothing has changed";
}

TEST_F(Privileges, RootMayStayRoot) {
  const std::string said = in_child([] {
    const std::string text = change("root", "") + "\n";
    return text + status_lines("Uid:");
  });
  EXPECT_EQ(said, "done\nUid:\t0\t0\t0\t0\n");
}

TEST_F(Privileges, WhoIsNotRootMayOnlyBeWhoHeIs) {
  const std::string said = in_child([] {
    std::string text = change("nobody", "");
    for (const char* user : {"nobody", "root"})
      text += "\n" + change(user, "");
    return text + "\n" + change("nobody", "nogroup") + "\n" + change("nobody", "daemon");
  });
  EXPECT_EQ(said,
            "done\n"
            "done\n"
            "only root can change to user root\n"
            "done\n"
            "only root can change to user nobody and group daemon");
}

}  // namespace
}  // namespace midstream::app
