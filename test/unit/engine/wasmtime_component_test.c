// The Wasmtime adapter: components. What they import and export, their calls, host functions that wait, limits, traps.
#include "unit/engine/engine_testing.h"

#include "engine/component.h"

#include <pthread.h>

// Exports echo(text) -> text; ask(text) -> result<text, text>, which passes it on to the host; spin and trap, which do that;
// big(text), which answers a text that is not in its memory; more() -> u32, how many pages it can have at most.
static const char component_text[] =
    "(component"
    " (import \"test:host/asked@1.2.3\" (instance $host"
    "  (export \"answer\" (func (param \"question\" string) (result (result string (error string)))))"
    "  (export \"thing\" (type (sub resource)))))"
    " (core module $libc (memory (export \"memory\") 1)"
    "  (global $top (mut i32) (i32.const 1024))"
    "  (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (local $place i32)"
    "   (local.set $place (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))"
    "   (global.set $top (i32.add (local.get $place) (local.get 3))) (local.get $place)))"
    " (core instance $libc (instantiate $libc))"
    " (core func $answer (canon lower (func $host \"answer\") (memory (core memory $libc \"memory\"))"
    "  (realloc (core func $libc \"realloc\"))))"
    " (core module $main (import \"libc\" \"memory\" (memory 1))"
    "  (import \"host\" \"answer\" (func $answer (param i32 i32 i32)))"
    "  (func (export \"echo\") (param i32 i32) (result i32)"
    "   (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))"
    "  (func (export \"ask\") (param i32 i32) (result i32)"
    "   (call $answer (local.get 0) (local.get 1) (i32.const 32)) (i32.const 32))"
    "  (func (export \"spin\") (param i32 i32) (result i32) (loop (br 0)) (unreachable))"
    "  (func (export \"trap\") (param i32 i32) (result i32) (unreachable))"
    "  (func (export \"big\") (param i32 i32) (result i32)"
    "   (i32.store (i32.const 16) (i32.const 1)) (i32.store (i32.const 20) (i32.const 0x7fffffff)) (i32.const 16))"
    "  (func (export \"more\") (result i32)"
    "   (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size)))"
    " (core instance $main (instantiate $main (with \"libc\" (instance $libc))"
    "  (with \"host\" (instance (export \"answer\" (func $answer))))))"
    " (func (export \"echo\") (param \"text\" string) (result string)"
    "  (canon lift (core func $main \"echo\") (memory (core memory $libc \"memory\")) (realloc (core func $libc "
    "\"realloc\"))))"
    " (func (export \"ask\") (param \"text\" string) (result (result string (error string)))"
    "  (canon lift (core func $main \"ask\") (memory (core memory $libc \"memory\")) (realloc (core func $libc "
    "\"realloc\"))))"
    " (func (export \"spin\") (param \"text\" string) (result string)"
    "  (canon lift (core func $main \"spin\") (memory (core memory $libc \"memory\")) (realloc (core func $libc "
    "\"realloc\"))))"
    " (func (export \"trap\") (param \"text\" string) (result string)"
    "  (canon lift (core func $main \"trap\") (memory (core memory $libc \"memory\")) (realloc (core func $libc "
    "\"realloc\"))))"
    " (func (export \"big\") (param \"text\" string) (result string)"
    "  (canon lift (core func $main \"big\") (memory (core memory $libc \"memory\")) (realloc (core func $libc "
    "\"realloc\"))))"
    " (func (export \"more\") (result u32) (canon lift (core func $main \"more\"))))";

/// What the host function does, and how often it was asked whether it is ready.
typedef struct host {
  int not_ready; ///< how often it is not
  bool fails;
  char question[32];
  int ticks;
} host;

static engine *one_engine;

static ubiq_error *begin(void *env, component_call *call, const component_value *arguments, size_t count,
                         component_value *result) {
  (void)env, (void)result;
  host *self = call->user;
  assert_int_equal(count, 1);
  assert_int_equal(arguments[0].kind, COMPONENT_STRING);
  assert_true(arguments[0].string.size < sizeof self->question);
  memcpy(self->question, arguments[0].string.data, arguments[0].string.size);
  return NULL;
}

