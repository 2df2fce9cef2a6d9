// What a server has done by itself follows what it serves, and nobody but who deploys waits for the disk meanwhile.
#include "server/releases/releases.h"

#include "services/backend/backend.h"
#include "services/schedules/schedule_work.h"
#include "unit/runtime/bundle/bundle_testing.h"

#include <pthread.h>

enum { PATIENCE_S = 60 };

// ------------------------------------------------------------------------------------------------------ a slow backend

/// Every backend's, while a test has it: its writes of work wait at a gate, or fail.
static struct slow {
  const backend_ops *before;
  backend_ops ops;
  backend_work_ops work;
  pthread_mutex_t mutex;
  pthread_cond_t news;
  bool is_closed;    ///< the gate
  bool is_waited_at; ///< by a write
  bool fails;
} slow = {.mutex = PTHREAD_MUTEX_INITIALIZER, .news = PTHREAD_COND_INITIALIZER};

static void slow_write(backend *self, backend_work_write *operation) {
  pthread_mutex_lock(&slow.mutex);
  slow.is_waited_at = true;
  pthread_cond_broadcast(&slow.news);
  while (slow.is_closed) pthread_cond_wait(&slow.news, &slow.mutex);
  const bool fails = slow.fails;
  pthread_mutex_unlock(&slow.mutex);
  if (!fails) {
    slow.before->work->write(self, operation);
    return;
  }
  operation->error = ubiq_error_new(UBIQ_UNAVAILABLE, "the disk is gone");
  operation->done(operation);
}

static void slow_down(services *services) {
  slow.before = services->backend->ops;
  slow.ops = *slow.before;
  slow.work = *slow.before->work;
  slow.work.write = slow_write;
  slow.ops.work = &slow.work;
  services->backend->ops = &slow.ops;
}

static void set_gate(bool is_closed) {
  pthread_mutex_lock(&slow.mutex);
  slow.is_closed = is_closed;
  slow.is_waited_at = false;
  pthread_cond_broadcast(&slow.news);
  pthread_mutex_unlock(&slow.mutex);
}

static void wait_until_somebody_waits_at_the_gate(void) {
  pthread_mutex_lock(&slow.mutex);
  while (!slow.is_waited_at) pthread_cond_wait(&slow.news, &slow.mutex);
  pthread_mutex_unlock(&slow.mutex);
}

static void set_fails(bool fails) {
  pthread_mutex_lock(&slow.mutex);
  slow.fails = fails;
  pthread_mutex_unlock(&slow.mutex);
}

// ----------------------------------------------------------------------------------------------------------- a server

typedef struct fixture {
  char *folder;
  services services;
  releases *releases;
  server *server;
} fixture;

static void open_all(fixture *self) {
  const services_settings kept = {.directory = self->folder};
  const releases_settings settings = {.directory = self->folder};
  server_settings front = server_settings_default;
  front.listen = "127.0.0.1:0";
  front.workers = 1;
  front.services = &self->services;
  assert_success(services_open(&kept, &self->services));
  slow_down(&self->services);
  assert_success(releases_open(&settings, &self->releases));
  release *first = releases_hold(self->releases);
  assert_success(server_new(&front, first, &self->server));
  release_delete(first);
  assert_success(releases_serve(self->releases, self->server));
}

static void close_all(fixture *self) {
  releases_freeze(self->releases);
  server_delete(self->server);
  releases_close(self->releases);
  services_close(&self->services);
}

static int set_up(void **state) {
  static fixture self;
  self.folder = folder_make();
  set_gate(false);
  set_fails(false);
  open_all(&self);
  *state = &self;
  return 0;
}

static int tear_down(void **state) {
  fixture *self = *state;
  close_all(self);
  folder_remove(self->folder);
  return 0;
}

/// A bundle whose function runs at an hour of each day; it is the version, too.
static void make_bundle(const char *hour, buffer *out) {
  char toml[512];
  buffer tar = {0};
  snprintf(toml, sizeof toml,
           "[project]\nname = 'shop'\nversion = '%s'\n[functions.f]\nwasm = 'm.wat'\nroute = '/f'\n"
           "[[functions.f.schedules]]\nname = 'daily'\ncron = '0 %s * * *'\n",
           hour, hour);
  tar_file(&tar, "ubiq.toml", toml);
  tar_file(&tar, "m.wat", "(module (func (export \"f\") (result i32) (i32.const 0)))");
  tar_pack(&tar, out);
}

static ubiq_error *deploy(fixture *self, const char *hour, uint32_t canary_percent) {
  buffer bundle = {0};
  char digest[DIGEST_SHA256_HEX_SIZE], *path = NULL;
  int file = -1;
  release_record record;
  make_bundle(hour, &bundle);
  digest_sha256_hex(bundle.data, bundle.size, digest);
  assert_success(release_store_receive(releases_store(self->releases), &file, &path));
  assert_int_equal(write(file, bundle.data, bundle.size), bundle.size);
  close(file);
  const release_offer offer = {.path = path, .digest = digest, .canary_percent = canary_percent};
  ubiq_error *error = releases_deploy(self->releases, &offer, &record);
  free(path);
  buffer_free(&bundle);
  return error;
}

static void copy_payload(backend_work_list *list, const backend_work_item *item) {
  assert_true(buffer_append(list->user, item->payload.data, item->payload.size));
}

