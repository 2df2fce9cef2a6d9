// `ubiq dev`: serves a project, builds it again whenever its files change, and swaps the new release in.
//
// Building happens on a thread of libuv's pool. While one build is under way, later changes only ask for another one
// after it. A build that fails is reported and changes nothing: the release before goes on serving, and when there is
// none yet, serving begins with the first build that succeeds. A signal ends the build under way; what does not
// listen is killed when the time to finish is over, or by a second signal.
#include "base/clock.h"
#include "cli/dev_box.h"
#include "cli/dev_routes.h"
#include "cli/dev_settings.h"
#include "cli/serving.h"
#include "cli/watch.h"
#include "runtime/bundle/source_tree.h"
#include "server/front/dev_page.h"

#include <stdlib.h>

typedef struct dev {
  serving serving;
  watch *watch;
  dev_page *page; ///< what browsers are told of builds
  uv_work_t work;
  bool is_stale;    ///< something changed while it was building
  release *current; ///< what is served; ours beside the workers; NULL until a build has succeeded
  project *project; ///< what is watched: the last that could be read; NULL when none could. The build's while it runs
  uint64_t sources_seen; ///< what the sources were when the last build began
  uint64_t modules_seen; ///< what it left
  ubiq_error *failure;   ///< why serving could not begin; ends the command
  uv_timer_t patience;   ///< after a signal, until the build under way is killed
  // The build under way, for the pool's thread.
  build_stop stop;
  release *release;
  ubiq_error *error;
  uint64_t began_ns;
} dev;

// ------------------------------------------------------------------------------------------------- what has changed

/// Another number whenever a source of the project is another one.
static uint64_t look_at_sources(const dev *self) {
  source_tree tree;
  ubiq_error_delete(source_tree_scan(self->serving.directory, NULL, NULL, &tree));
  return tree.fingerprint;
}

/// Another number whenever a module that builds make, or somebody else, is another one, or its folder has come.
static uint64_t look_at_modules(const project *project) {
  uint64_t sum = 0;
  for (size_t i = 0; project != NULL && i < project->functions_count; i++) {
    const char *file = project->functions[i].file;
    char *folder = watch_folder_of(file);
    sum = (sum * 31 + source_file_changed_ns(file)) * 31 + (folder == NULL ? 0 : strlen(folder));
    free(folder);
  }
  return sum;
}

// --------------------------------------------------------------------------------------------------------- building

/// A ubiq.toml that cannot be read tells nothing new about what to watch.
static void read_project(dev *self) {
  project *project;
  ubiq_error *error = project_read(self->serving.directory, &project);
  if (error == NULL) {
    project_delete(self->project);
    self->project = project;
  }
  ubiq_error_delete(error);
}

static void build(uv_work_t *work) {
  dev *self = work->data;
  read_project(self);
  self->error = release_read(self->serving.directory, &self->stop, &self->release);
  self->modules_seen = look_at_modules(self->project);
}

static void report_failure(dev *self) {
  if (self->serving.is_stopping) {
    ubiq_error_delete(self->error);
    self->error = NULL;
    return;
  }
  dev_page_built(self->page, ubiq_error_message(self->error));
  dev_box_print(ubiq_error_message(self->error));
  ubiq_error_delete(self->error);
  self->error = NULL;
  fputs(self->current == NULL ? "nothing is served yet: waiting for a change to build again\n"
                              : "the release before this change goes on serving\n",
        stderr);
}

static void begin_serving(dev *self) {
  self->failure = serving_start(&self->serving, self->release);
  if (self->failure == NULL) {
    dev_routes_print(self->release->project, server_url(self->serving.server));
    printf("  %s" DEV_PAGE_PATH " reloads by itself, and shows what does not compile\n",
           server_url(self->serving.server));
    fflush(stdout);
  } else {
    serving_quit(&self->serving);
  }
}

static void swap(dev *self) {
  server_use(self->serving.server, self->release);
  release_delete(self->current);
  printf("reloaded in %llu ms\n", (unsigned long long)((clock_monotonic_ns() - self->began_ns) / CLOCK_NS_PER_MS));
  fflush(stdout);
}

static void use(dev *self) {
  dev_page_built(self->page, NULL);
  if (self->current == NULL)
    begin_serving(self);
  else
    swap(self);
  self->current = release_retain(self->release);
}

static void start_build(dev *self);

