// kafka-broker-api-versions.sh: which requests each broker serves, in which versions.

#include <algorithm>
#include <map>
#include <string>

#include "base/strings.h"
#include "millrace/wire/api_keys.h"
#include "tools/all_tools.h"

namespace millrace::inline v0::tools {
namespace {

constexpr FlagSpec kApiVersionsFlags[] = {
    kBootstrapServerFlag,
    kCommandConfigFlag,
};

std::string Range(int16_t first, int16_t last) {
  return first == last ? StrCat(first) : StrCat(first, " to ", last);
}

// "Produce(0): 0 to 13 [usable: 13]".
std::string ApiLine(int16_t key, const std::map<int16_t, wire::Versions>& served) {
  const wire::ApiKeyInfo* known = wire::FindApiKey(key);
  const auto at = served.find(key);
  std::string line = StrCat(known == nullptr ? "UNKNOWN" : known->name, "(", key, "): ");
  if (at == served.end()) return StrCat(line, "UNSUPPORTED");
  StrAppend(&line, Range(at->second.first, at->second.last));
  if (known == nullptr) return line;
  const int16_t usable = std::min(at->second.last, known->valid.last);
  if (at->second.last < known->valid.first) return StrCat(line, " [unusable: node too old]");
  if (usable < at->second.first) return StrCat(line, " [unusable: node too new]");
  return StrCat(line, " [usable: ", usable, "]");
}

void PrintNode(Call& call, const WireNode& node, const wire::ApiVersionsResponse& answer) {
  std::map<int16_t, wire::Versions> served;
  for (const auto& api : answer.api_keys) served[api.api_key] = {api.min_version, api.max_version};
  // What either side knows, by key; not what Kafka's clients have no use for.
  std::map<int16_t, bool> keys;
  for (const auto& [key, versions] : served) keys[key] = true;
  for (const wire::ApiKeyInfo& info : wire::kApiKeys) {
    if (info.valid.first <= info.valid.last) keys[static_cast<int16_t>(info.key)] = true;
  }
  call.out() << node.host << ':' << node.port << " (id: " << node.id
             << " rack: " << (node.rack.empty() ? "null" : node.rack) << " isFenced: false) -> (\n";
  size_t left = keys.size();
  for (const auto& [key, known] : keys)
    call.out() << '\t' << ApiLine(key, served) << (--left > 0 ? ",\n" : "\n");
  call.out() << ")\n";
}

int RunApiVersions(Call& call) {
  auto cluster = call.Connect();
  if (!cluster.ok()) return call.Fail(cluster.status());
  WireCaller& wire = (*cluster)->wire();
  absl::StatusOr<std::vector<WireNode>> nodes = wire.Nodes();
  if (!nodes.ok()) return call.Fail(nodes.status());
  bool failed = false;
  for (const WireNode& node : *nodes) {
    absl::StatusOr<wire::ApiVersionsResponse> answer = wire.ApiVersions(node.id);
    if (answer.ok()) {
      PrintNode(call, node, *answer);
      continue;
    }
    failed = true;
    call.err() << node.host << ':' << node.port << " (id: " << node.id
               << ") -> ERROR: " << ToStd(answer.status().message()) << '\n';
  }
  return failed ? kExitFailed : kExitOk;
}

}  // namespace

const Tool kApiVersionsTool{.name = "broker-api-versions",
                            .script = "kafka-broker-api-versions.sh",
                            .summary = "Tell which requests each broker serves, in which versions.",
                            .flags = kApiVersionsFlags,
                            .run = RunApiVersions};

}  // namespace millrace::inline v0::tools
