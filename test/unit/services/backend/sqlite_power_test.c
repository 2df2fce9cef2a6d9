// What was acknowledged is there after a kill and after a power failure, at any moment: a process puts, notes what it was told, and is killed;
// then all that it was told is looked for. A hundred times on one database, so that what one end leaves the next begins with.
#include "support/power_vfs.h"
#include "unit/services/backend/backend_testing.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

enum { ROUNDS = 100, WRITERS = 8, ACKNOWLEDGED_MAX = 1 << 20 };

typedef enum end { END_KILL, END_POWER, END_POWER_WITHOUT_SYNC } end;

/// What the parent is told of an acknowledged write; smaller than PIPE_BUF, so that it comes whole.
typedef struct acknowledged {
  uint32_t round, writer, number;
} acknowledged;

static void name_of(const acknowledged *self, char out[48]) {
  snprintf(out, 48, "%u/%u/%u", self->round, self->writer, self->number);
}

/// Some are a page's size and more.
static size_t value_of(const acknowledged *self, char out[8192]) {
  size_t size = (self->number * 37 + self->writer * 511) % 6000 + 1;
  memset(out, 'a' + (int)(self->number % 26), size);
  return size;
}

// ------------------------------------------------------------------------------------------------------------ the writers

typedef struct writer {
  backend_kv_write operation;
  backend_kv_change changes[2];
  backend *backend;
  acknowledged next;
  char key[48], counter[16], value[8192];
  int pipe;
} writer;

static void put_next(writer *self);

static void put_done(backend_kv_write *operation) {
  writer *self = operation->user;
  if (operation->error != NULL) _exit(3);
  if (write(self->pipe, &self->next, sizeof self->next) != sizeof self->next) _exit(4);
  self->next.number++;
  put_next(self);
}

/// A value and, in one batch with it, the number that this writer has come to.
static void put_next(writer *self) {
  name_of(&self->next, self->key);
  size_t size = value_of(&self->next, self->value);
  self->changes[0] = (backend_kv_change){.action = BACKEND_KV_PUT,
                                         .key = text_of(self->key),
                                         .value = {(const uint8_t *)self->value, size},
                                         .attachment = {(const uint8_t *)self->value, size}};
  self->changes[1] = (backend_kv_change){.action = BACKEND_KV_INCREMENT, .key = text_of(self->counter), .amount = 1};
  self->operation = (backend_kv_write){.place = PLACE,
                                       .changes = self->changes,
                                       .count = 2,
                                       .limits = {UINT64_MAX, UINT64_MAX},
                                       .done = put_done,
                                       .user = self};
  backend_kv_write_start(self->backend, &self->operation);
}

static void put_until_killed(const char *file, uint32_t round, int pipe, end end) {
  static writer writers[WRITERS];
  backend *backend = NULL;
  if (end != END_KILL) power_vfs_install(round + 1, end == END_POWER_WITHOUT_SYNC);
  const sqlite_backend_settings settings = {.path = file};
  if (sqlite_backend_open(&settings, &backend) != NULL) _exit(2);
  for (uint32_t i = 0; i < WRITERS; i++) {
    writers[i] = (writer){.backend = backend, .next = {round, i, 0}, .pipe = pipe};
    snprintf(writers[i].counter, sizeof writers[i].counter, "count/%u", i);
    put_next(&writers[i]);
  }
  for (;;) pause();
}

// -------------------------------------------------------------------------------------------------------------- the judge

typedef struct trial {
  folder folder;
  acknowledged *all;
  size_t count;
} trial;

static void note(trial *self, int pipe) {
  ssize_t size = read(pipe, &self->all[self->count], sizeof *self->all);
  if (size == (ssize_t)sizeof *self->all && self->count + 1 < ACKNOWLEDGED_MAX) self->count++;
}

