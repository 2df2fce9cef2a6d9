// A project: what a folder's ubiq.toml says, checked but not yet built.
//
//     [project]
//     name = "shop"
//     version = "1.2.0"
//
//     [functions.greet]
//     source = "greet.c"              # or wasm = "greet.wasm", or manifest = "greet.json"
//     stack = "64KiB"                 # with source: the size of its stack
//     build = "cargo build --release" # with wasm or manifest: how to make it
//     export = "greet"
//     route = "POST /greet/{name}"
//     input = "request"               # all of the request, not its body alone
//     timeout = "30s"                 # also cpu, memory, body_max, response_max
//     weight = 100
//     instance = "request"            # and pool: see project_pool.h
//     config = { greeting = "Hello" }
//     allowed_hosts = ["api.example.com"]
//     permissions = ["kv:read:user:*"]  # services/permissions/permissions.h; those of [project] are every function's
//     [[functions.greet.schedules]]     # and events: see project_triggers.h
//
// and, beside functions, settings of all of them (project_settings.h), pages of other origins (cors.h) and folders
// whose files are answered as they are:
//
//     [files."/assets"]
//     folder = "public"
//
// A project never changes once it is read: any thread.
#ifndef RUNTIME_PROJECT_PROJECT_H
#define RUNTIME_PROJECT_PROJECT_H

#include "runtime/auth/auth.h"
#include "runtime/limits/limits.h"
#include "runtime/pool/lifetime.h"
#include "runtime/pool/pool_policy.h"
#include "runtime/project/cors.h"
#include "runtime/project/router.h"
#include "services/quotas.h"
#include "services/triggers.h"

#define PROJECT_FILE "ubiq.toml"

enum {
  PROJECT_FILE_BYTES_MAX = 1 << 20,
  PROJECT_FUNCTIONS_MAX = 1000,
};

typedef enum project_origin {
  PROJECT_WASM,     ///< `file` is a module
  PROJECT_SOURCE,   ///< `file` is C or C++ that is compiled here
  PROJECT_MANIFEST, ///< `file` is an Extism manifest
} project_origin;

/// What a function is given of a request, and what its output is.
typedef enum project_input {
  PROJECT_BODY,    ///< the body; the output is the answer's
  PROJECT_REQUEST, ///< all of it as a value, and so is the answer (wire/http_value.h)
} project_input;

/// Whether a function wants to know who makes a request.
typedef enum project_auth {
  PROJECT_AUTH_NONE,     ///< it is not looked at
  PROJECT_AUTH_OPTIONAL, ///< when the request says it
  PROJECT_AUTH_REQUIRED, ///< always: a request that does not say it is refused
} project_auth;

/// How a function is called.
typedef enum project_wire {
  PROJECT_WIRE_EXTISM,    ///< by an export that takes its input from Extism's kernel
  PROJECT_WIRE_CORE,      ///< by ubiq_handle; the module has no kernel (plugin/call/core.h)
  PROJECT_WIRE_COMPONENT, ///< by mat-wire.handle of a component (plugin/call/component.h)
} project_wire;

/// The word of ubiq.toml for a wire. Constant.
const char *project_wire_name(project_wire wire);

typedef struct project_setting {
  const char *name;
  const char *value;
} project_setting;

typedef struct project_settings {
  const project_setting *items;
  size_t count;
} project_settings;

/// Where a project is served: production, staging, ...
typedef struct project_environment {
  const char *name;
  project_settings config;
} project_environment;

/// A file of a bundle that is answered with.
typedef struct project_entry {
  text path;        ///< below the folder
  const char *name; ///< in the bundle
} project_entry;

/// A folder whose files are answered with, as they are.
typedef struct project_files {
  text host;                    ///< of its route; empty: any
  text path;                    ///< of its route, without a slash at the end; empty: everything
  const char *route;            ///< the template of all below it: `/assets/{file...}`
  const char *folder;           ///< the real place, the project's folder included; NULL: `entries`
  const project_entry *entries; ///< in a bundle
  size_t entries_count;
  const char *index;   ///< the file that stands for its folder
  uint64_t max_age_ms; ///< how long clients may keep what they got without asking again; 0: not at all
} project_files;

typedef struct project_function {
  const char *name;
  project_origin origin;
  const char *file;         ///< the real place of what `origin` says, the project's folder included
  const char *build;        ///< a shell command that makes `file`, run in the project's folder; NULL when there is none
  uint64_t stack_bytes;     ///< with a source: the size of its C stack; 0: whatever it needs
  const char *export_name;  ///< the function's export; with the other wires the operation that it is called with
  const char *content_type; ///< of its answers; NULL: found from what it answers
  project_wire wire;
  project_input input;
  project_auth auth;
  const cors *cors; ///< NULL: pages of other origins may not read its answers
  text method;      ///< of its route; empty: any
  text host;        ///< of its route; empty: any
  text path;        ///< of its route; empty: it has none
  limits limits;
  bool is_private;    ///< what it keeps in kv and cache is its own, not the project's
  uint32_t weight;    ///< its share of a worker's time (turns.h)
  lifetime lifetime;  ///< of its instances
  pool_settings pool; ///< how many of them there are
  const project_setting *config;
  size_t config_count;
  const text *permissions; ///< the project's among them; each of a good form
  size_t permissions_count;
  const char *const *allowed_hosts;
  size_t allowed_hosts_count;
} project_function;

typedef struct project {
  const char *directory;
  text source; ///< what ubiq.toml says, as it was read
  const char *name;
  const char *version;
  const project_function *functions;
  size_t functions_count;
  const project_files *files;
  size_t files_count;
  const trigger *triggers; ///< schedules and events, of all functions
  size_t triggers_count;
  quotas quotas;             ///< of what lasts (project_quotas.h); of a release settled
  const auth_settings *auth; ///< NULL: nobody is known
  project_settings config;   ///< of all functions (project_settings.h)
  const project_environment *environments;
  size_t environments_count;
  struct arena *arena; ///< owns everything above
} project;

/// Reads `directory`/ubiq.toml. `*out` is the caller's, for project_delete. Errors: `not_found` when there is none,
/// `invalid_input` with file, line and column for what is wrong in it.
ubiq_error *project_read(const char *directory, project **out);

/// The same from bytes; `name` stands for the file in messages.
ubiq_error *project_parse(const char *directory, const char *name, const void *data, size_t size, project **out);

/// A project without functions, for a server that has none yet.
ubiq_error *project_empty(project **out);

void project_delete(project *self);

#endif
