// What each engine can do: every row of the table in docs/engines.md is tried, on every engine that is present. The program
// with --update writes the table, with --print prints it; as a test it fails when the page says anything else. What the page
// says of engines that are absent stays; UBIQ_NEED_ENGINES in the environment names those that must not be absent.
#include "conformance/no_exec_trial.h"
#include "conformance/page_table.h"
#include "support/engines.h"
#include "unit/plugin/plugin_testing.h"

#define PAGE_PATH UBIQ_SOURCE_DIR "/docs/engines.md"
#define MADE      "<!-- made: engines -->\n"

/// Something that an engine may or may not be able to do.
typedef struct feature {
  const char *name;
  uint32_t capability;  ///< 0: it is tried
  const char *module;   ///< in text form; it can be done when it compiles and its function `run` answers 0
  const char *more;     ///< of the manifest
  ubiq_code code;       ///< how `run` ends when it can be done
  bool is_without_exec; ///< it is tried by no_exec_trial.h
} feature;

#define RUN(body) "(module (func (export \"run\") (result i32) " body "))"

static const feature features[] = {
    {.name = "calls that suspend (a server's loop)", .capability = ENGINE_CAN_SUSPEND},
    {.name = "deadlines and cancellation inside guest code", .capability = ENGINE_CAN_INTERRUPT},
    {.name = "fuel", .capability = ENGINE_CAN_FUEL},
    {.name = "compiled plugins in files and in the cache", .capability = ENGINE_CAN_SERIALIZE},
    {.name = "hub and guest as one module", .capability = ENGINE_HAS_MEMORIES},
    {.name = "modules that import memories, tables and globals of each other", .capability = ENGINE_LINKS_MODULES},
    {.name = "plugins where memory may not be made executable", .is_without_exec = true},
    {.name = "recursion without end is a trap",
     .module = "(module (func $run (export \"run\") (result i32) (i32.add (call $run) (i32.const 1))))",
     .code = UBIQ_TRAP},
    {.name = "a loop without end is a timeout",
     .module = "(module (func (export \"run\") (result i32) (loop (br 0)) (i32.const 0)))",
     .more = "\"timeout_ms\": 30",
     .code = UBIQ_TIMEOUT},
    {.name = "traps that name the functions they came through", .capability = ENGINE_NAMES_FUNCTIONS},
    {.name = "growing past the memory limit fails",
     .module = "(module (memory 1) (func (export \"run\") (result i32) "
               "(i32.ne (memory.grow (i32.const 20)) (i32.const -1))))",
     .more = "\"memory\": {\"max_pages\": 16}"},
    {.name = "sign extension", .module = RUN("(i32.extend8_s (i32.const 256))")},
    {.name = "saturating conversions", .module = RUN("(i32.trunc_sat_f32_s (f32.const nan))")},
    {.name = "several results",
     .module = RUN("(i32.const 1) (block (param i32) (result i32 i32) (i32.const 1)) i32.sub")},
    {.name = "`memory.copy` and `memory.fill`",
     .module = "(module (memory 1) (func (export \"run\") (result i32) (memory.fill (i32.const 0) (i32.const 7) "
               "(i32.const 4)) (memory.copy (i32.const 8) (i32.const 4) (i32.const 4)) (i32.load (i32.const 8))))"},
    {.name = "`memory.init`",
     .module = "(module (memory 1) (data $d \"\\00\\00\") (func (export \"run\") (result i32) (memory.init $d "
               "(i32.const 0) (i32.const 0) (i32.const 2)) (i32.load (i32.const 0))))"},
    {.name = "mutable globals that are exported",
     .module = "(module (global (export \"g\") (mut i32) (i32.const 0)) (func (export \"run\") (result i32) "
               "(global.get 0)))"},
    {.name = "reference types", .module = RUN("(i32.eqz (ref.is_null (ref.null extern)))")},
    {.name = "tail calls of any depth",
     .module =
         "(module (func $f (param i32) (result i32) (if (result i32) (local.get 0) (then (return_call $f (i32.sub "
         "(local.get 0) (i32.const 1)))) (else (i32.const 0)))) (func (export \"run\") (result i32) (call $f "
         "(i32.const 1000000))))"},
    {.name = "SIMD", .module = RUN("(i32x4.extract_lane 0 (v128.const i32x4 0 1 2 3))")},
    {.name = "several memories",
     .module = "(module (memory 1) (memory $b 1) (func (export \"run\") (result i32) (i32.load $b (i32.const 0))))"},
    {.name = "exceptions",
     .module = "(module (tag $t) (func (export \"run\") (result i32) (block $h (try_table (catch $t $h) (throw $t))) "
               "(i32.const 0)))"},
    {.name = "garbage collection",
     .module =
         "(module (type $s (struct (field i32))) (func (export \"run\") (result i32) (struct.get $s 0 (struct.new "
         "$s (i32.const 0)))))"},
    {.name = "malformed code is refused before it runs", .module = NULL}, // see is_validated
};
enum { FEATURES = sizeof features / sizeof *features };

