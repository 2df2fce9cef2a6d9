// Compiling: sources of every form, manifests, several modules, names and hashes, what is malformed, what is too large.
#include "unit/plugin/plugin_testing.h"

#include "base/digest.h"
#include "ubiq/function.h"
#include "unit/base/fetch_server.h"

#include <pthread.h>
#include <sys/mman.h>

#define ECHO_WAT                                                                                                       \
  "(module (import \"extism:host/env\" \"output_set\" (func $output_set (param i64 i64)))\n"                           \
  " (import \"extism:host/env\" \"input_offset\" (func $input_offset (result i64)))\n"                                 \
  " (import \"extism:host/env\" \"input_length\" (func $input_length (result i64)))\n"                                 \
  " (func (export \"echo\") (result i32) (call $output_set (call $input_offset) (call $input_length)) (i32.const 0)))"

static void assert_answers(ubiq_compiled *compiled, const char *function, const char *input, const char *expected) {
  instance one;
  assert_success(instance_open(&one, compiled, NULL, NULL));
  assert_output(&one, function, input, expected);
  instance_close(&one);
  ubiq_compiled_delete(compiled);
}

static void a_module_in_text_form_is_a_plugin(void **state) {
  (void)state;
  ubiq_compiled *compiled;
  assert_success(text_compile(ECHO_WAT, NULL, &compiled));
  assert_answers(compiled, "echo", "wat", "wat");
  assert_success(text_compile(";; a comment first\n" ECHO_WAT, NULL, &compiled));
  assert_answers(compiled, "echo", "wat", "wat");
}

static void a_manifest_may_be_json_or_toml(void **state) {
  (void)state;
  char text[2048];
  ubiq_compiled *compiled;
  buffer_free(&(buffer){0});
  snprintf(text, sizeof text, "{\"wasm\":[{\"path\":\"%s/hello.wasm\"}]}", UBIQ_GUESTS_DIR);
  assert_success(text_compile(text, NULL, &compiled));
  assert_answers(compiled, "hello", "J", "Hello, J!");
  snprintf(text, sizeof text, "[[wasm]]\npath = \"%s/hello.wasm\"\n", UBIQ_GUESTS_DIR);
  assert_success(text_compile(text, NULL, &compiled));
  assert_answers(compiled, "hello", "T", "Hello, T!");
}

static void paths_start_from_the_directory_given(void **state) {
  (void)state;
  ubiq_compiled *compiled;
  char directory[1024];
  snprintf(directory, sizeof directory, "%s", UBIQ_GUESTS_DIR);
  assert_success(
      text_compile("[[wasm]]\npath = \"hello.wasm\"\n", &(ubiq_compile_options){.directory = directory}, &compiled));
  memset(directory, 'x', sizeof directory); // what was lent for the call is the caller's again
  assert_answers(compiled, "hello", "D", "Hello, D!");
  assert_error_with(text_compile("[[wasm]]\npath = \"no such.wasm\"\n",
                                 &(ubiq_compile_options){.directory = UBIQ_GUESTS_DIR}, &compiled),
                    UBIQ_NOT_FOUND, "no such.wasm");
}

static void nothing_of_the_callers_is_kept(void **state) {
  (void)state;
  char *name = strdup("borrowed name"), *engine = strdup("wasmtime"), *source = strdup(ECHO_WAT);
  ubiq_compile_options *options = malloc(sizeof *options);
  *options = (ubiq_compile_options){.name = name, .engine = engine};
  ubiq_compiled *compiled;
  assert_success(text_compile(source, options, &compiled));
  free(name);
  free(engine);
  free(source);
  free(options);
  assert_answers(compiled, "echo", "x", "x");
}

static void data_in_a_manifest_is_base64(void **state) {
  (void)state;
  buffer text = {0};
  ubiq_compiled *compiled;
  assert_true(buffer_append_string(&text, "{\"wasm\":[{\"data\":\""));
  assert_true(text_base64_encode(&text, ECHO_WAT, strlen(ECHO_WAT)));
  assert_true(buffer_append_string(&text, "\"}]}"));
  assert_success(text_compile(buffer_string(&text), NULL, &compiled));
  assert_answers(compiled, "echo", "data", "data");
  buffer_free(&text);
}

