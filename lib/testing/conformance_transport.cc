#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "testing/transport_probe.h"

namespace millrace::inline v0 {
namespace {

// Frames of many sizes, there and back, in order.
void CheckEcho(const TransportWorld& world, Checks& checks) {
  TransportLab lab(world, checks);
  const auto listener = lab.Listen(Echo());
  if (listener == nullptr) return;
  checks.True(!listener->address().ends_with(":0"), "the address of a listener has the real port");

  std::vector<std::string> sent;
  const TransportLab::Client client = lab.Connect(listener->address());
  if (client.connection == nullptr) return;
  uint32_t seed = 0;
  constexpr size_t kSizes[] = {0,    1,    2,     3,     4,     100,   0,       4091,
                               4092, 4093, 16384, 65535, 65536, 65537, 1 << 20, 5};
  for (const size_t size : kSizes) {
    sent.push_back(PatternText(size, ++seed));
    checks.Ok(client.connection->Send(FrameOf(sent.back())), "Send");
  }
  lab.Wait([&] { return client.journal->frame_count() >= sent.size(); }, "frames come back");
  checks.True(client.journal->frames() == sent, "frames come back as they were sent, in order");
  checks.True(client.connection->unsent_bytes() == 0, "nothing is unsent once it has arrived");
  checks.True(client.connection->peer_address() == listener->address(), "the peer is who was asked for");
  const std::vector<SharedJournal> accepted = lab.accepted();
  if (!checks.True(accepted.size() == 1, "one connection is accepted")) return;
  const std::shared_ptr<Connection> server = accepted[0]->connection();
  checks.True(server != nullptr && server->peer_address() == client.connection->local_address(),
              "both ends agree on the client's address");

  client.connection->Close(kLong);
  lab.Wait([&] { return client.journal->closed() == 1 && accepted[0]->closed() == 1; }, "both ends close");
  checks.Ok(client.journal->status(), "the end that closed");
  checks.Ok(accepted[0]->status(), "the end whose peer closed");
  checks.True(absl::IsUnavailable(client.connection->Send(FrameOf("late"))), "Send fails when it is closed");
  client.connection->Close(kLong);
  client.connection->Abort();
  client.connection->ResumeReading();
  const ListenerCounts counts = listener->counts();
  checks.True(counts.accepted == 1 && counts.open == 0 && counts.malformed == 0, "the listener counts");
  checks.True(counts.bytes_received == counts.bytes_sent && counts.bytes_received > (1 << 20),
              "the listener counts bytes");
}

// Spliced frames are what their pieces are in order, and pins are let go.
void CheckSplices(const TransportWorld& world, Checks& checks) {
  TransportLab lab(world, checks);
  const auto listener = lab.Listen({});
  if (listener == nullptr) return;
  const TransportLab::Client client = lab.Connect(listener->address());
  if (client.connection == nullptr) return;
  const auto pinned = std::make_shared<std::string>(PatternText(300'000, 7));
  const auto* const data = reinterpret_cast<const std::byte*>(pinned->data());
  std::vector<std::string> expected;
  for (const size_t at : {size_t{0}, size_t{3}, size_t{6}}) {
    OutgoingFrame frame = FrameOf("abcdef");
    frame.splices.push_back({.at = at, .bytes = {data, 5}, .pin = pinned});
    frame.splices.push_back({.at = at, .bytes = {}, .pin = pinned});
    frame.splices.push_back({.at = 6, .bytes = {data + 5, pinned->size() - 5}, .pin = pinned});
    const std::string own = "abcdef";
    expected.push_back(own.substr(0, at) + pinned->substr(0, 5) + own.substr(at) + pinned->substr(5));
    checks.True(frame.size() == expected.back().size(), "the size of a spliced frame");
    checks.Ok(client.connection->Send(std::move(frame)), "Send");
  }
  // A fetch of many partitions: more pieces than one system call takes.
  OutgoingFrame many = FrameOf(std::string(3000, 'x'));
  std::string flat;
  for (size_t i = 0; i < 3000; ++i) {
    many.splices.push_back({.at = i, .bytes = {data + i, 2}, .pin = pinned});
    flat += pinned->substr(i, 2) + "x";
  }
  expected.push_back(flat);
  checks.Ok(client.connection->Send(std::move(many)), "Send");

  OutgoingFrame bad = FrameOf("abc");
  bad.splices = {{.at = 2}, {.at = 1}};
  checks.True(absl::IsInvalidArgument(client.connection->Send(std::move(bad))), "splices out of order");
  bad = FrameOf("abc");
  bad.splices = {{.at = 4}};
  checks.True(absl::IsInvalidArgument(client.connection->Send(std::move(bad))), "a splice past the end");

  lab.Wait([&] { return !lab.accepted().empty() && lab.accepted()[0]->frame_count() >= expected.size(); },
           "spliced frames arrive");
  if (!lab.accepted().empty())
    checks.True(lab.accepted()[0]->frames() == expected, "spliced frames are whole");
  lab.Wait([&] { return pinned.use_count() == 1; }, "pins are let go when the bytes were sent");
}

// Frames sent by many threads at once stay whole, and each thread's in order.
void CheckManySenders(const TransportWorld& world, Checks& checks) {
  constexpr size_t kSenders = 4;
  constexpr size_t kFrames = 100;
  TransportLab lab(world, checks);
  const auto listener = lab.Listen({});
  if (listener == nullptr) return;
  const TransportLab::Client client = lab.Connect(listener->address());
  if (client.connection == nullptr) return;
  const auto finished = std::make_shared<std::atomic<size_t>>(0);
  for (size_t sender = 0; sender < kSenders; ++sender) {
    world.start([sender, finished, connection = client.connection] {
      for (size_t i = 0; i < kFrames; ++i) {
        const size_t size = 2 + (i * 797) % 9000;
        std::string text(size, static_cast<char>('a' + sender));
        text[0] = static_cast<char>(i);
        connection->Send(FrameOf(text)).IgnoreError();
      }
      finished->fetch_add(1);
    });
  }
  lab.Wait([&] { return finished->load() == kSenders; }, "senders finish");
  lab.Wait([&] { return !lab.accepted().empty() && lab.accepted()[0]->frame_count() >= kSenders * kFrames; },
           "frames of all senders arrive");
  if (lab.accepted().empty()) return;
  size_t next[kSenders] = {};
  bool whole = true;
  for (const std::string& text : lab.accepted()[0]->frames()) {
    const auto sender = static_cast<size_t>(text.back() - 'a');
    whole = whole && sender < kSenders && text.size() == 2 + (next[sender] * 797) % 9000 &&
            static_cast<uint8_t>(text[0]) == next[sender] &&
            text.find_first_not_of(text.back(), 1) == std::string::npos;
    if (!whole) break;
    ++next[sender];
  }
  checks.True(whole, "frames of several senders stay whole and in order");
}

// A reader that stops reading stops its peer, and loses nothing.
void CheckBackPressure(const TransportWorld& world, Checks& checks) {
  constexpr size_t kFrame = 64 * 1024;
  constexpr size_t kMark = 256 * 1024;
  TransportLab lab(world, checks);
  const auto listener = lab.Listen({.on_opened = [](const auto& connection) { connection->PauseReading(); }});
  if (listener == nullptr) return;
  const TransportLab::Client client = lab.Connect(listener->address(), {}, {.low_water_bytes = kMark});
  if (client.connection == nullptr) return;
  lab.Wait([&] { return !lab.accepted().empty() && lab.accepted()[0]->opened() == 1; }, "it is opened");
  if (lab.accepted().empty()) return;
  const SharedJournal server = lab.accepted()[0];

  // More than any buffer between the two, sent by one who watches unsent_bytes.
  size_t sent = 0;
  while (client.connection->unsent_bytes() < 4 * kMark && sent < 4000) {
    checks.Ok(client.connection->Send(FrameOf(PatternText(kFrame, static_cast<uint32_t>(sent++)))), "Send");
    if (client.connection->unsent_bytes() >= 2 * kMark) lab.Settle();
  }
  lab.Settle();
  checks.True(client.connection->unsent_bytes() >= kMark, "a peer that does not read stops what is sent");
  checks.True(client.connection->unsent_bytes() <= 4 * kMark + kFrame + 4, "unsent is what was not taken");
  checks.True(server->frame_count() == 0, "no frame is handed out while reading is paused");
  checks.True(client.journal->writable() == 0, "OnWritable waits for the mark");

  if (const auto connection = server->connection()) connection->ResumeReading();
  lab.Wait([&] { return server->frame_count() >= sent; }, "all frames arrive after reading is resumed");
  lab.Wait([&] { return client.journal->writable() >= 1; }, "OnWritable tells that the mark is reached");
  bool same = server->frame_count() == sent;
  const std::vector<std::string> frames = server->frames();
  for (size_t i = 0; same && i < sent; ++i) same = frames[i] == PatternText(kFrame, static_cast<uint32_t>(i));
  checks.True(same, "nothing is lost or changed by a pause");
}

// Pausing from inside OnFrame takes effect with the next frame, though it has come already.
void CheckPauseInside(const TransportWorld& world, Checks& checks) {
  TransportLab lab(world, checks);
  const auto listener = lab.Listen({.on_frame = [](Connection& c, const Frame&) { c.PauseReading(); }});
  if (listener == nullptr) return;
  const TransportLab::Client client = lab.Connect(listener->address());
  if (client.connection == nullptr) return;
  for (const char* text : {"one", "two", "three"}) client.connection->Send(FrameOf(text)).IgnoreError();
  const auto count = [&] { return lab.accepted().empty() ? 0 : lab.accepted()[0]->frame_count(); };
  for (size_t frames = 1; frames <= 3; ++frames) {
    lab.Wait([&] { return count() == frames; }, "a frame arrives for each resumption");
    lab.Settle();
    checks.True(count() == frames, "and only one");
    if (lab.accepted().empty()) return;
    if (const auto connection = lab.accepted()[0]->connection()) connection->ResumeReading();
  }
}

void CheckManyConnections(const TransportWorld& world, Checks& checks) {
  constexpr size_t kConnections = 100;
  TransportLab lab(world, checks);
  const auto listener = lab.Listen(Echo());
  if (listener == nullptr) return;
  std::vector<TransportLab::Client> clients;
  for (size_t i = 0; i < kConnections; ++i) {
    clients.push_back(lab.Connect(listener->address()));
    if (clients.back().connection == nullptr) return;
    clients.back().connection->Send(FrameOf(StrCat("from ", i))).IgnoreError();
  }
  bool all = true;
  for (size_t i = 0; i < kConnections; ++i) {
    all = all && lab.Until([&] { return clients[i].journal->frame_count() == 1; }) &&
          clients[i].journal->frames()[0] == StrCat("from ", i);
  }
  checks.True(all, "each of many connections gets its own answer");
  checks.True(listener->counts().open == kConnections, "the listener counts open connections");
  for (const TransportLab::Client& client : clients) client.connection->Close(kLong);
  lab.Wait([&] { return listener->counts().open == 0; }, "all of them close");
}

// Splits of the stream of bytes are not seen.
void CheckSplits(const TransportWorld& world, Checks& checks) {
  TransportLab lab(world, checks);
  const auto listener = lab.Listen(Echo());
  if (listener == nullptr) return;
  std::vector<std::byte> stream;
  for (const std::string& text : {std::string("first"), std::string(), std::string(20, 'x')}) {
    for (const std::byte byte : OnWire(text)) stream.push_back(byte);
  }
  const std::span<const std::byte> bytes(stream);
  // Split 0: byte by byte; else in two.
  for (size_t split = 0; split < stream.size(); ++split) {
    const auto peer = world.connect_raw(listener->address());
    if (!checks.True(peer != nullptr, "a raw client connects")) return;
    for (size_t at = 0; at < bytes.size();) {
      const size_t end = split == 0 ? at + 1 : at == 0 ? split : bytes.size();
      checks.True(peer->Write(bytes.subspan(at, end - at)), "a raw client writes");
      at = end;
      lab.world().drive();
    }
    std::vector<std::byte> back;
    lab.Until([&] { return !peer->Read(back) || back.size() >= stream.size(); });
    checks.True(back == stream, StrCat("frames that come in parts, split at ", split, ", are whole"));
  }
}

}  // namespace

void CheckTransport(const TransportWorld& world, ConformanceReport report) {
  Checks checks(report);
  CheckEcho(world, checks);
  CheckSplices(world, checks);
  CheckManySenders(world, checks);
  CheckBackPressure(world, checks);
  CheckPauseInside(world, checks);
  CheckManyConnections(world, checks);
  CheckSplits(world, checks);
  CheckTransportFaults(world, checks);
}

}  // namespace millrace::inline v0
