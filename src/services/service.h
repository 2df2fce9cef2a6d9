// What a function, or a person by the admin port, asks of a service, and the answer: the same for InvokeHost and for HTTP.
//
// A service is a few handlers, one for each operation of the API (api/*.tsp), and what they keep. A handler is given a call
// whose parameters and body were checked against the API, and whose permission was granted. It answers at once or later:
// it sets the answer and says service_call_done, exactly once.
//
// THREADS: a handler is called on the caller's thread, a worker's most often, and never blocks it but for a short read.
// service_call_done may be said by any thread.
#ifndef SERVICES_SERVICE_H
#define SERVICES_SERVICE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/text.h"
#include "ubiq/error.h"
#include "yyjson.h"

struct permissions;
struct quotas;
struct service_operation;
struct services;

enum {
  SERVICE_PARAMS_MAX = 12,  ///< of one operation
  SERVICE_HEADERS_MAX = 16, ///< of one answer
};

/// A parameter: of the path (unescaped), the query or a header. Numbers, booleans and durations are read already.
typedef struct service_param {
  bool is_given;
  text text;       ///< as it was sent, but unescaped; what it is by default when it was not
  uint64_t number; ///< of an integer; of a boolean 0 or 1; of a duration its milliseconds
} service_param;

/// A field of a request's query or headers.
typedef struct service_field {
  text name, value;
} service_field;

typedef enum service_body_kind {
  SERVICE_BODY_NONE,
  SERVICE_BODY_JSON,  ///< of a request: `value`; of an answer: `bytes`, which are JSON text
  SERVICE_BODY_BYTES, ///< `bytes`, of `media_type`
  SERVICE_BODY_PARTS, ///< of a request: bytes that come later, `expected` of them; the handler says where to (`intake`)
  SERVICE_BODY_FILE,  ///< of an answer, where `takes_files`: `file`, of `media_type`
} service_body_kind;

/// A part of an open file.
typedef struct service_file {
  int descriptor; ///< whoever takes the answer closes it
  uint64_t from, size;
} service_file;

typedef struct service_body {
  service_body_kind kind;
  yyjson_val *value;
  ubiq_bytes bytes;
  text media_type; ///< of bytes; empty: application/octet-stream
  service_file file;
  uint64_t
      expected; ///< of parts: how many bytes are said to come; 0: nobody knows. Of the answer to a HEAD: how many a GET has
} service_body;

struct service_call;

/// Where a body goes that comes in parts. Lives as long as its call; one thread at a time.
typedef struct service_intake {
  /// Takes a part, and may wait for a disk. After an error nothing more is added.
  ubiq_error *(*add)(struct service_intake *self, ubiq_bytes part);
  /// Everything has come: the call goes on, and is done once more.
  void (*finish)(struct service_intake *self, struct service_call *call);
  void (*drop)(struct service_intake *self); ///< in the place of `finish`
} service_intake;

/// Who asks. All of it is what the host knows, nothing what the request says.
typedef struct service_caller {
  text project;    ///< services keep each project's data apart
  text function;   ///< empty: a person or a program, by the admin port
  bool is_private; ///< the function's `private = true`: what it keeps is its own, not the project's
  const struct permissions
      *permissions; ///< what is granted (services/permissions/permissions.h); NULL: everything. Until `cancel`
  const struct quotas *quotas;           ///< of the project (services/quotas.h), until the call ends; NULL: the usual
  const char *(*traceparent)(void *run); ///< what makes the caller's span the parent of what follows, made when it is
                                         ///< asked for; NULL: none. Within the handler only
  const char *(*tracestate)(void *run);  ///< what goes with it; it, or its answer, NULL: nothing
  uint64_t deadline_ns;                  ///< of the caller's run (monotonic clock); UINT64_MAX: none
  uint32_t depth;                        ///< calls of functions above this one
  uint32_t hops;                         ///< events and schedules that led to this one
  void *run;                             ///< the runtime's; NULL: none. Within the handler and until `cancel`
  /// Counts a line of that size which the run says in the log; NULL: nobody counts. Errors: `quota`. Within the handler only.
  ubiq_error *(*count_line)(void *run, size_t size);
  /// Finds a setting of the function, of `environment` (empty: none), of the project, in this order; NULL: there are none. What is
  /// found is good within the handler only.
  bool (*find_setting)(const void *settings, text environment, text name, text *out);
  const void *settings; ///< for `find_setting`
} service_caller;

