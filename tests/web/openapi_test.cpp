// The document that the server describes itself with, held against its real answers.
#include "web/openapi.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "sweep/report/report_json.h"
#include "tests/support/folder.h"
#include "tests/web/sample_control.h"
#include "tests/web/sample_store.h"
#include "web/site.h"

namespace medley::web {
namespace {

using nlohmann::json;

/// As much of JSON Schema as the document uses. `where` leads to what does not fit.
class Schema {
 public:
  explicit Schema(const json& document) : document_(document) {}

  std::vector<std::string> problems(const json& value, const json& schema, const std::string& where) const {
    static const std::set<std::string> known{"type",
                                             "properties",
                                             "required",
                                             "additionalProperties",
                                             "unevaluatedProperties",
                                             "allOf",
                                             "oneOf",
                                             "$ref",
                                             "items",
                                             "prefixItems",
                                             "minItems",
                                             "maxItems",
                                             "enum",
                                             "const",
                                             "description"};
    for (const auto& [word, rest] : schema.items()) {
      if (known.count(word) == 0) return {where + ": this test does not know the word " + word};
    }
    if (schema.contains("$ref")) return problems(value, referred(schema), where);
    if (schema.contains("allOf")) return problems(value, merged(schema), where);
    if (schema.contains("oneOf")) {
      std::vector<std::string> all;
      for (const json& one : schema["oneOf"]) {
        const auto found = problems(value, one, where);
        if (found.empty()) return {};
        all.insert(all.end(), found.begin(), found.end());
      }
      return all;
    }
    if (schema.contains("type") && !has_type(value, schema["type"])) {
      return {where + ": " + value.dump().substr(0, 60) + " is not " + schema["type"].dump()};
    }
    if (schema.contains("const") && value != schema["const"]) return {where + " is not " + schema["const"].dump()};
    if (schema.contains("enum") && std::count(schema["enum"].begin(), schema["enum"].end(), value) == 0) {
      return {where + ": " + value.dump() + " is none of " + schema["enum"].dump()};
    }
    std::vector<std::string> all;
    const auto add = [&](const std::vector<std::string>& more) { all.insert(all.end(), more.begin(), more.end()); };
    const json others = schema.value("additionalProperties", json(true));  // what properties that are not listed may be
    if (value.is_object()) {
      for (const json& name : schema.value("required", json::array())) {
        if (!value.contains(name)) all.push_back(where + " lacks " + name.get<std::string>());
      }
      for (const auto& [name, member] : value.items()) {
        if (schema.contains("properties") && schema["properties"].contains(name)) {
          add(problems(member, schema["properties"][name], where + "/" + name));
        } else if (others == false) {
          all.push_back(where + " has " + name + ", which is not described");
        } else if (others.is_object()) {
          add(problems(member, others, where + "/" + name));
        }
      }
    }
    if (value.is_array()) {
      const json first = schema.value("prefixItems", json::array());
      for (std::size_t i = 0; i < value.size(); ++i) {
        const json item = i < first.size() ? first[i] : schema.value("items", json::object());
        add(problems(value[i], item, where + "/" + std::to_string(i)));
      }
      if (value.size() < schema.value("minItems", 0u) || value.size() > schema.value("maxItems", SIZE_MAX)) {
        all.push_back(where + " has " + std::to_string(value.size()) + " items");
      }
    }
    return all;
  }

 private:
  const json& referred(const json& schema) const {
    return document_.at(json::json_pointer(schema["$ref"].get<std::string>().substr(1)));
  }

  /// An allOf of objects as one object.
  json merged(const json& schema) const {
    json whole = {{"type", "object"}, {"properties", json::object()}, {"required", json::array()}};
    if (schema.contains("unevaluatedProperties")) whole["additionalProperties"] = schema["unevaluatedProperties"];
    for (json part : schema["allOf"]) {
      if (part.contains("$ref")) part = referred(part);
      if (part.contains("allOf")) part = merged(part);
      whole["properties"].update(part["properties"]);
      for (const json& name : part["required"]) whole["required"].push_back(name);
    }
    return whole;
  }

  static bool has_type(const json& value, const json& type) {
    if (type.is_array()) {
      for (const json& one : type) {
        if (has_type(value, one)) return true;
      }
      return false;
    }
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "array") return value.is_array();
    if (type == "object") return value.is_object();
    return type == "null" && value.is_null();
  }

