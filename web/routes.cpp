#include "web/routes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "sweep/version.h"
#include "web/ablation.h"
#include "web/access.h"
#include "web/assets.h"
#include "web/changes.h"
#include "web/ensembles.h"
#include "web/json.h"
#include "web/leaderboard.h"
#include "web/listings.h"
#include "web/live.h"
#include "web/metrics.h"
#include "web/openapi.h"
#include "web/query.h"
#include "web/responses.h"
#include "web/trial_clips.h"
#include "web/worker_log.h"

namespace medley::web {
namespace {

using nlohmann::json;
using storage::Reader;

// ---- What the rows below share --------------------------------------------------------------------------------

storage::SweepSummary sweep_in(const Call& call) { return sweep_of(*call.reader, call.id); }

std::shared_ptr<const Board> board_in(const Call& call) {
  return call.boards.board(*call.reader, sweep_in(call).id, patience_of(call.request));
}

Selection selection_in(const Call& call, const Board& board) {
  return selection_of(call.request, board, call.reader->marks());
}

Response get_health(const Call& call) {
  return json_response({{"status", "ok"},
                        {"version", sweep::version()},
                        {"page", !assets().empty()},
                        {"store", storage::store_exists(call.store)},
                        {"control", call.control != nullptr && !call.access.token.empty()},
                        {"access", name_of(call.access.grant(call.request))}});
}

/// `ends`: the browser forgets the token.
Response session_response(const Call& call, bool ends) {
  Response response = json_response({{"access", name_of(call.access.grant(call.request))}});
  response.headers = {{"Set-Cookie", call.access.cookie(call.request, ends)}, {"Cache-Control", "no-store"}};
  return response;
}

Response get_metrics(const Call& call) {
  Response response;
  response.type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_text(*call.reader, workers_now(call.control));
  return response;
}

Response get_sweep(const Call& call) {
  const Reader::Snapshot snapshot(*call.reader);
  return json_response(sweep_detail_json(*call.reader, sweep_of(*call.reader, call.id)));
}

Response get_leaderboard(const Call& call) {
  const auto board = board_in(call);
  return json_response(leaderboard_json(*board, selection_in(call, *board), page_of(call.request)));
}

Response get_leaderboard_csv(const Call& call) {
  const auto board = board_in(call);
  return download("text/csv; charset=utf-8", leaderboard_csv(*board, selection_in(call, *board)),
                  board->sweep + "-leaderboard.csv");
}

Response get_trial(const Call& call) {
  const Reader::Snapshot snapshot(*call.reader);
  const auto trial = trial_of(*call.reader, call.id);
  const auto dataset = call.reader->find_dataset(trial.dataset);
  return json_response(trial_json(trial, dataset ? &*dataset : nullptr));
}

Response get_trial_log(const Call& call) {
  const auto trial = trial_of(*call.reader, call.id);
  return json_response(attempt_log_json(trial, storage::StoreLayout(call.store.string()).logs(), call.request));
}

Response get_confusion(const Call& call) {
  const Reader::Snapshot snapshot(*call.reader);
  const auto trial = trial_of(*call.reader, call.id);
  return json_response(confusion_json(trial, dataset_of(*call.reader, trial.dataset), call.request));
}

Response get_clips(const Call& call) {
  const Reader::Snapshot snapshot(*call.reader);
  const auto trial = trial_of(*call.reader, call.id);
  const auto dataset = dataset_of(*call.reader, trial.dataset);
  return json_response(clips_json(trial, dataset, call.request, page_of(call.request)));
}

// ---- Paths ----------------------------------------------------------------------------------------------------

using Segments = std::vector<std::string>;

Segments segments(const std::string& path) {
  Segments parts;
  std::size_t begin = 1;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// What stands for `{id}` in `path` ("" without one); nothing where it is another path.
std::optional<std::string> id_in(const Segments& path, const Segments& pattern) {
  if (path.size() != pattern.size()) return std::nullopt;
  std::string id;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (pattern[i] == "{id}") {
      id = path[i];
    } else if (path[i] != pattern[i]) {
      return std::nullopt;
    }
  }
  return id;
}

/// [route]
const std::vector<Segments>& patterns() {
  static const std::vector<Segments> all = [] {
    std::vector<Segments> made;
    for (const Route& route : routes()) made.push_back(segments(route.path));
    return made;
  }();
  return all;
}

}  // namespace

const std::vector<Route>& routes() {
  static const std::vector<Route> all{
      {"GET", "/healthz", Needs::kNothing, "probe", get_health},
      {"GET", "/metrics", Needs::kStoreNow, "getMetrics", get_metrics},
      {"GET", "/api/v1/healthz", Needs::kNothing, "getHealth", get_health},
      {"POST", "/api/v1/login", Needs::kSession, "login",
       [](const Call& call) { return session_response(call, false); }},
      {"POST", "/api/v1/logout", Needs::kSession, "logout",
       [](const Call& call) { return session_response(call, true); }},
      {"GET", "/api/v1/openapi.json", Needs::kToken, "getDocument",
       [](const Call&) {
         static const Response made = json_response(json::parse(openapi_document()));
         return made;
       }},
      {"GET", "/api/v1/store", Needs::kStoreNow, "getStore",
       [](const Call& call) { return json_response(store_json(call.store, call.control != nullptr)); }},
      {"GET", "/api/v1/datasets", Needs::kStore, "listDatasets",
       [](const Call& call) { return json_response(datasets_json(*call.reader)); }},
      {"GET", "/api/v1/workers", Needs::kStoreNow, "listWorkers",
       [](const Call& call) { return json_response(workers_json(*call.reader, call.store, call.control)); }},
      {"GET", "/api/v1/log", Needs::kStore, "getLog",
       [](const Call& call) { return json_response(log_json(*call.reader, call.request)); }},

      {"GET", "/api/v1/sweeps", Needs::kStore, "listSweeps",
       [](const Call& call) { return json_response(sweeps_json(*call.reader, &call.boards)); }},
      {"GET", "/api/v1/sweeps/{id}", Needs::kStore, "getSweep", get_sweep},
      {"GET", "/api/v1/sweeps/{id}/leaderboard", Needs::kStore, "getLeaderboard", get_leaderboard},
      {"GET", "/api/v1/sweeps/{id}/leaderboard.csv", Needs::kStore, "getLeaderboardCsv", get_leaderboard_csv},
      {"GET", "/api/v1/sweeps/{id}/axes", Needs::kStore, "getAxes",
       [](const Call& call) { return json_response(axes_json(*board_in(call))); }},
      {"GET", "/api/v1/sweeps/{id}/comparisons", Needs::kStore, "getComparisons",
       [](const Call& call) { return json_response(planned_comparisons_json(*board_in(call))); }},
      {"GET", "/api/v1/sweeps/{id}/subsets", Needs::kStore, "getSubsets",
       [](const Call& call) { return json_response(subsets_json(*board_in(call))); }},
      {"GET", "/api/v1/sweeps/{id}/cross", Needs::kStore, "getCrossTable",
       [](const Call& call) { return json_response(cross_json(*board_in(call), call.request)); }},
      {"GET", "/api/v1/sweeps/{id}/importance", Needs::kStore, "getImportance",
       [](const Call& call) {
         return json_response(importance_json(*call.reader, sweep_in(call), call.boards, call.request));
       }},
      {"GET", "/api/v1/sweeps/{id}/figures", Needs::kStore, "getFigures",
       [](const Call& call) {
         return json_response(figures_json(*call.reader, sweep_in(call), call.boards, call.request));
       }},
      {"GET", "/api/v1/sweeps/{id}/progress", Needs::kStore, "getProgress",
       [](const Call& call) { return json_response(progress_json(*board_in(call))); }},
      {"GET", "/api/v1/sweeps/{id}/rounds", Needs::kStore, "listRounds",
       [](const Call& call) { return json_response(rounds_json(*call.reader, sweep_in(call).id)); }},
      {"GET", "/api/v1/sweeps/{id}/timeline", Needs::kStore, "getTimeline",
       [](const Call& call) { return json_response(timeline_json(call.store, sweep_in(call).id, call.request)); }},
      {"GET", "/api/v1/sweeps/{id}/trials", Needs::kStore, "listTrials",
       [](const Call& call) {
         return json_response(trials_json(*call.reader, sweep_in(call), call.boards, call.request));
       }},
      {"GET", "/api/v1/sweeps/{id}/live", Needs::kStoreNow, "listLiveTrials",
       [](const Call& call) { return json_response(live_trials_json(sweep_in(call).id, call.control, call.request)); }},
      {"POST", "/api/v1/plan", Needs::kPlan, "planSweep",
       [](const Call& call) { return change_response(plan_sweep(call)); }},
      {"POST", "/api/v1/sweeps", Needs::kChange, "submitSweep",
       [](const Call& call) { return change_response(submit_sweep(call)); }},
      {"POST", "/api/v1/sweeps/{id}/configs", Needs::kChange, "addConfigs",
       [](const Call& call) { return change_response(add_configs(call)); }},
      {"POST", "/api/v1/sweeps/{id}/mark", Needs::kChange, "markSweep",
       [](const Call& call) { return change_response(mark_sweep(call)); }},
      {"POST", "/api/v1/sweeps/{id}/pause", Needs::kChange, "pauseSweep",
       [](const Call& call) { return change_response(call.control->pause(sweep_in(call).id)); }},
      {"POST", "/api/v1/sweeps/{id}/resume", Needs::kChange, "resumeSweep",
       [](const Call& call) { return change_response(call.control->resume(sweep_in(call).id)); }},
      {"POST", "/api/v1/sweeps/{id}/stop", Needs::kChange, "stopSweep",
       [](const Call& call) { return change_response(call.control->stop(sweep_in(call).id)); }},
      {"DELETE", "/api/v1/sweeps/{id}", Needs::kChange, "removeSweep",
       [](const Call& call) { return change_response(call.control->remove_sweep(sweep_in(call).id)); }},
      {"POST", "/api/v1/sweeps/{id}/retry", Needs::kChange, "retrySweep",
       [](const Call& call) { return change_response(call.control->retry_sweep(sweep_in(call).id)); }},

      {"GET", "/api/v1/trials/{id}", Needs::kStore, "getTrial", get_trial},
      {"GET", "/api/v1/trials/{id}/surface", Needs::kStore, "getSurface",
       [](const Call& call) { return json_response(surface_json(trial_of(*call.reader, call.id), call.request)); }},
      {"GET", "/api/v1/trials/{id}/confusion", Needs::kStore, "getConfusion", get_confusion},
      {"GET", "/api/v1/trials/{id}/clips", Needs::kStore, "getClips", get_clips},
      {"GET", "/api/v1/trials/{id}/log", Needs::kStoreNow, "getTrialLog", get_trial_log},
      {"GET", "/api/v1/trials/{id}/live", Needs::kStoreNow, "getLiveTrial",
       [](const Call& call) {
         return json_response(live_trial_json(trial_of(*call.reader, call.id).spec.id, call.control));
       }},
      {"POST", "/api/v1/trials/{id}/retry", Needs::kChange, "retryTrial",
       [](const Call& call) { return change_response(call.control->retry(trial_of(*call.reader, call.id).spec.id)); }},
      {"POST", "/api/v1/configs/{id}/mark", Needs::kChange, "markConfig",
       [](const Call& call) { return change_response(mark_config(call)); }},
      {"GET", "/api/v1/workers/{id}/log", Needs::kStoreNow, "getWorkerLog",
       [](const Call& call) {
         return json_response(worker_log_json(worker_of(*call.reader, call.id).worker.id,
                                              storage::StoreLayout(call.store.string()).logs()));
       }},
      {"POST", "/api/v1/workers/{id}/release", Needs::kChange, "releaseWorker",
       [](const Call& call) {
         return change_response(call.control->release(worker_of(*call.reader, call.id).worker.id));
       }},
      {"POST", "/api/v1/workers/{id}/pause", Needs::kChange, "pauseWorker",
       [](const Call& call) {
         return change_response(call.control->pause_worker(worker_of(*call.reader, call.id).worker.id));
       }},
      {"POST", "/api/v1/workers/{id}/leave", Needs::kChange, "dismissWorker",
       [](const Call& call) {
         return change_response(call.control->send_away(worker_of(*call.reader, call.id).worker.id));
       }},

      {"GET", "/api/v1/ensembles", Needs::kStoreNow, "listEnsembles",
       [](const Call& call) { return json_response(ensembles_json(*call.reader, call.control)); }},
      {"GET", "/api/v1/ensembles/{id}", Needs::kStore, "getEnsemble",
       [](const Call& call) {
         return json_response(
             ensemble_json(*call.reader, call.boards, patience_of(call.request), ensemble_of(*call.reader, call.id)));
       }},
      {"GET", "/api/v1/ensembles/{id}/confusion", Needs::kStore, "getEnsembleConfusion",
       [](const Call& call) {
         return json_response(ensemble_confusion_json(*call.reader, ensemble_of(*call.reader, call.id)));
       }},
      {"GET", "/api/v1/exports/{id}/archive.zip", Needs::kStoreNow, "getArchive",
       [](const Call& call) { return export_archive(*call.reader, call.id); }},
      {"GET", "/api/v1/exports/{id}/manifest.json", Needs::kStore, "getManifest",
       [](const Call& call) { return export_manifest(*call.reader, call.id); }},
      {"POST", "/api/v1/ensembles", Needs::kChange, "fitEnsemble",
       [](const Call& call) { return change_response(fit_ensemble(call)); }},
      {"POST", "/api/v1/ensembles/{id}/export", Needs::kChange, "exportEnsemble",
       [](const Call& call) { return change_response(export_ensemble(call)); }},
  };
  return all;
}

Match match(const std::string& method, const std::string& path) {
  const std::string asked = method == "HEAD" ? "GET" : method;
  const Segments parts = segments(path);
  Match found;
  for (std::size_t i = 0; i < routes().size(); ++i) {
    const Route& route = routes()[i];
    std::optional<std::string> id = id_in(parts, patterns()[i]);
    if (!id) continue;
    if (asked == route.method) return {&route, *std::move(id), ""};
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += route.method == std::string("GET") ? "GET, HEAD" : route.method;
  }
  return found;
}

Needs needs_of(const Request& request) {
  if (const Match found = match(request.method, request.path); found.route != nullptr) return found.route->needs;
  if (request.method != "GET" && request.method != "HEAD") return Needs::kChange;
  return request.path.compare(0, 5, "/api/") == 0 ? Needs::kToken : Needs::kNothing;
}

}  // namespace medley::web
