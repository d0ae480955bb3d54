// The user that the server runs as.
#pragma once

#include <string>

#include <boost/system/result.hpp>

namespace midstream::app {

/// Becomes `user`, with its supplementary groups, and `group` (empty: the user's own). All threads
/// do; there is no way back, and no capability is left. Only root can: others get an error, unless
/// they are that user (and group) already. Otherwise one line that says what failed; the process
/// may then be something in between, so it should end.
///
/// What only root may do comes before: binding ports below 1024, opening files that only root may
/// read. Afterwards the access log is reopened, and Unix sockets are removed, with the rights of
/// the user. Whether another process still writes a file (probe_writers()) can then be asked only
/// of files that the user owns, for want of CAP_LEASE; of others the follower learns it by time.
[[nodiscard]] boost::system::result<void, std::string> change_user(const std::string& user,
                                                                   const std::string& group);

}  // namespace midstream::app
