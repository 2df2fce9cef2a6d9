// Nothing is changed by looking: folders that are absent stay so.
#include "cli/doctor_checks.h"

#include "base/database.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/serve_state.h"
#include "engine/cache/cache_folder.h"
#include "engine/engine.h"
#include "runtime/bundle/process.h"
#include "runtime/release/release_store.h"
#include "services/backend/sqlite.h"
#include "services/storage/storage_check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
  MAPS_USUAL = 65530, ///< vm.max_map_count of Linux
  MAPS_A_RUN = 6,     ///< mappings that a run takes while it waits
  DESCRIPTORS_LOW = 4096,
};

#define DISK_LOW_BYTES  (UINT64_C(1) << 30)
#define DISK_NONE_BYTES (UINT64_C(100) << 20)

/// Says how it is, and with `advice`, which may be NULL, what to do.
#define SAY(finding, how, advised, ...) say(finding, how, buffer_printf(&(finding)->message, __VA_ARGS__), advised)

static ubiq_error *say(finding *out, finding_state state, bool good, const char *advice) {
  out->state = state;
  return good && (advice == NULL || buffer_append_string(&out->advice, advice)) ? NULL : ubiq_error_no_memory();
}

/// What an error says is how it is. Deletes it.
static ubiq_error *say_error(finding *out, finding_state state, ubiq_error *error, const char *advice) {
  ubiq_error *failed = SAY(out, state, advice, "%s", ubiq_error_message(error));
  ubiq_error_delete(error);
  return failed;
}

// ------------------------------------------------------------------------------------------- programs

static ubiq_error *check_engine(const doctor_question *question, finding *out) {
  (void)question;
  const engine_ops *ops = NULL;
  ubiq_error *error = engine_find(NULL, &ops);
  if (error != NULL)
    return say_error(out, FINDING_FAIL, error, "`ubiq engines` lists what there is; UBIQ_ENGINE names one");
  if (!(ops->capabilities & ENGINE_CAN_SUSPEND))
    return SAY(out, FINDING_FAIL, "unset UBIQ_ENGINE: what an engine can do is listed by `ubiq engines`",
               "%s %s: it cannot suspend runs, so nothing can be served on it", ops->name, ops->version);
  return SAY(out, FINDING_OK, NULL, "%s %s", ops->name, ops->version);
}

