#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/reader.h"
#include "web/board.h"
#include "web/control.h"
#include "web/http.h"

namespace medley::web {

/// What must be there before a request is answered.
enum class Needs {
  kNothing,   ///< anybody may ask
  kToken,     ///< beyond loopback the token
  kSession,   ///< everywhere a token
  kStore,     ///< as kToken, and a store, which alone decides the answer: it is given again until the store changes
  kStoreNow,  ///< the same, but the clock, a coordinator or a log file decides too
  kPlan,      ///< everywhere the token for changes, a store and its coordinator, though nothing is changed
  kChange,    ///< the same, and the change is logged
};

struct Access;

/// A request on its way to an answer, and what the answer is made from.
struct Call {
  const Request& request;
  std::string id;  ///< what stands for `{id}` in the path
  const std::filesystem::path& store;
  Boards& boards;
  Control* control;  ///< null: the server only shows the store; never from Needs::kPlan on
  const Access& access;
  storage::Reader* reader;  ///< null below Needs::kStore
};

/// One operation of the server. Access, dispatch, 404, 405 and what openapi.json must describe follow from these rows.
struct Route {
  const char* method;  ///< GET, which HEAD may ask too, or POST
  const char* path;    ///< "{id}" stands for one segment
  Needs needs;
  const char* operation;  ///< operationId in openapi.json
  Response (*answer)(const Call& call);
};
const std::vector<Route>& routes();

/// The row that answers a request.
struct Match {
  const Route* route = nullptr;  ///< null: no row has this path with this method
  std::string id;                ///< what stands for `{id}`
  std::string allow;             ///< methods that the path may be asked with; "" when no row has the path
};
Match match(const std::string& method, const std::string& path);

/// What `request` needs, whether or not it has an answer.
Needs needs_of(const Request& request);

}  // namespace medley::web
