// Objects when memory is out: each allocation of a call fails once, on the thread that does its work. The call may fail then, and the
// object is the one before or the new one; nothing leaks, and the next call is answered.
// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup,--wrap=storage_start,--wrap=storage_hand_over,--wrap=storage_start_handler,--wrap=storage_continue
#define ALLOC_FAILURE_STORAGE _Thread_local
#include "services/storage/storage_parts.h"
#include "unit/base/alloc_failure.h"
#include "unit/services/calling.h"

void __wrap_storage_start(service_call *call, ubiq_error *(*work)(storage_job *self));
ubiq_error *__wrap_storage_hand_over(service_call *call, ubiq_error *(*work)(storage_job *self));

/// Work is done where it is asked for: by the thread whose allocations fail.
ubiq_error *__wrap_storage_hand_over(service_call *call, ubiq_error *(*work)(storage_job *self)) {
  storage_job job = {.storage = call->services->storage, .call = call, .work = work};
  ubiq_error *error = work(&job);
  if (error != NULL)
    service_call_fail(call, error);
  else
    service_call_done(call);
  return NULL;
}

void __wrap_storage_start(service_call *call, ubiq_error *(*work)(storage_job *self)) {
  ubiq_error_delete(__wrap_storage_hand_over(call, work));
}

void __wrap_storage_start_handler(service_call *call, service_handler handler);
ubiq_error *__wrap_storage_continue(service_call *call, service_handler handler);

void __wrap_storage_start_handler(service_call *call, service_handler handler) {
  handler(call);
}

ubiq_error *__wrap_storage_continue(service_call *call, service_handler handler) {
  handler(call);
  return NULL;
}

typedef struct fixture {
  folder folder;
  services services;
} fixture;

static void fixture_make(fixture *self) {
  folder_make(&self->folder);
  const services_settings settings = {.directory = self->folder.path, .is_fleeting = true, .cache_bytes = 1 << 20};
  assert_success(services_open(&settings, &self->services));
}

static void fixture_end(fixture *self) {
  services_close(&self->services);
  folder_remove(&self->folder);
}

/// How one call goes; true when it was answered as it should be.
typedef bool (*scene)(const services *services);

static size_t sweep(const services *services, scene scene) {
  for (size_t n = 0; n < 10000; n++) {
    alloc_failure.armed = true;
    alloc_failure.failed = false;
    alloc_failure.passes = n;
    bool good = scene(services);
    alloc_failure.armed = false;
    if (good && !alloc_failure.failed) return n;
    assert_true(alloc_failure.failed);
  }
  fail_msg("it never ends");
  return 0;
}

/// Sets a call up with no allocation of it failing.
static void prepare(calling *self, const services *services, const char *path) {
  bool was_armed = alloc_failure.armed;
  alloc_failure.armed = false;
  calling_begin(self, services);
  calling_text(self, 0, path);
  alloc_failure.armed = was_armed;
}

static bool conclude(calling *self) {
  bool was_armed = alloc_failure.armed;
  alloc_failure.armed = false;
  bool good = self->call.error == NULL;
  if (!good && ubiq_error_code(self->call.error) != UBIQ_INTERNAL) fail_msg("%s", ubiq_error_message(self->call.error));
  calling_end(self);
  alloc_failure.armed = was_armed;
  return good;
}

static bool put_to(const services *services, const char *path) {
  calling calling;
  prepare(&calling, services, path);
  calling_text(&calling, STORAGE_PUT_UBIQ_METADATA, "{\"by\":\"ada\"}");
  calling_bytes(&calling, "Hello", 5, "text/plain");
  calling_run(&calling, service_storage_put);
  return conclude(&calling);
}

static bool put_whole(const services *services) {
  return put_to(services, "a");
}