/// The first line of what a program prints; `*is_there` says whether it could be run.
static ubiq_error *ask(const char *const *arguments, buffer *line, bool *is_there) {
  int status = 0;
  ubiq_error *error = process_run(arguments, NULL, NULL, line, &status);
  *is_there = error == NULL && status == 0;
  ubiq_error_delete(error); // that it is not there is no error here
  const uint8_t *end = line->size == 0 ? NULL : memchr(line->data, '\n', line->size);
  if (end != NULL) line->size = (size_t)(end - line->data);
  return buffer_string(line) == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *check_program(finding *out, const char *const *arguments, const char *needed_for,
                                 const char *advice) {
  buffer line = {0};
  bool is_there = false;
  ubiq_error *error = ask(arguments, &line, &is_there);
  if (error == NULL)
    error = is_there ? SAY(out, FINDING_OK, NULL, "%s", (const char *)line.data)
                     : SAY(out, FINDING_WARN, advice, "%s is not installed: %s", arguments[0], needed_for);
  buffer_free(&line);
  return error;
}

static ubiq_error *check_clang(const doctor_question *question, finding *out) {
  (void)question;
  return check_program(out, (const char *const[]){"clang", "--version", NULL},
                       "functions with a C or C++ source cannot be compiled", "install the packages clang and lld");
}

/// clang answers with the bare name when it does not know where the program is.
static ubiq_error *check_linker(const doctor_question *question, finding *out) {
  (void)question;
  buffer line = {0};
  bool is_there = false;
  ubiq_error *error = ask((const char *const[]){"clang", "--print-prog-name=wasm-ld", NULL}, &line, &is_there);
  const char *path = (const char *)line.data;
  if (error == NULL)
    error = is_there && path[0] == '/'
                ? SAY(out, FINDING_OK, NULL, "%s", path)
                : SAY(out, FINDING_WARN, "install the package lld",
                      "wasm-ld is not installed: functions with a C or C++ source cannot be linked");
  buffer_free(&line);
  return error;
}

static ubiq_error *check_cargo(const doctor_question *question, finding *out) {
  (void)question;
  return check_program(out, (const char *const[]){"cargo", "--version", NULL}, "functions in Rust cannot be built",
                       "install Rust, then rustup target add wasm32-unknown-unknown");
}

static ubiq_error *check_go(const doctor_question *question, finding *out) {
  (void)question;
  return check_program(out, (const char *const[]){"go", "version", NULL}, "functions in Go cannot be built",
                       "install Go, 1.24 or later");
}

// --------------------------------------------------------------------------------------- the system

static ubiq_error *check_maps(const doctor_question *question, finding *out) {
  (void)question;
  buffer bytes = {0};
  uint64_t maps = 0;
  ubiq_error *error = file_read_all("/proc/sys/vm/max_map_count", 64, &bytes);
  if (error != NULL) return say_error(out, FINDING_WARN, error, "look whether /proc is mounted");
  bool good = text_to_u64(text_trim((text){(const char *)bytes.data, bytes.size}), &maps);
  buffer_free(&bytes);
  if (!good) return SAY(out, FINDING_WARN, NULL, "vm.max_map_count cannot be read");
  bool is_low = maps < MAPS_USUAL;
  return SAY(out, is_low ? FINDING_WARN : FINDING_OK, is_low ? "sysctl vm.max_map_count=65530, or more" : NULL,
             "vm.max_map_count is %llu: about %llu runs may wait at once", (unsigned long long)maps,
             (unsigned long long)(maps / MAPS_A_RUN));
}

/// `ubiq serve` raises the soft limit to the hard one.
static ubiq_error *check_descriptors(const doctor_question *question, finding *out) {
  (void)question;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return SAY(out, FINDING_WARN, NULL, "%s", strerror(errno));
  bool is_low = limit.rlim_max < DESCRIPTORS_LOW;
  return SAY(out, is_low ? FINDING_WARN : FINDING_OK,
             is_low ? "ulimit -Hn 65536, or LimitNOFILE= in a unit of systemd" : NULL,
             "%llu descriptors at most, one for each connection", (unsigned long long)limit.rlim_max);
}

static ubiq_error *check_port(const char *name, const char *listen, finding *out) {
  server_settings settings = server_settings_default;
  settings.listen = listen;
  ubiq_error *error = server_check(&settings);
  if (error == NULL) return SAY(out, FINDING_OK, NULL, "%s is free", listen);
  buffer advice = {0};
  ubiq_error *failed = buffer_printf(&advice, "end what listens there, or choose another with --%s", name) &&
                               buffer_string(&advice) != NULL
                           ? say_error(out, FINDING_WARN, error, (const char *)advice.data)
                           : ubiq_error_no_memory();
  buffer_free(&advice);
  return failed;
}

static ubiq_error *check_listen(const doctor_question *question, finding *out) {
  return check_port("listen", question->listen, out);
}

static ubiq_error *check_admin(const doctor_question *question, finding *out) {
  return check_port("admin", question->admin, out);
}

// ------------------------------------------------------------------------------------------ folders

static ubiq_error *check_folder(finding *out, const char *path, const struct stat *status) {
  if (!S_ISDIR(status->st_mode)) return SAY(out, FINDING_FAIL, "move it away", "%s is no folder", path);
  if (status->st_uid != geteuid())
    return SAY(out, FINDING_FAIL, "chown it, or let UBIQ_CACHE name another", "%s is another user's", path);
  if ((status->st_mode & 077) != 0)
    return SAY(out, FINDING_FAIL, "chmod 700 it: it holds native code", "%s may be entered by others (mode %o)", path,
               (unsigned)(status->st_mode & 0777));
  if (access(path, W_OK | X_OK) != 0)
    return SAY(out, FINDING_FAIL, "make it writable", "%s: %s", path, strerror(errno));
  return SAY(out, FINDING_OK, NULL, "%s", path);
}

static ubiq_error *check_cache(const doctor_question *question, finding *out) {
  (void)question;
  char *path = NULL;
  struct stat status;
  ubiq_error *error = cache_folder(&path);
  if (error != NULL) return say_error(out, FINDING_FAIL, error, "set HOME, XDG_CACHE_HOME or UBIQ_CACHE");
  if (path == NULL)
    error = SAY(out, FINDING_WARN, "unset UBIQ_CACHE and EXTISM_CACHE_CONFIG",
                "it is turned off: everything is compiled at each start");
  else if (lstat(path, &status) == 0)
    error = check_folder(out, path, &status);
  else if (errno == ENOENT)
    error = SAY(out, FINDING_OK, NULL, "%s will be made", path);
  else
    error = SAY(out, FINDING_FAIL, "make it accessible", "%s: %s", path, strerror(errno));
  free(path);
  return error;
}

/// The nearest folder above that is there; `path` is taken over. The caller's (free), NULL when memory is out.
static char *nearest_folder(char *path) {
  while (path != NULL && !file_is_directory(path)) {
    char *above = file_path_directory(path);
    free(path);
    path = above;
  }
  return path;
}

static ubiq_error *check_disk(const doctor_question *question, finding *out) {
  (void)question;
  char *path = NULL;
  struct statvfs status;
  ubiq_error_delete(cache_folder(&path)); // told by its own check
  path = nearest_folder(path == NULL ? strdup("/") : path);
  if (path == NULL) return ubiq_error_no_memory();
  bool good = statvfs(path, &status) == 0;
  uint64_t free_bytes = good ? (uint64_t)status.f_bavail * status.f_frsize : 0;
  finding_state state = !good || free_bytes < DISK_NONE_BYTES ? FINDING_FAIL
                        : free_bytes < DISK_LOW_BYTES         ? FINDING_WARN
                                                              : FINDING_OK;
  ubiq_error *error = SAY(out, state, state == FINDING_OK ? NULL : "make room: what is compiled takes up to 1 GiB",
                          "%llu MiB are free at %s", (unsigned long long)(free_bytes >> 20), path);
  free(path);
  return error;
}

// -------------------------------------------------------------------------------------- the state

/// SQLite's own words: "ok", or the first thing that it finds.
static ubiq_error *check_database(const char *path, finding *out) {
  sqlite3 *database = NULL;
  sqlite3_stmt *statement = NULL;
  bool good = sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
              sqlite3_prepare_v2(database, "PRAGMA integrity_check(1)", -1, &statement, NULL) == SQLITE_OK &&
              sqlite3_step(statement) == SQLITE_ROW;
  const char *said = good ? (const char *)sqlite3_column_text(statement, 0) : sqlite3_errmsg(database);
  bool is_ok = good && said != NULL && strcmp(said, "ok") == 0;
  ubiq_error *error = is_ok ? SAY(out, FINDING_OK, NULL, "%s is whole", path)
                            : SAY(out, FINDING_FAIL, "restore it from a copy, or move it away and deploy again",
                                  "%s: %s", path, said == NULL ? "cannot be read" : said);
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return error;
}

static ubiq_error *check_state(const doctor_question *question, finding *out) {
  char *directory = NULL, *path = NULL;
  ubiq_error *error = serve_state_directory(question->state, &directory);
  if (error != NULL) return say_error(out, FINDING_WARN, error, "set HOME or XDG_STATE_HOME, or say --state");
  path = file_path_join(directory, RELEASE_STORE_FILE);
  if (path == NULL)
    error = ubiq_error_no_memory();
  else if (file_exists(path))
    error = check_database(path, out);
  else if (question->state != NULL)
    error = SAY(out, FINDING_FAIL, "say the folder that `ubiq serve --state` has", "%s: there is no such file", path);
  else
    error = SAY(out, FINDING_OK, NULL, "nothing was deployed to this machine yet");
  free(path);
  free(directory);
  return error;
}

static ubiq_error *say_objects(const char *directory, const storage_report *report, finding *out) {
  if (report->missing + report->damaged > 0)
    return SAY(out, FINDING_FAIL, "restore the folder from a copy, or delete those objects",
               "%s: of %llu objects %llu have no file and %llu a file of another size, such as %s", directory,
               (unsigned long long)report->objects, (unsigned long long)report->missing,
               (unsigned long long)report->damaged, report->first);
  if (report->unnamed > 0)
    return SAY(out, FINDING_WARN, "start the server anew: it removes them",
               "%s: %llu objects are whole; %llu files belong to none", directory, (unsigned long long)report->objects,
               (unsigned long long)report->unnamed);
  return SAY(out, FINDING_OK, NULL, "%s: %llu objects are whole", directory, (unsigned long long)report->objects);
}

static ubiq_error *look_at_objects(const char *directory, const char *path, finding *out) {
  const sqlite_backend_settings settings = {.path = path, .is_for_reading = true};
  backend *backend = NULL;
  storage_report report;
  ubiq_error *error = sqlite_backend_open(&settings, &backend);
  if (error == NULL) error = storage_check(directory, backend, &report);
  backend_close(backend);
  if (error == NULL) return say_objects(directory, &report, out);
  switch (ubiq_error_code(error)) {
  case UBIQ_UNAVAILABLE: return say_error(out, FINDING_WARN, error, "start the server, and look again");
  case UBIQ_INVALID_INPUT: return say_error(out, FINDING_FAIL, error, "use the ubiq that wrote it, or a newer one");
  default: return say_error(out, FINDING_FAIL, error, "restore it from a copy");
  }
}

typedef ubiq_error *(*look_at)(const char *directory, const char *path, finding *out);

/// Looks at the database of the services with `look`, and says `none` where there is none.
static ubiq_error *check_kept(const doctor_question *question, look_at look, const char *none, finding *out) {
  char *directory = NULL;
  ubiq_error *error = serve_state_directory(question->state, &directory);
  if (error != NULL) return say_error(out, FINDING_WARN, error, "set HOME or XDG_STATE_HOME, or say --state");
  char *path = file_path_join(directory, SQLITE_BACKEND_FILE);
  if (path == NULL)
    error = ubiq_error_no_memory();
  else if (file_exists(path))
    error = look(directory, path, out);
  else
    error = SAY(out, FINDING_OK, NULL, "%s", none);
  free(path);
  free(directory);
  return error;
}

static ubiq_error *check_objects(const doctor_question *question, finding *out) {
  return check_kept(question, look_at_objects, "there are none on this machine yet", out);
}

static ubiq_error *look_at_stored(const char *directory, const char *path, finding *out) {
  (void)directory;
  return check_database(path, out);
}

static ubiq_error *check_stored(const doctor_question *question, finding *out) {
  return check_kept(question, look_at_stored, "functions have stored nothing on this machine yet", out);
}

static const doctor_check checks[] = {
    {"engine", check_engine},
    {"clang", check_clang},
    {"wasm-ld", check_linker},
    {"cargo", check_cargo},
    {"go", check_go},
    {"cache", check_cache},
    {"disk", check_disk},
    {"state", check_state},
    {"stored", check_stored},
    {"objects", check_objects},
    {"memory maps", check_maps},
    {"descriptors", check_descriptors},
    {"listen", check_listen},
    {"admin", check_admin},
};

const doctor_check *doctor_check_list(size_t *count) {
  *count = sizeof checks / sizeof checks[0];
  return checks;
}
