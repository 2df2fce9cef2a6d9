// What imports lead to, with modules that no engine compiled.
#include "unit/engine/engine_testing.h"

#include "base/buffer.h"
#include "engine/links.h"

#include <stdio.h>

static const wasm_type i32 = WASM_TYPE_I32, i64 = WASM_TYPE_I64;
static const wasm_signature nothing = {0}, takes_i32 = {.params = &i32, .params_count = 1},
                            takes_i64 = {.params = &i64, .params_count = 1};

static int modules_ended;

static void end_module(engine_module *base) {
  links_module *self = (links_module *)base;
  wasm_module_free(self->wasm);
  free(self);
  modules_ended++;
}

static const engine_ops ops = {.name = "sketch", .modules_max = 3, .module_delete = end_module};

static engine_module *read_text(const char *text) {
  uint8_t *wasm = NULL;
  size_t size = 0;
  links_module *self = calloc(1, sizeof *self);
  assert_non_null(self);
  self->base.ops = &ops;
  assert_success(engine_wat_to_wasm(text, strlen(text), &wasm, &size));
  assert_success(wasm_module_read(wasm, size, &self->wasm));
  free(wasm);
  return &self->base;
}

/// Modules of these texts, ended by NULL. `link` tells the rest; what an image would own is closed by the caller.
static ubiq_error *open_texts(links *self, const char *const *texts, const engine_binding *const *bindings,
                              engine_link *link) {
  engine_link_module modules[4] = {{0}};
  link->modules = modules;
  for (link->modules_count = 0; texts[link->modules_count]; link->modules_count++) {
    modules[link->modules_count].module = read_text(texts[link->modules_count]);
    if (link->modules_count > 0) modules[link->modules_count].bindings = bindings[link->modules_count - 1];
  }
  ubiq_error *error = links_open(self, &ops, link, WASM_TYPE_F64);
  for (size_t i = 0; i < link->modules_count; i++) engine_module_delete(modules[i].module);
  return error;
}

static void assert_leads_to(links_target target, uint32_t module, const char *name) {
  assert_null(target.host);
  assert_int_equal(target.module, module);
  assert_non_null(target.item);
  assert_string_equal(target.item->name, name);
}

static void what_is_exported_again_leads_to_where_it_comes_from(void **state) {
  (void)state;
  static const engine_host_function hosts[] = {{.module = "h", .name = "z", .signature = &nothing},
                                               {.module = "h", .name = "b", .signature = &takes_i32},
                                               {.module = "a", .name = "b", .signature = &takes_i64}};
  static const char *const texts[] = {
      "(module (import \"h\" \"b\" (func (param i32))) (import \"a\" \"b\" (func $ab (param i64)))"
      " (func (export \"own\")) (export \"again\" (func $ab)) (memory (export \"kept\") 2) (global (export \"g\") i32 "
      "(i32.const 1)))",
      "(module (import \"x\" \"g\" (global i32)) (import \"x\" \"m\" (memory 1)) (import \"x\" \"f\" (func (param "
      "i64)))"
      " (import \"x\" \"o\" (func)) (export \"memory\" (memory 0)) (export \"f\" (func 0)) (export \"o\" (func 1))"
      " (export \"g\" (global 0)) (func (export \"last\")))",
      "(module (import \"y\" \"o\" (func)) (import \"y\" \"f\" (func (param i64))) (import \"y\" \"g\" (global i32))"
      " (import \"y\" \"m\" (memory 1)) (import \"y\" \"l\" (func)))",
      NULL};
  static const engine_binding second[] = {{0, "g"}, {0, "kept"}, {0, "again"}, {0, "own"}};
  static const engine_binding third[] = {{1, "o"}, {1, "f"}, {1, "g"}, {1, "memory"}, {1, "last"}};
  static const engine_binding memories[] = {{1, "memory"}, {2, "memory"}};
  engine_link link = {.functions = hosts,
                      .functions_count = 3,
                      .memories = memories,
                      .memories_count = 2,
                      .caller_memory = ENGINE_MEMORY_BY_CALLER};
  links self;
  assert_success(open_texts(&self, texts, (const engine_binding *const[]){second, third}, &link));
  assert_ptr_equal(self.modules[0].targets[0].host->signature, &takes_i32);
  assert_ptr_equal(self.modules[0].targets[1].host->signature, &takes_i64);
  const links_target *targets = self.modules[2].targets;
  assert_leads_to(targets[0], 0, "own");
  assert_ptr_equal(targets[1].host, self.modules[0].targets[1].host);
  assert_ptr_equal(targets[1].item, &links_wasm(&self, 0)->imports[1]);
  assert_leads_to(targets[2], 0, "g");
  assert_leads_to(targets[3], 0, "kept");
  assert_leads_to(targets[4], 1, "last");
  assert_leads_to(self.memories[0], 0, "kept");
  assert_null(self.memories[1].item);
  assert_leads_to(links_caller_memory(&self, 1), 0, "kept");
  assert_null(links_caller_memory(&self, 0).item); // it has another name there
  assert_null(links_find(&self, 1, "last", WASM_MEMORY).item);
  links_close(&self);
}

