// The house rules, tried on planted mistakes and then on every file of the tree. Rules are in tidy/rules.h.

#include <catch2/catch.hpp>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tidy/rules.h"

namespace millrace::tidy {
namespace {

std::string Text(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += finding.path + ":" + std::to_string(finding.line) + ": " + finding.what + "\n";
  }
  return text;
}

const std::vector<SourceFile>& Tree() {
  static const std::vector<SourceFile> tree = ReadTree(MILLRACE_SOURCE_DIRECTORY);
  return tree;
}

std::string InTree(Rule rule) {
  std::string text;
  for (const SourceFile& file : Tree()) text += Text(rule(file));
  return text;
}

size_t Count(Rule rule, std::string path, std::string text) {
  return rule({std::move(path), std::move(text)}).size();
}

size_t Includes(std::string path, const std::string& what) {
  return Count(CheckIncludes, std::move(path), "#include " + what + "\n");
}

size_t Calls(std::string path, std::string text) {
  return Count(CheckBannedCalls, std::move(path), std::move(text));
}

std::string Repeated(size_t times, std::string_view line) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += line;
  return text;
}

TEST_CASE("the tidy test sees the tree") {
  std::set<std::string> paths;
  for (const SourceFile& file : Tree()) paths.insert(file.path);
  for (const char* path :
       {"CMakeLists.txt", "include/millrace/engine.h", "include/millrace/env/env.h", "lib/base/status.cc",
        "test/tidy_test.cc", "test/run.sh", "cmake/MillraceRoom.cmake", ".ci/run"}) {
    INFO(path);
    CHECK(paths.count(path) == 1);
  }
  CHECK(paths.size() > 200);
}

TEST_CASE("comments and literals are no code") {
  CHECK(CodeAlone("a; // open(x)\nb;") == "a;           \nb;");
  CHECK(CodeAlone("/* x\ny */ c") == "    \n     c");
  CHECK(CodeAlone("f(\"open(\\\" //\"); g") == "f(\"          \"); g");
  CHECK(CodeAlone("R\"(a\" // b)\" c") == "R\"         \" c");
  CHECK(CodeAlone("1'000'000 + '\"' + x") == "1'000'000 + ' ' + x");
}

TEST_CASE("rooms include downwards") {
  CHECK(Includes("lib/log/a.cc", "\"record/format.h\"") == 0);
  CHECK(Includes("lib/log/a.cc", "\"millrace/log/log.h\"") == 0);
  CHECK(Includes("lib/log/a.cc", "\"absl/status/status.h\"") == 0);
  CHECK(Includes("lib/log/a.cc", "<vector>") == 0);
  CHECK(Includes("lib/wire/a.cc", "\"record/format.h\"") == 0);
  CHECK(Includes("lib/testing/a.cc", "\"env/task_queue.h\"") == 0);
  CHECK(Includes("lib/testing/a.cc", "\"transport/memory_transport.h\"") == 0);
  CHECK(Includes("include/millrace/testing/a.h", "\"millrace/transport.h\"") == 0);
  CHECK(Includes("lib/transport/a.cc", "\"millrace/env/env.h\"") == 0);
  CHECK(Includes("test/log/a.cc", "\"engine/engine_impl.h\"") == 0);
  CHECK(Includes("bench/a.cc", "\"engine/engine_impl.h\"") == 0);

  CHECK(Includes("lib/log/a.cc", "\"engine/engine_impl.h\"") == 1);
  CHECK(Includes("lib/log/a.cc", "\"partition/partition.h\"") == 1);
  CHECK(Includes("lib/record/a.cc", "\"wire/x.h\"") == 1);
  CHECK(Includes("lib/base/a.h", "\"env/task_queue.h\"") == 1);
  CHECK(Includes("lib/env/a.h", "\"metrics/x.h\"") == 1);
  CHECK(Includes("lib/partition/a.h", "\"coordinator/group.h\"") == 1);
  CHECK(Includes("lib/base/a.cc", "\"millrace/engine.h\"") == 1);
  CHECK(Includes("lib/record/a.cc", "\"millrace/log/log.h\"") == 1);
  CHECK(Includes("lib/engine/a.cc", "\"testing/sim_disk.h\"") == 1);
  CHECK(Includes("lib/engine/a.cc", "\"millrace/testing/sim_env.h\"") == 1);
  CHECK(Includes("lib/testing/a.cc", "\"log/log_files.h\"") == 1);
  CHECK(Includes("lib/testing/a.cc", "\"metrics/x.h\"") == 1);
  CHECK(Includes("lib/transport/a.cc", "\"log/log_files.h\"") == 1);
  CHECK(Includes("lib/transport/a.cc", "\"testing/sim_disk.h\"") == 1);
  CHECK(Includes("lib/log/a.cc", "\"sibling.h\"") == 1);
  CHECK(Includes("lib/log/a.cc", "\"attic/x.h\"") == 1);
  CHECK(Includes("lib/attic/a.cc", "\"base/check.h\"") == 1);
  CHECK(Includes("lib/log/a.cc", "<millrace/engine.h>") == 1);
  CHECK(Count(CheckIncludes, "lib/log/a.cc", "  #  include \"engine/x.h\"\n") == 1);
}

