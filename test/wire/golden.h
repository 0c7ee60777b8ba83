// Golden bytes: what an independent encoder gave for a message (test/golden/wire/make.py, make_golden.py).

#ifndef MILLRACE_TEST_WIRE_GOLDEN_H_
#define MILLRACE_TEST_WIRE_GOLDEN_H_

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "millrace/wire/schema.h"

namespace millrace::inline v0::testing {

struct Golden {
  int16_t version = 0;
  std::string name;
  std::vector<std::byte> bytes;
  bool refused = false;  // the encoder refuses the case: "-" instead of bytes
  std::string print;     // a hash of what Print gives; empty where the file has none
};

// Reads "version case hex [print]" lines; no bytes at all are "0x".
inline std::vector<Golden> ReadGolden(const std::string& message) {
  std::ifstream in(std::string(MILLRACE_GOLDEN_DIRECTORY) + "/" + message + ".txt");
  std::vector<Golden> all;
  std::string line;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    Golden golden;
    std::string hex;
    words >> golden.version >> golden.name >> hex >> golden.print;
    golden.refused = hex == "-";
    for (size_t i = hex.starts_with("0x") ? 2 : 0; i + 1 < hex.size(); i += 2) {
      golden.bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    all.push_back(golden);
  }
  return all;
}

// What CheckGolden found wrong; empty: nothing. Each case's value, encoded at each version, must give the
// golden bytes; those must decode to what encodes to the same again; every shorter prefix and every
// prolongation must be refused.
template <typename T>
std::vector<std::string> CheckGolden(const std::string& message, const std::map<std::string, T>& values) {
  std::vector<std::string> wrong;
  const std::vector<Golden> all = ReadGolden(message);
  if (all.empty()) wrong.push_back(message + ": no golden bytes");
  for (const Golden& golden : all) {
    const std::string where =
        message + " " + golden.name + " version " + std::to_string(golden.version) + ": ";
    std::vector<std::byte> bytes;
    if (!wire::Encode(values.at(golden.name), golden.version, &bytes).ok())
      wrong.push_back(where + "refused");
    if (bytes != golden.bytes) wrong.push_back(where + "other bytes");
    const auto decoded = wire::Decode<T>(golden.bytes, golden.version);
    if (!decoded.ok()) {
      wrong.push_back(where + "not decoded");
      continue;
    }
    std::vector<std::byte> again;
    if (!wire::Encode(*decoded, golden.version, &again).ok() || again != golden.bytes) {
      wrong.push_back(where + "decoded to something else");
    }
    for (size_t n = 0; n < golden.bytes.size(); ++n) {
      // A copy of exact size, so that a read past the end is one of the heap too.
      const std::vector<std::byte> cut(golden.bytes.begin(),
                                       golden.bytes.begin() + static_cast<ptrdiff_t>(n));
      if (wire::Decode<T>(cut, golden.version).ok()) wrong.push_back(where + "cut at " + std::to_string(n));
    }
    bytes.push_back(std::byte{0});
    if (wire::Decode<T>(bytes, golden.version).ok()) wrong.push_back(where + "took a byte too many");
  }
  return wrong;
}

}  // namespace millrace::inline v0::testing

#endif  // MILLRACE_TEST_WIRE_GOLDEN_H_
