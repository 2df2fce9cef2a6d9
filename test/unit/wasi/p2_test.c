// WASI 0.2: what each function answers, how waits end, and what is refused. The types are those of components made by others:
// the end-to-end test of the wire `component` has them checked by one.
#include "fake_guest.h"

#include "wasi/p2.h"

#include <stdio.h>

static wasi_context *context_of(void *user) {
  return fake_context(user);
}

static const wasi_binding binding = {.context = context_of};

/// A guest with an arena for results.
typedef struct component_guest {
  fake_guest guest;
  arena arena;
  component_call call;
} component_guest;

static void open_guest(component_guest *self) {
  fake_open(&self->guest);
  arena_init(&self->arena);
  self->call = (component_call){.user = &self->guest, .arena = &self->arena};
}

static void close_guest(component_guest *self) {
  arena_free(&self->arena);
  fake_close(&self->guest);
}

static component_import bound(const char *interface, const char *name, const char *type) {
  static component_item item; // of what is not there, until the next
  component_import import;
  item = (component_item){.interface = interface, .name = name, .type = type};
  assert_true(wasi_p2_bind(&item, &binding, &import));
  return import;
}

static component_value ask(component_guest *self, const component_import *import, const component_value *arguments,
                           size_t count) {
  component_value result = {.kind = COMPONENT_OTHER};
  ubiq_error *error = import->call(import->env, &self->call, arguments, count, &result);
  if (error) fail_msg("%s", ubiq_error_message(error));
  return result;
}

static component_value ask_number(component_guest *self, const char *interface, const char *name, const char *type,
                                  uint64_t number) {
  const component_import import = bound(interface, name, type);
  const component_value argument = {.kind = COMPONENT_U64, .number = number};
  return ask(self, &import, &argument, 1);
}

static component_value subscribe(component_guest *self, uint64_t when) {
  return ask_number(self, "wasi:clocks/monotonic-clock@0.2.0", "subscribe-instant", "(when: u64) -> own", when);
}

static void clocks_are_the_contexts(void **state) {
  (void)state;
  component_guest self;
  open_guest(&self);
  self.guest.clocks[WASI_CLOCK_MONOTONIC] = 77;
  self.guest.clocks[WASI_CLOCK_REALTIME] = 5000000003;
  const component_import now = bound("wasi:clocks/monotonic-clock@0.2.3", "now", "() -> u64");
  assert_int_equal(ask(&self, &now, NULL, 0).number, 77);
  const component_import wall =
      bound("wasi:clocks/wall-clock@0.2.6", "now", "() -> record{seconds: u64, nanoseconds: u32}");
  const component_value datetime = ask(&self, &wall, NULL, 0);
  assert_int_equal(datetime.items[0].number, 5);
  assert_int_equal(datetime.items[1].number, 3);
  close_guest(&self);
}

static void what_is_written_goes_to_the_contexts_output(void **state) {
  (void)state;
  static const char *const names[] = {"stdout", "stderr"};
  component_guest self;
  open_guest(&self);
  const component_import write =
      bound("wasi:io/streams@0.2.0", "[method]output-stream.blocking-write-and-flush",
            "(self: borrow, contents: list<u8>) -> result<_, variant{last-operation-failed(own), closed}>");
  for (int i = 0; i < 2; i++) {
    char interface[64], name[64];
    snprintf(interface, sizeof interface, "wasi:cli/%s@0.2.0", names[i]);
    snprintf(name, sizeof name, "get-%s", names[i]);
    const component_import get = bound(interface, name, "() -> own");
    const component_value arguments[] = {ask(&self, &get, NULL, 0), {.kind = COMPONENT_BYTES, .string = TEXT("hello")}};
    assert_true(ask(&self, &write, arguments, 2).is);
    assert_int_equal(self.guest.output_size[i + 1], 5);
    assert_memory_equal(self.guest.output[i + 1], "hello", 5);
  }
  close_guest(&self);
}

static void input_is_at_its_end(void **state) {
  (void)state;
  component_guest self;
  open_guest(&self);
  const component_value arguments[] = {{.kind = COMPONENT_RESOURCE}, {.kind = COMPONENT_U64, .number = 10}};
  const component_import read =
      bound("wasi:io/streams@0.2.0", "[method]input-stream.blocking-read",
            "(self: borrow, len: u64) -> result<list<u8>, variant{last-operation-failed(own), closed}>");
  const component_value result = ask(&self, &read, arguments, 2);
  assert_false(result.is);
  assert_true(text_equal_string(result.items[0].string, "closed"));
  close_guest(&self);
}

