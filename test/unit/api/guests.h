/// What the tests of InvokeHost share: a guest of either wire that hands its input on to the API, for a host that has services.
#ifndef UBIQ_TEST_API_GUESTS_H
#define UBIQ_TEST_API_GUESTS_H

#include "unit/plugin/plugin_testing.h"

#include "api/guest.h"
#include "api/invoke_host.h"
#include "services/permissions/permissions.h"
#include "services/services.h"

/// `relay` hands its input on in JSON and answers what comes, `packed` in MessagePack.
static const char extism_guest[] =
    "(module (import \"extism:host/env\" \"input_offset\" (func $input (result i64)))\n"
    "  (import \"extism:host/env\" \"length\" (func $length (param i64) (result i64)))\n"
    "  (import \"extism:host/env\" \"output_set\" (func $output (param i64 i64)))\n"
    "  (import \"extism:host/user\" \"InvokeHost\" (func $invoke (param i32 i64) (result i64)))\n"
    "  (func $say (param $block i64) (result i32)\n"
    "    (call $output (local.get $block) (call $length (local.get $block))) (i32.const 0))\n"
    "  (func (export \"relay\") (result i32) (call $say (call $invoke (i32.const 0) (call $input))))\n"
    "  (func (export \"other\") (result i32) (call $say (call $invoke (i32.const 7) (call $input))))\n"
    "  (func (export \"no_block\") (result i32) (call $say (call $invoke (i32.const 0) (i64.const 1))))\n"
    "  (func (export \"packed\") (result i32) (call $say (call $invoke (i32.const 1) (call $input)))))";

typedef struct api_world {
  services services;
  api_host host;
  api_guest guest;
  permission_set *granted;
  permissions permissions;
  ubiq_plugin *plugin;
} api_world;

static inline void api_world_caller(void *run, service_caller *out) {
  api_world *self = run;
  self->permissions = (permissions){.sets = {self->granted}, .count = 1};
  *out = (service_caller){
      .project = TEXT("shop"), .function = TEXT("relay"), .permissions = &self->permissions, .deadline_ns = UINT64_MAX};
}

/// The guest test/guests/c/core.c where `is_core`, which has these functions too.
static inline ubiq_compiled *api_compile(bool is_core) {
  ubiq_function *function = NULL;
  assert_success(invoke_host_new(is_core, &function));
  const ubiq_function *functions[] = {function};
  const ubiq_compile_options options = {
      .suspends = true, .core = is_core, .memory_bytes_max = 4 << 20, .functions = functions, .functions_count = 1};
  ubiq_compiled *compiled = NULL;
  if (is_core)
    compiled = guest_compile("core", &options);
  else
    assert_success(text_compile(extism_guest, &options, &compiled));
  ubiq_function_delete(function);
  traps_restore();
  return compiled;
}

/// `permission`: what is granted, all of it. `self` stays at its place.
static inline void api_world_open(api_world *self, bool is_core, const char *permission) {
  ubiq_compiled *compiled = api_compile(is_core); // may skip the test
  const text granted = text_of(permission);
  *self = (api_world){0};
  assert_success(services_open(&(services_settings){.cache_bytes = 1 << 20}, &self->services));
  assert_success(permission_set_new(TEXT("relay"), &granted, 1, &self->granted));
  self->host = (api_host){.services = &self->services, .caller = api_world_caller};
  self->guest = (api_guest){.host = &self->host, .run = self};
  assert_success(ubiq_plugin_new(compiled, &self->plugin));
  ubiq_compiled_delete(compiled);
  plugin_set_platform(self->plugin, &self->guest);
}

static inline void api_world_close(api_world *self) {
  ubiq_plugin_delete(self->plugin);
  permission_set_delete(self->granted);
  services_close(&self->services);
}

static inline ubiq_error *api_world_call(api_world *self, const char *function, text input, ubiq_bytes *output) {
  traps_restore();
  return ubiq_plugin_call(self->plugin, function, (ubiq_bytes){(const uint8_t *)input.data, input.size}, output);
}

#endif