static ubiq_error *run_module(const feature *what, const char *engine) {
  char manifest[4096];
  uint8_t *wasm = NULL;
  size_t size = 0;
  ubiq_compiled *compiled = NULL;
  ubiq_plugin *plugin = NULL;
  ubiq_bytes output;
  char path[] = "/tmp/ubiq-engines-XXXXXX";
  assert_success(engine_wat_to_wasm(what->module, strlen(what->module), &wasm, &size));
  int file = mkstemp(path);
  assert_int_equal(write(file, wasm, size), size);
  close(file);
  snprintf(manifest, sizeof manifest, "{\"wasm\": [{\"path\": \"%s\"}]%s%s}", path, what->more ? ", " : "",
           what->more ? what->more : "");
  ubiq_error *error = text_compile(manifest, &(ubiq_compile_options){.engine = engine}, &compiled);
  unlink(path);
  free(wasm);
  traps_restore();
  if (!error) error = ubiq_plugin_new(compiled, &plugin);
  if (!error) error = ubiq_plugin_call(plugin, "run", (ubiq_bytes){0}, &output);
  ubiq_plugin_delete(plugin);
  ubiq_compiled_delete(compiled);
  return error;
}

// A function whose body takes from an empty stack, and adds an i32 to an f64: text would not assemble as anything else.
static bool is_validated(const char *engine) {
  static const uint8_t wasm[] = {0, 'a',  's', 'm',  1, 0, 0, 0,   1,   5,   1, 0x60, 0,    1,   0x7f, 3,
                                 2, 1,    0,   7,    7, 1, 3, 'r', 'u', 'n', 0, 0,    10,   16,  1,    14,
                                 0, 0x41, 1,   0x44, 0, 0, 0, 0,   0,   0,   0, 0,    0x6a, 0x0b};
  ubiq_compiled *compiled = NULL;
  ubiq_error *error = ubiq_compiled_new(wasm, sizeof wasm, &(ubiq_compile_options){.engine = engine}, &compiled);
  ubiq_compiled_delete(compiled);
  ubiq_code code = ubiq_error_code(error);
  ubiq_error_delete(error);
  return code == UBIQ_INVALID_INPUT;
}

static bool does_without_exec(const char *engine) {
  no_exec_outcome outcome = no_exec_try(engine);
  if (outcome == NO_EXEC_UNKNOWN) skip();
  assert_int_not_equal(outcome, NO_EXEC_FAULT);
  return outcome == NO_EXEC_WORKS;
}

