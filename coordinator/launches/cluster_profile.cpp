#include "coordinator/launches/cluster_profile.h"

#include <algorithm>

#include "coordinator/error.h"
#include "storage/files/error.h"
#include "storage/files/read.h"
#include "sweep/nearest.h"
#include "sweep/spec/spec_values.h"
#include "sweep/spec/yaml_tree.h"

namespace medley::coordinator {
namespace {

using sweep::Diagnostics;
using sweep::YamlNode;

const std::vector<std::string> kKeys = {"account", "partition", "qos",         "directives", "modules",
                                        "setup",   "mpi",       "environment", "mpirun",     "mpirun_arguments",
                                        "notice",  "spool",     "worker"};
/// sbatch options that the launcher sets itself, and how to say them.
const std::vector<std::pair<std::string, std::string>> kTaken = {{"--array", "--workers"},
                                                                 {"--job-name", ""},
                                                                 {"--nodes", "--nodes-per-worker"},
                                                                 {"--ntasks", "--ranks-per-worker"},
                                                                 {"--ntasks-per-node", "--ranks-per-worker"},
                                                                 {"--cpus-per-task", "--cores-per-rank"},
                                                                 {"--gpus-per-node", "--gpus-per-worker"},
                                                                 {"--time", "--time"},
                                                                 {"--requeue", ""},
                                                                 {"--no-requeue", ""},
                                                                 {"--open-mode", ""},
                                                                 {"--signal", "the profile's notice"},
                                                                 {"--output", ""},
                                                                 {"--error", ""},
                                                                 {"--partition", "the profile's partition"},
                                                                 {"--account", "the profile's account"},
                                                                 {"--qos", "the profile's qos"}};

/// The text goes into a script: it must not end its line.
bool is_one_line(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 127; });
}

bool is_variable(const std::string& name) {
  const std::string letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
  return !name.empty() && letters.find(name[0]) != std::string::npos &&
         name.find_first_not_of(letters + "0123456789") == std::string::npos;
}

class ProfileReader {
 public:
  explicit ProfileReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  ClusterProfile read(const YamlNode& root) {
    if (!root.is_map()) {
      diagnostics_.add(root.place, "a profile holds keys with values, such as 'partition: gpu'");
      return profile_;
    }
    check_keys(root, "the profile", kKeys, diagnostics_);
    cluster::Site& site = profile_.site;
    text(root, "account", site.account);
    text(root, "partition", site.partition);
    text(root, "qos", site.qos);
    text(root, "mpi", site.srun_mpi);
    text(root, "mpirun", site.mpirun);
    list(root, "modules", site.modules);
    list(root, "setup", site.setup);
    list(root, "mpirun_arguments", site.mpirun_arguments);
    list(root, "directives", site.directives);
    path(root, "spool", profile_.spool);
    path(root, "worker", profile_.worker);
    if (const YamlNode* node = find_key(root, "notice")) {
      if (const auto seconds = read_integer(*node, "notice", 1, 24 * 3600, diagnostics_)) {
        site.notice_s = static_cast<int>(*seconds);
      }
    }
    if (const YamlNode* node = find_key(root, "directives"); node && node->is_sequence()) check_directives(*node);
    if (const YamlNode* node = find_key(root, "environment")) read_environment(*node);
    return profile_;
  }

 private:
  bool read_line(const YamlNode& node, const std::string& what, std::string& into) {
    const auto value = read_text(node, what, diagnostics_);
    if (!value) return false;
    if (value->empty() || !is_one_line(*value)) {
      diagnostics_.add(node.place, what + ": must be one line of text");
      return false;
    }
    into = *value;
    return true;
  }

  void text(const YamlNode& root, const std::string& key, std::string& into) {
    if (const YamlNode* node = find_key(root, key)) read_line(*node, key, into);
  }

  void path(const YamlNode& root, const std::string& key, std::string& into) {
    const YamlNode* node = find_key(root, key);
    if (!node || !read_line(*node, key, into) || into[0] == '/') return;
    diagnostics_.add(node->place, key + ": " + shown(*node) + " must be an absolute path: it is used on other hosts");
  }

  void list(const YamlNode& root, const std::string& key, std::vector<std::string>& into) {
    const YamlNode* node = find_key(root, key);
    if (!node) return;
    if (!node->is_sequence()) {
      diagnostics_.add(node->place, key + ": " + shown(*node) + " must be a list, such as [a, b]");
      return;
    }
    for (const YamlNode& item : node->items) {
      std::string line;
      if (read_line(item, key, line)) into.push_back(line);
    }
  }

  void check_directives(const YamlNode& node) {
    for (const YamlNode& item : node.items) {
      if (!item.is_scalar()) continue;
      const std::string option = item.place.text.substr(0, item.place.text.find_first_of("= "));
      if (option.rfind("--", 0) != 0 || option.size() < 3) {
        diagnostics_.add(item.place,
                         "directives: " + shown(item) + " is not a long option of sbatch, such as '--mem=32G'");
        continue;
      }
      for (const auto& [taken, instead] : kTaken) {
        // sbatch takes the beginning of an option for it, unless that is an option itself.
        if (taken.rfind(option, 0) != 0 || (option != taken && option == "--gpus")) continue;
        diagnostics_.add(item.place, "directives: Medley sets " + taken + " itself" +
                                         (instead.empty() ? "" : "; say it with " + instead));
        break;
      }
    }
  }

  void read_environment(const YamlNode& node) {
    if (!node.is_map()) {
      diagnostics_.add(node.place, "environment: " + shown(node) + " must hold names with values");
      return;
    }
    for (const auto& [name, value] : node.entries) {
      if (!is_variable(name.place.text)) {
        diagnostics_.add(name.place, "environment: " + shown(name) + " is not a name of letters, digits and _");
        continue;
      }
      std::string line;
      if (read_line(value, "environment: " + name.place.text, line)) {
        profile_.site.environment.emplace_back(name.place.text, line);
      }
    }
  }

  ClusterProfile profile_;
  Diagnostics& diagnostics_;
};

}  // namespace

ClusterProfile parse_profile(const std::string& text, const std::string& file) {
  Diagnostics diagnostics(file, text);
  const YamlNode root = sweep::parse_yaml(text, file, diagnostics);
  ClusterProfile profile = ProfileReader(diagnostics).read(root);
  diagnostics.throw_if_any();
  return profile;
}

ClusterProfile load_profile(const std::filesystem::path& file) {
  return parse_profile(files::rethrow_as<Error>([&] { return files::read(file); }), file.string());
}

}  // namespace medley::coordinator