static void built(uv_work_t *work, int status) {
  dev *self = work->data;
  (void)status;
  self->serving.is_busy = false;
  if (self->error != NULL)
    report_failure(self);
  else if (!self->serving.is_stopping)
    use(self);
  release_delete(self->release);
  self->release = NULL;
  if (self->serving.is_over) serving_quit(&self->serving);
  if (self->serving.is_stopping) return;
  watch_project(self->watch, self->serving.directory, self->project);
  if (self->is_stale) start_build(self);
}

static void start_build(dev *self) {
  self->serving.is_busy = true;
  self->is_stale = false;
  self->began_ns = clock_monotonic_ns();
  self->sources_seen = look_at_sources(self);
  self->work.data = self;
  uv_queue_work(&self->serving.loop, &self->work, build, built);
}

static void on_change(void *user) {
  dev *self = user;
  bool is_new = look_at_sources(self) != self->sources_seen;
  if (!is_new && !self->serving.is_busy) is_new = look_at_modules(self->project) != self->modules_seen;
  if (!is_new || self->serving.is_stopping) return;
  if (self->serving.is_busy)
    self->is_stale = true;
  else
    start_build(self);
}

// ------------------------------------------------------------------------------------------------------ the command

static void on_patience_ended(uv_timer_t *timer) {
  build_stop_force(&((dev *)timer->data)->stop);
}

static void stop_build(void *user, bool at_once) {
  dev *self = user;
  if (at_once)
    build_stop_force(&self->stop);
  else
    build_stop_ask(&self->stop);
  if (self->serving.is_busy) uv_timer_start(&self->patience, on_patience_ended, self->serving.settings.grace_ms, 0);
}

static void close_watch(void *user) {
  dev *self = user;
  uv_close((uv_handle_t *)&self->patience, NULL);
  watch_close(self->watch);
  self->watch = NULL;
}

/// What no change of a file would mend is an error before anything is built.
static ubiq_error *check(dev *self) {
  ubiq_error *error = project_read(self->serving.directory, &self->project);
  if (error != NULL && ubiq_error_code(error) == UBIQ_NOT_FOUND) return error;
  ubiq_error_delete(error);
  return server_check(&self->serving.settings);
}

static ubiq_error *watch_and_serve(dev *self, int *code) {
  ubiq_error *error = check(self);
  if (error == NULL) error = dev_settings_read(self->serving.directory);
  if (error == NULL) error = serving_keep_in_project(&self->serving, self->serving.directory);
  if (error == NULL) error = serving_open(&self->serving);
  if (error != NULL) return error;
  error = watch_new(&self->serving.loop, on_change, self, &self->watch);
  if (error == NULL) {
    uv_timer_init(&self->serving.loop, &self->patience);
    self->patience.data = self;
    self->serving.stop = stop_build;
    self->serving.close = close_watch;
    self->serving.user = self;
    start_build(self);
    *code = serving_run(&self->serving);
    error = self->failure;
  }
  serving_end(&self->serving);
  return error;
}

static int develop(const command *command, int count, char **arguments) {
  dev self = {0};
  option list[SERVING_OPTIONS];
  const char *positionals[1];
  serving_options(&self.serving, list);
  options given = {.list = list, .count = SERVING_OPTIONS, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  ubiq_error *error = serving_prepare(&self.serving, &given);
  if (error != NULL) return command_fail_usage(command, error);
  self.page = dev_page_new();
  if (self.page == NULL) return command_fail(ubiq_error_no_memory());
  self.serving.settings.dev = self.page;
  build_stop_init(&self.stop);
  error = watch_and_serve(&self, &code);
  build_stop_free(&self.stop);
  dev_page_delete(self.page);
  release_delete(self.current);
  project_delete(self.project);
  return error == NULL ? code : command_fail(error);
}

const command command_dev = {
    .name = "dev",
    .usage = "[DIR] [OPTIONS]",
    .summary = "serve a project and reload it whenever its files change",
    .details =
        "DIR is a folder with a ubiq.toml; the default is the working directory. Its routes are printed with a\n"
        "line to try each. When a file changes, the project is built again and takes over without a request\n"
        "dropped; when that fails, the error is printed and what was there before goes on serving. When the\n"
        "first build fails, serving begins once a change has mended it. A browser at /_ubiq/dev shows the project's\n"
        "page, reloads it after each build, and shows in a red box what does not build. A file `.env` beside "
        "ubiq.toml\n"
        "has settings of this machine, NAME=VALUE a line.\n",
    .run = develop,
};
