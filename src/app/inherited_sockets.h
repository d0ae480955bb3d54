// InheritedSockets: the listening sockets that a service manager opened for us, after the protocol
// of systemd (sd_listen_fds(3)).
//
// They stay open for the life of the process, so that a reload finds them again: what of_name()
// gives are duplicates.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "net/listening.h"

namespace midstream::app {

class InheritedSockets {
 public:
  static constexpr int kFirst = 3;  ///< SD_LISTEN_FDS_START

  /// What LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES say is ours; nothing where they are not set, or
  /// speak to another process. Unsets them, so that no child takes the sockets for its own: before
  /// the first thread, and once. Otherwise one line that says which descriptor is wrong, and why:
  /// stream sockets that listen are expected, TCP or Unix.
  [[nodiscard]] static boost::system::result<InheritedSockets, std::string> take(
      int first = kFirst);

  /// Those of that name (FileDescriptorName=, systemd.socket(5)); with an empty one, all. None is
  /// an empty vector. Errors: those of dup(2).
  [[nodiscard]] result<std::vector<net::Listening>> of_name(std::string_view name) const;

 private:
  struct Named {
    UniqueFd socket;
    std::string name;
  };
  std::vector<Named> sockets_;
};

}  // namespace midstream::app
