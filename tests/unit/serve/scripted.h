// A handler and a body source that do what a test wrote down, and write down what they saw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "serve/exchange.h"

namespace midstream::serve {

/// What a source gives, step by step; then its end. Shared by the test and the source.
class SourceScript {
 public:
  using After = Piece::After;

  explicit SourceScript(std::optional<std::uint64_t> size = std::nullopt) : size_(size) {}

  SourceScript& gives(std::string text, After after = After::kMore) {
    texts_.push_back(std::move(text));
    const Piece piece{.kind = Piece::Kind::kMemory, .after = after, .memory = texts_.back()};
    steps_.push_back({Step::Kind::kPiece, piece, {}});
    return *this;
  }
  SourceScript& gives_file(const FileRange& range, After after = After::kMore) {
    const Piece piece{.kind = Piece::Kind::kFile, .after = after, .file = range};
    steps_.push_back({Step::Kind::kPiece, piece, {}});
    return *this;
  }
  /// Not along with the last piece, but on its own.
  SourceScript& ends() {
    catch_up();
    steps_.push_back({Step::Kind::kPiece, Piece(), {}});
    return *this;
  }
  /// Nothing more until the test says go_on().
  SourceScript& pends() {
    catch_up();
    return pends_all_the_same();
  }
  /// The same, after a piece that promised more at once.
  SourceScript& pends_all_the_same() {
    const Piece piece{.kind = Piece::Kind::kPending};
    steps_.push_back({Step::Kind::kPending, piece, {}});
    return *this;
  }
  SourceScript& fails(const error_code& error = Errc::kWriterFailed) {
    catch_up();
    const Piece piece{.kind = Piece::Kind::kFailed, .error = error};
    steps_.push_back({Step::Kind::kPiece, piece, {}});
    return *this;
  }
  /// Calls back before the next step.
  SourceScript& then(std::function<void()> call) {
    steps_.push_back({Step::Kind::kCall, {}, std::move(call)});
    return *this;
  }
  SourceScript& throws() {
    steps_.push_back({Step::Kind::kThrow, {}, {}});
    return *this;
  }
  SourceScript& throws_while_it_waits() {
    catch_up();
    const Piece piece{.kind = Piece::Kind::kPending};
    steps_.push_back({Step::Kind::kThrowInWait, piece, {}});
    return *this;
  }

  /// Ends the pending step. The connection goes on inside the call.
  void go_on() {
    steps_.pop_front();
    waiting_.give(true);
  }
  /// Ends the wait without anything new.
  void wake_for_nothing() { waiting_.give(true); }

  [[nodiscard]] bool is_awaited() const { return waiting_.taken(); }
  [[nodiscard]] int sources() const { return sources_; }
  [[nodiscard]] int cancellations() const { return cancellations_; }

 private:
  friend class ScriptedSource;
  struct Step {
    enum class Kind : std::uint8_t { kPiece, kPending, kCall, kThrow, kThrowInWait };
    Kind kind;
    Piece piece;
    std::function<void()> call;
  };

  // The piece before says that nothing comes at once.
  void catch_up() {
    if (!steps_.empty()) steps_.back().piece.after = After::kCaughtUp;
  }

  std::optional<std::uint64_t> size_;
  std::deque<std::string> texts_;  // pieces point into them
  std::deque<Step> steps_;
  net::WaitSlot<bool> waiting_;
  int sources_ = 0;
  int cancellations_ = 0;
};

class ScriptedSource final : public BodySource {
 public:
  explicit ScriptedSource(std::shared_ptr<SourceScript> script) : script_(std::move(script)) {
    ++script_->sources_;
  }
  ScriptedSource(const ScriptedSource&) = delete;
  ScriptedSource& operator=(const ScriptedSource&) = delete;
  ~ScriptedSource() override { --script_->sources_; }

  [[nodiscard]] std::optional<std::uint64_t> size() const override { return script_->size_; }

  [[nodiscard]] Piece next(std::uint64_t) override {
    using Kind = SourceScript::Step::Kind;
    auto& steps = script_->steps_;
    while (!steps.empty() && steps.front().kind == Kind::kCall) {
      steps.front().call();
      steps.pop_front();
    }
    if (steps.empty()) return {};
    SourceScript::Step step = steps.front();
    if (step.kind == Kind::kThrow) throw std::runtime_error("a source that throws");
    if (step.kind == Kind::kPiece) steps.pop_front();
    if (steps.empty() && step.piece.after == Piece::After::kMore)
      step.piece.after = Piece::After::kEnd;
    return step.piece;
  }

  [[nodiscard]] net::Awaitable<void> wait(asio::cancellation_slot cancel) override {
    using Kind = SourceScript::Step::Kind;
    if (script_->steps_.front().kind == Kind::kThrowInWait) {
      throw std::runtime_error("a wait that throws");
    }
    // The signal outlives the source, so the script is kept.
    cancel.assign([script = script_](asio::cancellation_type) {
      ++script->cancellations_;
      script->waiting_.give(false);
    });
    (void)co_await script_->waiting_.wait();
  }

 private:
  std::shared_ptr<SourceScript> script_;
};

/// What the handler does. The test changes it between requests.
struct HandlerScript {
  static constexpr std::size_t kWholeBody = SIZE_MAX;

  std::function<void(Exchange&)> answer = [](Exchange& exchange) {
    exchange.respond<TextSource>(200, "hello");
  };
  bool at_once = true;        ///< in try_handle(); else in handle(), after the steps below
  std::size_t reads_max = 0;  ///< pieces of the request's body that are read
  bool gated = false;         ///< waits for the gate before each read, or before the answer
  bool heeds_cancel = false;  ///< the gate opens when the exchange is cancelled, too
  net::WaitSlot<bool> gate;

  // What it saw.
  std::vector<std::string> targets;
  std::vector<std::string> pieces;
  error_code body_error;
  bool body_ended = false;
  int cancellations = 0;
  int stops = 0;

  [[nodiscard]] std::string body() const {
    std::string all;
    for (const std::string& piece : pieces)
      all += piece;
    return all;
  }
};

class ScriptedHandler final : public Handler {
 public:
  explicit ScriptedHandler(HandlerScript& script) : script_(script) {}

  [[nodiscard]] bool try_handle(Exchange& exchange) override {
    script_.targets.emplace_back(exchange.head().target);
    if (script_.at_once) script_.answer(exchange);
    return script_.at_once;
  }

  [[nodiscard]] net::Awaitable<void> handle(Exchange& exchange) override {
    if (script_.heeds_cancel) {
      exchange.cancelled().assign([&script = script_](asio::cancellation_type) {
        ++script.cancellations;
        script.gate.give(false);
      });
    }
    if (script_.gated && script_.reads_max == 0) (void)co_await script_.gate.wait();
    for (std::size_t reads = 0; reads < script_.reads_max; ++reads) {
      if (script_.gated) (void)co_await script_.gate.wait();
      const auto bytes = co_await exchange.request_body().read();
      if (!bytes) script_.body_error = bytes.error();
      if (bytes && bytes->empty()) script_.body_ended = true;
      if (!bytes || bytes->empty()) break;
      script_.pieces.emplace_back(*bytes);
    }
    script_.answer(exchange);
  }

  void stop() override { ++script_.stops; }

 private:
  HandlerScript& script_;
};

}  // namespace midstream::serve
