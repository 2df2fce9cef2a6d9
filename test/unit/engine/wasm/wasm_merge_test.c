// Merging a guest with its hub: the merged module is valid, does what the two did, and keeps the guest out of the hub.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "engine/wasm/wasm.h"
#include "engine/wasm/wasm_merge.h"
#include "unit/base/alloc_failure.h"
#include "unit/base/testing.h"
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

static bytes assemble(const char *text) {
  bytes wasm;
  assert_success(test_ops()->wat_to_wasm(text, strlen(text), &wasm.data, &wasm.size));
  return wasm;
}

typedef struct pair {
  bytes guest, hub;
  const char *bindings[8];
} pair;

// Binds the guest's imports to the hub's exports of the same names.
static pair pair_open_with(const char *guest_text, const char *hub) {
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

static pair pair_open(const char *guest_text) {
  return pair_open_with(guest_text, hub_text);
}

static void pair_close(pair *self) {
  free(self->guest.data);
  free(self->hub.data);
}

static ubiq_error *merge(const pair *pair, bytes *out) {
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

static bytes merge_text_with(const char *guest_text, const char *hub) {
  bytes merged;
  pair pair = pair_open_with(guest_text, hub);
  assert_success(merge(&pair, &merged));
  pair_close(&pair);
  return merged;
}

static bytes merge_text(const char *guest_text) {
  return merge_text_with(guest_text, hub_text);
}

static ubiq_error *seven(void *env, engine_call *call, engine_value *values) {
  (void)env;
  (void)call;
  values[0].i32 = 7;
  return NULL;
}

static ubiq_error *twice(void *env, engine_call *call, engine_value *values) {
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

static world world_open_with(const char *guest_text, const char *hub) {
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

static world world_open(const char *guest_text) {
  return world_open_with(guest_text, hub_text);
}

static void world_close(world *self) {
  engine_store_delete(self->store);
  engine_image_delete(self->image);
}

static int32_t run(world *self, const char *name, int32_t argument) {
  engine_function function = find_function(self->store, name);
  engine_value values[2] = {{.i32 = argument}};
  assert_success(engine_call_now(self->store, &function, values, 2));
  return values[0].i32;
}

static void a_guest_calls_the_hub_and_the_host(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"read\" (func $read (param i32) (result i32)))"
                           " (import \"a\" \"seven\" (func $seven (result i32)))"
                           " (import \"a\" \"take\" (func $take (param i32) (result i32)))"
                           " (func (export \"read\") (param i32) (result i32) (call $read (local.get 0)))"
                           " (func (export \"seven\") (result i32) (call $seven))"
                           " (func (export \"take\") (param i32) (result i32) (return_call $take (local.get 0)))"
                           " (func (export \"own\") (param i32) (result i32) (call $double (local.get 0)))"
                           " (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))");
  assert_int_equal(run(&world, "read", 8), 'h');
  assert_int_equal(run(&world, "seven", 0), 7);
  assert_int_equal(run(&world, "take", 10), 64);
  assert_int_equal(run(&world, "take", 1), 84);
  assert_int_equal(run(&world, "own", 21), 42);
  world_close(&world);
}

static void memories_stay_apart(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"read\" (func $read (param i32) (result i32)))"
                           " (import \"a\" \"pages\" (func $pages (result i32)))"
                           " (memory (export \"memory\") 3 10)"
                           " (data (i32.const 8) \"guest\")"
                           " (func (export \"mine\") (param i32) (result i32) (i32.load8_u (local.get 0)))"
                           " (func (export \"theirs\") (param i32) (result i32) (call $read (local.get 0)))"
                           " (func (export \"pages\") (result i32) (call $pages))"
                           " (func (export \"grow\") (param i32) (result i32) (memory.grow (local.get 0))))");
  assert_int_equal(run(&world, "mine", 8), 'g');
  assert_int_equal(run(&world, "theirs", 8), 'h');
  assert_int_equal(run(&world, "grow", 2), 3);
  assert_int_equal(run(&world, "pages", 0), 1);
  engine_memory hub, guest;
  assert_true(engine_store_memory(world.store, 0, &hub));
  assert_true(engine_store_memory(world.store, 1, &guest));
  assert_int_equal(hub.size, 65536);
  assert_int_equal(guest.size, 5 * 65536);
  assert_memory_equal(hub.data + 8, "hub", 3);
  assert_memory_equal(guest.data + 8, "guest", 5);
  world_close(&world);
}

// Short functions of the hub stand where they are called: their locals begin as zero each time, and keep clear of the
// guest's own.
static void what_is_inlined_does_what_a_call_does(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"mixed\" (func $mixed (param i64 i32) (result i64)))"
                           " (import \"a\" \"early\" (func $early (param i32) (result i32)))"
                           " (func (export \"mixed\") (param $b i32) (result i32) (local i64 f32 i32 i64)"
                           "  (local.set 1 (i64.const 7)) (local.set 3 (i32.const 9))"
                           "  (drop (call $mixed (i64.const 1) (i32.const 2)))"
                           "  (i32.wrap_i64 (call $mixed (call $mixed (i64.const 1) (local.get $b)) (local.get $b)))"
                           "  (i32.add (i32.add (local.get 3) (i32.wrap_i64 (local.get 1)))))"
                           " (func (export \"early\") (param i32) (result i32)"
                           "  (call $early (call $early (local.get 0)))))");
  assert_int_equal(run(&world, "mixed", 0), 5 + 16);
  assert_int_equal(run(&world, "mixed", 1), 1 + 11 + 11 + 16);
  assert_int_equal(run(&world, "mixed", 2), 1000 + 11 + 16);
  assert_int_equal(run(&world, "early", 40), 42);
  world_close(&world);
}

static void the_hub_is_told_of_each_growth_that_is_refused(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"refusals\" (func $refusals (result i32)))"
                           " (memory (export \"memory\") 1 3) (memory $b 2 5) (memory $c i64 1 4)"
                           " (func (export \"a\") (param i32) (result i32) (memory.grow (local.get 0)))"
                           " (func (export \"b\") (param i32) (result i32)"
                           "  (loop $again (result i32) (block $out (result i32)"
                           "   (br_if $out (memory.grow $b (local.get 0)) (i32.eq (local.get 0) (i32.const 1)))"
                           "   (drop) (local.set 0 (i32.const 1)) (br $again))))"
                           " (func (export \"c\") (param i32) (result i32)"
                           "  (i32.wrap_i64 (memory.grow $c (i64.extend_i32_s (local.get 0)))))"
                           " (func (export \"size\") (result i32) (memory.size $b))"
                           " (func (export \"count\") (result i32) (call $refusals)))");
  assert_int_equal(run(&world, "a", 2), 1);
  assert_int_equal(run(&world, "b", 1), 2);
  assert_int_equal(run(&world, "c", 0), 1);
  assert_int_equal(run(&world, "count", 0), 0);
  assert_int_equal(run(&world, "a", 1), -1);
  assert_int_equal(run(&world, "count", 0), 1);
  assert_int_equal(run(&world, "b", 100), 3); // by 100, which is refused, and then by 1
  assert_int_equal(run(&world, "size", 0), 4);
  assert_int_equal(run(&world, "count", 0), 2);
  assert_int_equal(run(&world, "c", 4), -1);
  assert_int_equal(run(&world, "c", -1), -1);
  assert_int_equal(run(&world, "count", 0), 4);
  world_close(&world);
}

