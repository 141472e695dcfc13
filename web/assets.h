#pragma once

#include <string_view>
#include <vector>

namespace medley::web {

/// One file of the page, as it is sent.
struct Asset {
  std::string_view path;  ///< "/app.js"
  std::string_view type;  ///< Content-Type
  std::string_view etag;  ///< with its quotes
  bool gzip;              ///< `bytes` are gzip and are sent so
  std::string_view bytes;
};

/// The files embedded at build time; empty where the program was built without the page.
const std::vector<Asset>& assets();

}  // namespace medley::web
