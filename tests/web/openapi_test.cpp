// The document that the server describes itself with, held against its real answers.
#include "web/openapi.h"

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

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
    static const std::set<std::string> known{"type",  "properties", "required", "additionalProperties",
                                             "items", "$ref",       "oneOf",    "description"};
    for (const auto& [word, rest] : schema.items()) {
      if (known.count(word) == 0) return {where + ": this test does not know the word " + word};
    }
    if (schema.contains("$ref")) {
      const std::string name = schema["$ref"];
      return problems(value, document_.at(json::json_pointer(name.substr(1))), where);
    }
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
    std::vector<std::string> all;
    const auto add = [&](const std::vector<std::string>& more) { all.insert(all.end(), more.begin(), more.end()); };
    if (value.is_object() && schema.contains("properties")) {
      for (const json& name : schema.value("required", json::array())) {
        if (!value.contains(name)) all.push_back(where + " lacks " + name.get<std::string>());
      }
      for (const auto& [name, member] : value.items()) {
        if (schema["properties"].contains(name)) {
          add(problems(member, schema["properties"][name], where + "/" + name));
        } else if (schema.value("additionalProperties", true) == false) {
          all.push_back(where + " has " + name + ", which is not described");
        }
      }
    }
    if (value.is_array() && schema.contains("items")) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        add(problems(value[i], schema["items"], where + "/" + std::to_string(i)));
      }
    }
    return all;
  }

 private:
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
    folder_ = std::filesystem::temp_directory_path() / ("web_openapi_test_" + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    sample_ = test::write_sample_store(folder_, 1'700'000'000'000);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static Response get(const std::string& path, const std::map<std::string, std::string>& query = {}) {
    Request request;
    request.method = "GET";
    request.path = "/api/v1" + path;
    request.query = query;
    test::SampleControl control(sample_.running_trial);
    return Site(folder_, &control, false).handle(request);
  }

  /// Real addresses of a described one, `{id}` filled in; several where answers differ in kind.
  static std::vector<std::string> addresses(const std::string& described) {
    std::vector<std::string> ids;
    if (described.rfind("/sweeps/{id}", 0) == 0) {
      ids = {sample_.running, sample_.finished};
      if (described == "/sweeps/{id}") ids.push_back(sample_.hostile);
    } else if (described == "/trials/{id}") {
      ids = {sample_.trial, sample_.failed, sample_.diverged, sample_.running_trial};
    } else if (described.rfind("/trials/{id}", 0) == 0) {
      ids = {sample_.trial};
    } else if (described.rfind("/ensembles/{id}", 0) == 0) {
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

  static std::filesystem::path folder_;
  static test::SampleStore sample_;
};
std::filesystem::path OpenapiTest::folder_;
test::SampleStore OpenapiTest::sample_;

TEST_F(OpenapiTest, TheServerAnswersTheDocument) {
  const Response response = get("/openapi.json");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(json::parse(response.body), json::parse(openapi_document()));
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
        path == "/sweeps/{id}/cross"
            ? std::map<std::string, std::string>{{"rows", "top_n"}, {"columns", "learning_rate"}}
            : std::map<std::string, std::string>{};
    for (const std::string& address : addresses(path)) {
      if (path == "/sweeps/{id}/cross" && address.find(sample_.finished) != std::string::npos) continue;
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

TEST_F(OpenapiTest, ErrorsAreAsDescribed) {
  const json document = json::parse(openapi_document());
  for (const char* path : {"/sweeps/ffff", "/nothing", "/trials/zz", "/ensembles/x"}) {
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
}

}  // namespace
}  // namespace medley::web
