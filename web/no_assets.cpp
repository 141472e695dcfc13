#include "web/assets.h"

namespace medley::web {

const std::vector<Asset>& assets() {
  static const std::vector<Asset> none;
  return none;
}

}  // namespace medley::web
