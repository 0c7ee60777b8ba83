#include "millrace/types.h"

#include <catch2/catch.hpp>
#include <unordered_set>

#include "absl/hash/hash.h"

namespace millrace {
namespace {

TopicId Counting(int first) {
  TopicId id;
  for (size_t i = 0; i < id.bytes.size(); ++i)
    id.bytes[i] = static_cast<std::byte>(first + static_cast<int>(i) * 7);
  return id;
}

TEST_CASE("TopicId is written as unpadded URL-safe base64") {
  CHECK(TopicId{}.ToString() == "AAAAAAAAAAAAAAAAAAAAAA");
  CHECK(TopicId{}.IsZero());
  TopicId ones;
  ones.bytes.fill(std::byte{0xff});
  CHECK(ones.ToString() == "_____________________w");
  TopicId id;  // the bytes 00 01 .. 0f, as any base64 tool gives them
  for (size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<std::byte>(i);
  CHECK(id.ToString() == "AAECAwQFBgcICQoLDA0ODw");
}

TEST_CASE("TopicId reads what it wrote and nothing else") {
  for (int first = 0; first < 256; ++first) {
    const TopicId id = Counting(first);
    CHECK(TopicId::FromString(id.ToString()) == id);
  }
  CHECK_FALSE(TopicId::FromString(""));
  CHECK_FALSE(TopicId::FromString("AAECAwQFBgcICQoLDA0OD"));
  CHECK_FALSE(TopicId::FromString("AAECAwQFBgcICQoLDA0ODw=="));
  CHECK_FALSE(TopicId::FromString("AAECAwQFBgcICQoLDA0O+w"));
  CHECK_FALSE(TopicId::FromString("AAECAwQFBgcICQoLDA0ODx"));  // stray low bits
}

TEST_CASE("TopicPartition is written as Kafka names the directory") {
  CHECK(TopicPartition{.topic = "orders", .partition = PartitionId(3)}.ToString() == "orders-3");
}

TEST_CASE("Ids are ordered, counted and hashed") {
  Offset offset(5);
  CHECK(++offset == Offset(6));
  CHECK(offset + 4 == Offset(10));
  CHECK(Offset(10) - offset == 4);
  CHECK(offset > kNoOffset);
  const std::unordered_set<Offset> set = {offset, Offset(6), Offset(7)};
  CHECK(set.size() == 2);
  CHECK(absl::Hash<Offset>{}(offset) == absl::Hash<Offset>{}(Offset(6)));
}

}  // namespace
}  // namespace millrace