static void the_hub_calls_what_the_guest_exports(void **state) {
  (void)state;
  world world = world_open_with("(module"
                                " (import \"a\" \"both\" (func $both (param i32) (result i32)))"
                                " (import \"a\" \"seven\" (func $seven (result i32)))"
                                " (memory (export \"memory\") 1 1)"
                                " (func (export \"run\") (param i32) (result i32)"
                                "  (drop (memory.grow (i32.const 1)))"
                                "  (i32.add (call $both (local.get 0)) (call $seven)))"
                                " (func (export \"half\") (param i32) (result i32)"
                                "  (i32.sub (i32.div_u (local.get 0) (i32.const 2)) (call $seven))))",
                                calling_hub_text);
  assert_int_equal(run(&world, "run", 100), 2 * (100 / 2 - 7) + 7);
  world_close(&world);
}

static void what_the_guest_exports_for_the_hub_may_be_the_hosts(void **state) {
  (void)state;
  world world = world_open_with("(module (import \"a\" \"both\" (func $both (param i32) (result i32)))"
                                " (import \"a\" \"twice\" (func $twice (param i32) (result i32)))"
                                " (memory (export \"memory\") 1) (export \"half\" (func $twice))"
                                " (func (export \"run\") (param i32) (result i32) (call $both (local.get 0))))",
                                calling_hub_text);
  assert_int_equal(run(&world, "run", 3), 12);
  world_close(&world);
}