static ubiq_error *compile_hello_with_hash(const char *hash, ubiq_compiled **out) {
  char text[256];
  snprintf(text, sizeof text, "[[wasm]]\npath = \"hello.wasm\"\nhash = \"%s\"\n", hash);
  return text_compile(text, &(ubiq_compile_options){.directory = UBIQ_GUESTS_DIR}, out);
}

static void hashes_are_checked(void **state) {
  (void)state;
  char hash[DIGEST_SHA256_HEX_SIZE];
  ubiq_compiled *compiled;
  buffer bytes = guest_read("hello");
  digest_sha256_hex(bytes.data, bytes.size, hash);
  buffer_free(&bytes);
  assert_success(compile_hello_with_hash(hash, &compiled));
  assert_answers(compiled, "hello", "H", "Hello, H!");
  hash[10] = hash[10] == '0' ? '1' : '0';
  assert_error_with(compile_hello_with_hash(hash, &compiled), UBIQ_INVALID_INPUT, "Hash mismatch");
  assert_error_code(compile_hello_with_hash("no hash at all", &compiled), UBIQ_INVALID_INPUT);
}

// A server for one connection that answers with a module.
typedef struct module_server {
  int listening;
  int port;
  pthread_t thread;
  const char *status;
  buffer body;
} module_server;

static void *module_server_run(void *user) {
  module_server *self = user;
  char request[4096], head[256];
  int fd = accept(self->listening, NULL, NULL);
  if (fd < 0) return NULL;
  if (recv(fd, request, sizeof request, 0) > 0) {
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", self->status,
             self->body.size);
    fetch_server_say(fd, head);
    fetch_server_send(fd, self->body.data, self->body.size);
  }
  close(fd);
  return NULL;
}

static ubiq_error *compile_from_url(const char *status, const char *guest, ubiq_compiled **out) {
  module_server server = {.status = status, .body = guest_read(guest)};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  server.listening = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(server.listening, (const struct sockaddr *)&address, size), 0);
  assert_int_equal(listen(server.listening, 8), 0);
  getsockname(server.listening, (struct sockaddr *)&address, &size);
  pthread_create(&server.thread, NULL, module_server_run, &server);
  char text[256];
  snprintf(text, sizeof text, "{\"wasm\":[{\"url\":\"http://127.0.0.1:%d/hello.wasm\"}]}", ntohs(address.sin_port));
  ubiq_error *error = text_compile(text, NULL, out);
  shutdown(server.listening, SHUT_RDWR);
  pthread_join(server.thread, NULL);
  close(server.listening);
  buffer_free(&server.body);
  return error;
}

static void modules_are_fetched_from_urls(void **state) {
  (void)state;
  ubiq_compiled *compiled;
  assert_success(compile_from_url("200 OK", "hello", &compiled));
  assert_answers(compiled, "hello", "Url", "Hello, Url!");
  assert_error_with(compile_from_url("404 Not Found", "hello", &compiled), UBIQ_UNAVAILABLE, "404");
  assert_error_code(text_compile("{\"wasm\":[{\"url\":\"http://127.0.0.1:1/none.wasm\"}]}", NULL, &compiled),
                    UBIQ_UNAVAILABLE);
}

static void untrusted_manifests_name_nothing_outside(void **state) {
  (void)state;
  static const char *const sources[] = {
      "{\"wasm\":[{\"path\":\"/etc/passwd\"}]}",
      "{\"wasm\":[{\"url\":\"http://127.0.0.1/x.wasm\"}]}",
      "{\"wasm\":[{\"data\":\"KG1vZHVsZSk=\"}],\"allowed_hosts\":[\"*\"]}",
      "{\"wasm\":[{\"data\":\"KG1vZHVsZSk=\"}],\"allowed_paths\":{\"/\":\"/\"}}",
  };
  ubiq_compile_options options = {.untrusted = true};
  ubiq_compiled *compiled;
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
    assert_error_code(text_compile(sources[i], &options, &compiled), UBIQ_DENIED);
  assert_success(text_compile("{\"wasm\":[{\"data\":\"KG1vZHVsZSk=\"}]}", &options, &compiled));
  ubiq_compiled_delete(compiled);
}

