// The strict reader, on texts that are wrong.

#include "metrics/prometheus_text.h"

#include <catch2/catch.hpp>
#include <string>

#include "millrace/metrics.h"

namespace millrace::test {
namespace {

const std::string kHead = "# HELP a_total A.\n# TYPE a_total counter\n";
const std::string kHistogram = "# HELP h H.\n# TYPE h histogram\n";

TEST_CASE("what a registry writes can be read") {
  MetricsRegistry registry;
  registry.GetCounter("a_total", "A\nb\\c.", {{"topic", "x\"y\\z\nw"}}).Add(3);
  registry.GetHistogram("h", "H.", {{"topic", "t"}}).Record(5);
  registry.GetHistogram("h_ms", "H.", {}, 1e-6).Record(1'000'000);
  const PrometheusText text(registry.Snapshot().ToPrometheus());
  CHECK(text.problem() == "");
  CHECK(text.Value("a_total", {{"topic", "x\"y\\z\nw"}}) == 3);
  CHECK(text.Value("h_count", {{"topic", "t"}}) == 1);
  CHECK(text.families().size() == 3);
}

TEST_CASE("what is wrong is told") {
  const std::string good = kHead + "a_total{x=\"y\"} 1\na_total 2\n";
  CHECK(PrometheusText(good).problem() == "");
  for (const std::string& bad : {
           kHead + "a_total 1",
           kHead + "a_total\n",
           kHead + "a_total x\n",
           kHead + "a_total  1\n",
           kHead + "a_total 1 \n",
           kHead + "a_total{x=\"y} 1\n",
           kHead + "a_total{x=\"\\y\"} 1\n",
           kHead + "a_total{x=\"y\",x=\"z\"} 1\n",
           kHead + "a_total{x=\"y\" z=\"z\"} 1\n",
           kHead + "a_total{1x=\"y\"} 1\n",
           kHead + "a_total 1\na_total 1\n",
           kHead + "a_total -1\n",
           kHead + "b_total 1\n",
           kHead,
           std::string("a_total 1\n"),
           std::string("# HELP a A.\n# TYPE a counter\na 1\n"),
           std::string("# TYPE a gauge\na 1\n"),
           std::string("# HELP a A.\n# TYPE a number\na 1\n"),
           good + "# HELP b B.\n# TYPE b gauge\nb 1\n" + kHead + "a_total{z=\"\"} 1\n",
           std::string("\n"),
           kHistogram + "h_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
           kHistogram + "h_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 1\n",
           kHistogram +
               "h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
           kHistogram + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
           kHistogram + "h_bucket{le=\"+Inf\"} 1\nh_count 1\n",
           kHistogram + "h 1\n",
       }) {
    INFO(bad);
    CHECK(PrometheusText(bad).problem() != "");
  }
}

}  // namespace
}  // namespace millrace::test