// The hub's own function as well: it calls itself, which the engine ends.
static void what_the_guest_exports_for_the_hub_may_be_the_hubs(void **state) {
  (void)state;
  world world = world_open_with("(module (import \"a\" \"both\" (func $both (param i32) (result i32)))"
                                " (memory (export \"memory\") 1) (export \"half\" (func $both)))",
                                calling_hub_text);
  engine_function function = find_function(world.store, "half");
  engine_value values[2] = {{.i32 = 1}};
  ubiq_error *error = engine_call_now(world.store, &function, values, 2);
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  ubiq_error_delete(error);
  world_close(&world);
}

static void what_the_hub_calls_must_be_there(void **state) {
  (void)state;
  static const char *const guests[] = {
      "(module)", "(module (memory (export \"half\") 1))", "(module (func (export \"half\")))",
      "(module (func (export \"half\") (param i64) (result i32) (i32.const 1)))",
      // its own export, by way of the hub
      "(module (import \"a\" \"half\" (func $half (param i32) (result i32))) (export \"half\" (func $half)))"};
  for (size_t i = 0; i < sizeof guests / sizeof *guests; i++) {
    bytes merged;
    pair pair = pair_open_with(guests[i], calling_hub_text);
    ubiq_error *error = merge(&pair, &merged);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    assert_non_null(strstr(ubiq_error_message(error), "cannot be merged"));
    ubiq_error_delete(error);
    pair_close(&pair);
  }
}

static void what_a_refused_growth_calls_must_be_there(void **state) {
  (void)state;
  static const char *const names[] = {"absent", "read", "memory"};
  pair pair = pair_open("(module (memory 1))");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    uint8_t *merged;
    size_t size;
    wasm_merge_request request = {.guest = pair.guest.data,
                                  .guest_size = pair.guest.size,
                                  .hub = pair.hub.data,
                                  .hub_size = pair.hub.size,
                                  .bindings = pair.bindings,
                                  .prefix = PREFIX,
                                  .grow_refused = names[i]};
    ubiq_error *error = wasm_merge(&request, &merged, &size);
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
  }
  pair_close(&pair);
}

// What the merged module answers to being put back: how many memories it has, or -1.
static int32_t rewind_of(const char *guest_text) {
  world world = world_open(guest_text);
  int32_t answer = run(&world, PREFIX "rewind", 0);
  world_close(&world);
  return answer;
}

