#include "tools/record_formatter.h"

#include <catch2/catch.hpp>

namespace millrace::inline v0::tools {
namespace {

// One record, through a batch, as a consumer sees it.
std::string Printed(const Record& record, const Properties& properties, RecordPlace place = {}) {
  BatchBuilder builder;
  builder.Append(record, Timestamp(1000));
  const auto bytes = builder.Finish(Offset(41));
  REQUIRE(bytes.ok());
  RecordReader reader(*BatchView::Parse(*bytes));
  RecordView view;
  REQUIRE(reader.Next(&view));
  const auto format = RecordFormat::From(properties);
  REQUIRE(format.ok());
  std::string text;
  AppendRecord(&text, view, place, *format);
  return text;
}

TEST_CASE("The value alone is the default") {
  CHECK(Printed({.key = "k", .value = "v"}, {}) == "v\n");
  CHECK(Printed({.key = "k"}, {}) == "null\n");
}

TEST_CASE("Columns come in Kafka's order") {
  const Header headers[] = {{.key = "h", .value = "x"}, {.key = "n"}};
  const Properties all = {{"print.timestamp", "true"}, {"print.partition", "true"}, {"print.offset", "true"},
                          {"print.headers", "true"},   {"print.key", "True"},       {"print.epoch", "true"},
                          {"print.delivery", "true"}};
  CHECK(Printed({.key = "k", .value = "v", .headers = headers}, all,
                {.partition = PartitionId(3), .leader_epoch = LeaderEpoch(2)}) ==
        "CreateTime:1000\tPartition:3\tOffset:41\tDelivery:NONE\tEpoch:2\th:x,n:null\tk\tv\n");
  CHECK(Printed({.value = "v"}, {{"print.headers", "true"}, {"print.key", "true"}, {"null.literal", "-"}}) ==
        "NO_HEADERS\t-\tv\n");
}

TEST_CASE("Separators are as given, the line's at the end") {
  CHECK(Printed({.key = "k", .value = "v"}, {{"print.key", "true"},
                                             {"print.value", "false"},
                                             {"key.separator", "="},
                                             {"line.separator", ";"}}) == "k;");
  CHECK(Printed({.key = "k", .value = "v"}, {{"print.key", "true"}, {"key.separator", "="}}) == "k=v\n");
  CHECK(Printed({.value = "v"}, {{"print.timestamp", "true"}, {"print.value", "false"}},
                {.timestamp_type = TimestampType::kLogAppendTime}) == "LogAppendTime:1000\n");
}

TEST_CASE("Numbers are read as Java writes them") {
  using std::string_view_literals::operator""sv;
  const auto value = [](std::string_view bytes, const char* name) {
    return Printed({.value = bytes}, {{"value.deserializer", name}});
  };
  CHECK(value("\xff\xff\xff\xfe"sv, "org.apache.kafka.common.serialization.IntegerDeserializer") == "-2\n");
  CHECK(value("\0\0\0\0\0\0\1\0"sv, "LongDeserializer") == "256\n");
  CHECK(value("\xff\xff"sv, "ShortDeserializer") == "-1\n");
  CHECK(value("\x40\x04\0\0\0\0\0\0"sv, "DoubleDeserializer") == "2.5\n");
  CHECK(value("\x40\x00\0\0"sv, "FloatDeserializer") == "2.0\n");
  CHECK(value("odd"sv, "LongDeserializer") == "odd\n");
  CHECK_FALSE(RecordFormat::From({{"key.deserializer", "Nope"}}).ok());
}

}  // namespace
}  // namespace millrace::inline v0::tools
