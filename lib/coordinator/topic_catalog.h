// TopicCatalog: what the coordinator must know of topics to share their partitions out.

#ifndef MILLRACE_COORDINATOR_TOPIC_CATALOG_H_
#define MILLRACE_COORDINATOR_TOPIC_CATALOG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/types.h"

namespace millrace::inline v0 {

struct CatalogTopic {
  std::string name = {};
  TopicId id = {};
  int32_t partitions = 0;
};

// Thread-safe; quick, and never calls back: it is asked under a shard's lock.
class TopicCatalog {
 public:
  virtual ~TopicCatalog() = default;
  // Rises whenever topics are created, deleted or grow.
  virtual uint64_t changes() const = 0;
  virtual std::optional<CatalogTopic> Find(std::string_view name) const = 0;
  virtual std::optional<CatalogTopic> Find(const TopicId& id) const = 0;
  // Of topics that patterns may match: internal ones are left out.
  virtual std::vector<std::string> Names() const = 0;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_COORDINATOR_TOPIC_CATALOG_H_
