// What no value can say of itself: whether they fit together, and the system.
#pragma once

#include "app/config.h"
#include "app/config_reading.h"

namespace midstream::app {

/// Looks at nothing but the Config. Says nothing twice: what the readers refused is left alone.
void check_config(const Config& config, ConfigReading& reading);

/// Roots, error pages, directories of sockets and logs; the user and the group. Reads the file
/// system and the user database.
void check_config_files(const Config& config, ConfigReading& reading);

}  // namespace midstream::app