static void addresses_in_manifests_are_taken_only_where_that_was_said(void **state) {
  (void)state;
  static const char module[] = "(module)";
  char source[128];
  snprintf(source, sizeof source, "{\"wasm\":[{\"data\":{\"ptr\":%llu,\"len\":%zu}}]}",
           (unsigned long long)(uintptr_t)module, sizeof module - 1);
  ubiq_compile_options options = {.pointers = false};
  ubiq_compiled *compiled;
  assert_error_code(text_compile(source, NULL, &compiled), UBIQ_INVALID_INPUT);
  assert_error_code(text_compile(source, &options, &compiled), UBIQ_INVALID_INPUT);
  options.pointers = true;
  assert_success(text_compile(source, &options, &compiled));
  ubiq_compiled_delete(compiled);
}

static ubiq_error *read_file(void *user, const char *path, ubiq_bytes *out) {
  if (strcmp(path, "m.wat") != 0) return ubiq_error_new(UBIQ_NOT_FOUND, "%s: is not there", path);
  *out = (ubiq_bytes){user, strlen(user)};
  return NULL;
}

static void paths_lead_to_the_files_that_the_embedder_gives(void **state) {
  (void)state;
  static char module[] = "(module (func (export \"f\") (result i32) (i32.const 0)))";
  const ubiq_files files = {read_file, module};
  ubiq_compile_options options = {.files = &files, .directory = "/nowhere"};
  ubiq_compiled *compiled;
  for (int untrusted = 0; untrusted < 2; untrusted++) {
    options.untrusted = untrusted;
    assert_success(text_compile("{\"wasm\":[{\"path\":\"m.wat\"}]}", &options, &compiled));
    assert_true(ubiq_compiled_has(compiled, "f"));
    ubiq_compiled_delete(compiled);
    assert_error_with(text_compile("{\"wasm\":[{\"path\":\"/etc/passwd\"}]}", &options, &compiled), UBIQ_NOT_FOUND,
                      "module main: Unable to load Wasm file: /etc/passwd: is not there");
  }
  assert_error_code(text_compile("{\"wasm\":[{\"url\":\"http://127.0.0.1/x.wasm\"}]}", &options, &compiled),
                    UBIQ_DENIED);
}

static void untrusted_manifests_have_a_bounded_number_of_modules(void **state) {
  (void)state;
  ubiq_compile_options options = {.untrusted = true};
  ubiq_compiled *compiled;
  char source[4096] = "{\"wasm\":[{\"data\":\"KG1vZHVsZSk=\"}";
  for (int i = 1; i < 16; i++)
    snprintf(source + strlen(source), 50, ",{\"data\":\"KG1vZHVsZSk=\",\"name\":\"m%d\"}", i);
  strcat(source, "]}");
  assert_error_with(text_compile(source, &options, &compiled), UBIQ_TOO_LARGE, "has 16 modules; at most 15");
}

// -- Several modules --

static const char two_modules[] = "[[wasm]]\nname = \"main\"\npath = \"main.wasm\"\n"
                                  "[[wasm]]\nname = \"lib\"\npath = \"lib.wasm\"\n";

static void modules_are_linked_by_name_in_any_order(void **state) {
  (void)state;
  ubiq_compile_options options = {.directory = UBIQ_GUESTS_DIR};
  ubiq_compiled *compiled;
  assert_success(text_compile(two_modules, &options, &compiled));
  instance one, other;
  assert_success(instance_open(&one, compiled, NULL, NULL));
  assert_success(instance_open(&other, compiled, NULL, NULL));
  assert_output(&one, "sum", "", "42 1");
  assert_output(&one, "sum", "", "42 2");
  assert_output(&other, "sum", "", "42 1");
  assert_output(&one, "shout", "a Library", "A LIBRARY");
  instance_close(&one);
  instance_close(&other);
  ubiq_compiled_delete(compiled);
}

