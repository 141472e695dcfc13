#include "sweep/family.h"

#include "sweep/digest.h"
#include "sweep/error.h"

namespace medley::sweep {

bool same_question(const Family& a, const Family& b) {
  return a.axis == b.axis && a.baseline == b.baseline && a.margin == b.margin;
}

std::string declaration_digest(const Family& family) {
  const nlohmann::json text = {family.axis, family.baseline, family.margin, family.results_before, family.declared_ms};
  return sha256_hex("declaration\n" + text.dump()).substr(0, 12);
}

std::string declaration_text(const Family& family) {
  if (family.results_before < 0) return "";
  if (family.results_before == 0) return "declared before the first result";
  return "declared after " + std::to_string(family.results_before) +
         (family.results_before == 1 ? " result" : " results");
}

nlohmann::json to_json(const std::vector<Family>& families) {
  nlohmann::json list = nlohmann::json::array();
  for (const Family& family : families) {
    list.push_back({{"axis", family.axis}, {"baseline", family.baseline}, {"margin", family.margin}});
    if (family.results_before < 0) continue;
    list.back().update({{"results_before", family.results_before},
                        {"declared_ms", family.declared_ms},
                        {"digest", declaration_digest(family)}});
  }
  return list;
}

std::vector<Family> families_from_json(const nlohmann::json& list) try {
  std::vector<Family> families;
  for (const nlohmann::json& item : list) {
    families.push_back({item.at("axis"), item.at("baseline"), item.at("margin").get<double>()});
    if (!item.contains("digest")) continue;
    Family declared = families.back();
    declared.results_before = item.at("results_before");
    declared.declared_ms = item.at("declared_ms");
    if (item.at("digest") == declaration_digest(declared)) families.back() = declared;
  }
  return families;
} catch (const nlohmann::json::exception& e) {
  throw Error(std::string("families: ") + e.what());
}

}  // namespace medley::sweep
