#include "app/signals.h"

#include <cstdlib>
#include <utility>

#include <boost/system/error_code.hpp>

namespace midstream::app {
namespace {

const sigset_t& ours() noexcept {
  static const sigset_t set = [] {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1})
      sigaddset(&signals, number);
    return signals;
  }();
  return set;
}

}  // namespace

SignalsBlocked::SignalsBlocked() noexcept { (void)::pthread_sigmask(SIG_BLOCK, &ours(), &before_); }

SignalsBlocked::~SignalsBlocked() { (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void SignalsBlocked::unblock_here() noexcept {
  (void)::pthread_sigmask(SIG_UNBLOCK, &ours(), nullptr);
}

Signals::Signals() : set_(context_, SIGTERM, SIGINT, SIGHUP) {
  boost::system::error_code ignored;  // of a number that does not exist
  set_.add(SIGUSR1, ignored);
}

void Signals::run(Calls calls) {
  SignalsBlocked::unblock_here();
  calls_ = std::move(calls);
  wait();
  context_.run();
}

void Signals::wait() {
  set_.async_wait([this](const boost::system::error_code& cancelled, int number) {
    if (cancelled) return;
    on_signal(number);
    wait();
  });
}

void Signals::on_signal(int number) {
  if (number == SIGHUP) return calls_.reload();
  if (number == SIGUSR1) return calls_.reopen_logs();
  if (std::exchange(stopping_, true)) std::_Exit(128 + number);  // the second one ends at once
  calls_.stop();
}

}  // namespace midstream::app