static void a_wait_is_told_and_ends_at_its_time(void **state) {
  (void)state;
  component_guest self;
  open_guest(&self);
  self.guest.clocks[WASI_CLOCK_MONOTONIC] = 1000;
  const component_import block = bound("wasi:io/poll@0.2.0", "[method]pollable.block", "(self: borrow)");
  const component_import poll = bound("wasi:io/poll@0.2.0", "poll", "(in: list<borrow>) -> list<u32>");
  const component_value two[] = {subscribe(&self, 3000), subscribe(&self, 2000)};
  const component_value list = {.kind = COMPONENT_LIST, .items = two, .count = 2};
  component_value result;
  ubiq_error *error = NULL;
  ask(&self, &poll, &list, 1);
  assert_int_equal(self.guest.waited_for, 2000);
  assert_false(poll.ready(poll.env, &self.call, &result, &error));
  self.guest.clocks[WASI_CLOCK_MONOTONIC] = 2000;
  assert_true(poll.ready(poll.env, &self.call, &result, &error));
  assert_int_equal(result.count, 1);
  assert_int_equal(result.items[0].number, 1);
  ask(&self, &block, &two[0], 1);
  assert_int_equal(self.guest.waited_for, 3000);
  assert_false(block.ready(block.env, &self.call, &result, &error));
  self.guest.clocks[WASI_CLOCK_MONOTONIC] = 3001;
  assert_true(block.ready(block.env, &self.call, &result, &error));
  assert_null(error);
  close_guest(&self);
}

static void pollables_are_bounded_and_come_free(void **state) {
  (void)state;
  component_guest self;
  open_guest(&self);
  const component_item item = {.interface = "wasi:io/poll@0.2.0", .name = "pollable", .is_resource = true};
  component_import pollable;
  assert_true(wasi_p2_bind(&item, &binding, &pollable));
  for (uint64_t i = 0; i < 64; i++) assert_int_equal(subscribe(&self, 5).number, i);
  const component_import more = bound("wasi:clocks/monotonic-clock@0.2.0", "subscribe-instant", "(when: u64) -> own");
  const component_value when = {.kind = COMPONENT_U64, .number = 5};
  component_value result;
  ubiq_error *error = more.call(more.env, &self.call, &when, 1, &result);
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  ubiq_error_delete(error);
  pollable.drop(pollable.env, &self.call, 7);
  assert_int_equal(subscribe(&self, 5).number, 7);
  wasi_context_reset(self.guest.context);
  assert_int_equal(subscribe(&self, 5).number, 0);
  close_guest(&self);
}

static void randomness_has_its_bound(void **state) {
  (void)state;
  component_guest self;
  open_guest(&self);
  const component_value bytes =
      ask_number(&self, "wasi:random/random@0.2.0", "get-random-bytes", "(len: u64) -> list<u8>", 3);
  assert_int_equal(bytes.string.size, 3);
  const component_import random = bound("wasi:random/random@0.2.0", "get-random-bytes", "(len: u64) -> list<u8>");
  const component_value many = {.kind = COMPONENT_U64, .number = UINT64_MAX};
  component_value result;
  ubiq_error *error = random.call(random.env, &self.call, &many, 1, &result);
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  ubiq_error_delete(error);
  close_guest(&self);
}

static void assert_refuses(component_guest *self, const char *interface, const char *name, const char *type) {
  const component_import import = bound(interface, name, type);
  component_value result;
  ubiq_error *error = import.call(import.env, &self->call, NULL, 0, &result);
  assert_int_equal(ubiq_error_code(error), UBIQ_TRAP);
  assert_non_null(strstr(ubiq_error_message(error), name));
  ubiq_error_delete(error);
}

static void what_is_not_there_or_of_another_type_is_refused_by_its_name(void **state) {
  (void)state;
  component_guest self;
  component_import import;
  open_guest(&self);
  assert_refuses(&self, "wasi:filesystem/types@0.2.3", "[method]descriptor.read", "(self: borrow)");
  assert_refuses(&self, "wasi:clocks/monotonic-clock@0.2.3", "now", "() -> string");
  const component_item others[] = {{.interface = "wasi:cli/stdout@0.3.0", .name = "get-stdout", .type = "() -> own"},
                                   {.interface = "wasi:cli/stdout", .name = "get-stdout", .type = "() -> own"},
                                   {.interface = "acme:cli/stdout@0.2.0", .name = "get-stdout", .type = "() -> own"}};
  for (size_t i = 0; i < 3; i++) assert_false(wasi_p2_bind(&others[i], &binding, &import));
  close_guest(&self);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clocks_are_the_contexts),
      cmocka_unit_test(what_is_written_goes_to_the_contexts_output),
      cmocka_unit_test(input_is_at_its_end),
      cmocka_unit_test(a_wait_is_told_and_ends_at_its_time),
      cmocka_unit_test(pollables_are_bounded_and_come_free),
      cmocka_unit_test(randomness_has_its_bound),
      cmocka_unit_test(what_is_not_there_or_of_another_type_is_refused_by_its_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
