// Without a sandbox a server still accepts no new privileges and hides its memory: that needs nothing of the kernel.
#include "cli/serve_guard.h"

#include "base/file.h"
#include "base/log.h"
#include "base/page_file.h"
#include "cli/serve_places.h"
#include "server/sandbox/system_calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void serve_guard_options(serve_guard *self, option list[SERVE_GUARD_OPTIONS]) {
  *self = (serve_guard){.sandbox = "auto"};
  const option options[SERVE_GUARD_OPTIONS] = {
      {"user", 0, OPTION_TEXT, "NAME[:GROUP]", "started by root, become this user once it listens", &self->user, 0, 0},
      {"sandbox", 0, OPTION_TEXT, "MODE", "files and system calls that are left: auto (default), on or off",
       &self->sandbox, 0, 0},
  };
  memcpy(list, options, sizeof options);
}

static bool is_mode(const serve_guard *self, const char *mode) {
  return strcmp(self->sandbox, mode) == 0;
}

ubiq_error *serve_guard_prepare(serve_guard *self) {
  if (!is_mode(self, "auto") && !is_mode(self, "on") && !is_mode(self, "off"))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "--sandbox is \"%s\"; expected auto (what the kernel has), on (all of it, or the server does "
                          "not start) or off",
                          self->sandbox);
  privileges_close_inherited();
  page_file_keep();
  self->changes_user = self->user != NULL;
  return self->changes_user ? identity_find(self->user, &self->who) : NULL;
}

void serve_guard_free(serve_guard *self) {
  identity_free(&self->who);
  while (self->missing_count > 0) ubiq_error_delete(self->missing[--self->missing_count]);
}

// --------------------------------------------------------------------------------------------------------- the user

/// By its descriptor, so that nobody puts another folder in its place meanwhile.
static ubiq_error *give_away(const char *directory, const identity *who) {
  int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) return file_error(errno, directory);
  struct stat status;
  bool given =
      fstat(descriptor, &status) == 0 && status.st_uid == geteuid() && fchown(descriptor, who->user, who->group) == 0;
  int number = errno;
  close(descriptor);
  return given ? NULL : file_error(number, directory);
}

ubiq_error *serve_guard_make_state(const serve_guard *self, const char *directory) {
  if (!self->changes_user || !privileges_are_root() || directory == NULL) return NULL;
  if (mkdir(directory, 0700) == 0) return give_away(directory, &self->who);
  return errno == EEXIST ? NULL : file_error(errno, directory);
}

ubiq_error *serve_guard_become(const serve_guard *self) {
  ubiq_error *error = self->changes_user ? privileges_become(&self->who) : NULL;
  return error != NULL ? error : privileges_drop_capabilities();
}

// ------------------------------------------------------------------------------------------------------ the sandbox

static size_t count_threads(void) {
  DIR *folder = opendir("/proc/self/task");
  size_t count = 0;
  for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) count += entry->d_name[0] != '.';
  if (folder != NULL) closedir(folder);
  return count;
}

static ubiq_error *restrict_files(const serve_needs *needs) {
  landlock rules;
  ubiq_error *error = NULL;
  if (count_threads() > 1)
    return ubiq_error_new(UBIQ_INTERNAL, "threads are running already, which Landlock would not hold");
  error = landlock_open(&rules);
  if (error == NULL) error = serve_places_allow(&rules, needs);
  if (error == NULL) error = landlock_enforce(&rules);
  if (error == NULL) log_debug("Landlock (level %d) is on", rules.level);
  landlock_close(&rules);
  return error;
}

/// What cannot be had ends a server that asked for it, and is told by one that takes what there is.
static ubiq_error *weigh(serve_guard *self, ubiq_error *error) {
  if (error == NULL || is_mode(self, "on")) return ubiq_error_wrap(error, "--sandbox on");
  self->missing[self->missing_count++] = error;
  return NULL;
}

serve_needs serve_guard_needs(const serving *serving) {
  bool has_log = serving->run_log_path != NULL && strcmp(serving->run_log_path, "-") != 0;
  return (serve_needs){.certificate = serving->tls.certificate_file,
                       .key = serving->tls.key_file,
                       .run_log = has_log ? serving->run_log_path : NULL};
}

ubiq_error *serve_guard_enclose(serve_guard *self, const serve_needs *needs) {
  umask(027);
  ubiq_error *error = privileges_accept_no_new();
  if (error == NULL) error = privileges_hide_memory();
  if (error != NULL || is_mode(self, "off")) return error;
  error = weigh(self, restrict_files(needs));
  return error != NULL ? error : weigh(self, system_calls_restrict());
}

void serve_guard_tell(const serve_guard *self) {
  for (size_t i = 0; i < self->missing_count; i++)
    log_warn("the sandbox is incomplete: %s (--sandbox off does without, and says nothing)",
             ubiq_error_message(self->missing[i]));
  if (privileges_are_root())
    log_warn("root serves, and whoever breaks out of a function is root; expected --user NAME, or to be started by "
             "another user");
}