static void the_last_module_is_main_where_none_is_named_so(void **state) {
  (void)state;
  ubiq_compiled *compiled;
  assert_success(text_compile("[[wasm]]\nname = \"lib\"\npath = \"lib.wasm\"\n[[wasm]]\nname = \"app\"\npath = "
                              "\"main.wasm\"\n",
                              &(ubiq_compile_options){.directory = UBIQ_GUESTS_DIR}, &compiled));
  assert_answers(compiled, "sum", "", "42 1");
}

static ubiq_error *compile_pair(const char *lib, const char *main, ubiq_compiled **out) {
  buffer text = {0};
  assert_true(buffer_append_string(&text, "{\"wasm\":[{\"name\":\"lib\",\"data\":\""));
  assert_true(text_base64_encode(&text, lib, strlen(lib)));
  assert_true(buffer_append_string(&text, "\"},{\"name\":\"main\",\"data\":\""));
  assert_true(text_base64_encode(&text, main, strlen(main)));
  assert_true(buffer_append_string(&text, "\"}]}"));
  ubiq_error *error = text_compile(buffer_string(&text), NULL, out);
  buffer_free(&text);
  return error;
}

static void modules_share_memories_tables_and_globals(void **state) {
  (void)state;
  need_capability(ENGINE_LINKS_MODULES);
  ubiq_compiled *compiled;
  assert_success(
      compile_pair("(module (memory (export \"memory\") 1) (global (export \"g\") (mut i32) (i32.const 41))"
                   " (table (export \"t\") 1 funcref) (func $f (result i32) (i32.const 1)) (elem (i32.const 0) $f)"
                   " (data (i32.const 8) \"*\"))",
                   "(module (import \"lib\" \"memory\" (memory 1)) (import \"lib\" \"g\" (global $g (mut i32)))"
                   " (import \"lib\" \"t\" (table 1 funcref)) (type $t (func (result i32)))"
                   " (func (export \"f\") (result i32) (i32.sub (i32.load8_u (i32.const 8))"
                   "   (i32.add (global.get $g) (call_indirect (type $t) (i32.const 0))))))",
                   &compiled));
  assert_answers(compiled, "f", "", "");
}

static void imports_of_another_type_are_found_when_compiling(void **state) {
  (void)state;
  static const char *const wanted[] = {
      "(module (import \"lib\" \"g\" (global i64)))",        "(module (import \"lib\" \"g\" (global i32)))",
      "(module (import \"lib\" \"t\" (table 1 externref)))", "(module (import \"lib\" \"t\" (table 100 funcref)))",
      "(module (import \"lib\" \"memory\" (memory 100)))",   "(module (import \"lib\" \"f\" (func (param i32))))",
      "(module (import \"lib\" \"memory\" (func)))",         "(module (import \"lib\" \"nothing\" (func)))",
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    ubiq_compiled *compiled;
    assert_error_code(compile_pair("(module (memory (export \"memory\") 1) (table (export \"t\") 1 funcref)"
                                   " (global (export \"g\") (mut i32) (i32.const 41)) (func (export \"f\")))",
                                   wanted[i], &compiled),
                      UBIQ_INVALID_INPUT);
  }
}

static void modules_may_not_import_from_each_other_in_a_circle(void **state) {
  (void)state;
  ubiq_compiled *compiled;
  assert_error_with(compile_pair("(module (import \"main\" \"a\" (func)) (func (export \"b\")))",
                                 "(module (import \"lib\" \"b\" (func)) (func (export \"a\")))", &compiled),
                    UBIQ_INVALID_INPUT, "imports from itself, by way of others");
  assert_error_code(text_compile("(module (import \"main\" \"a\" (func)) (func (export \"a\")))", NULL, &compiled),
                    UBIQ_INVALID_INPUT);
}