static bool is_ready(void *env, component_call *call, component_value *result, ubiq_error **error) {
  (void)env;
  static const component_value said = {.kind = COMPONENT_STRING, .string = {"forty-two", 9}};
  host *self = call->user;
  if (self->not_ready > 0) return self->not_ready--, false;
  if (self->fails) *error = ubiq_error_new(UBIQ_DENIED, "nobody answers");
  *result = (component_value){.kind = COMPONENT_RESULT, .is = true, .items = &said, .count = 1};
  return true;
}

static engine_image *link_text(const char *text, const component_item *exports, size_t count) {
  static const component_import imports[] = {{.call = begin, .ready = is_ready}, {.type = 1}};
  engine_module *module = compile_text(one_engine, text);
  engine_image *image = NULL;
  const component_link link = {.imports = imports, .exports = exports, .exports_count = count};
  assert_success(one_engine->ops->components->link(one_engine, module, &link, &image));
  engine_module_delete(module);
  return image;
}

static engine_image *link_export(const char *name) {
  const component_item item = {.interface = "", .name = name};
  return link_text(component_text, &item, 1);
}

static ubiq_error *tick(void *user, engine_tick_action *action) {
  host *self = user;
  *action = ENGINE_TICK_YIELD;
  return ++self->ticks > 3 ? ubiq_error_new(UBIQ_CPU_LIMIT, "enough") : NULL;
}

/// A store with an instance.
static engine_store *start(engine_image *image, host *host, uint64_t bytes) {
  const engine_store_options options = {.user = host, .tick = tick, .memory_bytes_max = bytes};
  engine_store *store = new_store(image, &options);
  engine_state state;
  traps_restore();
  assert_success(one_engine->ops->components->instantiate(store, &state));
  assert_int_equal(state, ENGINE_DONE);
  return store;
}

static ubiq_error *call(engine_store *store, const char *text, engine_state *state) {
  const component_value argument = {.kind = COMPONENT_STRING, .string = text_of(text)};
  return one_engine->ops->components->call(store, 0, &argument, 1, state);
}

static const component_value *result_of(engine_store *store) {
  const component_value *value;
  assert_success(one_engine->ops->components->result(store, &value));
  return value;
}

static void assert_text(const component_value *value, const char *expected) {
  assert_int_equal(value->kind, COMPONENT_STRING);
  assert_true(text_equal_string(value->string, expected));
}

static void imports_and_exports_are_listed_with_their_types(void **state) {
  (void)state;
  arena arena;
  component_items items;
  arena_init(&arena);
  engine_module *module = compile_text(one_engine, component_text);
  assert_success(one_engine->ops->components->items(module, false, &arena, &items));
  assert_int_equal(items.count, 2);
  assert_string_equal(items.items[0].interface, "test:host/asked@1.2.3");
  assert_string_equal(items.items[0].name, "answer");
  assert_string_equal(items.items[0].type, "(question: string) -> result<string, string>");
  assert_true(items.items[1].is_resource);
  assert_success(one_engine->ops->components->items(module, true, &arena, &items));
  assert_int_equal(items.count, 6);
  engine_module_delete(module);
  arena_free(&arena);
}

