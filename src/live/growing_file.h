// GrowingFile: a LiveFile as its writer sees it. Readers only ever get the base.
#pragma once

#include <utility>

#include <midstream/live_file.h>

#include "base/unique_fd.h"

namespace midstream::detail {

class GrowingFile final : public LiveFile {
 public:
  GrowingFile(UniqueFd read_fd, std::uint64_t watermark, std::optional<std::uint64_t> declared_size)
      : LiveFile(read_fd.release(), watermark, declared_size) {}
  ~GrowingFile() override { LiveFile::fail(Errc::kWriterFailed, "the writer went away"); }

  using LiveFile::fail;
  using LiveFile::publish;
  using LiveFile::seal;
};

}  // namespace midstream::detail
