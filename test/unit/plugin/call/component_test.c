// Components for the wire `component`: what they are given and answer, what hostile ones cannot do, and what happens when memory
// is out: each allocation of ours fails once, which must be an error or harmless, and leak nothing.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
#include "unit/plugin/plugin_testing.h"

#include "plugin/parts/function.h"
#include "unit/base/alloc_failure.h"

// A component of the world metatype:wit-wire. Its parts: what it imports more, the bodies of init and handle as core
// functions, the type of an answer to handle, and the name of its interface. An answer of handle is at 16: whether it is an
// error, then the place and size of its text, or of an error which, and its text. Its input is at $in, $in_size.
static const char world[] =
    "(component"
    " (import \"metatype:wit-wire/typegate-wire\" (instance $wire (export \"hostcall\" (func"
    "  (param \"op-name\" string) (param \"json\" string) (result (result string (error string)))))))"
    " %s"
    " (type $info' (record (field \"op-name\" string) (field \"mat-title\" string) (field \"mat-hash\" string)"
    "  (field \"mat-data-json\" string))) (export $info \"mat-info\" (type $info'))"
    " (type $args' (record (field \"metatype-version\" string) (field \"expected-ops\" (list $info))))"
    " (export $args \"init-args\" (type $args'))"
    " (type $response' (record (field \"ok\" bool))) (export $response \"init-response\" (type $response'))"
    " (type $refusal' (variant (case \"version-mismatch\" string) (case \"unexpected-mat\" $info)"
    "  (case \"other\" string))) (export $refusal \"init-error\" (type $refusal'))"
    " (type $req' (record (field \"op-name\" string) (field \"in-json\" string)))"
    " (export $req \"handle-req\" (type $req'))"
    " (type $err' (variant (case \"no-handler\") (case \"in-json-err\" string) (case \"handler-err\" string)))"
    " (export $err \"handle-err\" (type $err'))"
    " (core module $libc (memory (export \"memory\") 2) (global $top (mut i32) (i32.const 4096))"
    "  (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (local $place i32)"
    "   (local.set $place (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))"
    "   (global.set $top (i32.add (local.get $place) (local.get 3))) (local.get $place)))"
    " (core instance $libc (instantiate $libc))"
    " (core func $hostcall (canon lower (func $wire \"hostcall\") (memory (core memory $libc \"memory\"))"
    "  (realloc (core func $libc \"realloc\"))))"
    " (core module $main (import \"libc\" \"memory\" (memory 1))"
    "  (import \"host\" \"hostcall\" (func $hostcall (param i32 i32 i32 i32 i32)))"
    "  (global $calls (mut i32) (i32.const 0))"
    "  (data (i32.const 64) \"InvokeHost{\\\"x\\\":1}\\ff\")"
    "  (func $answer (param $place i32) (param $size i32) (result i32)"
    "   (i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (local.get $place))"
    "   (i32.store (i32.const 24) (local.get $size)) (i32.const 16))"
    "  (func (export \"init\") (param i32) (param i32) (param $ops i32) (param $ops_size i32) (result i32) %s)"
    "  (func (export \"handle\") (param $op i32) (param $op_size i32) (param $in i32) (param $in_size i32) (result i32)"
    "   (global.set $calls (i32.add (global.get $calls) (i32.const 1))) %s))"
    " (core instance $main (instantiate $main (with \"libc\" (instance $libc))"
    "  (with \"host\" (instance (export \"hostcall\" (func $hostcall))))))"
    " (func $init (param \"args\" $args) (result (result $response (error $refusal)))"
    "  (canon lift (core func $main \"init\") (memory (core memory $libc \"memory\"))"
    "   (realloc (core func $libc \"realloc\"))))"
    " (func $handle (param \"req\" $req) (result (result %s (error $err)))"
    "  (canon lift (core func $main \"handle\") (memory (core memory $libc \"memory\"))"
    "   (realloc (core func $libc \"realloc\"))))"
    " (instance $exports (export \"init\" (func $init)) (export \"handle\" (func $handle)))"
    " (export \"%s\" (instance $exports)))";