static bool put_in_parts(const services *services) {
  calling calling;
  prepare(&calling, services, "a");
  calling_text(&calling, STORAGE_PUT_UBIQ_METADATA, "{\"by\":\"ada\"}");
  calling.call.body = (service_body){.kind = SERVICE_BODY_PARTS, .media_type = TEXT("text/plain")};
  service_storage_put(&calling.call);
  service_intake *intake = calling.call.intake;
  for (int i = 0; calling.call.error == NULL && i < 5; i++)
    calling.call.error = intake->add(intake, (ubiq_bytes){(const uint8_t *)"Hello" + i, 1});
  if (calling.call.error == NULL)
    intake->finish(intake, &calling.call);
  else if (intake != NULL)
    intake->drop(intake);
  return conclude(&calling);
}

static bool get(const services *services) {
  calling calling;
  prepare(&calling, services, "a");
  calling_run(&calling, service_storage_get);
  if (calling.call.error == NULL) assert_answer(&calling, 200, "Hello");
  return conclude(&calling);
}

static bool get_file(const services *services) {
  calling calling;
  prepare(&calling, services, "a");
  calling_text(&calling, STORAGE_GET_RANGE, "bytes=1-");
  calling.call.takes_files = true;
  calling_run(&calling, service_storage_get);
  if (calling.call.error == NULL) {
    assert_int_equal(calling.call.answer.kind, SERVICE_BODY_FILE);
    assert_int_equal(calling.call.answer.file.size, 4);
    assert_int_equal(close(calling.call.answer.file.descriptor), 0);
  }
  return conclude(&calling);
}

static bool upload(const services *services) {
  calling calling;
  char id[33] = "";
  prepare(&calling, services, "a");
  calling_run(&calling, service_uploads_begin);
  if (calling.call.error == NULL) memcpy(id, calling.call.answer.bytes.data + strlen("{\"upload\":\""), 32);
  if (!conclude(&calling)) return false;
  prepare(&calling, services, id);
  calling_number(&calling, UPLOADS_APPEND_OFFSET, 0);
  calling_bytes(&calling, "Hello", 5, "");
  calling_run(&calling, service_uploads_append);
  bool good = conclude(&calling);
  prepare(&calling, services, id);
  calling_run(&calling, good ? service_uploads_finish : service_uploads_drop);
  return conclude(&calling) && good;
}

static bool delete_object(const services *services) {
  calling calling;
  bool was_armed = alloc_failure.armed;
  alloc_failure.armed = false;
  assert_true(put_to(services, "b"));
  alloc_failure.armed = was_armed;
  prepare(&calling, services, "b");
  calling_run(&calling, service_storage_delete);
  return conclude(&calling);
}

static bool put_json(const services *services) {
  calling calling;
  prepare(&calling, services, "b");
  bool was_armed = alloc_failure.armed;
  alloc_failure.armed = false;
  calling_json(&calling, "[1,2,3]");
  alloc_failure.armed = was_armed;
  calling_run(&calling, service_storage_put);
  return conclude(&calling);
}

static void assert_scenes(uint64_t row_max, const scene *scenes, size_t count) {
  fixture fixture;
  fixture_make(&fixture);
  fixture.services.storage->settings.row_max = row_max;
  assert_true(put_whole(&fixture.services));
  for (size_t i = 0; i < count; i++) {
    if (sweep(&fixture.services, scenes[i]) < 3) fail_msg("scene %zu", i);
    assert_true(get(&fixture.services));
  }
  fixture_end(&fixture);
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  static const scene scenes[] = {put_whole, put_json, put_in_parts, get, get_file, upload, delete_object};
  assert_scenes(0, scenes, sizeof scenes / sizeof scenes[0]);
}

static void every_allocation_may_fail_for_objects_in_rows(void **state) {
  (void)state;
  static const scene scenes[] = {put_whole, put_json, get, delete_object};
  assert_scenes(STORAGE_ROW_MAX, scenes, sizeof scenes / sizeof scenes[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail),
                                     cmocka_unit_test(every_allocation_may_fail_for_objects_in_rows)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
