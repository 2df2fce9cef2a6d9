/// What the tests of merging share: hubs, guests that are merged with them, and what that makes run.
#ifndef UBIQ_TEST_MERGE_TESTING_H
#define UBIQ_TEST_MERGE_TESTING_H

#include "engine/wasm/wasm.h"
#include "engine/wasm/wasm_merge.h"
#include "unit/engine/engine_testing.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "hub/"

static const char hub_text[] =
    "(module"
    " (type $late (func (param i64) (result i64)))"
    " (import \"host\" \"seven\" (func $seven (result i32)))"
    " (import \"host\" \"twice\" (func $twice (param i32) (result i32)))"
    " (memory (export \"memory\") 1)"
    " (global $top (mut i32) (i32.const 64))"
    " (global $refusals (mut i32) (i32.const 0))"
    " (func (export \"refused\") (global.set $refusals (i32.add (global.get $refusals) (i32.const 1))))"
    " (func (export \"refusals\") (result i32) (global.get $refusals))"
    " (global $slot (export \"slot:late\") (mut (ref null $late)) (ref.null $late))"
    " (export \"seven\" (func $seven))"
    " (func (export \"read\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
    " (func (export \"take\") (param $size i32) (result i32)"
    "  (global.get $top) (global.set $top (i32.add (global.get $top) (call $twice (local.get $size)))))"
    " (func (export \"mixed\") (param $a i64) (param $b i32) (result i64) (local $n i64) (local $m i32)"
    "  (local.set $n (i64.add (local.get $n) (i64.const 1)))"
    "  (local.set $m (i32.add (local.get $m) (i32.const 10)))"
    "  (br_if 0 (i64.const 5) (i32.eqz (local.get $b))) (drop)"
    "  (block (br_if 0 (i32.eq (local.get $b) (i32.const 1))) (local.set $a (i64.const 1000)))"
    "  (i64.add (local.get $a) (i64.add (local.get $n) (i64.extend_i32_u (local.get $m)))))"
    " (func (export \"early\") (param i32) (result i32) (return (i32.add (local.get 0) (i32.const 1))))"
    " (func (export \"pages\") (result i32) (memory.size))"
    " (func (export \"late\") (param i64) (result i64) (call_ref $late (local.get 0) (global.get $slot)))"
    " (data (i32.const 8) \"hub\")"
    ")";

// A hub that calls its guest.
static const char calling_hub_text[] =
    "(module"
    " (import \"host\" \"seven\" (func $seven (result i32)))"
    " (import \"guest\" \"half\" (func $half (param i32) (result i32)))"
    " (import \"host\" \"twice\" (func $twice (param i32) (result i32)))"
    " (memory (export \"memory\") 1)"
    " (func (export \"refused\"))"
    " (export \"seven\" (func $seven)) (export \"twice\" (func $twice)) (export \"half\" (func $half))"
    " (func (export \"both\") (param i32) (result i32) (call $twice (call $half (local.get 0)))))";

typedef struct bytes {
  uint8_t *data;
  size_t size;
} bytes;

static inline bytes assemble(const char *text) {
  bytes wasm;
  assert_success(test_ops()->wat_to_wasm(text, strlen(text), &wasm.data, &wasm.size));
  return wasm;
}

typedef struct pair {
  bytes guest, hub;
  const char *bindings[8];
} pair;

// Binds the guest's imports to the hub's exports of the same names.
static inline pair pair_open_with(const char *guest_text, const char *hub) {
  pair self = {.guest = assemble(guest_text), .hub = assemble(hub)};
  wasm_module *module;
  static char names[8][16];
  assert_success(wasm_module_read(self.guest.data, self.guest.size, &module));
  assert_true(module->imports_count <= 8);
  for (size_t i = 0; i < module->imports_count; i++) {
    strncpy(names[i], module->imports[i].name, sizeof names[i] - 1);
    self.bindings[i] = names[i];
  }
  wasm_module_free(module);
  return self;
}

static inline pair pair_open(const char *guest_text) {
  return pair_open_with(guest_text, hub_text);
}

static inline void pair_close(pair *self) {
  free(self->guest.data);
  free(self->hub.data);
}

static inline ubiq_error *merge(const pair *pair, bytes *out) {
  wasm_merge_request request = {.guest = pair->guest.data,
                                .guest_size = pair->guest.size,
                                .hub = pair->hub.data,
                                .hub_size = pair->hub.size,
                                .guest_module = "guest",
                                .bindings = pair->bindings,
                                .prefix = PREFIX,
                                .grow_refused = "refused",
                                .rewind = "rewind"};
  *out = (bytes){0};
  return wasm_merge(&request, &out->data, &out->size);
}

static inline bytes merge_text_with(const char *guest_text, const char *hub) {
  bytes merged;
  pair pair = pair_open_with(guest_text, hub);
  assert_success(merge(&pair, &merged));
  pair_close(&pair);
  return merged;
}

static inline bytes merge_text(const char *guest_text) {
  return merge_text_with(guest_text, hub_text);
}

static inline ubiq_error *seven(void *env, engine_call *call, engine_value *values) {
  (void)env;
  (void)call;
  values[0].i32 = 7;
  return NULL;
}

static inline ubiq_error *twice(void *env, engine_call *call, engine_value *values) {
  (void)env;
  (void)call;
  values[0].i32 *= 2;
  return NULL;
}

static const wasm_type i32 = WASM_TYPE_I32;
static const wasm_signature to_i32 = {.results = &i32, .results_count = 1};
static const wasm_signature i32_to_i32 = {&i32, &i32, 1, 1};
static const engine_host_function hosts[] = {
    {.module = "host", .name = "seven", .signature = &to_i32, .call = seven},
    {.module = "host", .name = "twice", .signature = &i32_to_i32, .call = twice},
};

static engine *one_engine;

typedef struct world {
  engine_image *image;
  engine_store *store;
} world;

static inline world world_open_with(const char *guest_text, const char *hub) {
  static const engine_binding memories[] = {{0, PREFIX "memory"}, {0, "memory"}};
  world self;
  bytes wasm = merge_text_with(guest_text, hub);
  engine_link_module module = {0};
  assert_success(engine_compile(one_engine, wasm.data, wasm.size, &module.module));
  engine_link link = {.modules = &module,
                      .modules_count = 1,
                      .memories = memories,
                      .memories_count = 2,
                      .functions = hosts,
                      .functions_count = 2};
  assert_success(engine_link_modules(one_engine, &link, &self.image));
  engine_module_delete(module.module);
  self.store = new_store(self.image, NULL);
  traps_restore();
  free(wasm.data);
  return self;
}

static inline world world_open(const char *guest_text) {
  return world_open_with(guest_text, hub_text);
}

static inline void world_close(world *self) {
  engine_store_delete(self->store);
  engine_image_delete(self->image);
}

static inline int32_t run(world *self, const char *name, int32_t argument) {
  engine_function function = find_function(self->store, name);
  engine_value values[2] = {{.i32 = argument}};
  assert_success(engine_call_now(self->store, &function, values, 2));
  return values[0].i32;
}

static inline int open_engine(void **state) {
  (void)state;
  assert_success(engine_open(test_ops(), &(engine_options){0}, &one_engine));
  traps_save();
  return 0;
}

static inline int close_engine(void **state) {
  (void)state;
  engine_close(one_engine);
  return 0;
}

#endif