TEST_CASE("public headers include public headers alone") {
  CHECK(Includes("include/millrace/engine.h", "\"millrace/admin.h\"") == 0);
  CHECK(Includes("include/millrace/engine.h", "<string>") == 0);
  CHECK(Includes("include/millrace/engine.h", "\"engine/engine_impl.h\"") == 1);
  CHECK(Includes("include/millrace/engine.h", "\"base/check.h\"") == 1);
  CHECK(Includes("include/millrace/engine.h", "<lz4frame.h>") == 1);
  CHECK(Includes("include/millrace/engine.h", "<sys/mman.h>") == 1);
  CHECK(Includes("include/millrace/types.h", "\"millrace/engine.h\"") == 1);
  CHECK(Includes("include/millrace/env/env.h", "\"millrace/log/log.h\"") == 1);
}

TEST_CASE("files stay short") {
  for (const char* path : {"lib/a.cc", "lib/a.h", "test/a.py", "test/a.sh", "cmake/a.cmake"}) {
    INFO(path);
    CHECK(Count(CheckFileSize, path, Repeated(599, "x\n")) == 0);
    CHECK(Count(CheckFileSize, path, Repeated(600, "x\n")) == 1);
  }
  CHECK(Count(CheckFileSize, "README.md", Repeated(900, "x\n")) == 0);
}

TEST_CASE("headers have the guard of their path") {
  const auto header = [](const std::string& guard) {
    return "// A comment.\n\n#ifndef " + guard + "\n#define " + guard + "\n\nint x;\n\n#endif  // " + guard +
           "\n";
  };
  CHECK(Count(CheckGuard, "lib/base/a_b.h", header("MILLRACE_BASE_A_B_H_")) == 0);
  CHECK(Count(CheckGuard, "include/millrace/env/a.h", header("MILLRACE_ENV_A_H_")) == 0);
  CHECK(Count(CheckGuard, "test/log/a.h", header("MILLRACE_TEST_LOG_A_H_")) == 0);
  CHECK(Count(CheckGuard, "lib/base/a.h", header("MILLRACE_LIB_BASE_A_H_")) == 1);
  CHECK(Count(CheckGuard, "lib/base/a.h", "#pragma once\nint x;\n") == 1);
  CHECK(Count(CheckGuard, "lib/base/a.h", "int x;\n" + header("MILLRACE_BASE_A_H_")) == 1);
  CHECK(Count(CheckGuard, "lib/base/a.h", header("MILLRACE_BASE_A_H_") + "int y;\n") == 1);
  CHECK(Count(CheckGuard, "lib/base/a.cc", "int x;\n") == 0);
}

