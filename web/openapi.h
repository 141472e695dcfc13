#pragma once

namespace medley::web {

/// web/openapi.json: every operation of routes() and the shape of its answers (OpenAPI 3.1). Tests hold it against real
/// answers.
const char* openapi_document();

}  // namespace medley::web
