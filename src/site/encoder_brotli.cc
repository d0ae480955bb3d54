// The encoder for brotli, and what keeps its library from ending the process.
//
// Where its allocator gives nothing, libbrotlienc calls exit(3) (c/enc/memory.c, as Debian and most
// others build it). So where malloc(3) has nothing left, the call that is running lives on a
// reserve; then the encoder is destroyed and the body fails.
#include "site/encoder_brotli.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>

#include <brotli/encode.h>

#include "base/errno_error.h"

namespace midstream::site {
namespace {

// One call takes at most so much, which bounds what it allocates: 1.7 MiB were measured.
constexpr std::size_t kCallBytesMax = 64 * 1024;

thread_local std::size_t reserve_used = 0;  // by this thread, in bytes

// For one thread at a time, from its first take() to take_back(): the others that need it wait so
// long. Untouched, it is address space and no memory.
class Reserve {
 public:
  [[nodiscard]] void* take(std::size_t size) {
    constexpr std::size_t kAlign = alignof(std::max_align_t);
    const std::size_t rounded = (size + kAlign - 1) / kAlign * kAlign;
    if (reserve_used == 0) mutex_.lock();
    if (rounded > sizeof memory_ - reserve_used) return nullptr;  // then it exits after all
    void* taken = memory_ + reserve_used;
    reserve_used += rounded;
    return taken;
  }
  void take_back() {
    if (reserve_used == 0) return;
    reserve_used = 0;
    mutex_.unlock();
  }
  [[nodiscard]] bool in_use_here() const { return reserve_used > 0; }
  [[nodiscard]] bool owns(const void* memory) const {
    return !std::less<>()(memory, memory_) && std::less<>()(memory, memory_ + sizeof memory_);
  }

 private:
  alignas(std::max_align_t) std::byte memory_[4 * 1024 * 1024];
  std::mutex mutex_;
};

Reserve reserve;

void* allocate(void*, std::size_t size) {
  void* memory = std::malloc(size);
  return memory != nullptr ? memory : reserve.take(size);
}

void release(void*, void* memory) {
  if (memory != nullptr && !reserve.owns(memory)) std::free(memory);
}

class BrotliEncoder final : public Encoder {
 public:
  [[nodiscard]] result<Step> encode(std::string_view& in, Flush flush,
                                    std::span<char> out) override {
    Step step;
    const bool done = (state_ || prepare()) && encode_some(in, flush, out, step);
    if (done && !reserve.in_use_here()) return step;
    state_.reset();  // before the reserve is anybody's again
    reserve.take_back();
    return errno_error(ENOMEM);
  }

 private:
  static constexpr std::uint32_t kQuality = 5;
  // 64 KiB of history. With 512 KiB it would take three times the memory, because it collects
  // commands for as long as the window, and give 4 to 11 % less bytes.
  static constexpr std::uint32_t kWindowBits = 16;

  struct Destroy {
    void operator()(BrotliEncoderState* state) const { ::BrotliEncoderDestroyInstance(state); }
  };

  [[nodiscard]] bool prepare() {
    state_.reset(::BrotliEncoderCreateInstance(&allocate, &release, nullptr));
    return state_ != nullptr &&
           ::BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_QUALITY, kQuality) ==
               BROTLI_TRUE &&
           ::BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_LGWIN, kWindowBits) ==
               BROTLI_TRUE;
  }

  [[nodiscard]] bool encode_some(std::string_view& in, Flush flush, std::span<char> out,
                                 Step& step) {
    const bool all = in.size() <= kCallBytesMax;
    const auto operation = !all || flush == Flush::kNone ? BROTLI_OPERATION_PROCESS
                           : flush == Flush::kSync       ? BROTLI_OPERATION_FLUSH
                                                         : BROTLI_OPERATION_FINISH;
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    const std::size_t offered = std::min(in.size(), kCallBytesMax);
    std::size_t in_left = offered;
    auto* next_out = reinterpret_cast<std::uint8_t*>(out.data());
    std::size_t out_left = out.size();
    if (::BrotliEncoderCompressStream(state_.get(), operation, &in_left, &next_in, &out_left,
                                      &next_out, nullptr) == BROTLI_FALSE) {
      return false;
    }
    in.remove_prefix(offered - in_left);
    step.given = out.size() - out_left;
    switch (flush) {
      case Flush::kNone: step.done = in.empty(); break;
      case Flush::kSync:
        step.done = in.empty() && ::BrotliEncoderHasMoreOutput(state_.get()) == BROTLI_FALSE;
        break;
      case Flush::kEnd: step.done = ::BrotliEncoderIsFinished(state_.get()) == BROTLI_TRUE; break;
    }
    return true;
  }

  std::unique_ptr<BrotliEncoderState, Destroy> state_;
};

}  // namespace

std::unique_ptr<Encoder> make_brotli_encoder() { return std::make_unique<BrotliEncoder>(); }

}  // namespace midstream::site
