// Every tool, each defined in the file of its name.

#ifndef MILLRACE_TOOLS_ALL_TOOLS_H_
#define MILLRACE_TOOLS_ALL_TOOLS_H_

#include "tools/tool.h"

namespace millrace::inline v0::tools {

extern const Tool kTopicsTool;
extern const Tool kConsoleProducerTool;
extern const Tool kConsoleConsumerTool;
extern const Tool kConsumerGroupsTool;
extern const Tool kConfigsTool;
extern const Tool kStorageTool;
extern const Tool kServerStartTool;
extern const Tool kGetOffsetsTool;
extern const Tool kDeleteRecordsTool;
extern const Tool kLogDirsTool;
extern const Tool kDumpLogTool;
extern const Tool kApiVersionsTool;
extern const Tool kProducerPerfTool;
extern const Tool kConsumerPerfTool;

}  // namespace millrace::inline v0::tools

#endif  // MILLRACE_TOOLS_ALL_TOOLS_H_
