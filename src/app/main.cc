#include "app/server.h"

int main(int argc, char** argv) {
  int exit_code = 0;
  const auto options = midstream::app::parse_command_line(argc, argv, exit_code);
  return options ? midstream::app::run_server(*options) : exit_code;
}
