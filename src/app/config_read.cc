// Reads a tree into a Config, by the schema.
#include "app/config_read.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/config_schema.h"
#include "app/config_units.h"

namespace midstream::app {
namespace {

// One table while it is read: which keys it may have, and which of them were there.
class TableWalk {
 protected:
  TableWalk(const ConfigNode& table, std::string path, ConfigReading& reading)
      : table_(table), path_(std::move(path)), reading_(reading) {}

  const ConfigNode* take(std::string_view name) {
    known_.push_back(name);
    return table_.find(name);
  }

  const ConfigNode* take(std::string_view name, Need need, const std::string& type) {
    const ConfigNode* node = take(name);
    if (node == nullptr && need == Need::kRequired) {
      reading_.complain(table_.at, quote_toml(table_.key) + " has no " + quote_toml(name) +
                                       ", expected " + quote_toml(name) + " = " + type);
    }
    return node;
  }

  const ConfigNode* take_table(std::string_view name) {
    const ConfigNode* node = take(name);
    if (node == nullptr || node->type == ConfigNode::Type::kTable) return node;
    reading_.wrong_type(*node, "a table: [" + std::string(name) + "], or {...}");
    return nullptr;
  }

  [[nodiscard]] std::string path_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  }

  void finish() {
    for (const ConfigNode& item : table_.items) {
      if (std::find(known_.begin(), known_.end(), item.key) == known_.end()) refuse(item);
    }
    if (choices_.empty()) return;
    std::sort(chosen_.begin(), chosen_.end(),
              [](const auto* a, const auto* b) { return a->key_at < b->key_at; });
    if (chosen_.empty())
      reading_.complain(table_.at, "this route has no handler, expected " + one_of(choices_));
    for (std::size_t i = 1; i < chosen_.size(); ++i) {
      reading_.complain(chosen_[i]->key_at, quote_toml(chosen_[i]->key) +
                                                " is one handler more, expected only " +
                                                quote_toml(chosen_.front()->key));
    }
  }

  const ConfigNode& table_;
  std::string path_;
  ConfigReading& reading_;
  std::vector<std::string_view> known_;
  std::vector<std::string_view> choices_;
  std::vector<const ConfigNode*> chosen_;

 private:
  void refuse(const ConfigNode& item) {
    const std::string_view meant = nearest(item.key, known_);
    const std::string where = table_.key.empty() ? "" : " in " + quote_toml(table_.key);
    const std::string expected = meant.empty() ? ", expected " + one_of(known_) : "";
    reading_.complain(item.key_at, "unknown key " + quote_toml(item.key) + where + expected +
                                       did_you_mean(meant));
  }
};

template <typename T>
class TableReader : private TableWalk {
 public:
  TableReader(const ConfigNode& table, std::string path, T& object, ConfigReading& reading)
      : TableWalk(table, std::move(path), reading), object_(object) {}

  void read() {
    reading_.places[path_] = table_.at;
    describe(*this, Keys<T>());
    finish();
  }

  template <typename Access, typename Kind>
  void key(std::string_view name, Access access, const Kind& kind, std::string_view /*help*/,
           Need need = Need::kOptional) {
    if (const ConfigNode* node = take(name, need, kind.type()))
      kind.read(*node, path_of(name), std::invoke(access, object_), reading_);
  }

  template <typename Access>
  void table(std::string_view name, Access access, std::string_view /*help*/) {
    if (const ConfigNode* node = take_table(name)) read_into(*node, path_of(name), access);
  }

  template <typename Access>
  void tables(std::string_view name, Access access, std::string_view /*help*/) {
    const ConfigNode* node = take(name);
    if (node == nullptr) return;
    const std::string expected = "a list of tables: [[" + std::string(name) + "]]";
    if (node->type != ConfigNode::Type::kList) return reading_.wrong_type(*node, expected);
    auto& list = std::invoke(access, object_);
    for (std::size_t i = 0; i < node->items.size(); ++i) {
      const ConfigNode& item = node->items[i];
      if (item.type == ConfigNode::Type::kTable)
        TableReader<std::decay_t<decltype(list.front())>>(
            item, path_of(name) + "[" + std::to_string(i) + "]", list.emplace_back(), reading_)
            .read();
      else
        reading_.wrong_type(item, expected);
    }
  }

  template <typename Alternative, typename Access>
  void choice(std::string_view name, Access access, std::string_view /*help*/) {
    choices_.push_back(name);
    if (const ConfigNode* node = table_.find(name)) chosen_.push_back(node);
    const ConfigNode* node = take_table(name);
    if (node == nullptr) return;
    auto& variant = std::invoke(access, object_);
    TableReader<Alternative>(*node, path_of(name), variant.template emplace<Alternative>(),
                             reading_)
        .read();
  }

  template <typename Part>
  void part(Part T::*access) {
    TableReader<Part> inner(table_, path_, object_.*access, reading_);
    const auto known = inner.read_part();
    known_.insert(known_.end(), known.begin(), known.end());
  }

  // Leaves unknown keys to whoever knows the rest of the table; gives the known ones.
  std::vector<std::string_view> read_part() {
    describe(*this, Keys<T>());
    return known_;
  }

 private:
  template <typename Access>
  void read_into(const ConfigNode& node, std::string path, Access access) {
    auto& object = std::invoke(access, object_);
    TableReader<std::decay_t<decltype(object)>>(node, std::move(path), object, reading_).read();
  }

  T& object_;
};

}  // namespace

Config read_config(const ConfigNode& file, ConfigReading& reading) {
  Config config;
  TableReader<Config>(file, {}, config, reading).read();
  return config;
}

}  // namespace midstream::app