/// Lets a child put until `acknowledgements` came, kills it, and takes what else was told before.
static void kill_one(trial *self, uint32_t round, int acknowledgements, end end) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    close(ends[0]);
    put_until_killed(self->folder.file, round, ends[1], end);
  }
  close(ends[1]);
  for (int i = 0; i < acknowledgements; i++) note(self, ends[0]);
  assert_int_equal(kill(child, SIGKILL), 0);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status)); // it did not end by itself
  for (size_t before = self->count - 1; before != self->count;) {
    before = self->count;
    note(self, ends[0]);
  }
  close(ends[0]);
}

static size_t count_missing(const trial *self, backend *backend, size_t from) {
  char key[48], value[8192];
  size_t missing = 0;
  for (size_t i = from; i < self->count; i++) {
    name_of(&self->all[i], key);
    size_t size = value_of(&self->all[i], value);
    found found = find_now(backend, text_of(key), true);
    missing +=
        !found.is_found || strncmp(found.value, value, size < 255 ? size : 255) != 0 || found.attachment_size != size;
  }
  return missing;
}

/// Batches are whole: the numbers that the writers came to are those of the values that are there.
static void assert_whole(backend *backend) {
  backend_kv_usage usage;
  uint64_t sum = 0, counters = 0;
  for (int i = 0; i < WRITERS; i++) {
    char key[16];
    snprintf(key, sizeof key, "count/%d", i);
    found found = get_now(backend, text_of(key));
    counters += found.is_found;
    sum += found.is_found ? strtoull(found.value, NULL, 10) : 0;
  }
  assert_success(backend_kv_usage_now(backend, TEXT("shop"), &usage));
  assert_int_equal(usage.keys, sum + counters);
}

/// Without the file system that forgets; the log is read as after a power failure.
static size_t look(trial *self, size_t from) {
  backend *backend = NULL;
  const sqlite_backend_settings settings = {.path = self->folder.file};
  assert_success(sqlite_backend_open(&settings, &backend));
  size_t missing = count_missing(self, backend, from);
  if (missing == 0) assert_whole(backend);
  backend_close(backend);
  return missing;
}

static void begin(trial *self) {
  *self = (trial){.all = malloc(ACKNOWLEDGED_MAX * sizeof *self->all)};
  assert_non_null(self->all);
  folder_make(&self->folder);
}

static void end_trial(trial *self) {
  folder_remove(&self->folder);
  free(self->all);
}

static void assert_nothing_is_lost(end end, int rounds) {
  trial trial;
  unsigned chance = 12345;
  begin(&trial);
  for (int round = 0; round < rounds; round++) {
    size_t from = trial.count;
    chance = chance * 1103515245 + 12345;
    kill_one(&trial, (uint32_t)round, (int)(chance >> 16) % 200 + 1, end);
    assert_int_equal(look(&trial, from), 0);
  }
  assert_int_equal(look(&trial, 0), 0);
  print_message("%zu writes were acknowledged before %d ends, and all are there\n", trial.count, rounds);
  end_trial(&trial);
}

static void nothing_acknowledged_is_lost_when_the_process_is_killed(void **state) {
  (void)state;
  assert_nothing_is_lost(END_KILL, ROUNDS / 2);
}

static void nothing_acknowledged_is_lost_when_the_power_fails(void **state) {
  (void)state;
  assert_nothing_is_lost(END_POWER, ROUNDS / 2);
}

/// The test can fail: where syncs do nothing, something is lost, or the database is no longer one.
static void where_nothing_is_synced_something_is_lost(void **state) {
  (void)state;
  trial trial;
  begin(&trial);
  kill_one(&trial, 0, 200, END_POWER_WITHOUT_SYNC);
  backend *backend = NULL;
  const sqlite_backend_settings settings = {.path = trial.folder.file};
  ubiq_error *error = sqlite_backend_open(&settings, &backend);
  size_t missing = error == NULL ? count_missing(&trial, backend, 0) : trial.count;
  assert_true(missing > 0);
  ubiq_error_delete(error);
  backend_close(backend);
  end_trial(&trial);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_acknowledged_is_lost_when_the_process_is_killed),
      cmocka_unit_test(nothing_acknowledged_is_lost_when_the_power_fails),
      cmocka_unit_test(where_nothing_is_synced_something_is_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