static void globals_of_both_are_put_back(void **state) {
  (void)state;
  world world =
      world_open("(module"
                 " (import \"a\" \"take\" (func $take (param i32) (result i32)))"
                 " (memory (export \"memory\") 1)"
                 " (global $a (mut i32) (i32.const -5)) (global $b (mut i64) (i64.const 0x0b0b0b0b0b))"
                 " (global $fixed i32 (i32.const 1))"
                 " (global $c (mut f32) (f32.const 2.5)) (global $d (mut f64) (f64.const -7))"
                 " (global $e (mut v128) (v128.const i32x4 11 11 11 11))"
                 " (func (export \"take\") (param i32) (result i32) (call $take (local.get 0)))"
                 " (func (export \"sum\") (param i32) (result i32)"
                 "  (i32.add (i32.add (global.get $a) (i32.wrap_i64 (global.get $b)))"
                 "           (i32.add (i32.add (i32.trunc_f32_s (global.get $c))"
                 "                             (i32.trunc_f64_s (global.get $d)))"
                 "                    (i32x4.extract_lane 3 (global.get $e)))))"
                 " (func (export \"spoil\") (param i32) (result i32)"
                 "  (global.set $a (i32.const 1)) (global.set $b (i64.const 1)) (global.set $c (f32.const 1))"
                 "  (global.set $d (f64.const 1)) (global.set $e (v128.const i32x4 1 1 1 1)) (i32.const 0)))");
  int32_t sum = run(&world, "sum", 0);
  assert_int_equal(sum, -5 + 0x0b0b0b0b + 2 - 7 + 11);
  for (int round = 0; round < 2; round++) {
    assert_int_equal(run(&world, "take", 10), 64);
    assert_int_equal(run(&world, "take", 10), 84);
    run(&world, "spoil", 0);
    assert_int_equal(run(&world, "sum", 0), 5);
    assert_int_equal(run(&world, PREFIX "rewind", 0), 2);
    assert_int_equal(run(&world, "sum", 0), sum);
  }
  world_close(&world);
}

// The section's byte; -1: there is none.
static int mark_of(const char *guest_text) {
  static const char name[] = WASM_MERGE_MARK;
  bytes merged = merge_text(guest_text);
  int mark = -1;
  for (size_t at = 0; at + sizeof name <= merged.size; at++)
    if (memcmp(merged.data + at, name, sizeof name - 1) == 0) mark = merged.data[at + sizeof name - 1];
  free(merged.data);
  return mark;
}

static void a_mark_tells_that_a_module_can_be_put_back_and_whether_it_grows(void **state) {
  (void)state;
  assert_int_equal(mark_of("(module (memory 1))"), 0);
  assert_int_equal(mark_of("(module (memory 1) (func (drop (memory.size))))"), 0);
  assert_int_equal(mark_of("(module (memory 1) (func (drop (memory.grow (i32.const 1)))))"), 1);
  assert_int_equal(mark_of("(module (memory 1) (memory i64 1) (func (drop (memory.grow 1 (i64.const 1)))))"), 1);
  assert_int_equal(mark_of("(module (memory 1) (data $d \"d\") (func (data.drop $d)))"), -1);
}

static void all_memories_are_counted(void **state) {
  (void)state;
  assert_int_equal(rewind_of("(module)"), 1);
  assert_int_equal(rewind_of("(module (memory 1) (memory 1) (memory i64 1))"), 4);
}

static void what_changes_nothing_else_can_be_put_back(void **state) {
  (void)state;
  assert_int_equal(
      rewind_of("(module (memory 1) (table 2 funcref) (type $t (func)) (data $d \"d\") (elem (i32.const 0) $f)"
                " (global funcref (ref.func $f)) (func $f (memory.init $d (i32.const 0) (i32.const 0)"
                "  (i32.const 1)) (memory.copy (i32.const 0) (i32.const 1) (i32.const 1))"
                "  (call_indirect (type $t) (i32.const 0)) (drop (table.get (i32.const 0)))"
                "  (drop (table.size)) (drop (i32.trunc_sat_f32_s (f32.const 1)))))"),
      2);
}