TEST_CASE("the system is reached through Env alone") {
  for (const char* bad :
       {"std::thread t;", "std::jthread t;", "auto id = std::this_thread::get_id();", "sleep(1);",
        "::usleep(1);", "std::this_thread::sleep_for(x);", "auto t = std::chrono::steady_clock::now();",
        "absl::Now();", "int fd = open(path, 0);", "::open (path, 0);",
        "void* p = ::mmap(nullptr, 1, 0, 0, 0, 0);", "std::ofstream out;", "std::filesystem::path p;",
        "rand();", "std::rand();", "fopen(a, b);"}) {
    INFO(bad);
    CHECK(Calls("lib/log/a.cc", bad) >= 1);
    CHECK(Calls("lib/env/task_queue.cc", bad) >= 1);
    CHECK(Calls("lib/env/posix_file.cc", bad) == 0);
    CHECK(Calls("lib/env/memory_file.cc", bad) == 0);
    CHECK(Calls("test/log/a.cc", bad) == 0);
    CHECK(Calls("bench/a.cc", bad) == 0);
  }
  for (const char* bad :
       {"int s = socket(1, 2, 3);", "std::cout << 1;", "std::cerr << 1;", "printf(\"x\");",
        "std::fprintf(stderr, \"x\");", "absl::Mutex m;", "absl::MutexLock l(&m);", "signal(1, f);"}) {
    INFO(bad);
    CHECK(Calls("lib/log/a.cc", bad) >= 1);
    CHECK(Calls("lib/env/posix_file.cc", bad) >= 1);
  }
  for (const char* bad : {"int s = socket(1, 2, 3);", "::accept4(s, a, l, f);", "::sendmsg(s, m, 0);",
                          "::getaddrinfo(a, b, c, d);"}) {
    INFO(bad);
    CHECK(Calls("lib/transport/tcp_socket.cc", bad) == 0);
    CHECK(Calls("lib/transport/memory_transport.cc", bad) == 1);
    CHECK(Calls("lib/env/posix_file.cc", bad) == 1);
  }
  CHECK(Calls("lib/transport/tcp_loop.cc", "std::thread t;") == 1);
  for (const char* good :
       {"// open(x), std::thread and printf(x)", "Log(\"open( failed: std::cerr\");", "is_open(x);",
        "reopen(x);", "file.open(x);", "file->open(x);", "bool open = true;", "snprintf(a, b, c);",
        "clock.now();", "Sleep(1);", "FileSystem::open(x);", "std::threading x;", "/* mmap(x)\n sleep(1) */",
        "Mutex m;"}) {
    INFO(good);
    CHECK(Calls("lib/log/a.cc", good) == 0);
  }
}

TEST_CASE("public headers use the standard view types") {
  for (const char* bad :
       {"absl::string_view s;", "absl::optional<int> o;", "absl::variant<int> v;", "absl::Span<int> s;"}) {
    INFO(bad);
    CHECK(Calls("include/millrace/a.h", bad) == 1);
    CHECK(Calls("lib/base/strings.h", bad) == 0);
  }
  CHECK(Calls("include/millrace/a.h", "std::string_view s; absl::Status t;") == 0);
  CHECK(Calls("include/millrace/a.h", "std::thread t;") == 1);
}

TEST_CASE("functions stay short") {
  const auto function = [](const std::string& head, size_t lines) {
    return head + " {\n" + Repeated(lines - 2, "  x();\n") + "}\n";
  };
  const auto count = [](const std::string& text) { return Count(CheckFunctionLength, "lib/a.cc", text); };
  for (const char* head :
       {"void F()", "absl::Status A::B(int x) const", "auto f = [&](int y)", "struct X F(int a)",
        "template <class T>\nvoid F(T t)", "F::F() : a_(1)", "TEST_CASE(\"x\")"}) {
    INFO(head);
    const size_t newlines = static_cast<size_t>(std::count(head, head + std::string_view(head).size(), '\n'));
    CHECK(count(function(head, 70 - newlines)) == 0);
    CHECK(count(function(head, 71 - newlines)) == 1);
    CHECK(count("namespace x {\nclass Y {\n" + function(head, 71) + "};\n}\n") == 1);
  }
  for (const char* head :
       {"namespace x", "class X final : public Y", "struct X", "class __attribute__((x)) X",
        "enum class E : int", "constexpr int kTable[] =", "extern \"C\""}) {
    INFO(head);
    CHECK(count(function(head, 200)) == 0);
  }
  CHECK(count(function("void F()", 40) + function("void G()", 40)) == 0);
  CHECK(count("void F() {\n" + Repeated(60, "// }\n") + "}\n") == 0);
  CHECK(count("void F() {\n" + Repeated(80, "if (x) { y(); }\n") + "}\n") == 1);
}

TEST_CASE("nothing is put off, and no machine is named") {
  const auto count = [](const std::string& text) { return Count(CheckLeftovers, "lib/README.md", text); };
  CHECK(count(std::string("// TO") + "DO: later\n") == 1);
  CHECK(count(std::string("x  # FIX") + "ME\n") == 1);
  CHECK(count(std::string("cd /wo") + "rk/main\n") == 1);
  CHECK(count(std::string("cd /tmp/") + "wt\n") == 1);
  CHECK(count(std::string("see /ro") + "ot/x\n") == 1);
  CHECK(count("mastodons and /rooted /workers; a/root\n") == 0);
}

