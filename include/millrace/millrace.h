// Everything an embedder needs.

#ifndef MILLRACE_MILLRACE_H_
#define MILLRACE_MILLRACE_H_

#include "millrace/admin.h"
#include "millrace/consumer.h"
#include "millrace/engine.h"
#include "millrace/metrics.h"
#include "millrace/producer.h"
#include "millrace/record.h"
#include "millrace/replicator.h"
#include "millrace/serde.h"
#include "millrace/status.h"
#include "millrace/topic.h"
#include "millrace/types.h"

#endif  // MILLRACE_MILLRACE_H_