static void more_modules_than_are_linked_are_too_many(void **state) {
  (void)state;
  buffer text = {0};
  assert_true(buffer_append_string(&text, "{\"wasm\":["));
  for (int i = 0; i < 40; i++) assert_true(buffer_printf(&text, "{\"name\":\"m%d\",\"data\":\"KG1vZHVsZSk=\"},", i));
  assert_true(buffer_append_string(&text, "{\"name\":\"main\",\"data\":\"KG1vZHVsZSk=\"}]}"));
  ubiq_compiled *compiled;
  assert_error_code(text_compile(buffer_string(&text), NULL, &compiled), UBIQ_TOO_LARGE);
  buffer_free(&text);
}

// -- Malformed sources --

static void empty_and_strange_sources_are_invalid_input(void **state) {
  (void)state;
  static const char *const sources[] = {
      "",
      " ",
      "x",
      "hello",
      "\177ELF",
      "{",
      "{}",
      "[]",
      "null",
      "{\"wasm\":[]}",
      "(module",
      "(modul)",
      "(module (func",
      "(component)",
      "wasm = 3",
      "(module (func (result i32)))",
      "(module (import \"a\" \"b\" (func)))",
  };
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
    ubiq_compiled *compiled;
    assert_error_code(text_compile(sources[i], NULL, &compiled), UBIQ_INVALID_INPUT);
    assert_null(compiled);
  }
}

static void components_are_told_from_modules(void **state) {
  (void)state;
  static const uint8_t component[] = {0, 'a', 's', 'm', 0x0d, 0, 1, 0};
  static const uint8_t future[] = {0, 'a', 's', 'm', 2, 0, 0, 0};
  ubiq_compiled *compiled;
  assert_error_with(ubiq_compiled_new(component, sizeof component, NULL, &compiled), UBIQ_INVALID_INPUT,
                    "is a component");
  assert_error_code(ubiq_compiled_new(future, sizeof future, NULL, &compiled), UBIQ_INVALID_INPUT);
}

static void bytes_behind_the_content_of_a_section_are_refused(void **state) {
  (void)state;
  for (uint8_t id = 1; id <= 13; id++) {
    const uint8_t module[] = {0, 'a', 's', 'm', 1, 0, 0, 0, id, 2, 0, 0};
    for (int merged = 0; merged < 2; merged++) {
      ubiq_compiled *compiled = NULL;
      setenv("UBIQ_MERGE", merged ? "1" : "0", 1);
      ubiq_error *error = ubiq_compiled_new(module, sizeof module, NULL, &compiled);
      if (ubiq_error_code(error) != UBIQ_INVALID_INPUT) fail_msg("section %u, merged %d", id, merged);
      ubiq_error_delete(error);
    }
  }
}

// What merging adds to a module must not make one of what is none.
static void indices_that_a_module_does_not_have_are_refused(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "(drop (local.get 1))",
      "(local.set 2 (i32.const 0))",
      "(drop (local.tee 40 (i32.const 0)))",
      "(drop (global.get 1))",
      "(drop (i32.load 1 (i32.const 16)))",
      "(drop (memory.size 1))",
      "(memory.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 8))",
      "(memory.init 0 1 (i32.const 0) (i32.const 0) (i32.const 0))",
      "(call 3)",
      "(call 20)",
      "(drop (ref.func 9))",
      "(call_indirect 1 (type 0) (i32.const 0))",
      "(call_indirect (type 9) (i32.const 0))",
      "(block (type 9))",
      "(drop (table.get 1 (i32.const 0)))",
      "(throw 0)",
      "(drop (ref.null 9))",
      "(data.drop 1)",
      "(elem.drop 0)",
      "(br 2)",
  };
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
    for (int merged = 0; merged < 2; merged++) {
      char source[512];
      ubiq_compiled *compiled = NULL;
      snprintf(source, sizeof source,
               "(module (import \"extism:host/env\" \"load_u8\" (func (param i64) (result i32))) (memory 1)"
               " (table 1 funcref) (global (mut i32) (i32.const 0)) (data \"x\")"
               " (func (export \"f\") (local i32) (drop (call 0 (i64.const 1))) %s))",
               bodies[i]);
      setenv("UBIQ_MERGE", merged ? "1" : "0", 1);
      ubiq_error *error = text_compile(source, NULL, &compiled);
      if (ubiq_error_code(error) != UBIQ_INVALID_INPUT) fail_msg("%s, merged %d", bodies[i], merged);
      ubiq_error_delete(error);
    }
}

