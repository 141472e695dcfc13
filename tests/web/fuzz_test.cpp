// Requests made of pieces of right ones and of what attackers send: each gets an answer in the API's own form, and none
// is an internal error.
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/support/amount.h"
#include "tests/support/folder.h"
#include "tests/web/agreeing_control.h"
#include "tests/web/sample_store.h"
#include "web/openapi.h"
#include "web/site.h"

namespace medley::web {
namespace {

using nlohmann::json;

class Requests {
 public:
  Requests(std::uint64_t seed, const test::SampleStore& sample) : random_(seed) {
    const json document = json::parse(openapi_document());
    for (const auto& [path, methods] : document["paths"].items()) {
      for (const auto& [method, rest] : methods.items()) {
        (method == "get" ? reads_ : changes_).push_back(path);
        for (json parameter : rest.value("parameters", json::array())) {
          if (parameter.contains("$ref")) {
            parameter = document.at(json::json_pointer(parameter["$ref"].get<std::string>().substr(1)));
          }
          names_.push_back(parameter["name"]);
        }
      }
    }
    names_.insert(names_.end(), {"where.top_n", "where.", "axis.top_n", "token", ""});
    ids_ = {sample.running,
            sample.finished,
            sample.hostile,
            sample.trial,
            sample.failed,
            sample.diverged,
            sample.running.substr(0, 4),
            std::to_string(sample.ensemble)};
    values_ = {"0",
               "1",
               "-1",
               "99999999999999999999",
               "1e9",
               "x",
               "paper",
               "held-out",
               "ranked",
               "top_n",
               "2|3",
               "|",
               "axis.top_n",
               "axis",
               "NaN",
               "%00",
               "../..",
               "<img src=x>",
               "finished",
               "misses",
               "learning_rate",
               "';DROP TABLE trial;--",
               std::string(3000, 'a'),
               std::string(1, '\0'),
               "\xff\xfe",
               "\xe2\x80\xae",
               "true",
               "null",
               "[]",
               "{}"};
  }

  Request next() {
    Request request;
    const bool change = chance(4);
    request.method = change ? chance(8) ? "DELETE" : "POST" : chance(30) ? "HEAD" : chance(200) ? "PUT" : "GET";
    request.path = any(change ? changes_ : reads_);
    for (std::size_t at; (at = request.path.find("{id}")) != std::string::npos;) {
      request.path.replace(at, 4, chance(6) ? any(values_) : any(ids_));
    }
    if (chance(12)) request.path.insert(random_() % (request.path.size() + 1), any(values_));
    if (chance(20)) request.path.resize(1 + random_() % request.path.size());
    for (int i = static_cast<int>(random_() % 4); i > 0; --i)
      request.query[any(names_)] = any(chance(4) ? ids_ : values_);
    if (chance(10)) request.headers["if-none-match"] = any(values_);
    if (change) request.body = body();
    return request;
  }

 private:
  std::string body() {
    if (chance(5)) return any(values_);
    json body = json::object();
    for (const char* name : {"yaml", "dataset", "sweep", "method", "k", "candidates", "rounds", "bags", "per_subset",
                             "name", "protocol"}) {
      if (chance(2)) continue;
      if (chance(3))
        body[name] = static_cast<int>(random_());
      else if (chance(8))
        body[name] = json::array({1});
      else
        body[name] = chance(2) ? any(ids_) : std::string("caruana");
    }
    if (chance(2)) body["dataset"] = std::string(60, 'd') + "0001";
    std::string text = body.dump(-1, ' ', false, json::error_handler_t::replace);
    if (chance(10)) text.resize(random_() % (text.size() + 1));
    return text;
  }

  bool chance(unsigned one_in) { return random_() % one_in == 0; }
  const std::string& any(const std::vector<std::string>& from) { return from[random_() % from.size()]; }

  std::mt19937_64 random_;
  std::vector<std::string> reads_, changes_, names_, ids_, values_;
};

TEST(WebFuzz, EveryRequestIsAnsweredInTheApisOwnForm) {
  const test::Folder scratch;
  const std::filesystem::path folder = scratch.path();
  const auto sample = test::write_sample_store(folder, 1'700'000'000'000);
  const long count = test::amount("MEDLEY_FUZZ", 4000);
  constexpr std::uint64_t kSeed = 20'261'121;
  Requests requests(kSeed, sample);
  test::AgreeingControl control;
  std::map<int, int> statuses;
  const json document = json::parse(openapi_document());
  {
    const Site site(folder, &control, {true, "secret"});
    for (long i = 0; i < count; ++i) {
      const Request request = requests.next();
      const Response response = site.handle(request);
      ++statuses[response.status];
      // The document of the operation says that it may answer so. 304 and 405 are HTTP's own.
      if (const Match found = match(request.method, request.path); found.route && response.status != 304) {
        std::string method = found.route->method;
        for (char& c : method) c = static_cast<char>(c - 'A' + 'a');
        ASSERT_TRUE(document["paths"][found.route->path][method]["responses"].contains(std::to_string(response.status)))
            << method << " " << found.route->path << " gave " << response.status << " " << response.body;
      }
      static const std::set<int> expected{200, 304, 400, 404, 405, 409};
      ASSERT_TRUE(expected.count(response.status))
          << "request " << i << " of seed " << kSeed << ": " << request.method << " " << request.path << " gave "
          << response.status << " " << response.body;
      if (response.status != 304 && response.type == "application/json") {
        const json body = json::parse(response.body, nullptr, false);
        ASSERT_FALSE(body.is_discarded()) << request.path;
        ASSERT_EQ(response.status >= 400, body.is_object() && body.contains("error")) << request.path;
      }
    }
  }
  // The pieces are put together well enough to come through, and badly enough to be refused.
  EXPECT_GT(statuses[200], count / 10);
  EXPECT_GT(statuses[400], count / 100);
  EXPECT_GT(statuses[404], count / 20);
  EXPECT_GT(control.asked, count / 50);
}

}  // namespace
}  // namespace medley::web
