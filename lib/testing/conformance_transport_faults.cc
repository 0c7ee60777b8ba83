#include <memory>
#include <string>
#include <vector>

#include "testing/transport_probe.h"

namespace millrace::inline v0 {
namespace {

constexpr int32_t kMaxFrame = 1000;

SharedJournal FirstAccepted(TransportLab& lab) {
  lab.Wait([&] { return !lab.accepted().empty() && lab.accepted()[0]->opened() == 1; }, "it is accepted");
  return lab.accepted().empty() ? nullptr : lab.accepted()[0];
}

// Sends `bytes` raw, with what comes after them, and returns what the listener's handler was told at its end.
absl::Status EndOfRaw(const TransportWorld& world, Checks& checks, const std::vector<std::byte>& bytes,
                      size_t frames_expected, int64_t malformed_expected) {
  TransportLab lab(world, checks);
  const auto listener = lab.Listen(Echo(), {.connection = {.max_frame_bytes = kMaxFrame}});
  if (listener == nullptr) return absl::InternalError("no listener");
  // Another connection, which must not notice.
  const TransportLab::Client other = lab.Connect(listener->address());
  const SharedJournal other_end = FirstAccepted(lab);
  const auto peer = world.connect_raw(listener->address());
  if (other_end == nullptr || !checks.True(peer != nullptr, "a raw client connects")) return {};
  peer->Write(bytes);
  peer->ShutWrite();
  lab.Wait([&] { return lab.accepted().size() == 2 && lab.accepted()[1]->closed() == 1; }, "it ends");
  if (lab.accepted().size() != 2) return {};
  std::vector<std::byte> back;
  lab.Wait([&] { return !peer->Read(back); }, "the raw client sees the end");
  checks.True(lab.accepted()[1]->frame_count() == frames_expected, "frames that were whole are handed out");
  checks.True(listener->counts().malformed == malformed_expected, "malformed frames are counted");

  other.connection->Send(FrameOf("still here")).IgnoreError();
  lab.Wait([&] { return other.journal->frame_count() == 1; }, "other connections live on");
  return lab.accepted()[1]->status();
}

// Lengths that are none, and streams that end where they must not.
void CheckBadStreams(const TransportWorld& world, Checks& checks) {
  const auto joined = [](std::vector<std::byte> a, const std::vector<std::byte>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  const auto whole = OnWire(std::string(kMaxFrame, 'x'));
  const auto end = [&](const std::vector<std::byte>& bytes, size_t frames, int64_t malformed) {
    return EndOfRaw(world, checks, bytes, frames, malformed);
  };
  checks.Ok(end(whole, 1, 0), "the largest frame, and the end of the stream");
  checks.Ok(end({}, 0, 0), "a stream without a frame");
  for (const int64_t length :
       {int64_t{kMaxFrame} + 1, int64_t{INT32_MAX}, int64_t{0x80000000}, int64_t{0xffffffff}}) {
    checks.True(absl::IsInvalidArgument(end(joined(whole, OnWire("abc", length)), 1, 1)),
                StrCat("a frame of ", static_cast<int32_t>(length), " bytes is refused"));
  }
  checks.True(absl::IsUnavailable(end(OnWire("abc", 4), 0, 0)), "a stream that ends inside a frame");
  checks.True(absl::IsUnavailable(end({std::byte{0}, std::byte{0}}, 0, 0)), "or inside a length");
}

// The peer has sent its last byte: it still gets its answers, then the end.
void CheckHalfClose(const TransportWorld& world, Checks& checks) {
  TransportLab lab(world, checks);
  const auto listener = lab.Listen(Echo());
  if (listener == nullptr) return;
  const auto peer = world.connect_raw(listener->address());
  if (!checks.True(peer != nullptr, "a raw client connects")) return;
  const std::vector<std::byte> request = OnWire(PatternText(20'000, 3));
  checks.True(peer->Write(request), "a raw client writes");
  peer->ShutWrite();
  std::vector<std::byte> back;
  lab.Wait([&] { return !peer->Read(back); }, "the end comes");
  checks.True(back == request, "a peer that has finished sending gets its answers");
  const SharedJournal journal = FirstAccepted(lab);
  if (journal == nullptr) return;
  lab.Wait([&] { return journal->closed() == 1; }, "the handler hears of the end");
  checks.Ok(journal->status(), "a peer that finished between frames");
}

// Close sends what was accepted, and more than the other side takes at once.
void CheckDrain(const TransportWorld& world, Checks& checks) {
  constexpr size_t kFrames = 64;
  TransportLab lab(world, checks);
  const auto listener = lab.Listen({});
  if (listener == nullptr) return;
  const TransportLab::Client client = lab.Connect(listener->address());
  if (client.connection == nullptr) return;
  const std::string text = PatternText(256 * 1024, 9);
  for (size_t i = 0; i < kFrames; ++i) client.connection->Send(FrameOf(text)).IgnoreError();
  client.connection->Close(kLong);
  checks.True(absl::IsUnavailable(client.connection->Send(FrameOf("late"))), "Send fails after Close");
  const SharedJournal server = FirstAccepted(lab);
  if (server == nullptr) return;
  lab.Wait([&] { return server->closed() == 1 && client.journal->closed() == 1; }, "both ends close");
  checks.True(server->frame_count() == kFrames, "Close sends all that was accepted before it");
  checks.Ok(client.journal->status(), "the end that drained");
  checks.Ok(server->status(), "the end that was drained to");
}

// A peer that does not read does not hold Close up for ever.
void CheckDrainDeadline(const TransportWorld& world, Checks& checks) {
  TransportLab lab(world, checks);
  const auto listener = lab.Listen({.on_opened = [](const auto& connection) { connection->PauseReading(); }});
  if (listener == nullptr) return;
  const TransportLab::Client client = lab.Connect(listener->address());
  if (client.connection == nullptr || FirstAccepted(lab) == nullptr) return;
  const auto pin = std::make_shared<std::string>(32 << 20, 'x');
  OutgoingFrame frame;
  frame.splices.push_back(
      {.bytes = {reinterpret_cast<const std::byte*>(pin->data()), pin->size()}, .pin = pin});
  checks.Ok(client.connection->Send(std::move(frame)), "Send");
  lab.Settle();
  checks.True(client.connection->unsent_bytes() > 0, "a large frame waits for its reader");
  client.connection->Close(absl::Milliseconds(20));
  lab.Wait([&] { return client.journal->closed() == 1; }, "Close ends at its deadline");
  checks.True(absl::IsDeadlineExceeded(client.journal->status()), "a drain that was not complete says so");
  checks.True(client.connection->unsent_bytes() == 0, "nothing is unsent after the end");
  lab.Wait([&] { return pin.use_count() == 1; }, "pins of unsent frames are let go");
}

// Ending a connection from inside each of its calls.
void CheckEndInside(const TransportWorld& world, Checks& checks) {
  for (const bool abort : {false, true}) {
    for (int call = 0; call < 4; ++call) {
      TransportLab lab(world, checks);
      const auto listener = lab.Listen(Echo());
      if (listener == nullptr) return;
      const auto end = [abort](Connection& c) { abort ? c.Abort() : c.Close(kLong); };
      ProbeScript script;
      if (call == 0) script.on_opened = [end](const auto& connection) { end(*connection); };
      if (call == 1) script.on_frame = [end](Connection& c, const Frame&) { end(c); };
      if (call == 2) script.on_writable = [end](Connection& c) { end(c); };
      // And once more when it is over; the first end is the test's.
      if (call == 3) script.on_closed = script.on_writable = [end](Connection& c) { end(c); };
      const auto client = lab.Connect(listener->address(), script, {.low_water_bytes = 10});
      if (client.connection == nullptr) return;
      for (int i = 0; i < 3; ++i) client.connection->Send(FrameOf(std::string(100, 'x'))).IgnoreError();
      lab.Wait([&] { return client.journal->closed() == 1; }, "a connection ended by its handler closes");
      checks.True(abort ? absl::IsAborted(client.journal->status()) : client.journal->status().ok(),
                  "the status says how it was ended");
      if (call == 1) checks.True(client.journal->frame_count() == 1, "no frame after the end");
      lab.Wait([&] { return listener->counts().open == 0; }, "the other side closes too");
    }
  }
}

void CheckAddresses(const TransportWorld& world, Checks& checks) {
  TransportLab lab(world, checks);
  const auto listener = lab.Listen(Echo());
  if (listener == nullptr) return;
  const auto maker = [] {
    return std::make_unique<ProbeHandler>(std::make_shared<ConnectionJournal>(), ProbeScript{});
  };
  const auto again = lab.transport().Listen(listener->address(), maker, {});
  checks.Fails(again.status(), absl::StatusCode::kAlreadyExists, listener->address(), "an address in use");
  for (const char* bad : {"", "nowhere", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:9x",
                          "::1:9092", "[::1:9092", "a b:1", "[]:1"}) {
    checks.Fails(lab.transport().Listen(bad, maker, {}).status(), absl::StatusCode::kInvalidArgument, bad,
                 StrCat("Listen on '", bad, "'"));
    checks.Fails(lab.transport().Connect(bad, maker(), {}).status(), absl::StatusCode::kInvalidArgument, bad,
                 StrCat("Connect to '", bad, "'"));
  }

  const ConnectionOptions wrong[] = {{.max_frame_bytes = 0},
                                     {.idle_timeout = absl::ZeroDuration()},
                                     {.frame_timeout = absl::ZeroDuration()},
                                     {.drain_timeout = absl::Seconds(-1)},
                                     {.connect_timeout = absl::ZeroDuration()}};
  for (const ConnectionOptions& options : wrong) {
    checks.True(absl::IsInvalidArgument(
                    lab.transport().Listen(world.address, maker, {.connection = options}).status()),
                "Listen refuses wrong options");
    checks.True(
        absl::IsInvalidArgument(lab.transport().Connect(listener->address(), maker(), options).status()),
        "Connect refuses wrong options");
  }
  checks.True(
      absl::IsInvalidArgument(lab.transport().Listen(world.address, maker, {.max_connections = 0}).status()),
      "Listen refuses a limit of no connection");

  // A closed listener refuses, and its address is free again; what it accepted lives on.
  const TransportLab::Client before = lab.Connect(listener->address());
  if (before.connection == nullptr || FirstAccepted(lab) == nullptr) return;
  const std::string address = listener->address();
  listener->Close();
  listener->Close();
  const TransportLab::Client refused = lab.Connect(address);
  lab.Wait([&] { return refused.journal->closed() == 1; }, "a connection that is refused ends");
  checks.True(absl::IsUnavailable(refused.journal->status()) && refused.journal->opened() == 0,
              "a connection that is refused was never open");
  checks.True(ToStd(refused.journal->status().message()).find(address) != std::string_view::npos,
              "the refusal names the address");
  before.connection->Send(FrameOf("still here")).IgnoreError();
  lab.Wait([&] { return before.journal->frame_count() == 1; }, "connections outlive their listener");
  const auto later = lab.Listen(Echo(), {}, address);
  if (later == nullptr) return;
  const TransportLab::Client welcome = lab.Connect(address);
  welcome.connection->Send(FrameOf("hello")).IgnoreError();
  lab.Wait([&] { return welcome.journal->frame_count() == 1; }, "the address can be used again");
}

void CheckLimits(const TransportWorld& world, Checks& checks) {
  for (const bool per_address : {false, true}) {
    TransportLab lab(world, checks);
    ListenOptions options;
    (per_address ? options.max_connections_per_address : options.max_connections) = 2;
    const auto listener = lab.Listen(Echo(), options);
    if (listener == nullptr) return;
    std::vector<TransportLab::Client> clients;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(lab.Connect(listener->address()));
      if (i < 2) lab.Wait([&] { return listener->counts().open == i + 1; }, "connections are admitted");
    }
    lab.Wait([&] { return clients[2].journal->closed() == 1; }, "one connection too many is closed");
    const ListenerCounts counts = listener->counts();
    checks.True(counts.accepted == 2 && counts.open == 2, "it is not counted as accepted");
    checks.True((per_address ? counts.refused_address : counts.refused_total) == 1 &&
                    counts.refused_address + counts.refused_total == 1,
                "it is counted as refused");
    checks.True(clients[0].journal->closed() + clients[1].journal->closed() == 0, "the others stay");
    clients[0].connection->Close(kLong);
    lab.Wait([&] { return listener->counts().open == 1; }, "a place becomes free");
    const TransportLab::Client next = lab.Connect(listener->address());
    next.connection->Send(FrameOf("x")).IgnoreError();
    lab.Wait([&] { return next.journal->frame_count() == 1; }, "and is given away");
  }
}

// Frames under way share the memory that is allowed; what is small gets through all the same.
void CheckUnfinished(const TransportWorld& world, Checks& checks) {
  constexpr size_t kStep = 16 * 1024;
  TransportLab lab(world, checks);
  const auto listener = lab.Listen(Echo(), {.max_unfinished_bytes = 300'000});
  if (listener == nullptr) return;
  const auto patient = world.connect_raw(listener->address());
  const auto greedy = world.connect_raw(listener->address());
  lab.Wait([&] { return listener->counts().open == 2; }, "both are admitted");
  if (!checks.True(patient != nullptr && greedy != nullptr, "raw clients connect")) return;
  // Until `bytes` were received, or the other side is gone.
  const auto write = [&](RawPeer& peer, std::span<const std::byte> bytes) {
    while (!bytes.empty() && listener->counts().out_of_room == 0) {
      const int64_t before = listener->counts().bytes_received;
      const std::span<const std::byte> step = bytes.first(std::min(kStep, bytes.size()));
      if (!peer.Write(step)) return;
      bytes = bytes.subspan(step.size());
      lab.Wait(
          [&] {
            const ListenerCounts counts = listener->counts();
            return counts.out_of_room > 0 ||
                   counts.bytes_received == before + static_cast<int64_t>(step.size());
          },
          "bytes arrive");
    }
  };
  const std::vector<std::byte> whole = OnWire(std::string(250'000, 'p'));
  const std::span<const std::byte> most = std::span(whole).first(200'000);
  write(*patient, most);
  write(*greedy, OnWire(std::string(300'000, 'g'), 1'000'000));
  lab.Wait([&] { return listener->counts().open == 1; },
           "a frame beyond what is allowed ends its connection");
  checks.True(listener->counts().out_of_room == 1, "which is counted");
  const TransportLab::Client other = lab.Connect(listener->address());
  other.connection->Send(FrameOf("small")).IgnoreError();
  lab.Wait([&] { return other.journal->frame_count() == 1; }, "small frames get through");
  patient->Write(std::span(whole).subspan(most.size()));
  lab.Wait([&] { return lab.accepted()[0]->frame_count() + lab.accepted()[1]->frame_count() == 1; },
           "the frame that had its room arrives");
  const absl::Status ends[] = {lab.accepted()[0]->status(), lab.accepted()[1]->status()};
  checks.True(absl::IsResourceExhausted(ends[0]) || absl::IsResourceExhausted(ends[1]),
              "the handler is told why");

  // What the two held is free again.
  const auto next = world.connect_raw(listener->address());
  lab.Wait([&] { return listener->counts().open == 3; }, "another is admitted");
  const size_t frames = lab.accepted().size();
  const std::vector<std::byte> large = OnWire(std::string(350'000, 'n'));
  for (size_t at = 0; at < large.size() && next != nullptr; at += kStep) {
    const int64_t before = listener->counts().bytes_received;
    const auto step = std::span(large).subspan(at, std::min(kStep, large.size() - at));
    if (!checks.True(next->Write(step), "it takes a large frame")) return;
    lab.Wait(
        [&] {
          return listener->counts().bytes_received == before + static_cast<int64_t>(step.size()) ||
                 listener->counts().out_of_room > 1;
        },
        "its bytes arrive");
  }
  lab.Wait([&] { return lab.accepted()[frames - 1]->frame_count() == 1; }, "a large frame arrives");
  checks.True(
      absl::IsInvalidArgument(lab.transport()
                                  .Listen(world.address, [] { return nullptr; }, {.max_unfinished_bytes = -1})
                                  .status()),
      "Listen refuses a limit below zero");
}

void CheckTimeouts(const TransportWorld& world, Checks& checks) {
  constexpr absl::Duration kShort = absl::Milliseconds(20);
  {
    TransportLab lab(world, checks);
    const auto listener = lab.Listen(Echo(), {.connection = {.idle_timeout = kShort}});
    if (listener == nullptr) return;
    const TransportLab::Client client = lab.Connect(listener->address());
    lab.Wait([&] { return client.journal->closed() == 1; }, "an idle connection is ended");
    const SharedJournal server = FirstAccepted(lab);
    if (server == nullptr) return;
    lab.Wait([&] { return server->closed() == 1; }, "on both sides");
    checks.True(absl::IsDeadlineExceeded(server->status()), "idle_timeout says so");
    checks.True(listener->counts().timed_out == 1, "and is counted");
  }
  // A frame that is begun and not finished; beside it a connection that only waits, which is left alone.
  TransportLab lab(world, checks);
  const auto listener = lab.Listen(Echo(), {.connection = {.frame_timeout = kShort}});
  if (listener == nullptr) return;
  const TransportLab::Client idle = lab.Connect(listener->address());
  if (FirstAccepted(lab) == nullptr) return;
  const auto peer = world.connect_raw(listener->address());
  if (!checks.True(peer != nullptr, "a raw client connects")) return;
  peer->Write(OnWire("begun", 100));
  lab.Wait([&] { return lab.accepted().size() == 2 && lab.accepted()[1]->closed() == 1; },
           "a frame that does not come to its end ends the connection");
  if (lab.accepted().size() != 2) return;
  checks.True(absl::IsDeadlineExceeded(lab.accepted()[1]->status()), "frame_timeout says so");
  checks.True(idle.journal->closed() == 0, "a connection between frames is not timed");
}

// The transport goes while all of its connections are busy, and somebody still sends.
void CheckDestruction(const TransportWorld& world, Checks& checks) {
  TransportLab lab(world, checks);
  auto listener = lab.Listen(Echo());
  if (listener == nullptr) return;
  const auto stop = std::make_shared<std::atomic<bool>>(false);
  const auto finished = std::make_shared<std::atomic<int>>(0);
  std::vector<TransportLab::Client> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(lab.Connect(listener->address(), Echo()));
    if (clients.back().connection == nullptr) return;
    for (int n = 0; n < 4; ++n) clients.back().connection->Send(FrameOf(PatternText(5000, 1))).IgnoreError();
  }
  for (int sender = 0; sender < 2; ++sender) {
    world.start([stop, finished, connection = clients[static_cast<size_t>(sender)].connection] {
      for (int i = 0; i < 2000 && !stop->load(); ++i) connection->Send(FrameOf("busy")).IgnoreError();
      finished->fetch_add(1);
    });
  }
  lab.Wait([&] { return clients.back().journal->frame_count() > 20; }, "traffic flows");
  lab.Finish();
  stop->store(true);
  lab.Until([&] { return finished->load() == 2; });
  for (const TransportLab::Client& client : clients) {
    checks.True(absl::IsAborted(client.journal->status()) || absl::IsUnavailable(client.journal->status()),
                "what was open when its transport went was aborted");
    checks.True(absl::IsUnavailable(client.connection->Send(FrameOf("late"))), "Send fails after that");
  }
  listener->Close();
}

}  // namespace

void CheckTransportFaults(const TransportWorld& world, Checks& checks) {
  CheckBadStreams(world, checks);
  CheckHalfClose(world, checks);
  CheckDrain(world, checks);
  CheckDrainDeadline(world, checks);
  CheckEndInside(world, checks);
  CheckAddresses(world, checks);
  CheckLimits(world, checks);
  CheckUnfinished(world, checks);
  CheckTimeouts(world, checks);
  CheckDestruction(world, checks);
}

}  // namespace millrace::inline v0