static void every_truncation_of_a_module_is_an_error(void **state) {
  (void)state;
  buffer bytes = guest_read("hello");
  for (size_t size = 0; size < bytes.size; size += size < 64 || size + 64 > bytes.size ? 1 : 37) {
    uint8_t *part = malloc(size ? size : 1); // so that a sanitizer sees what is read behind its end
    memcpy(part, bytes.data, size);
    ubiq_compiled *compiled = NULL;
    ubiq_error *error = ubiq_compiled_new(part, size, NULL, &compiled);
    // Cut between two sections it may be a module still: one that lacks what others refer to, or says nothing.
    if (!error) ubiq_compiled_delete(compiled);
    if (size < 8) assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    if (error) assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
    free(part);
  }
  buffer_free(&bytes);
}

static void flipped_bytes_never_do_more_than_fail(void **state) {
  (void)state;
  buffer bytes = guest_read("no_memory");
  for (size_t i = 8; i < bytes.size; i++)
    for (int bit = 0; bit < 8; bit += 3) {
      bytes.data[i] ^= (uint8_t)(1 << bit);
      ubiq_compiled *compiled = NULL;
      ubiq_error *error = ubiq_compiled_new(bytes.data, bytes.size, NULL, &compiled);
      if (!error) ubiq_compiled_delete(compiled);
      ubiq_error_delete(error);
      bytes.data[i] ^= (uint8_t)(1 << bit);
    }
  buffer_free(&bytes);
}

static void assert_large_source_fails(int first, int rest) {
  enum { SIZE = 100 << 20 };
  uint8_t *data = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(data, MAP_FAILED);
  memset(data, rest, SIZE);
  if (first) memcpy(data, "\0asm\1\0\0\0", 8);
  ubiq_compiled *compiled = NULL;
  ubiq_error *error = ubiq_compiled_new(data, SIZE, NULL, &compiled);
  assert_non_null(error);
  assert_true(ubiq_error_code(error) == UBIQ_INVALID_INPUT || ubiq_error_code(error) == UBIQ_TOO_LARGE);
  assert_in_range(strlen(ubiq_error_message(error)), 1, 1000);
  ubiq_error_delete(error);
  munmap(data, SIZE);
}

static void a_hundred_megabytes_of_anything_are_refused(void **state) {
  (void)state;
  need_default_engine(); // it takes long, and no engine is asked
  assert_large_source_fails(0, 0);
  assert_large_source_fails(0, 'x');
  assert_large_source_fails(0, ' ');
  assert_large_source_fails(0, '{');
  assert_large_source_fails(0, '[');
  assert_large_source_fails(0, '\n');
  assert_large_source_fails(1, 0);
  assert_large_source_fails(1, 0xff);
}

static void unknown_engines_are_not_found(void **state) {
  (void)state;
  ubiq_compiled *compiled;
  assert_error_with(text_compile("(module)", &(ubiq_compile_options){.engine = "v8"}, &compiled), UBIQ_NOT_FOUND,
                    "\"v8\"");
}

