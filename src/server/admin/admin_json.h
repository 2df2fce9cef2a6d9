// Releases and functions as the admin API shows them. NULL, or false, when memory is out.
#ifndef SERVER_ADMIN_ADMIN_JSON_H
#define SERVER_ADMIN_ADMIN_JSON_H

#include "server/front/response.h"
#include "server/releases/releases.h"
#include "yyjson.h"

/// `{"digest","project","version","size","received_at","signed","state","note"}`; `state` is what it is by `choice`:
/// current, canary, previous or kept.
yyjson_mut_val *admin_json_release(yyjson_mut_doc *document, const release_record *record,
                                   const release_choice *choice);

/// The same with `requests` and `failures`, and for a canary its share and rule.
yyjson_mut_val *admin_json_served(yyjson_mut_doc *document, const releases_status *status, bool is_canary);

/// `{"name","method","path","timeout_ms","cpu_ms","memory_bytes","body_max","response_max","allowed_hosts"}`.
yyjson_mut_val *admin_json_function(yyjson_mut_doc *document, const project_function *function);

/// A time of the wall clock, RFC 3339.
bool admin_json_time(yyjson_mut_doc *document, yyjson_mut_val *object, const char *key, uint64_t time_ms);

/// Makes an answer of a document and ends it. `root` NULL: memory was out on the way.
answer admin_json_answer(yyjson_mut_doc *document, yyjson_mut_val *root);

#endif
