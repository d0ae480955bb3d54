// MIDSTREAM_CHECK: a programmer's mistake ends the process, in release builds too. Never for peer
// input.
#pragma once

#include <cstdio>
#include <cstdlib>

#define MIDSTREAM_CHECK(condition)                                                        \
  do {                                                                                    \
    if (!(condition)) [[unlikely]] {                                                      \
      std::fprintf(stderr, "midstream: check failed: %s (%s:%d)\n", #condition, __FILE__, \
                   __LINE__);                                                             \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)
