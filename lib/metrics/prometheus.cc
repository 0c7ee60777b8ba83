// Prometheus' text format, version 0.0.4.

#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "millrace/metrics.h"

namespace millrace::inline v0 {
namespace {

// Label values escape \, " and line feeds; help texts \ and line feeds.
std::string Escaped(std::string_view text, bool quotes) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\\\";
    } else if (c == '\n') {
      escaped += "\\n";
    } else if (c == '"' && quotes) {
      escaped += "\\\"";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

// {a="b",c="d"}, with `extra` last; nothing if there are none.
std::string LabelText(const Labels& labels, std::string_view extra = {}) {
  std::string text;
  for (const auto& [name, value] : labels) {
    absl::StrAppendFormat(&text, "%s%s=\"%s\"", text.empty() ? "" : ",", name, Escaped(value, true));
  }
  if (!extra.empty()) absl::StrAppendFormat(&text, "%s%s", text.empty() ? "" : ",", extra);
  return text.empty() ? text : absl::StrFormat("{%s}", text);
}

// As a float where the scale makes it one.
std::string Number(int64_t value, double scale) {
  if (scale == 1) return absl::StrFormat("%d", value);
  return absl::StrFormat("%.12g", static_cast<double>(value) * scale);
}

void AppendHistogram(const MetricSample& sample, std::string* out) {
  const HistogramCounts& counts = *sample.histogram;
  int64_t below = 0;
  for (size_t first = 0; first < HistogramCounts::kBuckets; first += 8) {
    int64_t here = 0;
    for (size_t i = first; i < first + 8; ++i) here += counts.counts[i];
    if (here == 0) continue;
    below += here;
    const std::string bound =
        absl::StrFormat("le=\"%s\"", Number(HistogramCounts::UpperBound(first + 7), sample.scale));
    absl::StrAppendFormat(out, "%s_bucket%s %d\n", sample.name, LabelText(sample.labels, bound), below);
  }
  absl::StrAppendFormat(out, "%s_bucket%s %d\n", sample.name, LabelText(sample.labels, "le=\"+Inf\""),
                        counts.count);
  absl::StrAppendFormat(out, "%s_sum%s %s\n", sample.name, LabelText(sample.labels),
                        Number(counts.sum, sample.scale));
  absl::StrAppendFormat(out, "%s_count%s %d\n", sample.name, LabelText(sample.labels), counts.count);
}

std::string_view TypeName(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace

std::string MetricsSnapshot::ToPrometheus() const {
  std::string out;
  std::string_view last;
  for (const MetricSample& sample : samples) {
    if (sample.name != last) {
      absl::StrAppendFormat(&out, "# HELP %s %s\n", sample.name, Escaped(sample.help, false));
      absl::StrAppendFormat(&out, "# TYPE %s %s\n", sample.name, TypeName(sample.type));
      last = sample.name;
    }
    if (sample.histogram != nullptr) {
      AppendHistogram(sample, &out);
    } else {
      absl::StrAppendFormat(&out, "%s%s %s\n", sample.name, LabelText(sample.labels),
                            Number(sample.value, sample.scale));
    }
  }
  return out;
}

}  // namespace millrace::inline v0