static void what_changes_more_is_not_put_back(void **state) {
  (void)state;
  static const char *const guests[] = {
      "(module (table 2 funcref) (func (table.set (i32.const 0) (ref.null func))))",
      "(module (table 2 funcref) (func (drop (table.grow (ref.null func) (i32.const 1)))))",
      "(module (table 2 funcref) (func (table.fill (i32.const 0) (ref.null func) (i32.const 1))))",
      "(module (table 2 funcref) (func (table.copy (i32.const 0) (i32.const 1) (i32.const 1))))",
      "(module (table 2 funcref) (elem $e func 0) (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 1))))",
      "(module (elem $e func $f) (func $f (elem.drop $e)))",
      "(module (memory 1) (data $d \"d\") (func (data.drop $d)))",
      "(module (global (mut funcref) (ref.null func)))",
      "(module (global (mut externref) (ref.null extern)))",
      "(module (global $a i32 (i32.const 1)) (global (mut i32) (global.get $a)))",
      "(module (global (mut i32) (i32.add (i32.const 1) (i32.const 2))))",
      "(module (tag $t) (func (throw $t)))",
      "(module (type $s (struct (field (mut i32)))) (func (drop (struct.new_default $s))))",
      "(module (func (drop (ref.i31 (i32.const 1)))))",
  };
  for (size_t i = 0; i < sizeof guests / sizeof *guests; i++)
    if (rewind_of(guests[i]) != -1) fail_msg("%s", guests[i]);
}

// Code that sets them all would be larger than engines compile.
static void very_many_globals_are_not_put_back(void **state) {
  (void)state;
  enum { GLOBALS = 400000 };
  static const char entry[] = "(global (mut v128) (v128.const i64x2 1 2))";
  char *text = malloc(GLOBALS * (sizeof entry - 1) + 32);
  assert_non_null(text);
  memcpy(text, "(module ", 8);
  char *end = text + 8;
  for (int i = 0; i < GLOBALS; i++, end += sizeof entry - 1) memcpy(end, entry, sizeof entry);
  strcpy(end, ")");
  assert_int_equal(rewind_of(text), -1);
  free(text);
}

static void imports_stand_in_tables_and_exports(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (type $f (func (param i32) (result i32)))"
                           " (import \"a\" \"read\" (func $read (param i32) (result i32)))"
                           " (import \"a\" \"seven\" (func $seven (result i32)))"
                           " (table 4 funcref)"
                           " (elem (i32.const 0) $read $own)"
                           " (elem (table 0) (i32.const 2) funcref (ref.func $own) (ref.func $read))"
                           " (global $g funcref (ref.func $read))"
                           " (export \"again\" (func $read))"
                           " (export \"direct\" (func $seven))"
                           " (func $own (type $f) (i32.add (local.get 0) (i32.const 1)))"
                           " (func (export \"at\") (param i32) (result i32)"
                           "  (call_indirect (type $f) (i32.const 8) (local.get 0)))"
                           " (func (export \"global\") (param i32) (result i32)"
                           "  (table.set (i32.const 1) (global.get $g))"
                           "  (call_indirect (type $f) (local.get 0) (i32.const 1))))");
  assert_int_equal(run(&world, "at", 0), 'h');
  assert_int_equal(run(&world, "at", 1), 9);
  assert_int_equal(run(&world, "at", 2), 9);
  assert_int_equal(run(&world, "at", 3), 'h');
  assert_int_equal(run(&world, "global", 9), 'u');
  assert_int_equal(run(&world, "again", 10), 'b');
  assert_int_equal(run(&world, "direct", 0), 7);
  world_close(&world);
}

