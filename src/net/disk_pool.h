// DiskPool: threads for what may have to wait for a disk, so that no worker waits.
//
// Shared by all workers; outlives their io_contexts' last use. A job that never returns (a network
// file system that hangs) keeps its thread and its coroutine, and the worker's run() with them.
#pragma once

#include <type_traits>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "net/awaitable.h"

namespace midstream::net {

class DiskPool {
 public:
  explicit DiskPool(unsigned threads) : threads_(threads) {}
  DiskPool(const DiskPool&) = delete;
  DiskPool& operator=(const DiskPool&) = delete;
  /// Waits for the jobs that are running.
  ~DiskPool() { threads_.join(); }

  /// Calls `job()` on a thread of the pool; the coroutine resumes on its own executor with what it
  /// gave (an error as a result: Asio has its own idea of an error_code). The job must not throw,
  /// and what it refers to lives until then. Not cancellable: a system call that reads a disk is
  /// not.
  template <class Job, class Result = std::invoke_result_t<Job&>>
  [[nodiscard]] Awaitable<Result> run(Job job) {
    return asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Result)>(
        [this](auto handler, Job todo) {
          auto work = asio::make_work_guard(asio::get_associated_executor(handler));
          asio::post(threads_, [work = std::move(work), handler = std::move(handler),
                                todo = std::move(todo)]() mutable {
            auto executor = work.get_executor();
            asio::post(executor,
                       [work = std::move(work), handler = std::move(handler),
                        result = todo()]() mutable { std::move(handler)(std::move(result)); });
          });
        },
        kAwait, std::move(job));
  }

 private:
  asio::thread_pool threads_;
};

}  // namespace midstream::net