static void texts_cross_both_ways_and_an_instance_is_called_again(void **state) {
  (void)state;
  host host = {0};
  engine_image *image = link_export("echo");
  engine_store *store = start(image, &host, 0);
  engine_state at;
  for (int i = 0; i < 3; i++) {
    assert_success(call(store, i == 1 ? "" : "gr\xc3\xbc\xc3\x9f", &at));
    assert_int_equal(at, ENGINE_DONE);
    assert_text(result_of(store), i == 1 ? "" : "gr\xc3\xbc\xc3\x9f");
  }
  assert_error_code(call(store, "\xff", &at), UBIQ_INTERNAL);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void a_host_function_may_wait(void **state) {
  (void)state;
  host host = {.not_ready = 1};
  engine_image *image = link_export("ask");
  engine_store *store = start(image, &host, 0);
  engine_state at;
  assert_success(call(store, "what?", &at));
  assert_int_equal(at, ENGINE_WAITING);
  assert_string_equal(host.question, "what?");
  assert_success(engine_call_resume(store, &at));
  assert_int_equal(at, ENGINE_DONE);
  const component_value *value = result_of(store);
  assert_true(value->kind == COMPONENT_RESULT && value->is && value->count == 1);
  assert_text(value->items, "forty-two");
  host.not_ready = 100;
  assert_success(call(store, "what?", &at));
  assert_int_equal(at, ENGINE_WAITING);
  engine_store_delete(store); // and with it the call
  engine_image_delete(image);
}

static void what_a_host_function_fails_with_ends_the_call(void **state) {
  (void)state;
  host host = {.fails = true};
  engine_image *image = link_export("ask");
  for (host.not_ready = 0; host.not_ready < 2; host.not_ready++) {
    int not_ready = host.not_ready;
    engine_store *store = start(image, &host, 0);
    engine_state at;
    ubiq_error *error = call(store, "what?", &at);
    while (!error && at != ENGINE_DONE) error = engine_call_resume(store, &at);
    assert_error_code(error, UBIQ_DENIED);
    engine_store_delete(store);
    host.not_ready = not_ready;
  }
  engine_image_delete(image);
}

static void *tick_on(void *stop) {
  while (!atomic_load((atomic_bool *)stop)) one_engine->ops->tick(one_engine);
  return NULL;
}

static void a_loop_yields_at_ticks_until_one_ends_it(void **state) {
  (void)state;
  host host = {0};
  engine_image *image = link_export("spin");
  engine_store *store = start(image, &host, 0);
  engine_state at;
  atomic_bool stop = false;
  pthread_t ticker;
  int yields = 0;
  host.ticks = 0;
  assert_int_equal(pthread_create(&ticker, NULL, tick_on, &stop), 0);
  ubiq_error *error = call(store, "", &at);
  for (; !error && at == ENGINE_YIELDED; yields++) error = engine_call_resume(store, &at);
  atomic_store(&stop, true);
  pthread_join(ticker, NULL);
  assert_error_code(error, UBIQ_CPU_LIMIT);
  assert_int_equal(yields, 3);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void traps_are_traps(void **state) {
  (void)state;
  static const char *const names[] = {"trap", "big"};
  for (size_t i = 0; i < 2; i++) {
    host host = {0};
    engine_image *image = link_export(names[i]);
    engine_store *store = start(image, &host, 0);
    engine_state at;
    assert_error_code(call(store, "", &at), UBIQ_TRAP);
    assert_error_code(call(store, "", &at), UBIQ_TRAP); // nor is it entered again
    engine_store_delete(store);
    engine_image_delete(image);
  }
}

static void memory_ends_at_its_limit(void **state) {
  (void)state;
  host host = {0};
  engine_image *image = link_export("more");
  engine_store *store = start(image, &host, 5 << 16);
  engine_state at;
  assert_success(one_engine->ops->components->call(store, 0, NULL, 0, &at));
  assert_int_equal(result_of(store)->number, 5);
  engine_store_delete(store);
  engine_image_delete(image);
}

static void a_serialized_component_is_the_same(void **state) {
  (void)state;
  uint8_t *bytes;
  size_t size;
  engine_module *module = compile_text(one_engine, component_text), *again;
  assert_success(one_engine->ops->serialize(module, &bytes, &size));
  assert_success(one_engine->ops->deserialize(one_engine, bytes, size, &again));
  arena arena;
  component_items items;
  arena_init(&arena);
  assert_success(one_engine->ops->components->items(again, true, &arena, &items));
  assert_int_equal(items.count, 6);
  arena_free(&arena);
  engine_module_delete(module);
  engine_module_delete(again);
  free(bytes);
}

static int open_engine(void **state) {
  (void)state;
  const engine_options options = {.memory_bytes_max = 16 << 20, .stores_max = 8, .fibers_max = 8};
  assert_success(engine_open(test_ops(), &options, &one_engine));
  traps_save();
  return 0;
}

static int close_engine(void **state) {
  (void)state;
  engine_close(one_engine);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(imports_and_exports_are_listed_with_their_types),
      cmocka_unit_test(texts_cross_both_ways_and_an_instance_is_called_again),
      cmocka_unit_test(a_host_function_may_wait),
      cmocka_unit_test(what_a_host_function_fails_with_ends_the_call),
      cmocka_unit_test(a_loop_yields_at_ticks_until_one_ends_it),
      cmocka_unit_test(traps_are_traps),
      cmocka_unit_test(memory_ends_at_its_limit),
      cmocka_unit_test(a_serialized_component_is_the_same),
  };
  return cmocka_run_group_tests(tests, open_engine, close_engine);
}
