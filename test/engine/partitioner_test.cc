#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "millrace/producer.h"

namespace millrace {
namespace {

TEST_CASE("murmur2 gives what Kafka's Java client gives") {
  // org.apache.kafka.common.utils.UtilsTest.testMurmur2.
  CHECK(static_cast<int32_t>(Murmur2("21")) == -973932308);
  CHECK(static_cast<int32_t>(Murmur2("foobar")) == -790332482);
  CHECK(static_cast<int32_t>(Murmur2("a-little-bit-long-string")) == -985981536);
  CHECK(static_cast<int32_t>(Murmur2("a-little-bit-longer-string")) == -1486304829);
  CHECK(static_cast<int32_t>(Murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")) == -58897971);
  CHECK(static_cast<int32_t>(Murmur2("abc")) == 479470107);
}

TEST_CASE("bytes above 127 are taken unsigned") {
  const std::string bytes("\xff\x80\x7f", 3);
  const std::string other("\x7f\x80\x7f", 3);
  CHECK(Murmur2(bytes) != Murmur2(other));
}

TEST_CASE("a key's partition is its hash without the sign, modulo the partitions") {
  CHECK(PartitionForKey("abc", 1).value() == 0);
  CHECK(PartitionForKey("abc", 10).value() == 479470107 % 10);
  CHECK(PartitionForKey("21", 7).value() == ((-973932308) & 0x7fffffff) % 7);
  for (int i = 0; i < 1000; ++i) {
    const int32_t partition = PartitionForKey(std::to_string(i), 13).value();
    REQUIRE(partition >= 0);
    REQUIRE(partition < 13);
  }
}

}  // namespace
}  // namespace millrace