TEST_CASE("a range-for walks through what somebody holds") {
  const auto count = [](std::string text) { return Count(CheckRangeFor, "lib/log/a.cc", std::move(text)); };
  CHECK(count("for (const T& x : Fetch()->list) {}") == 1);
  CHECK(count("for (const T& x :\n     world.Fetch(a, F(b))->list) Use(x);") == 1);
  CHECK(count("for (T x : *Fetch()) {}") == 1);
  CHECK(count("for (T x : Fetch(1).value()) {}") == 1);
  CHECK(count("for (std::size_t i : a.Fetch()->list()) {}") == 1);
  CHECK(count("for (T x : fetched->list) {}") == 0);
  CHECK(count("for (T x : (*registry)->All()) {}") == 0);
  CHECK(count("for (T x : *fetched) {}") == 0);
  CHECK(count("for (T x : *std::move(fetched)) {}") == 0);
  CHECK(count("for (T x : group().members) {}") == 0);
  CHECK(count("for (auto i = F()->begin(); i != end; ++i) {}") == 0);
  CHECK(count("for (auto i = a ? b : F()->begin(); i != end; ++i) {}") == 0);
}

// Tests that no CMakeLists.txt names, neither by their file nor in a list of them.
std::set<std::string> NotBuilt(const std::vector<SourceFile>& files) {
  std::string lists;
  for (const SourceFile& file : files) {
    if (file.path.ends_with("CMakeLists.txt")) lists += file.text;
  }
  std::set<std::string> missing;
  for (const SourceFile& file : files) {
    if (!file.path.starts_with("test/") || !file.path.ends_with("_test.cc")) continue;
    const std::string name = file.path.substr(file.path.rfind('/') + 1);
    if (lists.find(name.substr(0, name.size() - 3)) == std::string::npos) missing.insert(file.path);
  }
  return missing;
}

TEST_CASE("every test is built") {
  CHECK(
      NotBuilt({{"CMakeLists.txt", "a(one_test.cc)"}, {"test/one_test.cc", ""}, {"test/two_test.cc", ""}}) ==
      std::set<std::string>{"test/two_test.cc"});
  CHECK(NotBuilt(Tree()) == std::set<std::string>{});
}

TEST_CASE("the tree keeps the house rules") {
  CHECK(InTree(CheckIncludes) == "");
  CHECK(InTree(CheckFileSize) == "");
  CHECK(InTree(CheckGuard) == "");
  CHECK(InTree(CheckBannedCalls) == "");
  CHECK(InTree(CheckFunctionLength) == "");
  CHECK(InTree(CheckLeftovers) == "");
  CHECK(InTree(CheckRangeFor) == "");
}

TEST_CASE("no private header has the path of a public one") {
  std::set<std::string> names;
  for (const SourceFile& file : Tree()) {
    if (!file.path.ends_with(".h")) continue;
    for (const std::string_view prefix : {"include/millrace/", "lib/"}) {
      if (file.path.starts_with(prefix)) {
        INFO(file.path);
        CHECK(names.insert(file.path.substr(prefix.size())).second);
      }
    }
  }
}

TEST_CASE("no two headers of the library define one type") {
  const auto types = [](const std::string& text) {
    return TypesDefinedIn({.path = "lib/a/a.h", .text = text});
  };
  CHECK(types("class A {\nstruct MILLRACE_EXPORT B final : C {\nenum class D : int { kX };\nstruct E{};\n") ==
        std::vector<std::string>{"A", "B", "D", "E"});
  CHECK(
      types("class A;\nclass A::B {\nstruct Hash<A> {\n  struct Nested {\n// class C {\nint x{};\n").empty());

  CHECK(types("namespace millrace::inline v0::wire {\nstruct A {\n}\nnamespace millrace::inline v0 {\nstruct "
              "A {\n") == std::vector<std::string>{"wire::A", "A"});

  std::map<std::string, std::string> homes;
  std::string doubles;
  for (const SourceFile& file : Tree()) {
    if (!file.path.ends_with(".h") || !(file.path.starts_with("lib/") || file.path.starts_with("include/")))
      continue;
    for (const std::string& type : TypesDefinedIn(file)) {
      const auto [at, is_new] = homes.emplace(type, file.path);
      if (!is_new) doubles += type + ": " + at->second + " and " + file.path + "\n";
    }
  }
  CHECK(doubles == "");
  CHECK(homes.size() > 100);
}

}  // namespace
}  // namespace millrace::tidy
