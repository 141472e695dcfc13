#include "web/site.h"

#include <chrono>
#include <ctime>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "web/query.h"
#include "web/refused.h"
#include "web/responses.h"

namespace medley::web {
namespace {

/// What an answer depends on besides the store.
std::string key_of(const Request& request) {
  std::string key = std::string(accepts_gzip(request) ? "gzip" : "plain") +
                    (patience_of(request) == Boards::Patience::kShort ? " now " : " ") + request.path;
  for (const auto& [name, value] : request.query) key += '\0' + name + '\0' + value;
  return key;
}

Response not_allowed(const std::string& allow) {
  Response response = error_response(405, "This address is asked with " + allow + ".");
  response.headers.emplace_back("Allow", allow);
  return response;
}

/// Of this thread.
std::chrono::nanoseconds processor_time() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

Response finished(const Request& request, Response response) {
  return unless_known(request, compressed(request, std::move(response)));
}

bool is_api(const std::string& path) { return path == "/api" || path.compare(0, 5, "/api/") == 0; }

}  // namespace

Site::Site(std::filesystem::path store, Control* control, Access access, Boards::Limits limits)
    : store_(std::move(store)), control_(control), access_(std::move(access)), boards_(store_, limits) {}

Response Site::handle(const Request& request) const {
  try {
    return answer(request);
  } catch (const NotYet& not_yet) {
    return computing_response(not_yet.making);
  } catch (const Refused& refused) {
    return error_response(refused.status, refused.message);
  } catch (const storage::Error& error) {
    return error_response(503, error.what());
  } catch (const std::exception& error) {
    return error_response(500, fmt::format("The server could not answer this request: {}", error.what()));
  }
}

Response Site::answer(const Request& request) const {
  Match found = match(request.method, request.path);
  if (found.route == nullptr) {
    if (!found.allow.empty()) return not_allowed(found.allow);
    if (is_api(request.path)) throw Refused{404, "The API has no such address; see docs/api.md."};
    if (request.method != "GET" && request.method != "HEAD") return not_allowed("GET, HEAD");
    return finished(request, page_response(request.path));
  }
  const Route& route = *found.route;
  Call call{request, std::move(found.id), store_, boards_, control_, access_, nullptr};
  if (route.needs < Needs::kStore) return finished(request, route.answer(call));
  if (route.needs >= Needs::kPlan && control_ == nullptr) {
    throw Refused{409, "This server only shows the store: changes go through its coordinator's (medley serve)."};
  }
  if (!storage::store_exists(store_)) {
    throw Refused{503, fmt::format("There is no store in {} yet.", store_.string())};
  }
  if (route.needs == Needs::kStore) return unless_known(request, remembered(route, call));
  storage::Reader reader(store_);
  call.reader = &reader;
  Response response = route.answer(call);
  if (route.needs == Needs::kChange) memory_.note_change();
  return finished(request, std::move(response));
}

Response Site::remembered(const Route& route, const Call& call) const {
  std::string key = key_of(call.request);
  const Memory::Moment moment = memory_.now(store_, boards_.made());
  std::optional<Memory::Found> known = memory_.find(key, moment);
  if (!known) return made(route, call, key, moment);
  if (known->due) {
    behind_.ask([this, &route, request = call.request, id = call.id, key = std::move(key)] {
      make_again(route, request, id, key);
    });
  }
  return std::move(known->response);
}

Response Site::made(const Route& route, Call call, const std::string& key, const Memory::Moment& moment) const {
  storage::Reader reader(store_);
  call.reader = &reader;
  const auto begin = processor_time();
  Response response = compressed(call.request, route.answer(call));
  const auto took = processor_time() - begin;
  if (response.status == 200) memory_.keep(key, moment, boards_.made(), response, took);
  return response;
}

void Site::make_again(const Route& route, Request request, std::string id, std::string key) const {
  try {
    const Memory::Moment moment = memory_.now(store_, boards_.made());
    if (made(route, {request, std::move(id), store_, boards_, control_, access_, nullptr}, key, moment).status == 200) {
      return;
    }
  } catch (...) {  // who asks next is told what is wrong
  }
  memory_.forget(key);
}

}  // namespace medley::web
