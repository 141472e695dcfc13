#include "storage/measured_config.h"

#include <cassert>
#include <cstring>
#include <map>
#include <utility>

#include "storage/error.h"
#include "sweep/config.h"
#include "sweep/varint.h"

namespace medley::storage {
namespace {

using sweep::ActorHits;
using sweep::ConfigReport;
using sweep::RunScore;

/// Both ends name every member in the same order; each looks at what is its own to do: write or read.
class Out {
 public:
  void operator()(const double& value) {
    const std::size_t size = bytes.size();
    bytes.resize(size + sizeof value);
    std::memcpy(&bytes[size], &value, sizeof value);
  }
  void operator()(const int& value) { varint(static_cast<std::uint32_t>(value)); }
  void operator()(const std::uint64_t& value) { varint(value); }
  void operator()(const std::string& value) {
    varint(value.size());
    bytes.insert(bytes.end(), value.begin(), value.end());
  }
  void operator()(const sweep::HeadFusion& value) { varint(static_cast<std::uint64_t>(value)); }
  /// A number of clips.
  void count(const double& value) {
    assert(value >= 0 && value == static_cast<double>(static_cast<std::uint64_t>(value)));
    varint(static_cast<std::uint64_t>(value));
  }
  template <class Key>
  void map(const std::map<Key, int>& counts) {
    varint(counts.size());
    for (const auto& [key, value] : counts) (*this)(key), (*this)(value);
  }
  template <class T, class Each>
  void list(const std::vector<T>& values, const Each& each) {
    varint(values.size());
    for (const T& value : values) each(value);
  }

  std::vector<std::uint8_t> bytes;

 private:
  void varint(std::uint64_t value) { sweep::put_varint(bytes, value); }
};

class In {
 public:
  explicit In(Blob bytes) : at_(static_cast<const std::uint8_t*>(bytes.data)), end_(at_ + bytes.size) {}

  void operator()(double& value) { std::memcpy(&value, take(sizeof value), sizeof value); }
  void operator()(int& value) { value = static_cast<int>(static_cast<std::uint32_t>(varint())); }
  void operator()(std::uint64_t& value) { value = varint(); }
  void operator()(std::string& value) {
    const std::size_t size = varint();
    value.assign(reinterpret_cast<const char*>(take(size)), size);
  }
  void operator()(sweep::HeadFusion& value) { value = static_cast<sweep::HeadFusion>(varint()); }
  void count(double& value) { value = static_cast<double>(varint()); }
  template <class Key>
  void map(std::map<Key, int>& counts) {
    for (std::size_t left = varint(); left > 0; --left) {
      Key key{};
      (*this)(key);
      (*this)(counts[key]);
    }
  }
  template <class T, class Each>
  void list(std::vector<T>& values, const Each& each) {
    const std::size_t size = varint();
    need(size);  // each has a byte at least
    values.resize(size);
    for (T& value : values) each(value);
  }
  bool at_end() const { return at_ == end_; }

 private:
  void need(std::size_t size) const {
    if (size > static_cast<std::size_t>(end_ - at_)) throw Error("measured_config.numbers is cut off");
  }
  const std::uint8_t* take(std::size_t size) {
    need(size);
    return std::exchange(at_, at_ + size);
  }
  std::uint64_t varint() {
    const auto value = sweep::take_varint(at_, end_);
    if (!value) throw Error("measured_config.numbers is cut off");
    return *value;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

/// Out and a const config, or In and another.
template <class End, class Config>
void each_number(End& end, Config& config) {
  const auto spread = [&](auto& one) { end(one.count), end(one.mean), end(one.sd); };
  const auto accuracy = [&](auto& one) { end(one.presence), end(one.salience); };
  const auto interval = [&](auto& one) { end(one.low), end(one.high); };
  end(config.done), end(config.diverged);
  end.map(config.arithmetics);
  spread(config.paper_presence), spread(config.paper_salience), spread(config.paper_score);
  end(config.pooled_seeds);
  accuracy(config.pooled);
  end(config.held_out_seeds);
  accuracy(config.held_out);
  end(config.held_out_score_sd);
  interval(config.paper_interval), interval(config.held_out_interval);
  end(config.mean_seconds), end(config.threshold_choices), end(config.edge_choices);
  end.map(config.head_fusions);
  end(config.no_held_out);
  end.list(config.runs, [&](auto& run) {
    end(run.seed), end(run.fold), end(run.paper), end(run.held_out);
    end.list(run.actors, [&](auto& hits) {
      end(hits.actor);
      end.count(hits.presence), end.count(hits.salience), end.count(hits.clips), end.count(hits.blends);
    });
    end(run.repeat), end(run.trial);
    accuracy(run.paper_accuracy), accuracy(run.held_out_accuracy);
    end(run.thresholds.alpha), end(run.thresholds.beta), end(run.fusion);
  });
}

}  // namespace

std::vector<std::uint8_t> encode_measured(const ConfigReport& config) {
  Out out;
  each_number(out, config);
  return std::move(out.bytes);
}

void decode_measured(Blob bytes, ConfigReport& config) {
  In in(bytes);
  each_number(in, config);
  if (!in.at_end()) throw Error("measured_config.numbers is too long");
}

std::string decode_text(const sweep::HeldOutDecode& decode) {
  return sweep::value_text(decode.grid.from) + "/" + std::to_string(decode.grid.points) + "/" +
         sweep::head_fusion_text(decode.head_fusion);
}

}  // namespace medley::storage