static bool can(const feature *what, const engine_ops *ops) {
  if (what->capability) return ops->capabilities & what->capability;
  if (what->is_without_exec) return does_without_exec(ops->name);
  if (!what->module) return is_validated(ops->name);
  ubiq_error *error = run_module(what, ops->name);
  ubiq_code code = ubiq_error_code(error);
  if (code != what->code) fprintf(stderr, "%s: %s: %s\n", ops->name, what->name, ubiq_error_message(error));
  ubiq_error_delete(error);
  return code == what->code;
}

static void add_tried_column(page_table *table, const engine_ops *ops) {
  size_t column = table->columns++;
  page_table_set(table, 0, column, "%s %s", ops->name, ops->version);
  for (size_t k = 0; k < FEATURES; k++)
    page_table_set(table, k + 1, column, "%s", can(&features[k], ops) ? "yes" : "no");
}

// What the page says of an engine that is not here to be tried.
static void add_kept_column(page_table *table, const page_table *page, const char *name) {
  size_t kept = page_table_column(page, name);
  if (kept == PAGE_TABLE_NONE) return;
  size_t column = table->columns++;
  page_table_set(table, 0, column, "%s", page->cells[0][kept]);
  for (size_t k = 0; k < FEATURES; k++) {
    size_t row = page_table_row(page, features[k].name);
    page_table_set(table, k + 1, column, "%s", row == PAGE_TABLE_NONE ? "?" : page->cells[row][kept]);
  }
}

static void make_table(page_table *table, const page_table *page) {
  size_t count = 0;
  const engine_known *known = engine_list(&count);
  *table = (page_table){.rows = FEATURES + 1, .columns = 1};
  for (size_t k = 0; k < FEATURES; k++) page_table_set(table, k + 1, 0, "%s", features[k].name);
  for (size_t i = 0; i < count; i++) {
    const engine_ops *ops = engine_if_present(known[i].name);
    if (ops)
      add_tried_column(table, ops);
    else
      add_kept_column(table, page, known[i].name);
  }
}

static void replace_table(const buffer *page, const char *made, const buffer *table) {
  buffer updated = {0};
  const char *rest = made + strspn(made, "\n");
  while (*rest == '|') rest = strchr(rest, '\n') + 1;
  assert_true(buffer_append(&updated, page->data, (size_t)(made - (const char *)page->data)) &&
              buffer_append(&updated, table->data, table->size) &&
              buffer_append_string(&updated, *rest == '\n' ? "" : "\n") && buffer_append_string(&updated, rest));
  assert_success(file_write_atomic(PAGE_PATH, 0644, updated.data, updated.size));
  buffer_free(&updated);
}

static bool updates, prints;

static void the_page_says_what_engines_can_do(void **state) {
  (void)state;
  page_table table, said;
  buffer text = {0}, page = {0};
  assert_success(file_read_all(PAGE_PATH, SIZE_MAX, &page));
  const char *made = strstr(buffer_string(&page), MADE);
  assert_non_null(made);
  made += strlen(MADE);
  page_table_read(&said, made);
  make_table(&table, &said);
  page_table_write(&table, &text);
  if (prints)
    printf("%s", buffer_string(&text));
  else if (updates)
    replace_table(&page, made, &text);
  else if (strncmp(made, buffer_string(&text), text.size) != 0 || made[text.size] == '|')
    fail_msg("docs/engines.md does not say this (engines_test --update mends it):%s", buffer_string(&text));
  buffer_free(&page);
  buffer_free(&text);
}

int main(int count, char **arguments) {
  if (count == 3 && strcmp(arguments[1], NO_EXEC_ARGUMENT) == 0) return no_exec_trial(arguments[2]);
  updates = count > 1 && strcmp(arguments[1], "--update") == 0;
  prints = count > 1 && strcmp(arguments[1], "--print") == 0;
  const engine_ops *engines[ENGINES_MAX];
  plugin_testing_begin();
  plugin_testing_add(engines, engines_present(engines));
  ubiq_log_set(UBIQ_LOG_OFF, NULL, NULL);
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_says_what_engines_can_do)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
