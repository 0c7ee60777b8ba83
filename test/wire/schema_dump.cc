// Prints what Fields says of every message, at every version, for compare_schema.py:
//
//   message NAME VERSION key=K
//   field NAME VERSION PATH TYPE nullable=N tag=T compact=C default=D
//   absent NAME VERSION PATH ignorable=I
//   key K NAME flexible=V valid=FIRST-LAST

#include <cinttypes>
#include <cstdio>
#include <string>

#include "millrace/wire/api_keys.h"
#include "millrace/wire/messages.h"

namespace millrace::inline v0::wire {
namespace {

template <typename T>
std::string TypeName() {
  if constexpr (internal::Optional<T>) {
    return TypeName<typename T::value_type>();
  } else if constexpr (std::same_as<T, bool>) {
    return "bool";
  } else if constexpr (std::same_as<T, double>) {
    return "float64";
  } else if constexpr (internal::Number<T>) {
    return (std::is_signed_v<T> ? "int" : "uint") + std::to_string(8 * sizeof(T));
  } else if constexpr (std::same_as<T, Uuid>) {
    return "uuid";
  } else if constexpr (internal::Text<T>) {
    return "string";
  } else if constexpr (internal::Blob<T>) {
    return "bytes";
  } else if constexpr (internal::Array<T>) {
    return "[]" + TypeName<typename T::value_type>();
  } else {
    return "struct";
  }
}

template <typename T>
std::string DefaultOf(const T& value) {
  if constexpr (internal::Optional<T>) {
    return value.has_value() ? DefaultOf(*value) : "null";
  } else if constexpr (std::same_as<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (internal::Number<T>) {
    return std::to_string(value);
  } else if constexpr (std::same_as<T, Uuid>) {
    return value.IsZero() ? "zero" : "other";
  } else if constexpr (internal::Text<T>) {
    return "'" + std::string(value) + "'";
  } else if constexpr (internal::Struct<T>) {
    return "struct";
  } else {
    return value.empty() ? "empty" : "other";
  }
}

// The struct of a member, through arrays and nulls; void where there is none.
template <typename T>
struct StructOf {
  using type = std::conditional_t<internal::Struct<T>, T, void>;
};
template <typename T>
struct StructOf<std::vector<T>> : StructOf<T> {};
template <typename T>
struct StructOf<std::optional<T>> : StructOf<T> {};

template <typename S>
struct Dumper {
  std::string message = {};
  std::string path = {};
  int16_t version = 0;
  int16_t flexible = 0;
  S fresh = {};

  template <typename M>
  void operator()(M S::* member, const Field& field) {
    Show(member, field, "none");
  }
  template <typename M>
  void Tagged(uint32_t tag, M S::* member, const Field& field) {
    Show(member, field, std::to_string(tag));
  }
  template <typename M>
  void Show(M S::* member, const Field& field, const std::string& tag) {
    const std::string name = path + std::string(field.name);
    const std::string head = message + " " + std::to_string(version) + " " + name;
    if (!field.versions.Has(version)) {
      std::printf("absent %s ignorable=%d\n", head.c_str(), field.ignorable ? 1 : 0);
      return;
    }
    const int16_t compact_since = field.flexible.value_or(flexible);
    const bool is_nullable = internal::Optional<M> && field.nullable.Has(version);
    std::printf("field %s %s nullable=%d tag=%s compact=%d default=%s\n", head.c_str(), TypeName<M>().c_str(),
                is_nullable ? 1 : 0, tag.c_str(), version >= compact_since ? 1 : 0,
                DefaultOf(fresh.*member).c_str());
    using Inner = typename StructOf<M>::type;
    if constexpr (!std::is_void_v<Inner>) {
      Inner::Fields(Dumper<Inner>{
          .message = message, .path = name + ".", .version = version, .flexible = compact_since});
    }
  }
};

template <typename S>
void Dump() {
  const std::string name(S::kApi.name);
  for (int version = S::kApi.valid.first; version <= S::kApi.valid.last; ++version) {
    std::printf("message %s %d key=%d\n", name.c_str(), version, S::kApi.key);
    S::Fields(
        Dumper<S>{.message = name, .version = static_cast<int16_t>(version), .flexible = S::kApi.flexible});
  }
}

}  // namespace
}  // namespace millrace::inline v0::wire

int main() {
  using namespace millrace::wire;
  Dump<RequestHeader>();
  Dump<ResponseHeader>();
  Exchanges::ForEach([]<typename E>(E) {
    Dump<typename E::Request>();
    Dump<typename E::Response>();
  });
  for (const ApiKeyInfo& info : kApiKeys) {
    std::printf("key %d %s flexible=%d valid=%d-%d\n", static_cast<int>(info.key),
                std::string(info.name).c_str(), info.flexible, info.valid.first, info.valid.last);
  }
  return 0;
}
