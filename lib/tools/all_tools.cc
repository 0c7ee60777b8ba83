#include "tools/all_tools.h"

namespace millrace::inline v0::tools {
namespace {

constexpr const Tool* kAllTools[] = {
    &kStorageTool,        &kServerStartTool, &kTopicsTool,       &kConsoleProducerTool, &kConsoleConsumerTool,
    &kConsumerGroupsTool, &kConfigsTool,     &kGetOffsetsTool,   &kDeleteRecordsTool,   &kLogDirsTool,
    &kDumpLogTool,        &kApiVersionsTool, &kProducerPerfTool, &kConsumerPerfTool,
};

}  // namespace

std::span<const Tool* const> AllTools() {
  return kAllTools;
}

}  // namespace millrace::inline v0::tools
