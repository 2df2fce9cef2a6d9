// A guest that is only memory: lets tests call the functions of preview 1 as an engine would.
//
// The memory is a heap block of exactly its size, so that ASan sees the first byte beyond it. Clocks are fake.
#ifndef TEST_UNIT_WASI_FAKE_GUEST_H
#define TEST_UNIT_WASI_FAKE_GUEST_H

#include "wasi/abi.h"
#include "wasi/wasi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FAKE_MEMORY_SIZE = 65536, FAKE_VALUES = 16 };

typedef struct fake_guest {
  engine_store store; // first: the engine_call's store
  engine_ops ops;
  uint8_t *memory;
  size_t memory_size;
  bool has_memory;
  wasi_context *context;
  uint64_t clocks[WASI_CLOCKS];
  uint64_t waited_for; // what the wait callback was told
  int waits;
  uint8_t output[3][256];
  size_t output_size[3];
  engine_value values[FAKE_VALUES];
} fake_guest;

static inline bool fake_memory(engine_call *call, engine_memory *out) {
  fake_guest *self = (fake_guest *)call->store;
  *out = (engine_memory){.data = self->memory, .size = self->memory_size};
  return self->has_memory;
}

static inline wasi_context *fake_context(void *user) {
  return ((fake_guest *)user)->context;
}

static inline void fake_write(void *user, int stream, const uint8_t *data, size_t size) {
  fake_guest *self = user;
  size_t room = sizeof self->output[stream] - self->output_size[stream];
  if (size > room) size = room;
  memcpy(self->output[stream] + self->output_size[stream], data, size);
  self->output_size[stream] += size;
}

static inline uint64_t fake_clock(void *user, uint32_t clock) {
  return ((fake_guest *)user)->clocks[clock];
}

static inline void fake_random(void *user, uint8_t *data, size_t size) {
  (void)user;
  memset(data, 0x5a, size);
}

static inline void fake_wait(void *user, uint64_t deadline_ns) {
  fake_guest *self = user;
  self->waited_for = deadline_ns;
  self->waits++;
}

// Options with every callback set to a fake; add to them before fake_open_with.
static inline wasi_options fake_options(fake_guest *self) {
  return (wasi_options){
      .input_fd = -1,
      .write = fake_write,
      .wait = fake_wait,
      .clock = fake_clock,
      .random = fake_random,
      .user = self,
  };
}

static inline void fake_open_with(fake_guest *self, const wasi_options *options) {
  self->ops = (engine_ops){.caller_memory = fake_memory};
  self->store.ops = &self->ops;
  self->memory_size = FAKE_MEMORY_SIZE;
  self->memory = calloc(1, self->memory_size);
  self->has_memory = true;
  assert_non_null(self->memory);
  assert_null(wasi_context_new(options, &self->context));
}

static inline void fake_open(fake_guest *self) {
  *self = (fake_guest){0};
  wasi_options options = fake_options(self);
  fake_open_with(self, &options);
}

static inline void fake_close(fake_guest *self) {
  wasi_context_delete(self->context);
  free(self->memory);
}

static const wasi_binding fake_binding = {.context = fake_context};

static inline engine_call fake_call_of(fake_guest *self) {
  return (engine_call){.store = &self->store, .user = self};
}

// Calls a function with the arguments in self->values.
static inline ubiq_error *fake_enter(fake_guest *self, const wasi_function *function) {
  engine_call call = fake_call_of(self);
  return function->call((void *)&fake_binding, &call, self->values);
}

// Calls the function with up to nine arguments and answers its errno.
#define fake_call(self, name, ...)                                                                                     \
  fake_call_with(self, name, (const int64_t[]){__VA_ARGS__, 0}, sizeof((const int64_t[]){__VA_ARGS__}) / 8)

static inline int fake_call_with(fake_guest *self, const char *name, const int64_t *arguments, size_t count) {
  const wasi_function *function = wasi_function_find(name);
  assert_non_null(function);
  assert_int_equal(function->signature.params_count, count);
  memset(self->values, 0xee, sizeof self->values);
  for (size_t i = 0; i < count; i++)
    if (function->signature.params[i] == WASM_TYPE_I64)
      self->values[i].i64 = arguments[i];
    else
      self->values[i].i32 = (int32_t)arguments[i];
  ubiq_error *error = fake_enter(self, function);
  if (error != NULL) fail_msg("%s: %s", name, ubiq_error_message(error));
  return self->values[0].i32;
}

static inline uint32_t fake_u32(const fake_guest *self, uint32_t offset) {
  uint32_t value;
  memcpy(&value, self->memory + offset, sizeof value);
  return value;
}

static inline uint64_t fake_u64(const fake_guest *self, uint32_t offset) {
  uint64_t value;
  memcpy(&value, self->memory + offset, sizeof value);
  return value;
}

static inline void fake_put_u32(fake_guest *self, uint32_t offset, uint32_t value) {
  memcpy(self->memory + offset, &value, sizeof value);
}

static inline void fake_put_u64(fake_guest *self, uint32_t offset, uint64_t value) {
  memcpy(self->memory + offset, &value, sizeof value);
}

static inline void fake_put_iovec(fake_guest *self, uint32_t offset, uint32_t data, uint32_t size) {
  fake_put_u32(self, offset, data);
  fake_put_u32(self, offset + 4, size);
}

#endif
