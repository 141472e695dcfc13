#include "coordinator/commands/remote_ensemble.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "coordinator/error.h"
#include "storage/files/write.h"
#include "web/client.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

/// An answer lacks what this version's has.
Error strange(const ControlPoint& control, const json::exception& error) {
  return Error("the coordinator at " + control.url + " answers as another version of Medley would: " + error.what());
}

json json_at(const ControlPoint& control, const std::string& path) {
  return json::parse(web::fetch(control.url, control.token, path));
}

/// How the fit that began at `since` stands: as GET /ensembles says it.
json fit_since(const ControlPoint& control, const json& since) {
  const json list = json_at(control, "ensembles");
  for (const json& fit : list.at("fits")) {
    if (fit.at("since_ms") == since) return fit;
  }
  throw Error("the coordinator knows nothing of this fit any more: it was started again meanwhile");
}

}  // namespace

std::int64_t fit_remotely(const ControlPoint& control, const std::string& sweep_id,
                          const sweep::EnsembleRequest& request) try {
  json body = sweep::to_json(request);
  body["sweep"] = sweep_id;
  const json begun = web::done(web::ask(control.url, control.token, "ensembles", body));
  constexpr std::chrono::milliseconds kLongestPause{1000};
  for (std::chrono::milliseconds pause{20};; pause = std::min(2 * pause, kLongestPause)) {
    std::this_thread::sleep_for(pause);
    const json fit = fit_since(control, begun.at("since_ms"));
    if (fit.contains("error")) throw Error(fit["error"].get<std::string>());
    if (fit.at("ended") == true) return fit.at("ensemble");
  }
} catch (const json::exception& error) {
  throw strange(control, error);
}

Exported export_remotely(const ControlPoint& control, std::int64_t ensemble, const std::filesystem::path& out,
                         const std::string& member) try {
  const json made = web::done(
      web::ask(control.url, control.token, "ensembles/" + std::to_string(ensemble) + "/export", {{"member", member}}));
  const std::string at = "exports/" + made.at("export").dump() + "/";
  const std::string archive = web::fetch(control.url, control.token, at + "archive.zip");
  json manifest = json_at(control, at + "manifest.json");
  manifest["archive"] = out.filename().string();
  Exported exported;
  exported.archive = out;
  exported.manifest = manifest_path(out);
  exported.sha256 = manifest.at("sha256");
  exported.clips = manifest.at("clips");
  exported.blends = manifest.at("predicted_blends");
  exported.predicted_now = made.value("predicted_now", 0);
  for (const json& note : made.value("notes", json::array())) exported.notes.push_back(note);
  for (const json& renamed : manifest.value("renamed_classes", json::array())) exported.renamed.push_back(renamed);
  files::write(exported.archive, archive, files::Durability::kDurable);
  files::write(exported.manifest, manifest.dump(2) + "\n", files::Durability::kDurable);
  return exported;
} catch (const json::exception& error) {
  throw strange(control, error);
}

}  // namespace medley::coordinator
