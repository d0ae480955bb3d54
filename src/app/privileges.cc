#include "app/privileges.h"

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include <grp.h>
#include <pwd.h>

#include "base/errno_error.h"

namespace midstream::app {
namespace {

using Outcome = boost::system::result<void, std::string>;

struct Ids {
  uid_t user = 0;
  gid_t group = 0;
};

std::string failed(const std::string& what) { return what + ": " + errno_error().message(); }

// getpwnam_r(3) and getgrnam_r(3) say ERANGE for as long as the buffer is too small.
template <class Entry, class Look>
boost::system::result<std::optional<Entry>, std::string> look_up(const Look& look,
                                                                 const std::string& name) {
  constexpr std::size_t kBytesMax = std::size_t{1} << 20;
  for (std::vector<char> buffer(4096);; buffer.resize(buffer.size() * 2)) {
    Entry entry{};
    Entry* found = nullptr;
    errno = look(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (errno == ERANGE && buffer.size() < kBytesMax) continue;
    if (found != nullptr) return std::optional<Entry>(entry);  // its numbers; its texts are gone
    if (errno == 0 || errno == ENOENT || errno == ESRCH) return std::optional<Entry>();
    return failed("cannot look up " + name);
  }
}

boost::system::result<Ids, std::string> look_up_ids(const std::string& user,
                                                    const std::string& group) {
  const auto passwd = look_up<::passwd>(::getpwnam_r, user);
  if (!passwd) return passwd.error();
  if (!*passwd) return "there is no user " + user;
  Ids ids{.user = (*passwd)->pw_uid, .group = (*passwd)->pw_gid};
  if (group.empty()) return ids;
  const auto found = look_up<::group>(::getgrnam_r, group);
  if (!found) return found.error();
  if (!*found) return "there is no group " + group;
  ids.group = (*found)->gr_gid;
  return ids;
}

bool are_ours(const Ids& ids) {
  uid_t real_user = 0, user = 0, saved_user = 0;
  gid_t real_group = 0, group = 0, saved_group = 0;
  if (::getresuid(&real_user, &user, &saved_user) != 0) return false;
  if (::getresgid(&real_group, &group, &saved_group) != 0) return false;
  return real_user == ids.user && user == ids.user && saved_user == ids.user &&
         real_group == ids.group && group == ids.group && saved_group == ids.group;
}

}  // namespace

Outcome change_user(const std::string& user, const std::string& group) {
  const auto ids = look_up_ids(user, group);
  if (!ids) return ids.error();
  if (::geteuid() != 0) {
    if (are_ours(*ids)) return {};
    return "only root can change to user " + user + (group.empty() ? "" : " and group " + group);
  }
  if (::initgroups(user.c_str(), ids->group) != 0)
    return failed("cannot take the groups of " + user);
  if (::setresgid(ids->group, ids->group, ids->group) != 0) {
    return failed("cannot change the group to that of " + user);
  }
  if (::setresuid(ids->user, ids->user, ids->user) != 0) {
    return failed("cannot change the user to " + user);
  }
  if (!are_ours(*ids)) return "the change to user " + user + " had no effect";
  // With SECBIT_NO_SETUID_FIXUP (capabilities(7)) root's capabilities would stay.
  if (ids->user != 0 && ::setresuid(0, 0, 0) == 0) {
    return "the change to user " + user + " can be undone";
  }
  return {};
}

}  // namespace midstream::app
