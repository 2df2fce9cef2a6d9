/// What the tests of Extism's C ABI share: plugins of guests or texts, and their calls.
#ifndef UBIQ_TEST_EXTISM_TESTING_H
#define UBIQ_TEST_EXTISM_TESTING_H

#include "unit/plugin/plugin_testing.h"

#include "extism.h"

/// What a plugin is made with; everything may be left out.
typedef struct extism_setup {
  const char *more; ///< JSON that follows "wasm" in the manifest
  const ExtismFunction **functions;
  size_t functions_count;
  bool wasi;
  uint64_t fuel;
} extism_setup;

static inline void extism_manifest(const char *guest, const char *more, char *out, size_t size) {
  buffer there = guest_read(guest); // skips where it was not built
  buffer_free(&there);
  int length = snprintf(out, size, "{\"wasm\": [{\"path\": \"%s/%s.wasm\"}]%s%s}", UBIQ_GUESTS_DIR, guest,
                        more ? ", " : "", more ? more : "");
  assert_true(length > 0 && (size_t)length < size);
}

static inline ExtismPlugin *extism_try(const char *source, const extism_setup *setup, char **error) {
  const uint8_t *bytes = (const uint8_t *)source;
  traps_restore();
  return setup->fuel
             ? extism_plugin_new_with_fuel_limit(bytes, strlen(source), setup->functions, setup->functions_count,
                                                 setup->wasi, setup->fuel, error)
             : extism_plugin_new(bytes, strlen(source), setup->functions, setup->functions_count, setup->wasi, error);
}

/// A plugin of a text: a manifest, or a module as WAT.
static inline ExtismPlugin *extism_of_text(const char *source, const extism_setup *setup) {
  char *error = NULL;
  ExtismPlugin *plugin = extism_try(source, setup, &error);
  if (!plugin) fail_msg("%s", error);
  return plugin;
}

static inline ExtismPlugin *extism_of(const char *guest, const extism_setup *setup) {
  static const extism_setup nothing = {0};
  char manifest[4096];
  if (!setup) setup = &nothing;
  extism_manifest(guest, setup->more, manifest, sizeof manifest);
  return extism_of_text(manifest, setup);
}

static inline ExtismCompiledPlugin *extism_compiled_of(const char *guest, const extism_setup *setup) {
  char manifest[4096], *error = NULL;
  extism_manifest(guest, setup ? setup->more : NULL, manifest, sizeof manifest);
  traps_restore();
  ExtismCompiledPlugin *compiled =
      extism_compiled_plugin_new((const uint8_t *)manifest, strlen(manifest), setup ? setup->functions : NULL,
                                 setup ? setup->functions_count : 0, setup && setup->wasi, &error);
  if (!compiled) fail_msg("%s", error);
  return compiled;
}

static inline int32_t extism_call(ExtismPlugin *plugin, const char *function, const char *input) {
  return extism_plugin_call(plugin, function, (const uint8_t *)input, strlen(input));
}

static inline bool extism_output_is(ExtismPlugin *plugin, const char *expected) {
  size_t size = extism_plugin_output_length(plugin);
  return size == strlen(expected) && (size == 0 || memcmp(extism_plugin_output_data(plugin), expected, size) == 0);
}

/// Asserts that a call goes well and what it answers.
#define assert_answers(plugin, function, input, expected)                                                              \
  do {                                                                                                                 \
    int32_t code_ = extism_call(plugin, function, input);                                                              \
    if (code_ != 0) fail_msg("%s: %d, %s", function, code_, extism_plugin_error(plugin));                              \
    assert_null(extism_plugin_error(plugin));                                                                          \
    if (!extism_output_is(plugin, expected))                                                                           \
      fail_msg("%s answers %.*s; expected %s", function, (int)extism_plugin_output_length(plugin),                     \
               (const char *)extism_plugin_output_data(plugin), expected);                                             \
  } while (0)

/// Asserts how a call fails; `message` NULL: without one.
#define assert_call_fails(plugin, function, input, code, message)                                                      \
  do {                                                                                                                 \
    assert_int_equal(extism_call(plugin, function, input), code);                                                      \
    const char *expected_ = (message);                                                                                 \
    if (expected_)                                                                                                     \
      assert_string_equal(extism_plugin_error(plugin), expected_);                                                     \
    else                                                                                                               \
      assert_null(extism_plugin_error(plugin));                                                                        \
  } while (0)

#endif
