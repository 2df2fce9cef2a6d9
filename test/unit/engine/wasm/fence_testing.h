/// Modules with limits put in, on an engine that has limits of its own too: other modules play the host.
#ifndef UBIQ_TEST_FENCE_TESTING_H
#define UBIQ_TEST_FENCE_TESTING_H

#include "engine/wasm/wasm_fence.h"
#include "unit/engine/engine_testing.h"

// What guests import: `ask` calls what the host puts into the table later.
static const char hub_text[] = "(module (type $t (func)) (table (export \"t\") 1 1 funcref)"
                               " (func (export \"ask\") (call_indirect (type $t) (i32.const 0)))"
                               " (func (export \"seven\") (result i32) (i32.const 7)))";

// The host: ends the call when the stack is used up, or when it was called `most` times. It goes on to be called while
// `keep` is not 0. `stack` is a global of the guest's, or, where calls are not counted, none.
#define HOST_TEXT(stack)                                                                                               \
  "(module"                                                                                                            \
  " (import \"m\" \"ubiq:due\" (global $due (mut i32)))"                                                               \
  " (import \"m\" \"ubiq:pages\" (global $pages (mut i32)))"                                                           \
  " (import \"m\" \"ubiq:elements\" (global $elements (mut i32)))"                                                     \
  " (import \"h\" \"t\" (table 1 1 funcref)) " stack                                                                   \
  " (global $calls (mut i32) (i32.const 0)) (global $most (mut i32) (i32.const 1000000))"                              \
  " (global $keep (mut i32) (i32.const 0))"                                                                            \
  " (func $fence (global.set $calls (i32.add (global.get $calls) (i32.const 1)))"                                      \
  "  (if (i32.lt_s (global.get $stack) (i32.const 0)) (then unreachable))"                                             \
  "  (if (i32.ge_s (global.get $calls) (global.get $most)) (then unreachable))"                                        \
  "  (if (i32.eqz (global.get $keep)) (then (global.set $due (i32.const 0)))))"                                        \
  " (elem (i32.const 0) $fence)" SETTER("stack") SETTER("due") SETTER("pages") SETTER("elements") SETTER("most")       \
      SETTER("calls") SETTER("keep") ")"
#define SETTER(name)                                                                                                   \
  " (func (export \"" name "\") (param i32) (result i32) (global.get $" name ") (global.set $" name " (local.get 0)))"

static engine *one_engine;

typedef struct world {
  engine_image *image;
  engine_store *store;
} world;

typedef struct bytes {
  uint8_t *data;
  size_t size;
} bytes;

/// Every import becomes "host" "N" with N from 0 to 3.
static inline ubiq_error *fence(const bytes *wasm, bool is_asked, bool counts_stack, bytes *out) {
  static const wasm_import_name names[] = {{"host", "0"}, {"host", "1"}, {"host", "2"}, {"host", "3"}};
  static const wasm_import_name ask = {"host", "ask"};
  wasm_fence_request request = {.wasm = wasm->data,
                                .size = wasm->size,
                                .imports = names,
                                .ask = is_asked ? &ask : NULL,
                                .counts_stack = counts_stack};
  *out = (bytes){0};
  return wasm_fence(&request, &out->data, &out->size);
}

static inline bytes assemble(const char *text) {
  bytes wasm;
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm.data, &wasm.size));
  return wasm;
}

static inline engine_module *compile_fenced(const char *text, bool counts_stack) {
  bytes wasm = assemble(text), fenced;
  engine_module *module = NULL;
  assert_success(fence(&wasm, true, counts_stack, &fenced));
  assert_success(engine_compile(one_engine, fenced.data, fenced.size, &module));
  free(wasm.data);
  free(fenced.data);
  return module;
}

static inline int32_t call_in(const world *world, uint32_t module, const char *name, int32_t argument, bool *trapped) {
  engine_value values[4] = {{.i32 = argument}};
  engine_function function;
  assert_true(engine_store_function(world->store, module, name, &function));
  ubiq_error *error = engine_call_now(world->store, &function, values, 4);
  if (error && ubiq_error_code(error) != UBIQ_TRAP) fail_msg("%s", ubiq_error_message(error));
  if (!error == (trapped && *trapped)) fail_msg("%s: %s", name, error ? ubiq_error_message(error) : "no trap");
  ubiq_error_delete(error);
  return values[0].i32;
}

enum { HUB_MODULE, GUEST_MODULE, HOST_MODULE, MODULES };

static inline int32_t call(const world *world, const char *name, int32_t argument) {
  return call_in(world, GUEST_MODULE, name, argument, NULL);
}

static inline void must_trap(const world *world, const char *name, int32_t argument) {
  bool trapped = true;
  call_in(world, GUEST_MODULE, name, argument, &trapped);
}

/// Sets something of the host's, and answers what it was.
static inline int32_t host(const world *world, const char *name, int32_t value) {
  return call_in(world, HOST_MODULE, name, value, NULL);
}

/// How often the guest looks in a call, which has to answer `expected`.
static inline int32_t looks(const world *world, const char *name, int32_t argument, int32_t expected) {
  host(world, "keep", 1);
  host(world, "due", INT32_MAX);
  host(world, "calls", 0);
  assert_int_equal(call(world, name, argument), expected);
  host(world, "keep", 0);
  host(world, "due", 0);
  return host(world, "calls", 0);
}

/// A guest that imports nothing, or functions () -> i32 that answer 7.
static inline world world_open_with(const char *text, bool counts_stack, size_t imports) {
  static const char counting[] = HOST_TEXT("(import \"m\" \"ubiq:stack\" (global $stack (mut i32)))");
  static const char plain[] = HOST_TEXT("(global $stack (mut i32) (i32.const 0))");
  static const engine_binding of_host[] = {{GUEST_MODULE, WASM_FENCE_DUE},
                                           {GUEST_MODULE, WASM_FENCE_PAGES},
                                           {GUEST_MODULE, WASM_FENCE_ELEMENTS},
                                           {HUB_MODULE, "t"},
                                           {GUEST_MODULE, WASM_FENCE_STACK}};
  static const engine_binding of_guest[] = {{HUB_MODULE, "seven"}, {HUB_MODULE, "seven"}, {HUB_MODULE, "ask"}};
  enum { IMPORTS_MAX = 2 };
  engine_link_module modules[] = {{.module = compile_text(one_engine, hub_text)},
                                  {.module = compile_fenced(text, counts_stack),
                                   .bindings = &of_guest[IMPORTS_MAX - imports],
                                   .bindings_count = imports + 1},
                                  {.module = compile_text(one_engine, counts_stack ? counting : plain),
                                   .bindings = of_host,
                                   .bindings_count = counts_stack ? 5 : 4}};
  engine_link link = {.modules = modules, .modules_count = MODULES, .caller_memory = ENGINE_MEMORY_NONE};
  world self;
  traps_restore();
  assert_success(engine_link_modules(one_engine, &link, &self.image));
  for (int i = 0; i < MODULES; i++) engine_module_delete(modules[i].module);
  self.store = new_store(self.image, NULL);
  host(&self, "stack", 1000);
  return self;
}

static inline world world_open(const char *text, bool counts_stack) {
  return world_open_with(text, counts_stack, 0);
}

static inline void world_close(world *self) {
  engine_store_delete(self->store);
  engine_image_delete(self->image);
}

#endif
