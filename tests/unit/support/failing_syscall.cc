#include "support/failing_syscall.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <thread>

namespace midstream::test {
namespace {

bool install(const RefusedCall& call) {
  const auto number = static_cast<std::uint32_t>(call.number);
  const auto where = call.where.value_or(RefusedCall::Where{0, 0, 0});
  const auto argument = static_cast<std::uint32_t>(offsetof(seccomp_data, args) +
                                                   where.argument * sizeof(std::uint64_t));
  const std::uint32_t refuse = SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(call.error);
  std::array<sock_filter, 7> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, where.mask),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, where.value, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, refuse),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  sock_fprog program{.len = static_cast<unsigned short>(filter.size()), .filter = filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

}  // namespace

bool run_refusing(const RefusedCall& call, const std::function<void()>& body) {
  bool ran = false;
  std::thread([&] {
    ran = install(call);
    if (ran) body();
  }).join();
  return ran;
}

bool run_as_nobody(const std::function<void()>& body) {
  bool ran = false;
  std::thread([&] {
    // The bare system calls: those of the C library would change every thread.
    ran = ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
          ::syscall(SYS_setresgid, 65534, 65534, 65534) == 0 &&
          ::syscall(SYS_setresuid, 65534, 65534, 65534) == 0;
    if (ran) body();
  }).join();
  return ran;
}

}  // namespace midstream::test
