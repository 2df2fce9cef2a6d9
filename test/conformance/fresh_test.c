// On every engine that is present, a new instance has nothing of those that ended before it, however these ended: not in its
// memory, not in its globals, not in the kernel. Engines may make instances of the parts of others.
#include "support/engines.h"
#include "unit/plugin/plugin_testing.h"

enum { ROUNDS = 3, TIMEOUT_MS = 20, NAME_BYTES_MAX = 96 };

// `look` answers 0 where all is as it began: two pages, zeros but for what is written at 8 and in the last four bytes, and an
// allocator that has given nothing out. The others change all of it, and end each in their way.
static const char guest[] =
    "(module"
    " (import \"extism:host/env\" \"alloc\" (func $alloc (param i64) (result i64)))"
    " (import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))"
    " (memory (export \"memory\") 2 6)"
    " (data (i32.const 8) \"head\") (data (i32.const 131068) \"tail\")"
    " (global $count (mut i32) (i32.const 0)) (global $wide (mut f64) (f64.const 1))"
    " (global $block (mut i64) (i64.const 0))"
    " (func $spoil (local $i i32)"
    "  (drop (memory.grow (i32.const 3)))"
    "  (loop (i32.store (local.get $i) (i32.const -1))"
    "   (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 327680))))"
    "  (global.set $count (i32.const 7)) (global.set $wide (f64.const 2))"
    "  (global.set $block (call $alloc (i64.const 100000))))"
    " (func (export \"returns\") (result i32) (call $spoil) (i32.const 0))"
    " (func (export \"traps\") (result i32) (call $spoil) (unreachable))"
    " (func (export \"leaves\") (result i32) (call $spoil) (i32.load (i32.const -4)))"
    " (func (export \"loops\") (result i32) (call $spoil) (loop (br 0)) (unreachable))"
    " (func $deep (result i32) (i32.add (call $deep) (i32.const 1)))"
    " (func (export \"recurses\") (result i32) (call $spoil) (call $deep))"
    " (func (export \"look\") (result i32) (local $i i32) (local $sum i32)"
    "  (if (global.get $count) (then (return (i32.const 1))))"
    "  (if (f64.ne (global.get $wide) (f64.const 1)) (then (return (i32.const 2))))"
    "  (if (i64.ne (global.get $block) (i64.const 0)) (then (return (i32.const 3))))"
    "  (if (i32.ne (memory.size) (i32.const 2)) (then (return (i32.const 4))))"
    "  (if (i32.ne (i32.load (i32.const 8)) (i32.const 0x64616568)) (then (return (i32.const 5))))"
    "  (if (i32.ne (i32.load (i32.const 131068)) (i32.const 0x6c696174)) (then (return (i32.const 6))))"
    "  (i32.store (i32.const 8) (i32.const 0)) (i32.store (i32.const 131068) (i32.const 0))"
    "  (if (i32.ne (memory.grow (i32.const 4)) (i32.const 2)) (then (return (i32.const 7))))"
    "  (loop (local.set $sum (i32.or (local.get $sum) (i32.load (local.get $i))))"
    "   (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 393216))))"
    "  (if (local.get $sum) (then (return (i32.const 8))))"
    "  (i32.const 0)))";

static const struct {
  const char *function;
  ubiq_code code;
} endings[] = {
    {"returns", UBIQ_OK}, {"traps", UBIQ_TRAP}, {"leaves", UBIQ_TRAP}, {"loops", UBIQ_TIMEOUT}, {"recurses", UBIQ_TRAP},
};
enum { ENDINGS = sizeof endings / sizeof *endings };

typedef struct trial {
  const char *engine, *function;
  ubiq_code code;
  char name[NAME_BYTES_MAX];
} trial;

static void expect(ubiq_compiled *compiled, const char *function, ubiq_code code, uint64_t timeout_ms) {
  ubiq_plugin *plugin = NULL;
  ubiq_bytes output;
  assert_success(ubiq_plugin_new(compiled, &plugin));
  ubiq_call_options limits = {.timeout_ms = timeout_ms};
  ubiq_error *error = ubiq_plugin_call_with(plugin, function, (ubiq_bytes){0}, &limits, &output);
  if (ubiq_error_code(error) != code)
    fail_msg("%s: %s, %d; expected %s", function, ubiq_error_message(error), ubiq_error_detail(error),
             ubiq_code_name(code));
  ubiq_error_delete(error);
  ubiq_plugin_delete(plugin);
}

static void nothing_is_left(void **state) {
  const trial *self = *state;
  traps_restore();
  ubiq_compiled *compiled = NULL;
  assert_success(text_compile(guest, &(ubiq_compile_options){.engine = self->engine}, &compiled));
  for (int i = 0; i < ROUNDS; i++) {
    expect(compiled, "look", UBIQ_OK, 0);
    expect(compiled, self->function, self->code, self->code == UBIQ_TIMEOUT ? TIMEOUT_MS : 0);
  }
  expect(compiled, "look", UBIQ_OK, 0);
  ubiq_compiled_delete(compiled);
}

int main(void) {
  static trial trials[ENGINES_MAX * ENDINGS];
  static struct CMUnitTest tests[ENGINES_MAX * ENDINGS];
  const engine_ops *engines[ENGINES_MAX];
  plugin_testing_begin();
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  size_t engines_count = engines_present(engines), count = 0;
  plugin_testing_add(engines, engines_count);
  for (size_t i = 0; i < engines_count; i++)
    for (size_t j = 0; j < ENDINGS; j++, count++) {
      trials[count] = (trial){.engine = engines[i]->name, .function = endings[j].function, .code = endings[j].code};
      snprintf(trials[count].name, NAME_BYTES_MAX, "%s_nothing_is_left_of_one_that_%s", engines[i]->name,
               endings[j].function);
      tests[count] = (struct CMUnitTest){
          .name = trials[count].name, .test_func = nothing_is_left, .initial_state = &trials[count]};
    }
  return _cmocka_run_group_tests("fresh", tests, count, NULL, NULL);
}
