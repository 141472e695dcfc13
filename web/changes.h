#pragma once

#include <string>
#include <vector>

#include "storage/reader.h"
#include "web/control.h"
#include "web/http.h"

namespace medley::web {

/// Has the change that a POST asks for made; `parts` are the segments of its path. Throws Refused: 404 for an address
/// that changes nothing, 400 for a wrong body, 409 for what cannot be done now, 422 with the errors of a sweep file.
Response change(storage::Reader& reader, Control& control, const std::vector<std::string>& parts,
                const Request& request);

}  // namespace medley::web