static void modules_that_no_pool_holds_run_without_one(void **state) {
  (void)state;
  static const char *const sources[] = {
      "(module (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref) (table 1 funcref)"
      " (table 1 funcref) (func (export \"f\") (result i32) (i32.const 0)))",
      "(module (table 90000 200000 funcref) (func (export \"f\") (result i32) (i32.const 0)))",
      "(module (memory 1) (memory 1) (memory 1) (memory 1) (memory 1) (memory 1)"
      " (func (export \"f\") (result i32) (i32.const 0)))",
  };
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
    for (int suspends = 0; suspends < MODES; suspends++) {
      ubiq_compiled *compiled;
      test_loop loop;
      instance one;
      if (strstr(sources[i], "memory") && !has_feature(SEVERAL_MEMORIES_MODULE)) continue;
      assert_success(text_compile(sources[i], &(ubiq_compile_options){.suspends = suspends}, &compiled));
      test_loop_open(&loop);
      assert_success(instance_open(&one, compiled, suspends ? &loop : NULL, NULL));
      assert_output(&one, "f", "", "");
      instance_close(&one);
      test_loop_close(&loop);
      ubiq_compiled_delete(compiled);
    }
}

static void modern_features_are_there(void **state) {
  (void)state;
  need_feature(VECTORS_MODULE);
  static const char *const functions[] = {"multi_value", "sign_extension",  "saturating",
                                          "bulk_memory", "reference_types", "simd"};
  for (int mode = 0; mode < MODES; mode++) {
    plugin_world world;
    world_open(&world, mode, "features", "", (ubiq_compile_options){0}, NULL);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) assert_output(&world.one, functions[i], "", "");
    world_close(&world);
  }
}

static void exports_may_have_any_name(void **state) {
  (void)state;
  plugin_world world;
  buffer bytes = guest_read("names");
  ubiq_compiled *compiled = NULL;
  ubiq_error *error = ubiq_compiled_new(bytes.data, bytes.size, NULL, &compiled);
  buffer_free(&bytes);
  if (error) { // a name with a NUL inside is refused, which is fine
    assert_int_equal(ubiq_error_code(error), UBIQ_INVALID_INPUT);
    ubiq_error_delete(error);
    return;
  }
  ubiq_compiled_delete(compiled);
  world_open(&world, 0, "names", "", (ubiq_compile_options){0}, NULL);
  assert_output(&world.one, "", "", "");
  assert_output(&world.one, "a b/c?d=\"e\"", "", "");
  assert_output(&world.one, "日本語", "", "");
  assert_output(&world.one, "line\nbreak", "", "");
  assert_error_code(instance_call(&world.one, "nul", "", NULL), UBIQ_NOT_FOUND);
  world_close(&world);
}

// -- The same bytes again, whose code is kept in memory (engine/cache/recent.h) --

#define CALLS_F_WAT                                                                                                    \
  "(module (import \"extism:host/user\" \"f\" (func $f (param i64) (result i64)))\n"                                   \
  " (func (export \"call_f\") (result i32) (i32.wrap_i64 (call $f (i64.const 0)))))"

static ubiq_error *answer_user(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_value *outputs) {
  (void)plugin, (void)inputs;
  outputs[0].i64 = (intptr_t)user;
  return NULL;
}

static void answer_later(void *user, ubiq_plugin *plugin, const ubiq_value *inputs, ubiq_completion *completion) {
  (void)plugin, (void)inputs;
  ubiq_completion_done(completion, &(ubiq_value){.i64 = (intptr_t)user});
}

// Compiles CALLS_F_WAT with an `f` that answers `code`, at once or by way of a completion.
static ubiq_compiled *compile_with_f(int code, bool later, const ubiq_compile_options *more) {
  static const ubiq_type number = UBIQ_I64;
  ubiq_function *function;
  assert_success(ubiq_function_new(&(ubiq_function_options){.name = "f",
                                                            .params = &number,
                                                            .params_count = 1,
                                                            .results = &number,
                                                            .results_count = 1,
                                                            .callback = later ? NULL : answer_user,
                                                            .start = later ? answer_later : NULL,
                                                            .user = (void *)(intptr_t)code},
                                   &function));
  ubiq_compile_options options = *more;
  const ubiq_function *functions[] = {function};
  options.functions = functions;
  options.functions_count = 1;
  ubiq_compiled *compiled;
  assert_success(text_compile(CALLS_F_WAT, &options, &compiled));
  ubiq_function_delete(function);
  return compiled;
}