/// Whether it runs at that hour; NULL: never.
static void assert_runs_at(fixture *self, const char *hour) {
  char cron[64];
  buffer payload = {0};
  backend_work_list list = {.project = TEXT("shop"),
                            .queue = TEXT(SCHEDULE_QUEUE),
                            .state = -1,
                            .name = TEXT("daily"),
                            .limit = 1,
                            .each = copy_payload,
                            .user = &payload};
  assert_success(backend_work_list_now(self->services.backend, &list));
  assert_int_equal(payload.size > 0, hour != NULL);
  snprintf(cron, sizeof cron, "\"0 %s * * *\"", hour);
  if (hour != NULL) assert_non_null(strstr(buffer_string(&payload), cron));
  buffer_free(&payload);
}

static void roll_back(fixture *self, const char *to) {
  release_record record;
  assert_success(releases_roll_back(self->releases, text_of(to), NULL, &record));
}

// -------------------------------------------------------------------------------------------------------------- tests

static void what_is_done_by_itself_is_what_the_current_release_says(void **state) {
  fixture *self = *state;
  release_record record;
  assert_success(deploy(self, "1", 0));
  assert_runs_at(self, "1");
  assert_success(deploy(self, "2", 0));
  assert_runs_at(self, "2");
  roll_back(self, "");
  assert_runs_at(self, "1");
  assert_success(deploy(self, "3", 50));
  assert_runs_at(self, "1");
  roll_back(self, "");
  assert_success(deploy(self, "4", 50));
  assert_success(releases_promote(self->releases, NULL, &record));
  assert_runs_at(self, "4");
}

typedef struct deploying {
  fixture *fixture;
  pthread_t thread;
} deploying;

static void *deploy_in_thread(void *user) {
  return deploy(user, "1", 0);
}

/// A deploy that is held up while it writes down what is done by itself.
static deploying deploy_slowly(fixture *self) {
  deploying made = {.fixture = self};
  set_gate(true);
  assert_int_equal(pthread_create(&made.thread, NULL, deploy_in_thread, self), 0);
  wait_until_somebody_waits_at_the_gate();
  return made;
}

static void finish(deploying *self) {
  void *error = NULL;
  set_gate(false);
  assert_int_equal(pthread_join(self->thread, &error), 0);
  assert_success(error);
}

static void *look(void *user) {
  fixture *self = user;
  releases_status status = {0};
  ubiq_error *error = releases_describe(self->releases, &status);
  if (error == NULL && strcmp(status.current.version, "1") != 0) error = ubiq_error_new(UBIQ_INTERNAL, "not served");
  if (error == NULL && !status.is_changing) error = ubiq_error_new(UBIQ_INTERNAL, "not changing");
  release_delete(releases_hold(self->releases));
  return error;
}

static void *freeze(void *user) {
  releases_freeze(((fixture *)user)->releases);
  return NULL;
}

/// On a thread of its own, which must not wait for the gate: it is opened in any case, so that the test ends.
static void assert_does_not_wait(deploying *deploying, void *(*what)(void *)) {
  pthread_t thread;
  struct timespec until;
  void *error = NULL;
  assert_int_equal(pthread_create(&thread, NULL, what, deploying->fixture), 0);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += PATIENCE_S;
  const int number = pthread_timedjoin_np(thread, &error, &until);
  if (number != 0) {
    finish(deploying);
    pthread_join(thread, &error);
  }
  assert_int_equal(number, 0);
  assert_success(error);
}

static void who_looks_does_not_wait_for_the_disk(void **state) {
  fixture *self = *state;
  deploying deploying = deploy_slowly(self);
  assert_does_not_wait(&deploying, look);
  finish(&deploying);
  assert_runs_at(self, "1");
}

static void who_stops_the_server_does_not_wait_for_the_disk(void **state) {
  fixture *self = *state;
  deploying deploying = deploy_slowly(self);
  assert_does_not_wait(&deploying, freeze);
  finish(&deploying);
  assert_runs_at(self, "1");
}

static void who_deploys_another_meanwhile_is_told_to_wait_and_wins_afterwards(void **state) {
  fixture *self = *state;
  deploying deploying = deploy_slowly(self);
  ubiq_error *error = deploy(self, "2", 0);
  assert_int_equal(ubiq_error_code(error), UBIQ_BUSY);
  ubiq_error_delete(error);
  finish(&deploying);
  assert_runs_at(self, "1");
  assert_success(deploy(self, "2", 0));
  assert_runs_at(self, "2");
}

static void what_could_not_be_written_down_is_with_the_next_change(void **state) {
  fixture *self = *state;
  set_fails(true);
  assert_success(deploy(self, "1", 0));
  assert_runs_at(self, NULL);
  assert_success(deploy(self, "2", 50));
  set_fails(false);
  roll_back(self, ""); // of the canary: what is current stays
  assert_runs_at(self, "1");
}

static void what_was_not_written_down_before_the_end_is_at_the_next_start(void **state) {
  fixture *self = *state;
  assert_success(deploy(self, "1", 0));
  set_fails(true);
  assert_success(deploy(self, "2", 0));
  assert_runs_at(self, "1");
  close_all(self);
  set_fails(false);
  open_all(self);
  assert_runs_at(self, "2");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_is_done_by_itself_is_what_the_current_release_says, set_up, tear_down),
      cmocka_unit_test_setup_teardown(who_looks_does_not_wait_for_the_disk, set_up, tear_down),
      cmocka_unit_test_setup_teardown(who_stops_the_server_does_not_wait_for_the_disk, set_up, tear_down),
      cmocka_unit_test_setup_teardown(who_deploys_another_meanwhile_is_told_to_wait_and_wins_afterwards, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(what_could_not_be_written_down_is_with_the_next_change, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_was_not_written_down_before_the_end_is_at_the_next_start, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