#define AGREES  "(i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 1)) (i32.const 0)"
#define REFUSES "(i32.store (i32.const 0) (i32.const 0)) (i32.store (i32.const 4) (i32.const 0)) (i32.const 0)"
#define MIRRORS "(call $answer (local.get $in) (local.get $in_size))"
// Asks by that name for what it is given, and answers what the host did.
#define ASKS(name_size)                                                                                                \
  "(call $hostcall (i32.const 64) (i32.const " name_size ") (local.get $in) (local.get $in_size) (i32.const 32))"      \
  " (call $answer (i32.load (i32.const 36)) (i32.load (i32.const 40)))"

typedef struct parts {
  const char *imports, *init, *handle, *answer, *interface;
} parts;

/// What a component is made of where a test does not care.
static parts usual(const char *handle) {
  return (parts){"", AGREES, handle, "string", "metatype:wit-wire/mat-wire"};
}

static const ubiq_function *host_function;

static ubiq_error *compile(const parts *parts, const ubiq_compile_options *more, ubiq_compiled **out) {
  char text[16384];
  uint8_t *wasm = NULL;
  size_t size = 0;
  ubiq_compile_options options = *more;
  options.component = options.suspends = true;
  options.functions = &host_function;
  options.functions_count = host_function != NULL;
  snprintf(text, sizeof text, world, parts->imports, parts->init, parts->handle, parts->answer, parts->interface);
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  ubiq_error *error = ubiq_compiled_new(wasm, size, &options, out);
  free(wasm);
  return error;
}

static ubiq_plugin *open_parts(const parts *parts, uint64_t memory_bytes) {
  ubiq_compiled *compiled;
  ubiq_plugin *plugin;
  traps_restore();
  assert_success(compile(parts, &(ubiq_compile_options){.memory_bytes_max = memory_bytes}, &compiled));
  assert_success(ubiq_plugin_new(compiled, &plugin));
  ubiq_compiled_delete(compiled);
  return plugin;
}

static ubiq_error *call(ubiq_plugin *plugin, const char *input, ubiq_bytes *output) {
  const ubiq_call_options options = {.cpu_ms = 200};
  return ubiq_plugin_call_with(plugin, "greet", (ubiq_bytes){(const uint8_t *)input, strlen(input)}, &options, output);
}

static void assert_answers(ubiq_plugin *plugin, const char *input, const char *expected) {
  ubiq_bytes output;
  assert_success(call(plugin, input, &output));
  assert_int_equal(output.size, strlen(expected));
  assert_memory_equal(output.data, expected, output.size);
}

static void assert_ends(const parts *parts, const char *input, ubiq_code code, const char *words) {
  ubiq_bytes output;
  ubiq_plugin *plugin = open_parts(parts, 1 << 20);
  for (int i = 0; i < 2; i++) { // the second by a fresh instance, where the first one is good for nothing more
    assert_error_with(call(plugin, input, &output), code, words);
    assert_int_equal(output.size, 0);
  }
  ubiq_plugin_delete(plugin);
}

static void what_handle_answers_is_the_output(void **state) {
  (void)state;
  const parts made = usual(MIRRORS);
  ubiq_plugin *plugin = open_parts(&made, 1 << 20);
  assert_answers(plugin, "{\"a\": [1, \"\xc3\xbc\"]}", "{\"a\": [1, \"\xc3\xbc\"]}");
  assert_answers(plugin, "", "null");
  assert_success(ubiq_plugin_reset(plugin));
  assert_answers(plugin, "7", "7");
  ubiq_plugin_delete(plugin);
}

static void init_is_called_once_an_instance(void **state) {
  (void)state;
  // init counts in the digit that handle answers.
  parts made = usual("(call $answer (i32.const 128) (i32.const 1))");
  made.init = "(i32.store8 (i32.const 128) (i32.add (i32.const 49) (i32.load8_u (i32.const 128)))) " AGREES;
  ubiq_plugin *plugin = open_parts(&made, 1 << 20);
  for (int i = 0; i < 3; i++) assert_answers(plugin, "", "1");
  ubiq_plugin_delete(plugin);
}