static void a_guest_with_all_of_the_language_stays_valid(void **state) {
  (void)state;
  world world =
      world_open("(module"
                 " (type $pair (struct (field (mut i32)) (field i64)))"
                 " (rec (type $node (struct (field (ref null $node)))) (type $list (array (mut (ref null $node)))))"
                 " (type $bytes (array (mut i8)))"
                 " (type $f (func (result i32)))"
                 " (import \"a\" \"seven\" (func $seven (result i32)))"
                 " (tag $e (param i32))"
                 " (memory $one 1) (memory $two 1)"
                 " (table $t 2 (ref null $f)) (table $u 1 externref)"
                 " (elem $passive (ref null $f) (ref.func $seven) (ref.null $f))"
                 " (elem declare func $own)"
                 " (data $d \"abcd\")"
                 " (global $count (mut i32) (i32.const 0))"
                 " (global $pair (ref $pair) (struct.new $pair (i32.const 5) (i64.const 6)))"
                 " (func $own (type $f) (i32.const 35))"
                 " (func $tail (param $n i32) (result i32)"
                 "  (if (i32.eqz (local.get $n)) (then (return_call $seven)))"
                 "  (return_call $tail (i32.sub (local.get $n) (i32.const 1))))"
                 " (func $throws (throw $e (i32.const 5)))"
                 " (func (export \"run\") (result i32) (local $v v128) (local $r (ref null $f))"
                 "  (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 2))"
                 "  (elem.drop $passive)"
                 "  (table.set $t (i32.const 1) (ref.func $own))"
                 "  (memory.init $two $d (i32.const 0) (i32.const 0) (i32.const 4))"
                 "  (data.drop $d)"
                 "  (memory.copy $one $two (i32.const 0) (i32.const 0) (i32.const 4))"
                 "  (memory.fill $two (i32.const 8) (i32.const 1) (i32.const 8))"
                 "  (local.set $v (v128.const i32x4 1 2 3 4))"
                 "  (local.set $v (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (local.get $v) (local.get $v)))"
                 "  (v128.store $two (i32.const 16) (i32x4.add (local.get $v) (local.get $v)))"
                 "  (v128.store32_lane $two 1 (i32.const 32) (local.get $v))"
                 "  (drop (ref.cast (ref $bytes) (array.new_fixed $bytes 2 (i32.const 1) (i32.const 2))))"
                 "  (drop (block $l (result (ref null $node))"
                 "   (br_on_cast $l (ref null struct) (ref null $node) (struct.new $node (ref.null $node))) (drop) "
                 "(ref.null $node)))"
                 "  (drop (i32.trunc_sat_f64_s (f64.const 1e300)))"
                 "  (drop (i32.extend8_s (i32.const 200)))"
                 "  (block $caught (result i32)"
                 "   (try_table (catch $e $caught) (call $throws)) (i32.const 0))"
                 "  (global.set $count)"
                 "  (block $out (block $two (block $one (br_table $one $two $out (i32.const 1)))))"
                 "  (local.set $r (table.get $t (i32.const 0)))"
                 "  (global.set $count (i32.add (global.get $count) (call_ref $f (ref.as_non_null (local.get $r)))))"
                 "  (i32.add (global.get $count) (i32.add (call_indirect $t (type $f) (i32.const 1))"
                 "   (i32.add (call $tail (i32.const 100000)) (struct.get $pair 0 (global.get $pair))))))"
                 " (func (export \"loaded\") (result i32) (i32.add (i32.load8_u $two (i32.const 9)) (i32.load8_u "
                 "(i32.const 3)))))");
  assert_int_equal(run(&world, "run", 0), 5 + 7 + 35 + 7 + 5);
  assert_int_equal(run(&world, "loaded", 0), 1 + 'd');
  world_close(&world);
}

static void exports_of_the_hub_have_the_prefix(void **state) {
  (void)state;
  wasm_module *module;
  bytes wasm = merge_text("(module (memory (export \"memory\") 1) (func (export \"read\")))");
  assert_success(wasm_module_read(wasm.data, wasm.size, &module));
  assert_int_equal(module->imports_count, 2);
  assert_int_equal(module->exports_count, 2 + 11 + 1); // and what puts back
  assert_int_equal(wasm_module_export(module, "memory")->index, 0);
  assert_int_equal(wasm_module_export(module, PREFIX "memory")->index, 1);
  assert_int_equal(wasm_module_export(module, "read")->signature.params_count, 0);
  assert_int_equal(wasm_module_export(module, PREFIX "read")->signature.params_count, 1);
  assert_int_equal(wasm_module_export(module, PREFIX "slot:late")->kind, WASM_GLOBAL);
  wasm_module_free(module);
  free(wasm.data);
}

static bool keeps_memory(const char *name) {
  return strcmp(name, "memory") == 0;
}

