#include <utility>

#include "app/options.h"
#include "app/server.h"

int main(int argc, char** argv) {
  int exit_code = 0;
  auto invocation = midstream::app::parse_command_line(argc, argv, exit_code);
  if (!invocation) return exit_code;
  return midstream::app::run_server(std::move(invocation->config), invocation->read_again);
}
