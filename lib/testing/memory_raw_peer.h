// MemoryRawPeer: a raw client of listeners within the process.

#ifndef MILLRACE_TESTING_MEMORY_RAW_PEER_H_
#define MILLRACE_TESTING_MEMORY_RAW_PEER_H_

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/testing/conformance.h"
#include "transport/memory_network.h"

namespace millrace::inline v0 {

class MemoryRawPeer final : public RawPeer {
 public:
  // Null if nobody listens there.
  static std::unique_ptr<RawPeer> Connect(const std::shared_ptr<MemoryNetwork>& network,
                                          std::string_view host, std::string_view address) {
    auto end = std::make_shared<Deaf>();
    auto link = MemoryNetwork::Connect(network, host, address, end);
    if (!link.ok()) return nullptr;
    return std::make_unique<MemoryRawPeer>(std::move(end), *std::move(link));
  }

  MemoryRawPeer(std::shared_ptr<PipeEnd> end, MemoryNetwork::Link link)
      : end_(std::move(end)), link_(std::move(link)) {}
  ~MemoryRawPeer() override {
    link_.in->CloseReader();
    link_.out->CloseWriter();
  }

  bool Write(std::span<const std::byte> bytes) override {
    const std::span<const std::byte> pieces[] = {bytes};
    return bytes.empty() || link_.out->Write(pieces).bytes == bytes.size();
  }
  void ShutWrite() override { link_.out->End(); }
  bool Read(std::vector<std::byte>& into) override {
    std::byte buffer[4096];
    while (true) {
      const auto transfer = link_.in->Read({}, buffer);
      into.insert(into.end(), buffer, buffer + transfer.bytes);
      if (transfer.end || !transfer.status.ok()) return false;
      if (transfer.blocked) return true;
    }
  }

 private:
  // It asks instead of waiting.
  class Deaf final : public PipeEnd {
    void PipeReadable() override {}
    void PipeWritable() override {}
    void PipeReadableAt(MonotonicNanos) override {}
  };

  const std::shared_ptr<PipeEnd> end_;
  const MemoryNetwork::Link link_;
};

}  // namespace millrace::inline v0

#endif  // MILLRACE_TESTING_MEMORY_RAW_PEER_H_