static void only_what_is_kept_of_the_hub_is_exported(void **state) {
  (void)state;
  wasm_module *module;
  bytes wasm;
  pair pair = pair_open("(module)");
  wasm_merge_request request = {.guest = pair.guest.data,
                                .guest_size = pair.guest.size,
                                .hub = pair.hub.data,
                                .hub_size = pair.hub.size,
                                .bindings = pair.bindings,
                                .prefix = PREFIX,
                                .keeps = keeps_memory};
  assert_success(wasm_merge(&request, &wasm.data, &wasm.size));
  assert_success(wasm_module_read(wasm.data, wasm.size, &module));
  assert_int_equal(module->exports_count, 1);
  wasm_module_free(module);
  free(wasm.data);
  pair_close(&pair);
}

// Calls what traps and gives the words of it.
static void assert_trap(world *self, const char *name, const char *words) {
  engine_function function = find_function(self->store, name);
  engine_value values[2] = {{0}};
  ubiq_error *error = engine_call_now(self->store, &function, values, 2);
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  assert_string_equal(ubiq_error_message(error), words);
  ubiq_error_delete(error);
}

static void traps_name_the_functions_of_both(void **state) {
  (void)state;
  world world = world_open("(module"
                           " (import \"a\" \"late\" (func $late (param i64) (result i64)))"
                           " (func $fails unreachable)"
                           " (func (export \"one\") call $fails)"
                           " (func $named (export \"two\") (drop (call $late (i64.const 1)))))");
  assert_trap(&world, "one", "unreachable code was reached (in fails < function 2)");
  assert_trap(&world, "two", "null reference (in late < named)");
  world_close(&world);
}