static void init_is_told_the_operation(void **state) {
  (void)state;
  // One operation, whose name has five letters and is that of handle: what handle answers is what init saw of it.
  parts made = usual("(call $answer (i32.const 128) (i32.const 7))");
  made.init = "(if (i32.ne (local.get $ops_size) (i32.const 1)) (then unreachable))"
              " (if (i32.ne (i32.load (i32.add (local.get $ops) (i32.const 4))) (i32.const 5)) (then unreachable))"
              " (i32.store8 (i32.const 128) (i32.const 34)) (i32.store8 (i32.const 134) (i32.const 34))"
              " (memory.copy (i32.const 129) (i32.load (local.get $ops)) (i32.const 5)) " AGREES;
  ubiq_plugin *plugin = open_parts(&made, 1 << 20);
  assert_answers(plugin, "", "\"greet\"");
  ubiq_plugin_delete(plugin);
}

static void errors_have_their_classes(void **state) {
  (void)state;
#define ERROR(which)                                                                                                   \
  "(i32.store (i32.const 16) (i32.const 1)) (i32.store (i32.const 20) (i32.const " which "))"                          \
  " (i32.store (i32.const 24) (local.get $in)) (i32.store (i32.const 28) (local.get $in_size)) (i32.const 16)"
  const parts no_handler = usual(ERROR("0")), in_json = usual(ERROR("1")), handler = usual(ERROR("2"));
  assert_ends(&no_handler, "x", UBIQ_NOT_FOUND, "greet");
  assert_ends(&in_json, "a number, please", UBIQ_INVALID_INPUT, "a number, please");
  assert_ends(&handler, "the shelf is empty", UBIQ_GUEST_ERROR, "the shelf is empty");
  parts refuses = usual(MIRRORS);
  refuses.init = REFUSES;
  assert_ends(&refuses, "1", UBIQ_GUEST_ERROR, "init");
  refuses.init = "(i32.store (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) (i32.const 2))"
                 " (i32.store (i32.const 8) (i32.const 64)) (i32.store (i32.const 12) (i32.const 6)) (i32.const 0)";
  assert_ends(&refuses, "1", UBIQ_GUEST_ERROR, "init: Invoke");
}

static void what_is_no_json_is_invalid_output(void **state) {
  (void)state;
  const parts made = usual(MIRRORS);
  static const char *const answers[] = {"{", "[1,]", "hello", "1 2"};
  for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
    assert_ends(&made, answers[i], UBIQ_INVALID_OUTPUT, "answer");
}

static void an_input_that_is_not_utf8_is_refused(void **state) {
  (void)state;
  const parts made = usual(MIRRORS);
  ubiq_plugin *plugin = open_parts(&made, 1 << 20);
  ubiq_bytes output;
  assert_error_with(call(plugin, "\"\xff\"", &output), UBIQ_INVALID_INPUT, "UTF-8");
  assert_answers(plugin, "1", "1");
  ubiq_plugin_delete(plugin);
}

static void what_hostile_components_do_ends_their_call_alone(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "(unreachable)",
      "(call $answer (i32.const 0x7fffffff) (i32.const 0x7fffffff))", // a text outside of the memory
      "(call $answer (i32.const 81) (i32.const 1))",                  // one that is not UTF-8
      "(i32.store (i32.const 16) (i32.const 7)) (i32.const 16)",      // neither ok nor an error
      "(i32.const -4)",                                               // an answer outside of the memory
      "(i32.const 17)",                                               // one at a place that it cannot be at
      "(call $hostcall (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0) (i32.const 32)) (i32.const 16)",
      "(call $hostcall (i32.const 81) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 32)) (i32.const 16)",
      "(call $hostcall (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const -4)) (i32.const 16)",
  };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    const parts made = usual(bodies[i]);
    assert_ends(&made, "1", UBIQ_TRAP, "");
  }
}

static void a_component_that_does_not_end_is_ended(void **state) {
  (void)state;
  parts loops = usual("(loop (br 0)) (unreachable)");
  assert_ends(&loops, "1", UBIQ_CPU_LIMIT, "200 ms");
  loops = usual(MIRRORS);
  loops.init = "(loop (br 0)) (unreachable)";
  assert_ends(&loops, "1", UBIQ_CPU_LIMIT, "200 ms");
}