static void the_callers_memory_may_be_the_same_for_all(void **state) {
  (void)state;
  static const char *const texts[] = {"(module (memory (export \"m\") 1))", NULL};
  static const engine_binding memory = {0, "m"};
  for (uint32_t place = 0; place < 2; place++) {
    engine_link link = {.memories = &memory, .memories_count = 1, .caller_memory = place ? ENGINE_MEMORY_NONE : 0};
    links self;
    assert_success(open_texts(&self, texts, NULL, &link));
    if (place)
      assert_null(links_caller_memory(&self, 0).item);
    else
      assert_leads_to(links_caller_memory(&self, 0), 0, "m");
    links_close(&self);
  }
}

static void assert_refused(const char *const *texts, engine_link link, ubiq_code code, const char *message) {
  static const engine_binding first[] = {{0, "m"}};
  links self;
  assert_fails(open_texts(&self, texts, (const engine_binding *const[]){first, first, first}, &link), code, message);
  links_close(&self);
}

static void what_cannot_be_linked_is_refused_in_words(void **state) {
  (void)state;
  static const wasm_type reference = WASM_TYPE_EXTERNREF;
  static const wasm_signature takes_reference = {.params = &reference, .params_count = 1};
  static const engine_host_function hosts[] = {{.module = "h", .name = "f", .signature = &takes_i32},
                                               {.module = "h", .name = "r", .signature = &takes_reference}};
  const engine_link link = {.functions = hosts, .functions_count = 2};
  assert_refused((const char *const[]){"(module (import \"h\" \"g\" (func)))", NULL}, link, UBIQ_INVALID_INPUT,
                 "unknown import: `h::g` has not been defined");
  assert_refused((const char *const[]){"(module (import \"h\" \"f\" (func (param i64))))", NULL}, link,
                 UBIQ_INVALID_INPUT, "incompatible import type for `h::f`");
  assert_refused((const char *const[]){"(module (import \"h\" \"f\" (global i32)))", NULL}, link, UBIQ_INVALID_INPUT,
                 "incompatible import type for `h::f`");
  assert_refused((const char *const[]){"(module (import \"h\" \"r\" (func (param externref))))", NULL}, link,
                 UBIQ_INVALID_INPUT, "import h.r: sketch cannot pass values of all its types");
  assert_refused(
      (const char *const[]){"(module (func (export \"m\")))", "(module (import \"x\" \"m\" (memory 1)))", NULL}, link,
      UBIQ_INVALID_INPUT, "module 0 exports no memory m");
  assert_refused((const char *const[]){"(module)", "(module)", "(module)", "(module)", NULL}, link, UBIQ_TOO_LARGE,
                 "4 modules are linked; at most 3 may be, the kernel included");
  engine_link suspends = link;
  suspends.suspends = true;
  assert_refused((const char *const[]){"(module)", NULL}, suspends, UBIQ_INVALID_INPUT, "sketch cannot suspend calls");
}

static void modules_live_until_their_links_are_closed(void **state) {
  (void)state;
  static const char *const texts[] = {"(module)", "(module)", NULL};
  engine_link link = {0};
  links self;
  modules_ended = 0;
  assert_success(open_texts(&self, texts, (const engine_binding *const[]){NULL}, &link));
  assert_int_equal(modules_ended, 0);
  links_close(&self);
  assert_int_equal(modules_ended, 2);
}

// Searching from the first for each would take half a minute.
static void as_many_imports_as_a_module_may_have_are_found(void **state) {
  (void)state;
  enum { COUNT = 90000 };
  static char names[COUNT][24];
  buffer provider = {0}, guest = {0};
  engine_binding *bindings = calloc(COUNT, sizeof *bindings);
  assert_non_null(bindings);
  bool ok = buffer_printf(&provider, "(module (func $f)") && buffer_printf(&guest, "(module");
  for (size_t i = 0; i < COUNT && ok; i++) {
    snprintf(names[i], sizeof names[i], "%zu of many", i * 7919 % COUNT);
    bindings[i] = (engine_binding){0, names[i]};
    ok = buffer_printf(&provider, "(export \"%zu of many\" (func $f))", i) &&
         buffer_printf(&guest, "(import \"x\" \"%zu\" (func))", i);
  }
  assert_true(ok && buffer_printf(&provider, ")") && buffer_printf(&guest, ")"));
  const char *const texts[] = {buffer_string(&provider), buffer_string(&guest), NULL};
  engine_link link = {0};
  links self;
  assert_success(open_texts(&self, texts, (const engine_binding *const[]){bindings}, &link));
  for (size_t i = 0; i < COUNT; i++) assert_leads_to(self.modules[1].targets[i], 0, bindings[i].name);
  links_close(&self);
  free(bindings);
  buffer_free(&provider);
  buffer_free(&guest);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_exported_again_leads_to_where_it_comes_from),
      cmocka_unit_test(the_callers_memory_may_be_the_same_for_all),
      cmocka_unit_test(what_cannot_be_linked_is_refused_in_words),
      cmocka_unit_test(modules_live_until_their_links_are_closed),
      cmocka_unit_test(as_many_imports_as_a_module_may_have_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