static void assert_unfit(const char *guest_text, const char *part) {
  bytes merged;
  pair pair = pair_open(guest_text);
  ubiq_error *error = merge(&pair, &merged);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  if (strstr(ubiq_error_message(error), part) == NULL) fail_msg("%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  pair_close(&pair);
}

static void what_cannot_be_merged_says_why(void **state) {
  (void)state;
  assert_unfit("(module (import \"a\" \"memory\" (memory 1)))", "not a function");
  assert_unfit("(module (func $f) (start $f))", "start section");
  assert_unfit("(module (func (export \"" PREFIX "read\")))", "kept for the host");
  assert_unfit("(module (import \"a\" \"absent\" (func)))", "import that the hub does not have");
  assert_unfit("(module (import \"a\" \"read\" (func)))", "import that the hub does not have");
  assert_unfit("(module (import \"a\" \"memory\" (func)))", "import that the hub does not have");
}

// In the merged module these would be the hub's.
static void a_guest_does_not_reach_the_hub_by_index(void **state) {
  (void)state;
  assert_unfit("(module (func (drop (i32.load (i32.const 0)))))", "memory index");
  assert_unfit("(module (memory 1) (func (drop (i32.load 1 (i32.const 0)))))", "memory index");
  assert_unfit("(module (memory 1) (func (memory.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 0))))",
               "memory index");
  assert_unfit("(module (memory 1) (func (drop (memory.grow 1 (i32.const 0)))))", "memory index");
  assert_unfit("(module (data (i32.const 0) \"x\"))", "memory index");
  assert_unfit("(module (memory 1) (data (memory 1) (i32.const 0) \"x\"))", "memory index");
  assert_unfit("(module (func (drop (global.get 0))))", "global index");
  assert_unfit("(module (func (global.set 1 (ref.null func))))", "global index");
  assert_unfit("(module (global i32 (global.get 1)))", "global index");
  assert_unfit("(module (func (call 3)))", "function index");
  assert_unfit("(module (table 1 funcref) (elem (i32.const 0) 3))", "function index");
  assert_unfit("(module (func (local (ref null 3))))", "type index");
  assert_unfit("(module (func data.drop 0))", "data segment index");
}

static void malformed_modules_are_refused_at_every_cut(void **state) {
  (void)state;
  pair pair = pair_open("(module (import \"a\" \"seven\" (func $s (result i32))) (memory 1) (table 1 funcref)"
                        " (global i32 (i32.const 1)) (elem (i32.const 0) $s) (data (i32.const 0) \"abc\")"
                        " (func (export \"f\") (result i32) (call $s)))");
  uint8_t *whole = pair.guest.data;
  for (size_t size = 0; size < pair.guest.size; size++) {
    struct pair cut = pair;
    bytes merged;
    cut.guest = (bytes){malloc(size ? size : 1), size};
    memcpy(cut.guest.data, whole, size);
    ubiq_error *error = merge(&cut, &merged);
    if (error == NULL) free(merged.data);
    ubiq_error_delete(error);
    free(cut.guest.data);
  }
  pair_close(&pair);
}

static void a_custom_section_without_a_name_is_refused(void **state) {
  (void)state;
  pair pair = pair_open("(module)");
  bytes merged;
  free(pair.guest.data);
  pair.guest = (bytes){malloc(10), 10};
  memcpy(pair.guest.data, "\0asm\1\0\0\0\0\0", 10);
  ubiq_error *error = merge(&pair, &merged);
  assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
  ubiq_error_delete(error);
  pair_close(&pair);
}

static bool attempt_merge(void *state) {
  bytes merged;
  ubiq_error *error = merge(state, &merged);
  bool ok = error == NULL;
  free(merged.data);
  ubiq_error_delete(error);
  return ok;
}

static void without_memory_there_is_an_error_and_no_leak(void **state) {
  (void)state;
  pair pair =
      pair_open("(module (import \"a\" \"seven\" (func $s (result i32))) (memory 1) (data (i32.const 0) \"abc\")"
                " (func (export \"f\") (result i32) (call $s)))");
  assert_true(alloc_failure_sweep(attempt_merge, &pair) > 10);
  pair_close(&pair);
}

int main(void) {
  if (engine_open(test_ops(), &(engine_options){0}, &one_engine)) return 1;
  traps_save();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_guest_calls_the_hub_and_the_host),
      cmocka_unit_test(memories_stay_apart),
      cmocka_unit_test(what_is_inlined_does_what_a_call_does),
      cmocka_unit_test(the_hub_is_told_of_each_growth_that_is_refused),
      cmocka_unit_test(the_hub_calls_what_the_guest_exports),
      cmocka_unit_test(what_the_guest_exports_for_the_hub_may_be_the_hosts),
      cmocka_unit_test(what_the_guest_exports_for_the_hub_may_be_the_hubs),
      cmocka_unit_test(what_the_hub_calls_must_be_there),
      cmocka_unit_test(what_a_refused_growth_calls_must_be_there),
      cmocka_unit_test(globals_of_both_are_put_back),
      cmocka_unit_test(a_mark_tells_that_a_module_can_be_put_back_and_whether_it_grows),
      cmocka_unit_test(all_memories_are_counted),
      cmocka_unit_test(what_changes_nothing_else_can_be_put_back),
      cmocka_unit_test(what_changes_more_is_not_put_back),
      cmocka_unit_test(very_many_globals_are_not_put_back),
      cmocka_unit_test(imports_stand_in_tables_and_exports),
      cmocka_unit_test(a_guest_with_all_of_the_language_stays_valid),
      cmocka_unit_test(exports_of_the_hub_have_the_prefix),
      cmocka_unit_test(only_what_is_kept_of_the_hub_is_exported),
      cmocka_unit_test(traps_name_the_functions_of_both),
      cmocka_unit_test(what_cannot_be_merged_says_why),
      cmocka_unit_test(a_guest_does_not_reach_the_hub_by_index),
      cmocka_unit_test(malformed_modules_are_refused_at_every_cut),
      cmocka_unit_test(a_custom_section_without_a_name_is_refused),
      cmocka_unit_test(without_memory_there_is_an_error_and_no_leak),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  engine_close(one_engine);
  return failed;
}
