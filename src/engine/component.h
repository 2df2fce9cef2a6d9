// What the rest of the project asks of an engine that runs components (the WebAssembly component model), beside engine.h.
//
// A component is compiled, serialized and deleted as a module is: engine_compile takes both. Its image is made by
// `link` here, and an image's stores by engine_store_new. A store has no instance yet: `instantiate` runs the component's
// start functions, which are guest code, so that it is begun, and resumed by engine_call_resume, as calls are.
//
// Values cross as trees (component_value). Texts are UTF-8 on both sides. What a callback or `result` is given is borrowed.
#ifndef ENGINE_COMPONENT_H
#define ENGINE_COMPONENT_H

#include "base/arena.h"
#include "base/text.h"
#include "engine/engine.h"

/// COMPONENT_OTHER is what nothing here takes; it is only ever read.
typedef enum component_kind {
  COMPONENT_BOOL,
  COMPONENT_U8,
  COMPONENT_U32,
  COMPONENT_U64,
  COMPONENT_STRING,
  COMPONENT_BYTES, ///< list<u8>
  COMPONENT_LIST,
  COMPONENT_RECORD,
  COMPONENT_TUPLE,
  COMPONENT_VARIANT,
  COMPONENT_OPTION,
  COMPONENT_RESULT,
  COMPONENT_RESOURCE, ///< the host's own
  COMPONENT_OTHER,
} component_kind;

typedef struct component_value {
  component_kind kind;
  bool is;                             ///< a bool; whether an option has a value, whether a result is `ok`
  uint32_t type;                       ///< of a resource that is handed to the guest: as in component_import
  uint64_t number;                     ///< an integer; a resource's number
  text name;                           ///< of a field: what its record calls it
  text string;                         ///< a string, bytes, a variant's case
  const struct component_value *items; ///< of a list, record or tuple; what a variant, option or result holds
  size_t count;
} component_value;

/// What a component imports or exports in one of its interfaces: `wasi:cli/stdout@0.2.3` and `get-stdout`.
typedef struct component_item {
  const char *interface; ///< empty: of none
  const char *name;
  const char *type; ///< of a function: `(name: string) -> result<u32, string>`; NULL for a resource and all else
  bool is_resource;
} component_item;

typedef struct component_items {
  const component_item *items;
  size_t count;
} component_items;

/// What a host function is told about the call that it answers.
typedef struct component_call {
  engine_store *store;
  void *user;   ///< what the store was made with
  arena *arena; ///< for its result; ends with the call of the guest
} component_call;

/// A host function. `*result` is written by functions that have one. As engine_host_callback and engine_ready_callback.
typedef ubiq_error *(*component_callback)(void *env, component_call *call, const component_value *arguments,
                                          size_t count, component_value *result);
typedef bool (*component_ready)(void *env, component_call *call, component_value *result, ubiq_error **error);

/// What an import is bound to, item by item as `items` listed them.
typedef struct component_import {
  component_callback call; ///< of a function
  component_ready ready;   ///< NULL: it never waits
  void *env;
  uint32_t type;                                                  ///< of a resource: equal for equal resources
  void (*drop)(void *env, component_call *call, uint32_t number); ///< of a resource: the guest has done with one
} component_import;

typedef struct component_link {
  const component_import *imports; ///< one for each of the component's
  const component_item *exports;   ///< the functions that are called, by their places here
  size_t exports_count;            ///< at most COMPONENT_EXPORTS_MAX
} component_link;

enum { COMPONENT_EXPORTS_MAX = 4 };

typedef struct engine_component_ops {
  /// What a component imports, or exports, interfaces' items one by one; in `arena`. Errors: `too_large`, `internal`.
  ubiq_error *(*items)(engine_module *component, bool exports, arena *arena, component_items *out);
  /// As engine_link_modules. Strings and `env` outlive the image. Errors: `invalid_input`.
  ubiq_error *(*link)(engine *engine, engine_module *component, const component_link *link, engine_image **out);
  /// Makes the store's instance: before its first call, once. Errors: as engine_store_new; `trap` of its start functions.
  ubiq_error *(*instantiate)(engine_store *store, engine_state *state);
  /// Calls the export at `place`. The arguments are copied. May suspend. Errors: `trap`, also for what the guest made of
  /// values; those of host functions and ticks.
  ubiq_error *(*call)(engine_store *store, uint32_t place, const component_value *arguments, size_t count,
                      engine_state *state);
  /// What the call that was done last answered: until the store's next call. Its texts are checked.
  ubiq_error *(*result)(engine_store *store, const component_value **out);
} engine_component_ops;

#endif
