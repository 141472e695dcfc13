#include "sweep/family.h"

#include "sweep/error.h"

namespace medley::sweep {

nlohmann::json to_json(const std::vector<Family>& families) {
  nlohmann::json list = nlohmann::json::array();
  for (const Family& family : families) {
    list.push_back({{"axis", family.axis}, {"baseline", family.baseline}, {"margin", family.margin}});
  }
  return list;
}

std::vector<Family> families_from_json(const nlohmann::json& list) try {
  std::vector<Family> families;
  for (const nlohmann::json& item : list) {
    families.push_back({item.at("axis"), item.at("baseline"), item.at("margin").get<double>()});
  }
  return families;
} catch (const nlohmann::json::exception& e) {
  throw Error(std::string("families: ") + e.what());
}

}  // namespace medley::sweep
