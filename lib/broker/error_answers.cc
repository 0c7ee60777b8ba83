#include "broker/error_answers.h"

#include <concepts>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/wire/messages.h"

namespace millrace::inline v0 {
namespace {

using wire::Field;

// Calls `visit(name, member)` for each member of `message` that `version` has.
template <typename S, typename F>
struct MembersOf {
  S& message;
  int16_t version;
  F& visit;
  void operator()(auto member, const Field& field) {
    if (field.versions.Has(version)) visit(field.name, message.*member);
  }
  void Tagged(uint32_t, auto member, const Field& field) { (*this)(member, field); }
};
template <typename S, typename F>
void ForEachMember(S& message, int16_t version, F&& visit) {
  MembersOf<S, std::remove_reference_t<F>> members{message, version, visit};
  std::remove_const_t<S>::Fields(members);
}

// Calls `visit` with the vector that `member` is, or holds; not at all where it is or holds none.
template <typename M, typename F>
void WithVector(M& member, F&& visit) {
  using Plain = std::remove_const_t<M>;
  if constexpr (wire::internal::Array<Plain>) {
    visit(member);
  } else if constexpr (wire::internal::Optional<Plain>) {
    if constexpr (wire::internal::Array<typename Plain::value_type>) {
      if (member.has_value()) visit(*member);
    }
  }
}

// Returns in how many places `code` was set.
template <typename S>
int SetErrors(S& message, int16_t version, int16_t code) {
  int places = 0;
  ForEachMember(message, version, [&]<typename M>(std::string_view name, M& member) {
    if constexpr (std::same_as<M, int16_t>) {
      if (name == "error_code") member = code, ++places;
    }
    WithVector(member, [&](auto& elements) {
      if constexpr (wire::internal::Struct<std::remove_reference_t<decltype(elements[0])>>) {
        for (auto& element : elements) places += SetErrors(element, version, code);
      }
    });
  });
  return places;
}

// What an element of a list is told from its neighbours by, under one name for the several that messages have
// for it; empty: by something else.
std::string_view KeyName(std::string_view field) {
  if (field == "topic" || field == "topic_name") return "name";
  if (field == "partition" || field == "index" || field == "partition_id") return "partition_index";
  for (const std::string_view key : {"name", "partition_index", "topic_id", "group_id", "member_id", "key",
                                     "group_instance_id", "resource_type", "resource_name"}) {
    if (field == key) return key;
  }
  return {};
}

// Copies the keys of an element of a request to that of an answer; false: there are none.
template <typename Q, typename R>
bool CopyKeys(const Q& asked, R& answer, int16_t version) {
  bool copied = false;
  ForEachMember(answer, version, [&]<typename M>(std::string_view name, M& member) {
    const std::string_view key = KeyName(name);
    if (key.empty()) return;
    if constexpr (wire::internal::Struct<Q>) {
      ForEachMember(asked, version, [&]<typename N>(std::string_view other, const N& value) {
        if constexpr (std::same_as<std::remove_const_t<N>, M>) {
          if (KeyName(other) == key) member = value, copied = true;
        }
      });
    } else if constexpr (std::same_as<M, Q> || std::same_as<M, std::optional<Q>>) {
      if (!copied) member = asked, copied = true;
    }
  });
  return copied;
}

// For each element of a request's first list one in the answer's list of what has errors, and so on inward.
template <typename Q, typename R>
void MirrorLists(const Q& asked, R& answer, int16_t version) {
  if constexpr (wire::internal::Struct<Q>) {
    ForEachMember(answer, version, [&]<typename M>(std::string_view, M& member) {
      WithVector(member, [&]<typename E>(std::vector<E>& answers) {
        if constexpr (wire::internal::Struct<E>) {
          bool first = true;
          ForEachMember(asked, version, [&](std::string_view, const auto& asked_member) {
            WithVector(asked_member, [&](const auto& elements) {
              if (!std::exchange(first, false)) return;
              for (const auto& element : elements) {
                E made;
                if (!CopyKeys(element, made, version)) return;
                MirrorLists(element, made, version);
                // Brokers, say, have none.
                if (SetErrors(made, version, 0) > 0) answers.push_back(std::move(made));
              }
            });
          });
        }
      });
    });
  }
}

template <typename Q>
bool NamesTopic(const Q& asked, int16_t version, std::string_view list, std::string_view topic, TopicId id) {
  bool named = false;
  ForEachMember(asked, version, [&]<typename M>(std::string_view name, const M& member) {
    using Plain = std::remove_const_t<M>;
    const bool is_name =
        name == "topic" || name == "topic_name" || (name == "name" && list.starts_with("topic"));
    if constexpr (std::same_as<Plain, std::string> || std::same_as<Plain, std::optional<std::string>>) {
      named = named || (is_name && member == topic);
    } else if constexpr (std::same_as<Plain, TopicId>) {
      named = named || (!id.IsZero() && member == id);
    }
    WithVector(member, [&]<typename E>(const std::vector<E>& elements) {
      for (const E& element : elements) {
        if constexpr (wire::internal::Struct<E>) {
          named = named || NamesTopic(element, version, name, topic, id);
        } else if constexpr (std::same_as<E, std::string>) {
          named = named || (name.starts_with("topic") && element == topic);
        }
      }
    });
  });
  return named;
}

template <typename R>
std::optional<wire::Bytes> EncodedError(R& answer, int16_t version, int16_t code) {
  if (SetErrors(answer, version, code) == 0) return std::nullopt;
  wire::Bytes bytes;
  if (!wire::Encode(answer, version, &bytes).ok()) return std::nullopt;
  return bytes;
}

// The records that an answer bears may not be null.
void FillIn(wire::FetchResponse& answer) {
  for (auto& topic : answer.responses) {
    for (auto& partition : topic.partitions) {
      partition.records = std::span<const std::byte>();
      partition.high_watermark = -1;
    }
  }
}
void FillIn(wire::ProduceResponse& answer) {
  for (auto& topic : answer.responses) {
    for (auto& partition : topic.partition_responses) partition.base_offset = -1;
  }
}
template <typename R>
void FillIn(R&) {}

// As call(Exchange<...>{}) for the exchange of that key; `none` where there is none.
template <typename T, typename F>
T ForExchange(int16_t key, T none, F&& call) {
  wire::Exchanges::AnyOf([&]<typename E>(E exchange) {
    if (E::kKey != key) return false;
    none = call(exchange);
    return true;
  });
  return none;
}

}  // namespace

bool RequestNamesTopic(int16_t key, int16_t version, std::span<const std::byte> body, std::string_view topic,
                       TopicId id) {
  return ForExchange(key, false, [&]<typename E>(E) {
    const auto asked = wire::Decode<typename E::Request>(body, version);
    return asked.ok() && NamesTopic(*asked, version, {}, topic, id);
  });
}

std::optional<wire::Bytes> ErrorAnswer(int16_t key, int16_t version, std::span<const std::byte> request,
                                       int16_t code) {
  return ForExchange(key, std::optional<wire::Bytes>(), [&]<typename E>(E) -> std::optional<wire::Bytes> {
    const auto asked = wire::Decode<typename E::Request>(request, version);
    if (!asked.ok()) return std::nullopt;
    typename E::Response answer;
    MirrorLists(*asked, answer, version);
    FillIn(answer);
    return EncodedError(answer, version, code);
  });
}

std::optional<wire::Bytes> AnswerWithError(int16_t key, int16_t version, std::span<const std::byte> answer,
                                           int16_t code) {
  return ForExchange(key, std::optional<wire::Bytes>(), [&]<typename E>(E) -> std::optional<wire::Bytes> {
    auto made = wire::Decode<typename E::Response>(answer, version);
    if (!made.ok()) return std::nullopt;
    return EncodedError(*made, version, code);
  });
}

}  // namespace millrace::inline v0