static void memory_has_its_limit(void **state) {
  (void)state;
  // Answers how many pages it has got, once there are no more.
  const parts grows = usual("(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))"
                            " (i32.store8 (i32.const 128) (i32.add (i32.const 48) (memory.size)))"
                            " (call $answer (i32.const 128) (i32.const 1))");
  ubiq_plugin *plugin = open_parts(&grows, 5 << 16);
  assert_answers(plugin, "", "5");
  ubiq_plugin_delete(plugin);
  ubiq_bytes output;
  plugin = open_parts(&grows, 1 << 16); // less than it begins with
  assert_error_code(call(plugin, "", &output), UBIQ_MEMORY_LIMIT);
  ubiq_plugin_delete(plugin);
}

static void more_memories_than_one_are_refused(void **state) {
  (void)state;
  parts made = usual(MIRRORS);
  made.imports = "(core module $more (memory 1)) (core instance (instantiate $more))";
  ubiq_plugin *plugin = open_parts(&made, 1 << 20);
  ubiq_bytes output;
  assert_error_with(call(plugin, "1", &output), UBIQ_MEMORY_LIMIT, "memor");
  ubiq_plugin_delete(plugin);
}

// -- What it asks --

static void answer_now(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  ubiq_bytes request, none;
  assert_int_equal(inputs[0].i32, 0);
  assert_true(ubiq_plugin_block(plugin, (uint64_t)inputs[1].i64, &request));
  assert_false(ubiq_plugin_block(plugin, (uint64_t)inputs[1].i64 + 8, &none));
  *(buffer *)user = (buffer){0};
  assert_true(buffer_append(user, request.data, request.size));
  ubiq_completion_done_block(completion, (ubiq_bytes){(const uint8_t *)"[42]", 4});
}

static ubiq_function *invoke_host(ubiq_function_start start, void *user) {
  static const ubiq_type params[] = {UBIQ_I32, UBIQ_I64}, results[] = {UBIQ_I64};
  const ubiq_function_options options = {.name = "InvokeHost",
                                         .params = params,
                                         .params_count = 2,
                                         .results = results,
                                         .results_count = 1,
                                         .start = start,
                                         .answers_block = true,
                                         .user = user};
  ubiq_function *function;
  assert_success(ubiq_function_new(&options, &function));
  return function;
}

static void hostcall_asks_what_invoke_host_is_asked(void **state) {
  (void)state;
  buffer asked = {0};
  ubiq_function *function = invoke_host(answer_now, &asked);
  host_function = function;
  static const char *const bodies[] = {ASKS("10"), ASKS("0")};
  for (size_t i = 0; i < 2; i++) {
    const parts made = usual(bodies[i]);
    ubiq_plugin *plugin = open_parts(&made, 1 << 20);
    assert_answers(plugin, "{\"method\":\"GET\"}", "[42]");
    assert_string_equal(buffer_string(&asked), "{\"method\":\"GET\"}");
    ubiq_plugin_delete(plugin);
    buffer_free(&asked);
  }
  ubiq_function_delete(function);
  host_function = NULL;
}

static void what_hostcall_does_not_know_is_an_error_value(void **state) {
  (void)state;
  ubiq_bytes output;
  const parts made = usual(ASKS("6"));
  ubiq_plugin *plugin = open_parts(&made, 1 << 20);
  assert_success(call(plugin, "1", &output)); // the component answers with the problem
  assert_non_null(memmem(output.data, output.size, "\"not_found\"", 11));
  ubiq_plugin_delete(plugin);
  const parts no_platform = usual(ASKS("10"));
  plugin = open_parts(&no_platform, 1 << 20);
  assert_success(call(plugin, "1", &output));
  assert_non_null(memmem(output.data, output.size, "\"unavailable\"", 13));
  ubiq_plugin_delete(plugin);
}

static void never_answer(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)plugin, (void)inputs;
  *(ubiq_completion **)user = completion;
}

