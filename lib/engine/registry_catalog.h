// RegistryCatalog: the engine's topics, as the group coordinator asks for them.

#ifndef MILLRACE_ENGINE_REGISTRY_CATALOG_H_
#define MILLRACE_ENGINE_REGISTRY_CATALOG_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/topic_catalog.h"
#include "partition/topic_registry.h"

namespace millrace::inline v0 {

// Thread-safe. The registry is borrowed.
class RegistryCatalog final : public TopicCatalog {
 public:
  explicit RegistryCatalog(const TopicRegistry* topics) : topics_(topics) {}

  uint64_t changes() const override { return topics_->changes(); }
  std::optional<CatalogTopic> Find(std::string_view name) const override { return From(topics_->Find(name)); }
  std::optional<CatalogTopic> Find(const TopicId& id) const override { return From(topics_->Find(id)); }
  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const std::shared_ptr<Topic>& topic : topics_->All()) {
      if (!topic->internal()) names.push_back(topic->name());
    }
    return names;
  }

 private:
  static std::optional<CatalogTopic> From(const std::shared_ptr<Topic>& topic) {
    if (topic == nullptr) return std::nullopt;
    return CatalogTopic{.name = topic->name(), .id = topic->id(), .partitions = topic->partition_count()};
  }

  const TopicRegistry* const topics_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_ENGINE_REGISTRY_CATALOG_H_
