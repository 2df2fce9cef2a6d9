// A C program on our libextism.so, built with the flags that pkg-config answers and nothing else of ours: it calls
// every function of extism.h. Prints what went wrong; ends with 1 if anything did.
#include <extism.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int checks, failures, freed;

#define CHECK(condition) check((condition), #condition, __LINE__)

static bool check(bool good, const char *what, int line) {
  checks++;
  if (!good) {
    failures++;
    printf("FAILED line %d: %s\n", line, what);
  }
  return good;
}

static uint8_t *read_guest(const char *name, size_t *size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.wasm", getenv("UBIQ_GUESTS"), name);
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) {
    printf("%s: cannot be read\n", path);
    exit(1);
  }
  *size = (size_t)ftell(file);
  rewind(file);
  uint8_t *bytes = malloc(*size);
  if (!bytes || fread(bytes, 1, *size, file) != *size) exit(1);
  fclose(file);
  return bytes;
}

static ExtismPlugin *open_plugin(const char *guest, const ExtismFunction **functions, size_t count, uint64_t fuel) {
  size_t size;
  char *message = NULL;
  uint8_t *wasm = read_guest(guest, &size);
  ExtismPlugin *plugin = fuel ? extism_plugin_new_with_fuel_limit(wasm, size, functions, count, false, fuel, &message)
                              : extism_plugin_new(wasm, size, functions, count, false, &message);
  free(wasm);
  if (!plugin) printf("%s: %s\n", guest, message);
  extism_plugin_new_error_free(message);
  return plugin;
}

static bool answers(ExtismPlugin *plugin, const char *function, const char *input, const char *output) {
  if (extism_plugin_call(plugin, function, (const uint8_t *)input, strlen(input)) != EXTISM_SUCCESS) return false;
  return extism_plugin_output_length(plugin) == strlen(output) &&
         memcmp(extism_plugin_output_data(plugin), output, strlen(output)) == 0;
}

static void calls(void) {
  ExtismPlugin *plugin = open_plugin("error", NULL, 0, 0);
  CHECK(extism_plugin_function_exists(plugin, "fail") && !extism_plugin_function_exists(plugin, "nowhere"));
  CHECK(extism_plugin_call(plugin, "fail", NULL, 0) == 1);
  CHECK(strcmp(extism_plugin_error(plugin), "this function fails on purpose") == 0);
  CHECK(strcmp(extism_error(plugin), "this function fails on purpose") == 0);
  CHECK(answers(plugin, "error_cleared", "", "fine") && !extism_plugin_error(plugin));
  CHECK(extism_plugin_reset(plugin));
  CHECK((extism_plugin_id(plugin)[6] & 0xf0) == 0x40); // a UUID of version 4
  CHECK(extism_plugin_cancel(extism_plugin_cancel_handle(plugin)));
  CHECK(answers(plugin, "error_cleared", "", "fine"));
  extism_plugin_free(plugin);
}

static void config(void) {
  ExtismPlugin *plugin = open_plugin("config", NULL, 0, 0);
  CHECK(extism_plugin_config(plugin, (const uint8_t *)"{\"a\":\"1\"}", 9));
  CHECK(!extism_plugin_config(plugin, (const uint8_t *)"[]", 2));
  CHECK(answers(plugin, "config", "a", "1"));
  extism_plugin_allow_http_response_headers(plugin);
  extism_plugin_free(plugin);
}

static void limits(void) {
  ExtismPlugin *plugin = open_plugin("infinite", NULL, 0, 1000000);
  CHECK(answers(plugin, "turns", "100", "100"));
  CHECK(extism_plugin_call(plugin, "spin", NULL, 0) == -1);
  CHECK(strcmp(extism_plugin_error(plugin), "plugin ran out of fuel") == 0);
  extism_plugin_free(plugin);
}

static void compiled_plugins(void) {
  size_t size;
  char *message = NULL;
  uint8_t *wasm = read_guest("echo", &size);
  ExtismCompiledPlugin *compiled[] = {
      extism_compiled_plugin_new(wasm, size, NULL, 0, false, &message),
      extism_compiled_plugin_new_with_fuel_limit(wasm, size, NULL, 0, false, 1000000, &message),
  };
  for (int i = 0; i < 2; i++) {
    ExtismPlugin *plugin = extism_plugin_new_from_compiled(compiled[i], &message);
    extism_compiled_plugin_free(compiled[i]);
    CHECK(answers(plugin, "echo", "compiled", "compiled"));
    extism_plugin_free(plugin);
  }
  CHECK(!extism_plugin_new(wasm, 5, NULL, 0, false, &message) && message);
  extism_plugin_new_error_free(message);
  free(wasm);
}

