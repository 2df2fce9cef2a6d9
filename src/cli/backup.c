// `ubiq backup`: a copy of what a server keeps, which it may go on changing meanwhile.
//
// Bundles are linked, or copied, before their database and once more after: what was removed in between is there from the first
// time, what came is from the second. Objects come and go faster: no file of theirs is removed meanwhile, so that those
// are there which the copy of the database names. One too many does no harm, the next start removes it. The key of
// secrets is left: beside a copy of the database it would open it.
#include "base/file.h"
#include "base/json_write.h"
#include "cli/call_report.h"
#include "cli/command.h"
#include "cli/serve_state.h"
#include "runtime/release/release_store.h"
#include "services/backend/sqlite.h"
#include "services/storage/storage.h"
#include "services/storage/storage_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPIED_AT_ONCE = 1 << 30 }; ///< bytes

typedef struct backup {
  char *source;
  const char *target;
  bool has_services, has_releases, has_objects;
} backup;

/// Objects may be larger than memory. After a failure nothing of the backup is kept, half a file neither.
static ubiq_error *write_copy(int source, const char *to) {
  int made = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0) return file_error(errno, to);
  ssize_t sent;
  while ((sent = sendfile(made, source, NULL, COPIED_AT_ONCE)) != 0)
    if (sent < 0 && errno != EINTR) break;
  int number = sent < 0 || fsync(made) != 0 ? errno : 0;
  if (close(made) != 0 && number == 0) number = errno;
  return number == 0 ? NULL : file_error(number, to);
}

static ubiq_error *copy_file(const char *from, const char *to) {
  if (link(from, to) == 0 || errno == EEXIST || errno == ENOENT) return NULL;
  int source = open(from, O_RDONLY | O_CLOEXEC);
  if (source < 0) return errno == ENOENT ? NULL : file_error(errno, from);
  ubiq_error *error = write_copy(source, to);
  close(source);
  return error;
}

static ubiq_error *copy_each(const char *from, const char *to) {
  DIR *folder = opendir(from);
  if (folder == NULL) return file_error(errno, from);
  ubiq_error *error = NULL;
  for (struct dirent *entry; error == NULL && (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char *old = file_path_join(from, entry->d_name), *made = file_path_join(to, entry->d_name);
    error = old == NULL || made == NULL ? ubiq_error_no_memory() : copy_file(old, made);
    free(old);
    free(made);
  }
  closedir(folder);
  return error != NULL ? error : file_sync_directory(to);
}

static ubiq_error *copy_folder(const backup *self, const char *name) {
  char *from = file_path_join(self->source, name), *to = file_path_join(self->target, name);
  ubiq_error *error = from == NULL || to == NULL ? ubiq_error_no_memory() : file_make_private_directory(to);
  if (error == NULL) error = copy_each(from, to);
  free(from);
  free(to);
  return error;
}

static ubiq_error *copy_database(const backup *self, const char *name,
                                 ubiq_error *(*copy)(const char *path, const char *target)) {
  char *from = file_path_join(self->source, name), *to = file_path_join(self->target, name);
  ubiq_error *error = from == NULL || to == NULL ? ubiq_error_no_memory() : copy(from, to);
  free(from);
  free(to);
  return error;
}

static bool has(const backup *self, const char *name) {
  char *path = file_path_join(self->source, name);
  bool is_there = path != NULL && file_exists(path);
  free(path);
  return is_there;
}

static ubiq_error *copy_releases(const backup *self) {
  ubiq_error *error = copy_folder(self, RELEASE_STORE_BUNDLES);
  if (error == NULL) error = copy_database(self, RELEASE_STORE_FILE, release_store_copy);
  return error != NULL ? error : copy_folder(self, RELEASE_STORE_BUNDLES);
}

static ubiq_error *copy_services(const backup *self) {
  storage_hold hold;
  ubiq_error *error = storage_hold_files(self->source, &hold);
  if (error != NULL) return error;
  error = copy_database(self, SQLITE_BACKEND_FILE, sqlite_backend_copy);
  if (error == NULL && self->has_objects) error = copy_folder(self, STORAGE_DIRECTORY);
  storage_let_go(&hold);
  return error;
}

static ubiq_error *copy_all(const backup *self) {
  ubiq_error *error = self->has_releases ? copy_releases(self) : NULL;
  if (error == NULL && self->has_services) error = copy_services(self);
  return error != NULL ? error : file_sync_directory(self->target);
}

static ubiq_error *make_copy(backup *self, const char *state) {
  ubiq_error *error = serve_state_directory(state, &self->source);
  if (error != NULL) return error;
  self->has_releases = has(self, RELEASE_STORE_FILE);
  self->has_services = has(self, SQLITE_BACKEND_FILE);
  self->has_objects = has(self, STORAGE_DIRECTORY);
  if (!self->has_releases && !self->has_services)
    return ubiq_error_new(UBIQ_NOT_FOUND,
                          "%s: has nothing to copy; say the folder that `ubiq serve --state` has, or a project's .ubiq",
                          self->source);
  if (mkdir(self->target, 0700) != 0)
    return errno == EEXIST
               ? ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is there already; expected a new folder", self->target)
               : file_error(errno, self->target);
  error = copy_all(self);
  if (error != NULL) ubiq_error_delete(file_remove_directory(self->target)); // half a copy is none
  return error;
}

static ubiq_error *report_json(const backup *self) {
  buffer line = {0};
  bool good = buffer_append_string(&line, "{\"path\":") && json_write_text(&line, text_of(self->target)) &&
              buffer_printf(&line, ",\"has_releases\":%s,\"has_stored\":%s}\n", self->has_releases ? "true" : "false",
                            self->has_services ? "true" : "false");
  ubiq_error *error = good ? call_report_write(buffer_bytes(&line)) : ubiq_error_no_memory();
  buffer_free(&line);
  return error;
}

static ubiq_error *report(const backup *self, bool json) {
  if (json) return report_json(self);
  fprintf(stderr, "%s holds %s; to go back to it, stop the server and start it with --state on a copy of it\n",
          self->target,
          self->has_releases && self->has_services ? "releases and what functions stored"
          : self->has_releases                     ? "releases"
                                                   : "what functions stored");
  return NULL;
}

static int back_up(const command *command, int count, char **arguments) {
  const char *positionals[1], *state = NULL;
  bool json = false;
  const option list[] = {
      {"json", 0, OPTION_FLAG, NULL, "print what is in it as JSON", &json, 0, 0},
      {"state", 0, OPTION_TEXT, "DIR", "what is copied (default: this machine's state)", &state, 0, 0},
  };
  options given = {.list = list, .count = 2, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  if (given.positionals_count != 1)
    return command_fail_usage(command, ubiq_error_new(UBIQ_INVALID_INPUT, "expected a folder to copy to"));
  backup self = {.target = positionals[0]};
  ubiq_error *error = make_copy(&self, state);
  if (error == NULL) error = report(&self, json);
  free(self.source);
  return error == NULL ? EXIT_OK : command_fail(error);
}

const command command_backup = {
    .name = "backup",
    .usage = "FOLDER [OPTIONS]",
    .summary = "copy what a server keeps, while it runs",
    .details =
        "FOLDER is made. It gets the releases with their bundles and what functions stored, each as it was at one\n"
        "moment. DIR is the folder of `ubiq serve --state`, or the folder .ubiq of a project.\n",
    .run = back_up,
};
