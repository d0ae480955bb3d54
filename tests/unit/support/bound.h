// How long a test waits for something before it calls it lost. Nothing ever takes this long: it
// only turns a hang into a failure.
#pragma once

#include <chrono>

namespace midstream::test {

inline constexpr std::chrono::seconds kBound{30};

// A plain build, or one that a sanitizer makes several times slower.
#if defined(__SANITIZE_THREAD__)
#define MIDSTREAM_TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MIDSTREAM_TEST_TSAN 1
#endif
#endif
#ifdef MIDSTREAM_TEST_TSAN
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

}  // namespace midstream::test
