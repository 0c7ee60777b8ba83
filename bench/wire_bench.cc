// What a broker costs its machine: processor time for each GiB in and out, and how soon a fetch that waits is
// answered. Brokers and floors are processes of their own; the client is bare sockets.
//
//   Wire/produce/BYTES   batches of BYTES to one partition of a directory, four requests under way. The floor
//                        reads the same requests, writes them to a file with write(2), and answers
//   Wire/fetch           1 MiB a request, of 64 KiB batches that are in the page cache. The floors answer as
//                        many bytes from the same file, with sendfile, or with writev out of a mapping
//   Wire/wake/...        a fetch waits at the end of a partition; a record is produced on another connection.
//                        From before that is sent until the fetch's answer is read; the floor is a bare echo
//
// `cpu_ms_per_gib`: processor time of the broker, the system's for it included. `vs_floor`: ours by the
// floor's, in the same run, in turns; of the two floors of Wire/fetch the cheaper one.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bare_client.h"
#include "bare_socket.h"
#include "bench_util.h"
#include "child_process.h"
#include "millrace/record.h"
#include "millrace/wire/messages/fetch.h"
#include "millrace/wire/messages/produce.h"
#include "served_broker.h"

namespace millrace_bench {
namespace {

using namespace millrace;  // NOLINT

constexpr double kGib = 1 << 30;
constexpr size_t kMib = 1 << 20;
// Of what a floor answers: about what a broker says around the bytes.
constexpr size_t kAnswerBytes = 64;

// Sends `count` times the same frame, with four of them under way, and reads the answers.
template <typename ReceiveOne>
void Pour(BareClient& client, const std::vector<char>& frame, int64_t count, ReceiveOne receive) {
  constexpr int64_t kUnderWay = 4;
  for (int64_t i = 0; i < count + kUnderWay; ++i) {
    if (i >= kUnderWay) receive(client);
    if (i < count) client.Send(frame);
  }
}

// --- Floors: bare blocking processes that serve one connection after the other

constexpr char kFloor[] = "--floor";

// Requests are frames; of `how` they are answered.
void ServeWrite(int fd, int file) {
  std::vector<char> frame;
  char length[4];
  char answer[kAnswerBytes + 4] = {};
  StoreLength(answer, kAnswerBytes);
  while (ReadAll(fd, length, 4)) {
    const size_t size = LoadLength(length);
    if (frame.size() < size) frame.resize(size);
    if (!ReadAll(fd, frame.data(), size) || !WriteAll(file, frame.data(), size)) return;
    if (!WriteAll(fd, answer, sizeof answer)) return;
  }
}
// A request of a floor that fetches: 8 bytes, where to read 1 MiB.
void ServeSendfile(int fd, int file) {
  off_t at = 0;
  char answer[kAnswerBytes + 4] = {};
  StoreLength(answer, kAnswerBytes + kMib);
  while (ReadAll(fd, reinterpret_cast<char*>(&at), sizeof at)) {
    if (send(fd, answer, sizeof answer, MSG_MORE) != static_cast<ssize_t>(sizeof answer)) return;
    for (size_t left = kMib; left > 0;) {
      const ssize_t count = sendfile(fd, file, &at, left);
      if (count <= 0) return;
      left -= static_cast<size_t>(count);
    }
  }
}
void ServeMapped(int fd, int file) {
  struct ::stat status = {};
  Require(fstat(file, &status) == 0, "the size of the file");
  const auto size = static_cast<size_t>(status.st_size);
  void* const mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
  Require(mapped != MAP_FAILED, "mapping the file");
  off_t at = 0;
  char answer[kAnswerBytes + 4] = {};
  StoreLength(answer, kAnswerBytes + kMib);
  while (ReadAll(fd, reinterpret_cast<char*>(&at), sizeof at)) {
    // A blocking writev ends when all is written.
    const ::iovec parts[] = {{answer, sizeof answer}, {static_cast<char*>(mapped) + at, kMib}};
    if (writev(fd, parts, 2) != static_cast<ssize_t>(sizeof answer + kMib)) break;
  }
  munmap(mapped, size);
}
void ServeEcho(int fd, int) {
  std::vector<char> frame;
  char length[4];
  while (ReadAll(fd, length, 4)) {
    frame.resize(4 + LoadLength(length));
    std::copy_n(length, 4, frame.data());
    if (!ReadAll(fd, frame.data() + 4, frame.size() - 4) || !WriteAll(fd, frame.data(), frame.size())) return;
  }
}

int ServeFloor(std::string_view how, const char* path) {
  const int file = open(path, how == "write" ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0600);
  Require(file >= 0, "opening the floor's file");
  const auto serve = how == "write"      ? ServeWrite
                     : how == "sendfile" ? ServeSendfile
                     : how == "mapped"   ? ServeMapped
                                         : ServeEcho;
  const BareServer server([=](int fd) { serve(fd, file); });
  return TellAndServe("127.0.0.1:" + std::to_string(server.port()));
}

// --- Produce

void Produce(benchmark::State& state) {
  const auto batch = static_cast<size_t>(state.range(0));
  const std::vector<char> frame = ProduceFrame(batch, 1000);
  const int64_t count = static_cast<int64_t>((batch < kMib ? kMib * 256 : kMib * 1024) / frame.size());
  const double gib = static_cast<double>(count) * static_cast<double>(frame.size()) / kGib;
  for (auto _ : state) {
    const Directory directory;
    const auto bytes = static_cast<size_t>(count) * frame.size();
    double floor = 0;
    WarmPageCache(directory.path(), bytes);
    {
      const ChildProcess bare({kFloor, "write", directory.path() + "/floor"});
      BareClient client(bare.told());
      const double before = bare.ProcessorNanos();
      Pour(client, frame, count, [](BareClient& from) { from.Receive(); });
      floor = bare.ProcessorNanos() - before;
    }
    std::filesystem::remove(directory.path() + "/floor");
    WarmPageCache(directory.path(), bytes);
    const ChildProcess broker({kServeBroker, directory.path() + "/engine", std::string(kTopic) + ":1"});
    BareClient client(broker.told());
    Pour(client, frame, 1, CheckProduced);
    const double before = broker.ProcessorNanos();
    const int64_t start = NowNanos();
    Pour(client, frame, count, CheckProduced);
    state.SetIterationTime(static_cast<double>(NowNanos() - start) * 1e-9);
    const double ours = broker.ProcessorNanos() - before;
    state.counters["GiB_per_s"] = gib / (static_cast<double>(NowNanos() - start) * 1e-9);
    state.counters["cpu_ms_per_gib"] = ours / gib / 1e6;
    state.counters["floor_cpu_ms_per_gib"] = floor / gib / 1e6;
    state.counters["vs_floor"] = ours / floor;
  }
}
BENCHMARK(Produce)->Name("Wire/produce")->Arg(16 << 10)->Arg(1 << 20)->Apply(Standard);

// --- Fetch

constexpr int64_t kFetchedMib = 256;
constexpr int kFetchTurns = 4;

// Reads the partition from its start to `end`. Returns the bytes of records.
int64_t Download(BareClient& client, int64_t end) {
  int64_t bytes = 0;
  for (int64_t offset = 0; offset < end;) {
    client.Send(FetchFrame(offset, kMib, 500));
    const auto answer = client.ReceiveAs<wire::FetchResponse>(kFetchVersion);
    const auto& partition = answer.responses.at(0).partitions.at(0);
    Require(partition.error_code == 0 && !partition.records->empty(), "fetching");
    std::span<const std::byte> left = *partition.records;
    bytes += static_cast<int64_t>(left.size());
    while (!left.empty()) {
      const BatchView view = Value(BatchView::Parse(left), "a batch");
      offset = view.last_offset().value() + 1;
      left = left.subspan(view.bytes().size());
    }
  }
  return bytes;
}

// Processor time for a GiB, of a floor that sends the file's first `kFetchedMib`.
double FloorFetch(const ChildProcess& floor) {
  const int fd = Connected(PortOf(floor.told()));
  std::vector<char> buffer(4 + kAnswerBytes + kMib);
  const auto once = [&] {
    for (int64_t i = 0; i < kFetchedMib; ++i) {
      const int64_t at = i * static_cast<int64_t>(kMib);
      Require(WriteAll(fd, reinterpret_cast<const char*>(&at), sizeof at) &&
                  ReadAll(fd, buffer.data(), buffer.size()),
              "a floor's answer");
    }
  };
  once();
  const double before = floor.ProcessorNanos();
  for (int i = 0; i < kFetchTurns; ++i) once();
  const double used = floor.ProcessorNanos() - before;
  close(fd);
  return used / (kFetchTurns * kFetchedMib / 1024.0);
}

void Fetch(benchmark::State& state) {
  const std::vector<char> frame = ProduceFrame(64 << 10, 1000);
  const Directory directory;
  const ChildProcess broker({kServeBroker, directory.path(), std::string(kTopic) + ":1"});
  BareClient client(broker.told());
  const int64_t frames =
      kFetchedMib * static_cast<int64_t>(kMib) / static_cast<int64_t>(frame.size() - 100) + 1;
  Pour(client, frame, frames, CheckProduced);
  client.Send(FetchFrame(0, 1, 0));
  const int64_t end =
      client.ReceiveAs<wire::FetchResponse>(kFetchVersion).responses.at(0).partitions.at(0).high_watermark;
  const std::string file = directory.path() + "/" + kTopic + "-0/00000000000000000000.log";
  Download(client, end);
  for (auto _ : state) {
    // Each serves one connection.
    const ChildProcess sendfile({kFloor, "sendfile", file});
    const ChildProcess mapped({kFloor, "mapped", file});
    const double from_sendfile = FloorFetch(sendfile);
    const double from_mapped = FloorFetch(mapped);
    const double before = broker.ProcessorNanos();
    const int64_t start = NowNanos();
    int64_t bytes = 0;
    for (int i = 0; i < kFetchTurns; ++i) bytes += Download(client, end);
    const double seconds = static_cast<double>(NowNanos() - start) * 1e-9;
    const double gib = static_cast<double>(bytes) / kGib;
    const double ours = (broker.ProcessorNanos() - before) / gib;
    state.SetIterationTime(seconds);
    state.counters["GiB_per_s"] = gib / seconds;
    state.counters["cpu_ms_per_gib"] = ours / 1e6;
    state.counters["sendfile_cpu_ms_per_gib"] = from_sendfile / 1e6;
    state.counters["mapped_cpu_ms_per_gib"] = from_mapped / 1e6;
    state.counters["vs_floor"] = ours / std::min(from_sendfile, from_mapped);
  }
}
BENCHMARK(Fetch)->Name("Wire/fetch")->Apply(Standard);

// --- Wake

// Long enough that what waits sleeps.
void Pause() {
  usleep(200);
}

void BareRoundTrips(BareClient& client, const std::vector<char>& frame, int rounds, Samples& samples) {
  for (int i = 0; i < rounds; ++i) {
    Pause();
    const int64_t start = NowNanos();
    client.Send(frame);
    client.Receive();
    samples.Add(NowNanos() - start);
  }
}

// `end`: of the partition; moves on.
void WakeUps(BareClient& reader, BareClient& writer, const std::vector<char>& frame, int rounds, int64_t& end,
             Samples& samples) {
  for (int i = 0; i < rounds; ++i, ++end) {
    reader.Send(FetchFrame(end, kMib, 10'000));
    Pause();
    const int64_t start = NowNanos();
    writer.Send(frame);
    const auto answer = reader.ReceiveAs<wire::FetchResponse>(kFetchVersion);
    samples.Add(NowNanos() - start);
    Require(!answer.responses.at(0).partitions.at(0).records->empty(), "a record");
    CheckProduced(writer);
  }
}

// `server_cpu`: of brokers and floors; the client is on 0. Null: wherever the system puts them.
void Wake(benchmark::State& state, std::optional<unsigned> server_cpu) {
  constexpr int kTurns = 10;
  constexpr int kRounds = 200;
  const std::vector<char> frame = ProduceFrame(0, 100);
  ::cpu_set_t all;
  sched_getaffinity(0, sizeof all, &all);
  for (auto _ : state) {
    const Directory directory;
    const ChildProcess bare({kFloor, "echo", "/dev/null"}, server_cpu);
    const ChildProcess broker({kServeBroker, directory.path(), std::string(kTopic) + ":1"}, server_cpu);
    if (server_cpu.has_value()) PinTo(0);
    BareClient echo(bare.told());
    BareClient reader(broker.told());
    BareClient writer(broker.told());
    Samples ours, floor;
    int64_t end = 0;
    const int64_t start = NowNanos();
    for (int turn = 0; turn < kTurns; ++turn) {
      BareRoundTrips(echo, frame, kRounds, floor);
      WakeUps(reader, writer, frame, kRounds, end, ours);
    }
    state.SetIterationTime(static_cast<double>(NowNanos() - start) * 1e-9);
    state.counters["p50_us"] = ours.At(0.5) / 1000;
    state.counters["p99_us"] = ours.At(0.99) / 1000;
    state.counters["floor_p50_us"] = floor.At(0.5) / 1000;
    state.counters["floor_p99_us"] = floor.At(0.99) / 1000;
    state.counters["vs_floor"] = ours.At(0.5) / floor.At(0.5);
  }
  sched_setaffinity(0, sizeof all, &all);
}

void WakeOneCore(benchmark::State& state) {
  Wake(state, 0);
}
void WakeTwoCores(benchmark::State& state) {
  Wake(state, 1);
}
void WakeAnywhere(benchmark::State& state) {
  Wake(state, std::nullopt);
}
BENCHMARK(WakeOneCore)->Name("Wire/wake/one_core")->Apply(Standard);
BENCHMARK(WakeTwoCores)->Name("Wire/wake/two_cores")->Apply(Standard);
BENCHMARK(WakeAnywhere)->Name("Wire/wake/anywhere")->Apply(Standard);

}  // namespace
}  // namespace millrace_bench

int main(int argc, char** argv) {
  using namespace millrace_bench;  // NOLINT
  if (const int served = ServeBrokerIfAsked(argc, argv); served >= 0) return served;
  if (argc == 4 && std::string_view(argv[1]) == kFloor) return ServeFloor(argv[2], argv[3]);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
