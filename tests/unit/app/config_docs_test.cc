// docs/configuration.md says what the code says: the same keys, types and defaults; and every
// example, there and in examples/config, is a configuration.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "app/config_file.h"

namespace midstream::app {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = MIDSTREAM_SOURCE_DIR;

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

// "## `[site.headers]` and `[site.route.headers]`": the prefixes "site.headers." and so on.
std::vector<std::string> prefixes_of(const std::string& heading) {
  std::vector<std::string> prefixes;
  if (heading == "## Top level") prefixes.emplace_back();
  for (std::size_t at = heading.find("`["); at != std::string::npos;
       at = heading.find("`[", at + 1)) {
    const std::size_t first = heading.find_first_not_of('[', at + 1);
    prefixes.push_back(heading.substr(first, heading.find(']', at) - first) + ".");
  }
  return prefixes;
}

std::string without(std::string text, char unwanted) {
  text.erase(std::remove(text.begin(), text.end(), unwanted), text.end());
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? ""
                                    : text.substr(first, text.find_last_not_of(' ') + 1 - first);
}

// "path | type | default" of every row of every table of keys.
std::multiset<std::string> documented_keys() {
  std::multiset<std::string> keys;
  std::vector<std::string> prefixes;
  for (const std::string& line : lines_of(kSource / "docs/configuration.md")) {
    if (line.starts_with("## ")) prefixes = prefixes_of(line);
    if (!line.starts_with("| `")) continue;
    std::vector<std::string> cells;
    std::istringstream in(line.substr(1));
    for (std::string cell; std::getline(in, cell, '|');)
      cells.push_back(without(cell, '`'));
    EXPECT_EQ(cells.size(), 4U) << line;
    if (cells.size() != 4) continue;
    EXPECT_GT(cells[3].size(), 5U) << "says nothing: " << line;
    EXPECT_FALSE(prefixes.empty()) << "below no table: " << line;
    for (const std::string& prefix : prefixes)
      keys.insert(prefix + cells[0] + " | " + cells[1] + " | " + cells[2]);
  }
  return keys;
}

TEST(ConfigDocs, ListTheKeysOfTheCodeWithTypesAndDefaults) {
  std::multiset<std::string> known;
  for (const ConfigKey& key : config_keys())
    known.insert(key.path + " | " + key.type + " | " + key.value);
  EXPECT_GT(known.size(), 50U);
  std::multiset<std::string> documented = documented_keys();
  for (const std::string& key : known) {
    const auto found = documented.find(key);
    if (found == documented.end())
      ADD_FAILURE() << "the code has, the manual has not: " << key;
    else
      documented.erase(found);
  }
  for (const std::string& key : documented)
    ADD_FAILURE() << "the manual has, the code has not: " << key;
}

// Every fenced block of TOML in a page. Those that show a part of a file get a site.
std::vector<std::string> examples_of(const char* page) {
  std::vector<std::string> examples;
  bool inside = false;
  for (const std::string& line : lines_of(kSource / page)) {
    if (line == "```toml") {
      inside = true;
      examples.emplace_back();
    } else if (line.starts_with("```")) {
      inside = false;
    } else if (inside) {
      examples.back() += line + "\n";
    }
  }
  for (std::string& example : examples) {
    if (example.find("[[site]]") == std::string::npos)
      example += "[[site]]\n[[site.route]]\nanswer = {}\n";
  }
  return examples;
}

void expect_valid(const std::string& text, const std::string& name) {
  const LoadedConfig loaded = parse_config(text, {.check_files = false});
  for (const ConfigProblem& problem : loaded.problems)
    ADD_FAILURE() << print_problem(name, problem) << "\n" << text;
}

TEST(ConfigDocs, EveryExampleIsValid) {
  EXPECT_GT(examples_of("docs/configuration.md").size(), 10U);
  for (const char* page :
       {"docs/configuration.md", "docs/from-nginx.md", "docs/from-caddy.md", "README.md"}) {
    const auto examples = examples_of(page);
    EXPECT_FALSE(examples.empty()) << page;
    for (const std::string& example : examples)
      expect_valid(example, page);
  }
}

TEST(ConfigDocs, EveryFileOfTheExamplesIsValid) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(kSource / "examples/config")) {
    std::ifstream in(entry.path());
    expect_valid({std::istreambuf_iterator<char>(in), {}}, entry.path().filename().string());
    ++count;
  }
  EXPECT_GE(count, 3U);
}

TEST(ConfigDocs, TheShownMessagesAreTheRealOnes) {
  const LoadedConfig loaded = parse_config(
      "[[listen]]\naddress = '0.0.0.0:80'\n[[site]]\n\n\n[[site.route]]\npth = \"/\"\n"
      "files = {root = 5}\n",
      {.check_files = false});
  std::string shown;
  for (const std::string& line : lines_of(kSource / "docs/configuration.md")) {
    if (line.starts_with("site.toml:")) shown += line + "\n";
  }
  std::string real;
  for (const ConfigProblem& problem : loaded.problems)
    real += print_problem("site.toml", problem) + "\n";
  EXPECT_EQ(shown, real);
}

}  // namespace
}  // namespace midstream::app
