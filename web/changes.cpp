#include "web/changes.h"

#include <algorithm>
#include <set>

#include "sweep/error.h"
#include "sweep/spec/spec.h"
#include "web/query.h"
#include "web/refused.h"

namespace medley::web {
namespace {

using nlohmann::json;

/// The object that a POST carries; an empty body is an empty object.
json body_of(const Request& request) {
  if (request.body.empty()) return json::object();
  json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) throw Refused{400, "The body must be a JSON object."};
  return body;
}

std::string text_in(const json& body, const char* name, const std::string& absent, std::size_t most) {
  if (!body.contains(name)) return absent;
  if (!body[name].is_string()) throw Refused{400, std::string(name) + " must be text."};
  auto text = body[name].get<std::string>();
  if (text.size() > most) {
    throw Refused{400, std::string(name) + " may have at most " + std::to_string(most) + " bytes."};
  }
  return text;
}

bool flag_in(const json& body, const char* name) {
  if (!body.contains(name)) return false;
  if (!body[name].is_boolean()) throw Refused{400, std::string(name) + " must be true or false."};
  return body[name].get<bool>();
}

Control::SweepForm sweep_form(storage::Reader& reader, const json& body) {
  constexpr std::size_t kMaxYaml = 60 << 10;  // the server takes bodies of 64 KiB
  Control::SweepForm text;
  text.yaml = text_in(body, "yaml", "", kMaxYaml);
  if (text.yaml.empty()) throw Refused{400, "yaml must hold the text of a sweep file."};
  if (body.contains("dataset") == body.contains("folder")) {
    throw Refused{400, "Give dataset, the fingerprint of a registered dataset, or folder, where one lies."};
  }
  constexpr std::size_t kMaxPath = 4096;
  text.file = text_in(body, "file", "", kMaxPath);
  if (body.contains("folder")) {
    text.folder = text_in(body, "folder", "", kMaxPath);
    if (text.folder.empty() || text.folder.front() != '/' || text.folder.find('\0') != std::string::npos) {
      throw Refused{400, "folder must be an absolute path on the coordinator's host."};
    }
    return text;
  }
  text.dataset = dataset_of(reader, text_in(body, "dataset", "", 64)).fingerprint;
  return text;
}

constexpr std::size_t kMaxNote = 2000;

std::optional<std::vector<std::string>> tags_in(const json& body) {
  constexpr std::size_t kMaxTag = 40, kMaxTags = 20;
  if (!body.contains("tags")) return std::nullopt;
  const json& tags = body["tags"];
  if (!tags.is_array() || tags.size() > kMaxTags) throw Refused{400, "tags must be a list of at most 20."};
  std::set<std::string> names;
  for (const json& tag : tags) {
    const std::string name = tag.is_string() ? tag.get<std::string>() : "";
    const bool plain = std::none_of(name.begin(), name.end(),
                                    [](char c) { return c == '|' || c == ',' || static_cast<unsigned char>(c) < ' '; });
    if (name.empty() || name.size() > kMaxTag || !plain) {
      throw Refused{400, "A tag is 1 to 40 bytes of text without | and commas."};
    }
    names.insert(name);
  }
  return std::vector<std::string>(names.begin(), names.end());
}

storage::ConfigMarkChange mark_change(const json& body) {
  storage::ConfigMarkChange change;
  if (body.contains("pinned")) change.pinned = flag_in(body, "pinned");
  if (body.contains("note")) change.note = text_in(body, "note", "", kMaxNote);
  change.tags = tags_in(body);
  if (!change.pinned && !change.note && !change.tags) throw Refused{400, "Give pinned, note or tags."};
  return change;
}

storage::SweepMarkChange sweep_mark_change(const json& body) {
  storage::SweepMarkChange change;
  if (body.contains("name")) {
    change.name = text_in(body, "name", "", sweep::kMaxSweepName);
    if (!sweep::is_sweep_name(*change.name))
      throw Refused{400, "name must be one line of 1 to " + std::to_string(sweep::kMaxSweepName) + " bytes."};
  }
  if (body.contains("note")) change.note = text_in(body, "note", "", kMaxNote);
  change.tags = tags_in(body);
  if (body.contains("archived")) change.archived = flag_in(body, "archived");
  if (!change.name && !change.note && !change.tags && !change.archived) {
    throw Refused{400, "Give name, note, tags or archived."};
  }
  return change;
}

}  // namespace

Control::Answer submit_sweep(const Call& call) {
  return call.control->submit(sweep_form(*call.reader, body_of(call.request)));
}

Control::Answer plan_sweep(const Call& call) {
  return call.control->plan(sweep_form(*call.reader, body_of(call.request)));
}

Control::Answer fit_ensemble(const Call& call) {
  json body = body_of(call.request);
  const std::string sweep = sweep_of(*call.reader, text_in(body, "sweep", "", 64)).id;
  body.erase("sweep");
  try {
    return call.control->build_ensemble(sweep, sweep::ensemble_request_from_json(body));
  } catch (const sweep::Error& error) {
    throw Refused{400, error.what() + std::string(".")};
  }
}

Control::Answer export_ensemble(const Call& call) {
  constexpr std::size_t kMaxMember = 200;
  const std::string member = text_in(body_of(call.request), "member", "", kMaxMember);
  return call.control->export_ensemble(ensemble_of(*call.reader, call.id).id, member);
}

Control::Answer mark_config(const Call& call) {
  return call.control->mark(checked_id(call.id), mark_change(body_of(call.request)));
}

Control::Answer mark_sweep(const Call& call) {
  const storage::SweepMarkChange change = sweep_mark_change(body_of(call.request));
  return call.control->mark_sweep(sweep_of(*call.reader, call.id).id, change);
}

Control::Answer add_configs(const Call& call) {
  constexpr std::size_t kMaxConfigs = 1000;
  json body = body_of(call.request);
  const bool done = flag_in(body, "done");
  const json configs = body.contains("configs") ? body["configs"] : json::array();
  const bool objects = configs.is_array() && std::all_of(configs.begin(), configs.end(),
                                                         [](const json& config) { return config.is_object(); });
  if (!objects || configs.size() > kMaxConfigs) throw Refused{400, "configs must be a list of at most 1000 objects."};
  if (configs.empty() && !done) throw Refused{400, "Give configs, a list of objects of settings, or done: true."};
  return call.control->add_configs(sweep_of(*call.reader, call.id).id, configs, done);
}

}  // namespace medley::web
