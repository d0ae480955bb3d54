#pragma once

#include "app/config.h"
#include "app/config_reading.h"

namespace midstream::app {

/// By the schema. What is wrong is in `reading` afterwards; what stands where, too.
[[nodiscard]] Config read_config(const ConfigNode& file, ConfigReading& reading);

}  // namespace midstream::app
