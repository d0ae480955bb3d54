#pragma once

#include <memory>

#include "site/encoder.h"

namespace midstream::site {

/// What make_encoder() gives for brotli.
[[nodiscard]] std::unique_ptr<Encoder> make_brotli_encoder();

}  // namespace midstream::site
