// Every message of the wire at each version, from the list of messages: what decodes must encode, whole and
// in pieces, decode to an equal message again and print. A message that joins the list is fuzzed.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/api_messages.h"
#include "fuzz/fuzz_target.h"
#include "millrace/wire/api_keys.h"
#include "millrace/wire/print_frame.h"
#include "wire/golden.h"

namespace millrace::inline v0::fuzz {
namespace {

using testing::AnyMessage;

// One message at one version.
struct Form {
  const AnyMessage* type = nullptr;
  int16_t version = 0;
};

std::vector<Form> FormsOf(const std::function<bool(const AnyMessage&)>& wanted) {
  std::vector<Form> forms;
  for (const AnyMessage& type : ApiMessages()) {
    if (!wanted(type)) continue;
    for (int version = type.api.valid.first; version <= type.api.valid.last; ++version)
      forms.push_back({.type = &type, .version = static_cast<int16_t>(version)});
  }
  return forms;
}

void RequireLine(const std::string& line) {
  for (const char c : line) Require(c >= ' ' && c <= '~', "a line for logs is printable");
}

void TryMessage(Form form, Input bytes) {
  const auto& [type, version] = form;
  const auto message = type->decode(bytes, version);
  if (!message.ok()) return Require(!message.status().message().empty());
  RequireLine(type->print(*message, version));
  wire::Bytes once;
  Require(type->encode(*message, version, &once).ok(), "what decodes encodes");
  const auto again = type->decode(once, version);
  Require(again.ok() && type->equal(*message, *again), "decode(encode(x)) == x");

  wire::Bytes buffer;
  std::vector<wire::Piece> pieces;
  Require(type->encode_pieces(*message, version, &buffer, &pieces).ok());
  wire::Bytes whole;
  for (const auto part : wire::Gather(buffer, pieces)) whole.insert(whole.end(), part.begin(), part.end());
  Require(whole == once, "the pieces are the whole");
}

void TryFrame(Input frame) {
  RequireLine(wire::PrintRequest(frame));
  size_t used = 0;
  const auto header = wire::DecodeRequestHeader(frame, &used);
  if (!header.ok()) return;
  Require(used <= frame.size());
  wire::Bytes response;
  Require(wire::EncodeResponseHeader(*header, &response).ok());
  response.insert(response.end(), frame.begin() + static_cast<ptrdiff_t>(used), frame.end());
  RequireLine(wire::PrintResponse(*header, response));
}

// The first `head` bytes of an input say which form the rest is.
Target TargetOf(std::string name, std::vector<Form> forms) {
  const size_t head = forms.size() == 1 ? 0 : forms.size() <= 256 ? 1 : 2;
  const auto run = [forms, head](Input input) {
    if (input.size() < head) return;
    size_t form = 0;
    for (size_t i = 0; i < head; ++i) form |= std::to_integer<size_t>(input[i]) << (8 * i);
    TryMessage(forms[form % forms.size()], input.subspan(head));
  };
  const auto seeds = [forms, head] {
    std::vector<Bytes> all;
    for (size_t form = 0; form < forms.size(); ++form) {
      for (const auto& golden : testing::ReadGolden("messages/" + std::string(forms[form].type->api.name))) {
        if (golden.version != forms[form].version || golden.refused) continue;
        Bytes& seed = all.emplace_back();
        for (size_t i = 0; i < head; ++i) seed.push_back(static_cast<std::byte>(form >> (8 * i)));
        seed.insert(seed.end(), golden.bytes.begin(), golden.bytes.end());
      }
    }
    return all;
  };
  return {.name = std::move(name), .run = run, .seeds = seeds, .head_bytes = head, .cost_micros = 5};
}

std::vector<Bytes> RequestSeeds() {
  std::vector<Bytes> all;
  for (const auto& golden : testing::ReadGolden("messages/RequestHeader")) all.push_back(golden.bytes);
  wire::Exchanges::ForEach([&]<typename E>(E) {
    const wire::Api& api = E::Request::kApi;
    for (int version = api.valid.first; version <= api.valid.last; ++version) {
      const auto asked = static_cast<int16_t>(version);
      const auto headers = wire::HeaderVersionsOf(api.key, asked);
      Bytes& seed = all.emplace_back();
      wire::RequestHeader header{
          .request_api_key = api.key, .request_api_version = asked, .correlation_id = 1, .client_id = "c"};
      if (!headers.has_value() || !wire::Encode(header, headers->request, &seed).ok()) continue;
      (void)wire::Encode(typename E::Request{}, asked, &seed);
    }
  });
  return all;
}

bool ReadNumber(std::string_view text, int* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

const std::vector<AnyMessage>& ApiMessages() {
  static const auto& all = *new std::vector<AnyMessage>(testing::AllMessages());
  return all;
}

void AddApiTargets(Targets* to) {
  to->push_back({.name = "request_frame", .run = TryFrame, .seeds = RequestSeeds});
  for (const AnyMessage& type : ApiMessages()) {
    to->push_back(TargetOf("api." + std::string(type.api.name),
                           FormsOf([&](const AnyMessage& other) { return &other == &type; })));
  }
}

std::optional<Target> FindApiTarget(std::string_view name) {
  const std::string whole(name);
  if (name == "api") return TargetOf(whole, FormsOf([](const AnyMessage&) { return true; }));
  std::vector<Form> forms;
  int number = 0;
  if (name.starts_with("key.") && ReadNumber(name.substr(4), &number)) {
    // The headers have no key of their own.
    forms = FormsOf(
        [&](const AnyMessage& type) { return type.api.key == number && !type.api.name.ends_with("Header"); });
  } else if (const size_t dot = name.rfind('.');
             name.starts_with("api.") && dot > 4 && ReadNumber(name.substr(dot + 1), &number)) {
    forms = FormsOf([&](const AnyMessage& type) { return type.api.name == name.substr(4, dot - 4); });
    std::erase_if(forms, [&](const Form& form) { return form.version != number; });
  }
  if (forms.empty()) return std::nullopt;
  return TargetOf(whole, std::move(forms));
}

}  // namespace millrace::inline v0::fuzz
