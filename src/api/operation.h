// What the dispatcher knows of each operation of the API: which requests are it, and what they must look like. The table is
// made of api/openapi.yaml; who answers is in handlers.c.
#ifndef API_OPERATION_H
#define API_OPERATION_H

#include "services/service.h"

typedef enum api_place { API_IN_PATH, API_IN_QUERY, API_IN_HEADER } api_place;

typedef enum api_kind {
  API_TEXT,     ///< `min` and `max` are bytes
  API_INTEGER,  ///< never negative
  API_BOOLEAN,  ///< true or false
  API_DURATION, ///< as in ubiq.toml ("30s"); in milliseconds
} api_kind;

/// A parameter; its index in the operation is that in service_call.params.
typedef struct api_param {
  const char *name; ///< of a header: in lower case
  api_place place;
  api_kind kind;
  bool is_required; ///< those of the path always are
  uint64_t min, max;
  const char *const *choices; ///< the texts that it may be, ended by NULL; NULL: any
} api_param;

typedef enum api_body {
  API_BODY_NONE, ///< it has none
  API_BODY_JSON, ///< JSON that `check_body` finds good
  API_BODY_ANY,  ///< any JSON, or bytes
} api_body;

typedef struct api_operation {
  service_operation service;
  const char *method; ///< upper case
  const char *path;   ///< a template: `/v1/kv/{key}`; each `{name}` is one segment, the first parameters in their order
  const api_param *params;
  size_t params_count;
  api_body body;
  bool is_body_required;
  ubiq_error *(*check_body)(const yyjson_val *body); ///< NULL: any. Errors: `invalid_input`, with the place
} api_operation;

/// All operations. Constant.
extern const api_operation api_operations[];
extern const size_t api_operations_count;

/// Who answers an operation; NULL: nobody here (501).
service_handler api_handler(const api_operation *operation);

#endif