  const json& document_;
};

class OpenapiTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = std::make_unique<test::Folder>();
    folder_ = scratch_->path();
    sample_ = test::write_sample_store(folder_, 1'700'000'000'000);
  }
  static void TearDownTestSuite() { scratch_.reset(); }

  static Response get(const std::string& path, const std::map<std::string, std::string>& query = {}) {
    Request request;
    request.method = "GET";
    request.path = path;
    request.query = query;
    test::SampleControl control(sample_);
    return Site(folder_, &control, {}).handle(request);
  }

  /// Real addresses of a described one, `{id}` filled in; several where answers differ in kind.
  static std::vector<std::string> addresses(const std::string& described) {
    std::vector<std::string> ids;
    if (described.rfind("/api/v1/sweeps/{id}", 0) == 0) {
      ids = {sample_.running, sample_.finished};
      if (described == "/api/v1/sweeps/{id}") ids.push_back(sample_.hostile);
    } else if (described == "/api/v1/trials/{id}") {
      ids = {sample_.trial, sample_.failed, sample_.diverged, sample_.running_trial};
    } else if (described == "/api/v1/trials/{id}/live") {
      ids = {sample_.trial, sample_.running_trial};
    } else if (described.rfind("/api/v1/trials/{id}", 0) == 0) {
      ids = {sample_.trial};
    } else if (described.rfind("/api/v1/workers/{id}", 0) == 0) {
      ids = {"w-1"};
    } else if (described.rfind("/api/v1/ensembles/{id}", 0) == 0) {
      ids = {std::to_string(sample_.ensemble)};
    } else if (described.find("{id}") == std::string::npos) {
      return {described};
    }
    std::vector<std::string> all;
    for (const std::string& id : ids) {
      std::string path = described;
      all.push_back(path.replace(path.find("{id}"), 4, id));
    }
    return all;
  }

  static std::unique_ptr<test::Folder> scratch_;
  static std::filesystem::path folder_;
  static test::SampleStore sample_;
};
std::unique_ptr<test::Folder> OpenapiTest::scratch_;
std::filesystem::path OpenapiTest::folder_;
test::SampleStore OpenapiTest::sample_;

TEST_F(OpenapiTest, TheServerAnswersTheDocument) {
  const Response response = get("/api/v1/openapi.json");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(json::parse(response.body), json::parse(openapi_document()));
}

/// "GET /api/v1/sweeps/{id}" of what.
std::string name_of(const std::string& method, const std::string& path) {
  std::string upper = method;
  for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
  return upper + " " + path;
}

/// What `needs` lets a request show instead of a token, in the words of OpenAPI.
json security_of(Needs needs) {
  const json nothing = json::object(), header = {{"token", json::array()}}, cookie = {{"cookie", json::array()}};
  if (needs == Needs::kNothing) return json::array();
  if (needs >= Needs::kPlan || needs == Needs::kSession) return {header, cookie};
  return {nothing, header, cookie};
}

TEST_F(OpenapiTest, EveryRowOfTheTableIsDescribedAndEveryDescribedOperationIsARow) {
  const json document = json::parse(openapi_document());
  std::map<std::string, json> described;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) described[name_of(method, path)] = operation;
  }
  std::set<std::string> rows, ids;
  for (const Route& route : routes()) {
    const std::string row = std::string(route.method) + " " + route.path;
    EXPECT_TRUE(rows.insert(row).second) << row << " is there twice";
    EXPECT_TRUE(ids.insert(route.operation).second) << route.operation << " is there twice";
    ASSERT_EQ(described.count(row), 1u) << row << " is not in openapi.json";
    const json& operation = described[row];
    EXPECT_EQ(operation["operationId"], route.operation) << row;
    EXPECT_EQ(operation.value("security", document["security"]), security_of(route.needs)) << row;

    // What a client must be ready for follows from what the request says and needs.
    json parameters = operation.value("parameters", json::array());
    if (!parameters.empty() && parameters.back() == json{{"$ref", "#/components/parameters/Prefer"}}) {
      parameters.erase(parameters.size() - 1);  // refused by nobody
    }
    const bool has_id = row.find("{id}") != std::string::npos;
    EXPECT_EQ(operation["responses"].contains("400"),
              parameters.size() > (has_id ? 1u : 0u) || operation.contains("requestBody"))
        << row;
    EXPECT_EQ(operation["responses"].contains("401"), route.needs != Needs::kNothing) << row;
    EXPECT_TRUE(operation["responses"].contains("403")) << row;
    EXPECT_TRUE(!has_id || operation["responses"].contains("404")) << row;
    EXPECT_TRUE(route.needs < Needs::kPlan || operation["responses"].contains("409")) << row;
    EXPECT_EQ(operation["responses"].contains("503"), route.needs >= Needs::kStore) << row;
  }
  for (const auto& [name, operation] : described) EXPECT_EQ(rows.count(name), 1u) << name << " has no row";
}

