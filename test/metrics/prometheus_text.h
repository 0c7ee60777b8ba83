// A strict reader of Prometheus' text format 0.0.4: what it lets pass, Prometheus takes. For tests.

#ifndef MILLRACE_TEST_METRICS_PROMETHEUS_TEXT_H_
#define MILLRACE_TEST_METRICS_PROMETHEUS_TEXT_H_

#include <cctype>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::test {

class PrometheusText {
 public:
  using Labels = std::map<std::string, std::string>;
  struct Sample {
    std::string name;
    Labels labels;
    double value = 0;
  };
  // A metric with its HELP, TYPE and samples, which stand together.
  struct Family {
    std::string type;
    std::string help;
    std::vector<Sample> samples;
  };

  explicit PrometheusText(std::string_view text) {
    if (!text.empty() && text.back() != '\n') Fail("the last line has no end");
    while (!text.empty() && problem_.empty()) {
      const size_t end = text.find('\n');
      line_ = std::string(text.substr(0, end));
      text.remove_prefix(end + 1);
      line_.starts_with("#") ? Comment() : Data();
    }
    if (problem_.empty()) Finish();
  }

  // Empty: nothing is wrong.
  const std::string& problem() const { return problem_; }
  const std::map<std::string, Family>& families() const { return families_; }
  // Nullopt: there is no such sample.
  std::optional<double> Value(const std::string& name, const Labels& labels = {}) const {
    for (const auto& [family_name, family] : families_) {
      for (const Sample& sample : family.samples) {
        if (sample.name == name && sample.labels == labels) return sample.value;
      }
    }
    return std::nullopt;
  }

 private:
  void Fail(const std::string& what) {
    if (problem_.empty()) problem_ = what + ": " + line_;
  }

  static bool IsName(std::string_view name, bool label) {
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
    for (const char c : name) {
      const bool word = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
      if (!word && (label || c != ':')) return false;
    }
    return true;
  }

  void Comment() {
    const bool help = line_.starts_with("# HELP ");
    if (!help && !line_.starts_with("# TYPE ")) return Fail("neither HELP nor TYPE");
    const std::string rest = line_.substr(7);
    const size_t space = rest.find(' ');
    if (space == std::string::npos) return Fail("no text");
    const std::string name = rest.substr(0, space);
    if (!IsName(name, false)) return Fail("no name of a metric");
    if (name != current_) {
      Finish();
      if (!families_.emplace(name, Family{}).second) return Fail("a metric in two places");
      current_ = name;
    }
    Family& family = families_[name];
    if (!family.samples.empty()) return Fail("a comment after samples");
    std::string& field = help ? family.help : family.type;
    if (!field.empty()) return Fail("said twice");
    field = rest.substr(space + 1);
    static const std::set<std::string> kTypes = {"counter", "gauge", "histogram", "summary", "untyped"};
    if (!help && !kTypes.contains(field)) Fail("no type");
  }

  void Data() {
    size_t at = line_.find_first_of("{ ");
    if (at == std::string::npos) return Fail("no value");
    Sample sample{.name = line_.substr(0, at), .labels = {}, .value = 0};
    if (!IsName(sample.name, false)) return Fail("no name");
    if (line_[at] == '{' && !ReadLabels(&at, &sample.labels)) return Fail("bad labels");
    if (at >= line_.size() || line_[at] != ' ') return Fail("no space before the value");
    const std::string number = line_.substr(at + 1);
    char* end = nullptr;
    sample.value = std::strtod(number.c_str(), &end);
    if (number.empty() || std::isspace(static_cast<unsigned char>(number[0])) != 0 || *end != '\0')
      return Fail("no number");
    if (current_.empty() || !Belongs(sample.name)) return Fail("no HELP and TYPE before it");
    if (!seen_.insert({sample.name, sample.labels}).second) return Fail("the same series twice");
    families_[current_].samples.push_back(std::move(sample));
  }

  bool Take(size_t* at, char wanted) {
    if (*at >= line_.size() || line_[*at] != wanted) return false;
    ++*at;
    return true;
  }
  bool ReadLabels(size_t* at, Labels* labels) {
    for (++*at; *at < line_.size() && line_[*at] != '}';) {
      if (!labels->empty() && !Take(at, ',')) return false;
      const size_t equals = line_.find('=', *at);
      if (equals == std::string::npos) return false;
      const std::string name = line_.substr(*at, equals - *at);
      *at = equals + 1;
      if (!IsName(name, true) || !Take(at, '"')) return false;
      std::string value;
      for (; *at < line_.size() && line_[*at] != '"'; ++*at) {
        if (line_[*at] != '\\') {
          value += line_[*at];
          continue;
        }
        if (++*at >= line_.size()) return false;
        const char escaped = line_[*at];
        if (escaped != '\\' && escaped != '"' && escaped != 'n') return false;
        value += escaped == 'n' ? '\n' : escaped;
      }
      if (*at >= line_.size() || !labels->emplace(name, value).second) return false;
      ++*at;
    }
    return (*at)++ < line_.size();
  }

  bool Belongs(const std::string& name) const {
    const Family& family = families_.at(current_);
    if (family.help.empty() || family.type.empty()) return false;
    if (family.type != "histogram") return name == current_;
    return name == current_ + "_bucket" || name == current_ + "_sum" || name == current_ + "_count";
  }

  // Checks what the current family has come to.
  void Finish() {
    if (current_.empty()) return;
    const Family& family = families_[current_];
    line_ = current_;
    if (family.samples.empty()) return Fail("a metric without samples");
    if (family.type == "counter" && !current_.ends_with("_total")) return Fail("a counter without _total");
    for (const Sample& sample : family.samples) {
      if (family.type == "counter" && sample.value < 0) return Fail("a counter below zero");
    }
    if (family.type != "histogram") return;
    struct Histogram {
      double last_bound = -1;
      double below = 0;
      std::optional<double> infinite, count;
      bool has_sum = false;
    };
    std::map<Labels, Histogram> histograms;
    for (const Sample& sample : family.samples) {
      Labels labels = sample.labels;
      const std::string bound = labels["le"];
      labels.erase("le");
      Histogram& histogram = histograms[labels];
      if (sample.name.ends_with("_sum")) histogram.has_sum = true;
      if (sample.name.ends_with("_count")) histogram.count = sample.value;
      if (!sample.name.ends_with("_bucket")) continue;
      if (histogram.infinite.has_value()) return Fail("a bucket after the last");
      if (bound == "+Inf") histogram.infinite = sample.value;
      if (bound != "+Inf" && std::atof(bound.c_str()) <= histogram.last_bound)
        return Fail("bounds that fall");
      if (sample.value < histogram.below) return Fail("buckets that fall");
      histogram.last_bound = std::atof(bound.c_str());
      histogram.below = sample.value;
    }
    for (const auto& [labels, histogram] : histograms) {
      if (!histogram.has_sum || !histogram.count.has_value() || histogram.infinite != histogram.count)
        return Fail("a histogram without sum, count or last bucket");
    }
  }

  std::string problem_;
  std::string line_;
  std::string current_;
  std::map<std::string, Family> families_;
  std::set<std::pair<std::string, Labels>> seen_;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_METRICS_PROMETHEUS_TEXT_H_