static void a_call_that_waits_has_its_limits_and_can_be_dropped(void **state) {
  (void)state;
  ubiq_completion *completion = NULL;
  ubiq_function *function = invoke_host(never_answer, &completion);
  host_function = function;
  const parts made = usual(ASKS("10"));
  ubiq_plugin *plugin = open_parts(&made, 1 << 20);
  const ubiq_call_options options = {.timeout_ms = 30};
  ubiq_bytes output;
  do { // until it has asked before its time was over
    assert_error_code(ubiq_plugin_call_with(plugin, "greet", (ubiq_bytes){0}, &options, &output), UBIQ_TIMEOUT);
  } while (completion == NULL);
  assert_true(ubiq_completion_abandoned(completion));
  ubiq_completion_fail(completion, NULL);
  ubiq_plugin_delete(plugin);
  ubiq_function_delete(function);
  host_function = NULL;
}

// -- What is refused when it is compiled --

static void assert_refused(const parts *parts, const char *words) {
  ubiq_compiled *compiled = NULL;
  assert_error_with(compile(parts, &(ubiq_compile_options){0}, &compiled), UBIQ_INVALID_INPUT, words);
}

static void other_worlds_are_refused(void **state) {
  (void)state;
  parts made = usual(MIRRORS);
  made.interface = "metatype:wit-wire/other";
  assert_refused(&made, "exports no init");
  made = usual("(i64.store (i32.const 16) (i64.const 0)) (i32.const 16)");
  made.answer = "u32";
  assert_refused(&made, "handle as something else");
  made = usual(MIRRORS);
  made.imports = "(import \"acme:shop/till@1.0.0\" (instance (export \"open\" (func (param \"by\" string)))))";
  assert_refused(&made, "acme:shop/till@1.0.0 open: (by: string)");
  made.imports = "(import \"wasi:cli/stdout@0.3.0\" (instance (export \"get\" (func))))";
  assert_refused(&made, "wasi:cli/stdout@0.3.0 get");
}

static void wasi_that_is_not_there_is_missed_when_it_is_called(void **state) {
  (void)state;
  parts made = usual(MIRRORS);
  made.imports = "(import \"wasi:sockets/tcp@0.2.3\" (instance (export \"tcp-socket\" (type (sub resource)))"
                 " (export \"listen\" (func (param \"port\" u16)))))"
                 " (import \"wasi:clocks/monotonic-clock@0.2.9\" (instance (export \"now\" (func (result string)))))";
  ubiq_plugin *plugin = open_parts(&made, 1 << 20);
  assert_answers(plugin, "1", "1");
  ubiq_plugin_delete(plugin);
}

static void modules_and_components_are_told_apart(void **state) {
  (void)state;
  static const char module[] = "(module (memory (export \"memory\") 1))";
  const ubiq_compile_options options = {.component = true, .suspends = true};
  ubiq_compiled *compiled = NULL;
  assert_error_with(ubiq_compiled_new((const uint8_t *)module, strlen(module), &options, &compiled), UBIQ_INVALID_INPUT,
                    "it is no component");
  const parts made = usual(MIRRORS);
  assert_error_with(compile(&made, &(ubiq_compile_options){.fuel = 1000}, &compiled), UBIQ_INVALID_INPUT, "fuel");
}

// Compiles and calls what may be no component any more.
static void try_anything(const uint8_t *wasm, size_t size) {
  const ubiq_compile_options options = {.component = true, .suspends = true, .memory_bytes_max = 1 << 20};
  ubiq_compiled *compiled = NULL;
  ubiq_plugin *plugin = NULL;
  ubiq_bytes output;
  ubiq_error *error = ubiq_compiled_new(wasm, size, &options, &compiled);
  if (!error) error = ubiq_plugin_new(compiled, &plugin);
  if (!error) error = call(plugin, "1", &output);
  ubiq_error_delete(error);
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
}

