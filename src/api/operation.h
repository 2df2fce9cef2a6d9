// What the dispatcher knows of each operation of the API: which requests are it, what they must look like, and what the
// answers look like. The table is made of api/openapi.yaml (scripts/api-tables); who answers is in handlers.c.
#ifndef API_OPERATION_H
#define API_OPERATION_H

#include "services/service.h"

struct shape;

typedef enum api_place { API_IN_PATH, API_IN_QUERY, API_IN_HEADER } api_place;

typedef enum api_kind {
  API_TEXT,
  API_INTEGER,  ///< never negative
  API_BOOLEAN,  ///< true or false
  API_DURATION, ///< as in ubiq.toml ("30s"); in milliseconds
} api_kind;

/// A parameter; its index in the operation is that in service_call.params.
typedef struct api_param {
  const char *name; ///< of a header: in lower case
  api_place place;
  api_kind kind;
  bool is_required;          ///< those of the path always are
  uint64_t min, max;         ///< of a number, in milliseconds of a duration
  const struct shape *shape; ///< of a text (shape.h)
  const char *fallback;      ///< what it is when it is not given; NULL: nothing
  uint64_t fallback_number;  ///< the same as service_param.number
} api_param;

typedef enum api_body {
  API_BODY_NONE, ///< it has none
  API_BODY_JSON, ///< JSON that `check_body` finds good
  API_BODY_ANY,  ///< any JSON, or bytes
} api_body;

/// What an answer may carry: bits. None: it has no body.
typedef enum api_sends {
  API_SENDS_JSON = 1,    ///< of the shape
  API_SENDS_BYTES = 2,   ///< of any media type
  API_SENDS_PROBLEM = 4, ///< a problem object
} api_sends;

typedef struct api_answer {
  uint16_t status;
  uint8_t sends;  ///< api_sends
  uint16_t shape; ///< of JSON
} api_answer;

typedef struct api_operation {
  service_operation service;
  const char *method; ///< upper case
  const char *path;   ///< a template: `/v1/kv/{key}`; each `{name}` is one segment, the first parameters in their order
  const api_param *params;
  size_t params_count;
  api_body body;
  bool is_body_required;
  bool takes_parts;                            ///< its body may come as SERVICE_BODY_PARTS
  ubiq_error *(*check_body)(yyjson_val *body); ///< NULL: any. Errors: `invalid_input`, with the place
  const api_answer *answers;
  size_t answers_count;
} api_operation;

/// All operations, in the order of service_operation_id (services/operations.h). Constant.
extern const api_operation api_operations[];
extern const size_t api_operations_count;

/// Its place in the table: a service_operation_id.
size_t api_operation_index(const service_operation *operation);

/// Who answers an operation; NULL: nobody here.
service_handler api_handler(const api_operation *operation);

/// Checks what a service answered: the status is one that the API tells of, and JSON has the shape that it says. For tests and
/// debug builds. Errors: `internal`.
ubiq_error *api_answer_check(const service_call *call);

#endif