// Answers its block, upper case, and says what it was told by its caller and by its maker.
static void tag(ExtismCurrentPlugin *current, const ExtismVal *inputs, ExtismSize n_inputs, ExtismVal *outputs,
                ExtismSize n_outputs, void *data) {
  CHECK(n_inputs == 1 && n_outputs == 1 && inputs[0].t == EXTISM_PTR);
  ExtismMemoryHandle input = (ExtismMemoryHandle)inputs[0].v.i64;
  ExtismSize size = extism_current_plugin_memory_length(current, input);
  ExtismMemoryHandle scratch = extism_current_plugin_memory_alloc(current, 100);
  extism_current_plugin_memory_free(current, scratch);
  CHECK(extism_current_plugin_memory_length(current, scratch) == 0);
  ExtismMemoryHandle answer = extism_current_plugin_memory_alloc(current, size + 2);
  uint8_t *memory = extism_current_plugin_memory(current); // after the last allocation
  memory[answer] = *(const uint8_t *)extism_current_plugin_host_context(current);
  memcpy(memory + answer + 1, memory + input, size);
  memory[answer + 1 + size] = *(const uint8_t *)data;
  outputs[0].v.i64 = (int64_t)answer;
}

static void describe(ExtismCurrentPlugin *current, const ExtismVal *inputs, ExtismSize n_inputs, ExtismVal *outputs,
                     ExtismSize n_outputs, void *data) {
  (void)current, (void)data;
  CHECK(n_inputs == 4 && n_outputs == 1);
  CHECK(inputs[0].v.i64 == -7 && inputs[1].v.f64 == 2.5 && inputs[2].v.i32 == 1);
  outputs[0].v.i64 = inputs[3].v.i64;
}

static void count_freed(void *data) {
  (void)data;
  freed++;
}

static void host_functions(void) {
  static const ExtismValType block[] = {EXTISM_PTR};
  static const ExtismValType four[] = {ExtismValType_I64, ExtismValType_F64, ExtismValType_I32, EXTISM_PTR};
  ExtismFunction *functions[] = {
      extism_function_new("host_tag", block, 1, block, 1, tag, (void *)">", count_freed),
      extism_function_new("host_describe", four, 4, block, 1, describe, NULL, NULL),
  };
  extism_function_set_namespace(functions[0], "sdk/names");
  ExtismPlugin *plugin = open_plugin("sdk", (const ExtismFunction **)functions, 2, 0);
  for (int i = 0; i < 2; i++) extism_function_free(functions[i]);
  CHECK(extism_plugin_call_with_host_context(plugin, "tag", (const uint8_t *)"word", 4, (void *)"<") == 0);
  CHECK(extism_plugin_output_length(plugin) == 6 && memcmp(extism_plugin_output_data(plugin), "<word>", 6) == 0);
  CHECK(answers(plugin, "describe", "input", "input"));
  CHECK(freed == 0);
  extism_plugin_free(plugin);
  CHECK(freed == 1);
}

static char lines[4096];

static void take_line(const char *line, ExtismSize size) {
  CHECK(strlen(line) == size); // some SDKs take it for a C string
  size_t used = strlen(lines);
  if (used + size < sizeof lines) memcpy(lines + used, line, size);
}

static void logs(void) {
  CHECK(extism_log_custom("warn"));
  ExtismPlugin *plugin = open_plugin("log", NULL, 0, 0);
  CHECK(extism_plugin_call(plugin, "all", NULL, 0) == 0);
  extism_log_drain(take_line);
  CHECK(strstr(lines, "a warn message") && !strstr(lines, "an info message"));
  CHECK(!extism_log_file("/nowhere/at/all.log", "info"));
  extism_plugin_free(plugin);
}

int main(void) {
  CHECK(strcmp(extism_version(), "1.41.0") == 0);
  calls();
  config();
  limits();
  compiled_plugins();
  host_functions();
  logs();
  printf("sdk/c: %d checks passed, %d failed\n", checks - failures, failures);
  return failures != 0;
}