typedef struct service_header {
  const char *name; ///< lower case; a constant
  text value;       ///< lives as long as the call's arena
} service_header;

typedef struct service_call {
  // What is asked. Borrowed from the owner until the call is done.
  const struct service_operation *operation;
  service_param params[SERVICE_PARAMS_MAX]; ///< in the operation's order (generated: KV_PUT_KEY, KV_PUT_TTL, ...)
  const service_field *headers_asked; ///< all of the request, names in lower case; for those that are no parameters
  size_t headers_asked_count;
  service_body body;
  service_caller caller;
  struct services *services; ///< services/services.h

  bool takes_files; ///< the answer may be a file: the caller's own thread sends it
  /// Set by the handler of a call whose body comes in parts (SERVICE_BODY_PARTS): it is done without an answer then, until all has come.
  service_intake *intake;

  // The answer, which the handler sets. Either `error`, or the rest.
  ubiq_error *error; ///< owned; becomes a problem object (RFC 9457) with the status of its class
  unsigned status;   ///< 0: that of the error's class; 200 with a body, 204 without
  service_header headers[SERVICE_HEADERS_MAX];
  size_t headers_count;
  service_body answer; ///< its bytes: the arena's, or `bytes`
  buffer bytes;        ///< owned by the call: for an answer's body

  arena arena; ///< what lives as long as the call
  void *state; ///< the handler's, while it waits
  /// The handler's, set before it returns without an answer; NULL: it is not to be disturbed. Called once at most, when nobody
  /// waits for the answer any more, on the caller's thread: the call is to end soon, in here or later.
  void (*cancel)(struct service_call *self);
  void (*done)(struct service_call *self); ///< the owner's: takes the answer, and ends the call. Any thread
} service_call;

typedef void (*service_handler)(service_call *call);

/// Answers in place of services where somebody plays them: tests. It is asked after everything was checked.
typedef struct service_stubs {
  /// False: the service itself is to answer. Else the call was ended.
  bool (*answer)(void *user, service_call *call, text method, text path);
  void *user;
} service_stubs;

/// One operation of the API. The table of them is generated from api/openapi.yaml.
typedef struct service_operation {
  const char *name;       ///< "kv.put"
  const char *permission; ///< its service and action, "kv:write"; NULL: none is needed, or the handler asks
  int subject;            ///< the parameter that the permission's pattern is matched with; -1: none
  bool is_prefix;         ///< the subject is a prefix: all that begins with it must be allowed
} service_operation;

/// Ends a call whose answer is set. Exactly once; the call is not to be used afterwards. Any thread.
void service_call_done(service_call *self);

/// Ends it with an error, of which it takes ownership.
void service_call_fail(service_call *self, ubiq_error *error);

/// Ends it with JSON text, which is copied behind what `self->bytes` holds; or with those bytes alone.
void service_call_answer_json(service_call *self, text json);
void service_call_answer_bytes(service_call *self, text media_type);

/// Whether the caller may do this, for handlers that find out themselves what they need. Errors: `denied`.
ubiq_error *service_call_permit(const service_call *self, const char *service, const char *action, text subject);
/// The same of all subjects that begin with `prefix`.
ubiq_error *service_call_permit_all(const service_call *self, const char *service, const char *action, text prefix);

/// The error `invalid_input` for a value that is no good: `ttl is "soon"; expected a duration`. Of the value only the beginning is shown,
/// escaped.
ubiq_error *service_wrong_value(text name, text value, const char *expected);

/// Adds a header to the answer. `name` is a constant, in lower case; the value is copied into the arena. False when memory or room is out.
UBIQ_NODISCARD bool service_call_header(service_call *self, const char *name, text value);

#endif