TEST_F(OpenapiTest, EveryDescribedAnswerIsAsDescribed) {
  const json document = json::parse(openapi_document());
  const Schema schema(document);
  int checked = 0;
  for (const auto& [path, methods] : document["paths"].items()) {
    if (!methods.contains("get")) continue;
    const json& content = methods["get"]["responses"]["200"]["content"];
    if (!content.contains("application/json") || !content["application/json"].contains("schema")) continue;
    const std::map<std::string, std::string> query =
        path == "/api/v1/sweeps/{id}/cross"
            ? std::map<std::string, std::string>{{"rows", "top_n"}, {"columns", "learning_rate"}}
            : std::map<std::string, std::string>{};
    for (const std::string& address : addresses(path)) {
      if (path == "/api/v1/sweeps/{id}/cross" && address.find(sample_.finished) != std::string::npos) continue;
      const Response response = get(address, query);
      ASSERT_EQ(response.status, 200) << address << ": " << response.body;
      for (const std::string& problem :
           schema.problems(json::parse(response.body), content["application/json"]["schema"], address)) {
        ADD_FAILURE() << problem;
      }
      ++checked;
    }
  }
  EXPECT_GE(checked, 30);
}

TEST_F(OpenapiTest, ShapleyValuesAreAsDescribed) {
  sweep::ImportanceReport report;
  report.encoders.resize(2);
  report.encoders[0].encoder = "clip";
  report.encoders[1].encoder = "wavlm";
  report.cka = {1, .9, .9, 1};
  report.shapley.emplace();
  report.shapley->values = {{.2, {.1, .3}, .25}, {.1, {sweep::kNaN, sweep::kNaN}, {}}};
  report.shapley->interactions = {{0, 1, {-.05, {-.1, 0}, -.04}}};
  const json document = json::parse(openapi_document());
  const json told = sweep::importance_json(report);
  const auto problems = [&](const json& value, const char* name) {
    return Schema(document).problems(value, document["components"]["schemas"][name], name);
  };
  EXPECT_EQ(problems(told["shapley"], "ShapleyReport"), std::vector<std::string>{});
  EXPECT_EQ(problems(told["encoders"][0]["shapley"], "ShapleyNumber"), std::vector<std::string>{});
  EXPECT_EQ(problems(told["encoders"][1]["shapley"], "ShapleyNumber"), std::vector<std::string>{});
  report.shapley->probe = sweep::ProbeFit{.9, .01, .97};
  EXPECT_EQ(problems(sweep::importance_json(report)["shapley"], "ShapleyReport"), std::vector<std::string>{});
}

TEST_F(OpenapiTest, ErrorsAreAsDescribed) {
  const json document = json::parse(openapi_document());
  for (const char* path : {"/api/v1/sweeps/ffff", "/api/v1/nothing", "/api/v1/trials/zz", "/api/v1/ensembles/x"}) {
    const Response response = get(path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_TRUE(Schema(document)
                    .problems(json::parse(response.body), document["components"]["schemas"]["Error"], path)
                    .empty());
  }
}

TEST_F(OpenapiTest, ASchemaThatLiesIsCaught) {
  const json document = json::parse(openapi_document());
  const Schema schema(document);
  const json shape = {{"type", "object"},
                      {"properties", {{"a", {{"type", "integer"}}}}},
                      {"required", {"a"}},
                      {"additionalProperties", false}};
  EXPECT_TRUE(schema.problems({{"a", 1}}, shape, "").empty());
  EXPECT_EQ(schema.problems({{"a", "1"}}, shape, "").size(), 1u);
  EXPECT_EQ(schema.problems(json::object(), shape, "").size(), 1u);
  EXPECT_EQ(schema.problems({{"a", 1}, {"b", 2}}, shape, "").size(), 1u);
  const json open = {{"type", "object"}, {"properties", {{"b", {{"enum", {"x", "y"}}}}}}, {"required", {"b"}}};
  const json closed = {{"allOf", {open, {{"properties", {{"c", {{"type", "null"}}}}}, {"required", {"c"}}}}},
                       {"unevaluatedProperties", false}};
  EXPECT_TRUE(schema.problems({{"b", "x"}, {"c", nullptr}}, closed, "").empty());
  EXPECT_EQ(schema.problems({{"b", "z"}, {"c", nullptr}}, closed, "").size(), 1u);
  EXPECT_EQ(schema.problems({{"b", "x"}}, closed, "").size(), 1u);
  EXPECT_EQ(schema.problems({{"b", "x"}, {"c", nullptr}, {"d", 1}}, closed, "").size(), 1u);
  const json pair = {{"prefixItems", {{{"type", "integer"}}, {{"type", "string"}}}}, {"minItems", 2}, {"maxItems", 2}};
  EXPECT_TRUE(schema.problems({1, "a"}, pair, "").empty());
  EXPECT_EQ(schema.problems({1, 2}, pair, "").size(), 1u);
  EXPECT_EQ(schema.problems(json::array({1}), pair, "").size(), 1u);
  const json texts = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
  EXPECT_EQ(schema.problems({{"a", "b"}, {"c", 1}}, texts, "").size(), 1u);
}

}  // namespace
}  // namespace medley::web