static void a_component_with_a_byte_changed_ends_nothing_but_itself(void **state) {
  (void)state;
  enum { STEP = 11 };
  static const uint8_t changes[] = {0x01, 0x80, 0xff, 0x10};
  char text[16384];
  uint8_t *wasm = NULL;
  size_t size = 0;
  const parts made = usual(ASKS("10"));
  snprintf(text, sizeof text, world, made.imports, made.init, made.handle, made.answer, made.interface);
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  traps_restore();
  for (size_t i = 8; i < size; i += STEP) {
    uint8_t change = changes[i / STEP % sizeof changes];
    wasm[i] ^= change;
    try_anything(wasm, size);
    wasm[i] ^= change;
    try_anything(wasm, i); // and one that ends early
  }
  free(wasm);
}

// -- Memory that is out --

/// Calls `attempt` with the first allocation failing, then the second, until none fails any more; answers how many did.
static size_t sweep(void (*attempt)(void *user), void *user) {
  size_t passes = 0;
  do {
    alloc_failure.armed = true;
    alloc_failure.failed = false;
    alloc_failure.passes = passes++;
    attempt(user);
    alloc_failure.armed = false;
  } while (alloc_failure.failed);
  return passes - 1;
}

static void try_to_compile(void *user) {
  const ubiq_bytes *wasm = user;
  const ubiq_compile_options options = {.component = true, .suspends = true};
  ubiq_compiled *compiled = NULL;
  ubiq_error_delete(ubiq_compiled_new(wasm->data, wasm->size, &options, &compiled));
  ubiq_compiled_delete(compiled);
}

static void try_to_call(void *user) {
  ubiq_plugin *plugin = NULL;
  ubiq_bytes output;
  ubiq_error *error = ubiq_plugin_new(user, &plugin);
  if (!error) error = call(plugin, "{\"method\":\"GET\"}", &output);
  if (!error) assert_memory_equal(output.data, "[42]", 4);
  ubiq_error_delete(error);
  ubiq_plugin_delete(plugin);
}

static void answer_simply(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)user, (void)plugin, (void)inputs;
  ubiq_completion_done_block(completion, (ubiq_bytes){(const uint8_t *)"[42]", 4});
}

static void compiling_and_calling_without_memory_fail_cleanly(void **state) {
  (void)state;
  char text[16384];
  uint8_t *wasm = NULL;
  size_t size = 0;
  ubiq_function *function = invoke_host(answer_simply, NULL);
  host_function = function;
  const parts made = usual(ASKS("10"));
  snprintf(text, sizeof text, world, made.imports, made.init, made.handle, made.answer, made.interface);
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  assert_in_range(sweep(try_to_compile, &(ubiq_bytes){wasm, size}), 10, 1000);
  ubiq_compiled *compiled;
  assert_success(compile(&made, &(ubiq_compile_options){0}, &compiled));
  traps_restore();
  assert_in_range(sweep(try_to_call, compiled), 3, 1000);
  ubiq_compiled_delete(compiled);
  free(wasm);
  ubiq_function_delete(function);
  host_function = NULL;
}

int main(void) {
  plugin_testing_begin();
  if (!tested_engine()->components) return 77; // skipped
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_handle_answers_is_the_output),
      cmocka_unit_test(init_is_called_once_an_instance),
      cmocka_unit_test(init_is_told_the_operation),
      cmocka_unit_test(errors_have_their_classes),
      cmocka_unit_test(what_is_no_json_is_invalid_output),
      cmocka_unit_test(an_input_that_is_not_utf8_is_refused),
      cmocka_unit_test(what_hostile_components_do_ends_their_call_alone),
      cmocka_unit_test(a_component_that_does_not_end_is_ended),
      cmocka_unit_test(memory_has_its_limit),
      cmocka_unit_test(more_memories_than_one_are_refused),
      cmocka_unit_test(hostcall_asks_what_invoke_host_is_asked),
      cmocka_unit_test(what_hostcall_does_not_know_is_an_error_value),
      cmocka_unit_test(a_call_that_waits_has_its_limits_and_can_be_dropped),
      cmocka_unit_test(other_worlds_are_refused),
      cmocka_unit_test(wasi_that_is_not_there_is_missed_when_it_is_called),
      cmocka_unit_test(modules_and_components_are_told_apart),
      cmocka_unit_test(a_component_with_a_byte_changed_ends_nothing_but_itself),
      cmocka_unit_test(compiling_and_calling_without_memory_fail_cleanly),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