// What `call_f` returns is the code of the error.
static int code_of(ubiq_compiled *compiled) {
  ubiq_plugin *plugin;
  ubiq_bytes output;
  assert_success(ubiq_plugin_new(compiled, &plugin));
  ubiq_error *error = ubiq_plugin_call(plugin, "call_f", (ubiq_bytes){0}, &output);
  assert_int_equal(ubiq_error_code(error), UBIQ_GUEST_ERROR);
  int code = ubiq_error_detail(error);
  ubiq_error_delete(error);
  ubiq_plugin_delete(plugin);
  return code;
}

// Options without those that the engine cannot do.
static ubiq_compile_options within_means(ubiq_compile_options options) {
  if (!(tested_engine()->capabilities & ENGINE_CAN_FUEL)) options.fuel = 0;
  if (!(tested_engine()->capabilities & ENGINE_CAN_SUSPEND)) options.suspends = false;
  return options;
}

static void plugins_of_the_same_bytes_have_functions_limits_and_engines_of_their_own(void **state) {
  (void)state;
  static const ubiq_compile_options ways[] = {
      {0}, {.memory_bytes_max = 4 << 20}, {.fuel = 100000}, {.suspends = true}, {.wasi = true}};
  enum { WAYS = sizeof ways / sizeof *ways, EACH = 2 * WAYS };
  for (int round = 0; round < 2; round++) { // the second finds in memory what the first has left there
    ubiq_compiled *compiled[EACH];
    for (int i = 0; i < EACH; i++) {
      ubiq_compile_options options = within_means(ways[i / 2]);
      compiled[i] = compile_with_f(i + 1, i % 2, &options);
    }
    for (int i = EACH - 1; i >= 0; i--) assert_int_equal(code_of(compiled[i]), i + 1);
    for (int i = 0; i < EACH; i++) ubiq_compiled_delete(compiled[i]);
  }
}

int main(void) {
  plugin_testing_begin();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_module_in_text_form_is_a_plugin),
      cmocka_unit_test(a_manifest_may_be_json_or_toml),
      cmocka_unit_test(paths_start_from_the_directory_given),
      cmocka_unit_test(nothing_of_the_callers_is_kept),
      cmocka_unit_test(data_in_a_manifest_is_base64),
      cmocka_unit_test(hashes_are_checked),
      cmocka_unit_test(modules_are_fetched_from_urls),
      cmocka_unit_test(untrusted_manifests_name_nothing_outside),
      cmocka_unit_test(addresses_in_manifests_are_taken_only_where_that_was_said),
      cmocka_unit_test(plugins_of_the_same_bytes_have_functions_limits_and_engines_of_their_own),
      cmocka_unit_test(paths_lead_to_the_files_that_the_embedder_gives),
      cmocka_unit_test(untrusted_manifests_have_a_bounded_number_of_modules),
      cmocka_unit_test(modules_are_linked_by_name_in_any_order),
      cmocka_unit_test(the_last_module_is_main_where_none_is_named_so),
      cmocka_unit_test(modules_share_memories_tables_and_globals),
      cmocka_unit_test(imports_of_another_type_are_found_when_compiling),
      cmocka_unit_test(modules_may_not_import_from_each_other_in_a_circle),
      cmocka_unit_test(more_modules_than_are_linked_are_too_many),
      cmocka_unit_test(empty_and_strange_sources_are_invalid_input),
      cmocka_unit_test(components_are_told_from_modules),
      cmocka_unit_test(bytes_behind_the_content_of_a_section_are_refused),
      cmocka_unit_test(indices_that_a_module_does_not_have_are_refused),
      cmocka_unit_test(every_truncation_of_a_module_is_an_error),
      cmocka_unit_test(flipped_bytes_never_do_more_than_fail),
      cmocka_unit_test(a_hundred_megabytes_of_anything_are_refused),
      cmocka_unit_test(unknown_engines_are_not_found),
      cmocka_unit_test(modules_that_no_pool_holds_run_without_one),
      cmocka_unit_test(modern_features_are_there),
      cmocka_unit_test(exports_may_have_any_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
