// `ubiq dev`: serves a project, builds it again whenever its files change, and swaps the new release in.
//
// Building happens on a thread of libuv's pool. While one build is under way, later changes only ask for another one
// after it. A build that fails is reported and changes nothing: the release before goes on serving.
#include "base/clock.h"
#include "base/log.h"
#include "cli/serving.h"
#include "cli/watch.h"
#include "runtime/source_tree.h"

#include <unistd.h>

typedef struct dev {
  serving serving;
  watch *watch;
  uv_work_t work;
  bool is_building;
  bool is_stale;         ///< something changed while it was building
  release *current;      ///< what is served; ours beside the workers
  uint64_t sources_seen; ///< what the sources were when the last build began
  uint64_t modules_seen; ///< what it left
  // The build under way, for the pool's thread.
  release *release;
  ubiq_error *error;
  uint64_t began_ns;
} dev;

// ----------------------------------------------------------------------------------------------------- what to try

static bool has_body(text method) {
  return !text_equal_string(method, "GET") && !text_equal_string(method, "HEAD") &&
         !text_equal_string(method, "DELETE") && !text_equal_string(method, "OPTIONS");
}

/// A path that the template matches: `{name}` becomes `name`.
static void print_example_path(text path) {
  for (size_t i = 0; i < path.size; i++)
    if (path.data[i] != '{' && path.data[i] != '}' && path.data[i] != '.') putchar(path.data[i]);
}

static void print_route(const project_function *function, const char *url) {
  text method = function->method;
  bool needs_method = method.size > 0 && !text_equal_string(method, "GET") && !text_equal_string(method, "POST");
  printf("  %-20s %.*s%s%.*s\n    curl ", function->name, (int)method.size, method.data, method.size > 0 ? " " : "",
         (int)function->path.size, function->path.data);
  if (needs_method) printf("-X %.*s ", (int)method.size, method.data);
  if (has_body(method)) printf("-d Ada ");
  printf("%s", url);
  print_example_path(function->path);
  putchar('\n');
}

static void print_routes(const dev *self, const project *project) {
  for (size_t i = 0; i < project->functions_count; i++)
    if (project->functions[i].path.size > 0) print_route(&project->functions[i], server_url(self->serving.server));
  fflush(stdout);
}

// --------------------------------------------------------------------------------------------------------- building

/// Another number whenever a source of the project is another one.
static uint64_t look_at_sources(const dev *self) {
  source_tree tree;
  ubiq_error_delete(source_tree_scan(self->serving.directory, NULL, NULL, &tree));
  return tree.fingerprint;
}

/// Another number whenever a module that builds make, or somebody else, is another one.
static uint64_t look_at_modules(const dev *self) {
  const project *project = self->current->project;
  uint64_t sum = 0;
  for (size_t i = 0; i < project->functions_count; i++)
    sum = sum * 31 + source_file_changed_ns(project->functions[i].file);
  return sum;
}

static void build(uv_work_t *work) {
  dev *self = work->data;
  self->error = release_read(self->serving.directory, &self->release);
}

static void report_failure(dev *self) {
  command_fail(self->error);
  fprintf(stderr, "the release before this change goes on serving\n");
  self->error = NULL;
}

static void use(dev *self) {
  server_use(self->serving.server, self->release);
  release_delete(self->current);
  self->current = release_retain(self->release);
  watch_project(self->watch, self->current->project);
  printf("reloaded in %llu ms\n", (unsigned long long)((clock_monotonic_ns() - self->began_ns) / CLOCK_NS_PER_MS));
  fflush(stdout);
}

static void start_build(dev *self);

static void built(uv_work_t *work, int status) {
  dev *self = work->data;
  (void)status;
  self->is_building = false;
  if (self->error != NULL)
    report_failure(self);
  else if (!self->serving.is_stopping)
    use(self);
  release_delete(self->release);
  self->release = NULL;
  self->modules_seen = look_at_modules(self);
  if (self->is_stale && !self->serving.is_stopping) start_build(self);
}

static void start_build(dev *self) {
  self->is_building = true;
  self->is_stale = false;
  self->began_ns = clock_monotonic_ns();
  self->sources_seen = look_at_sources(self);
  self->work.data = self;
  uv_queue_work(&self->serving.loop, &self->work, build, built);
}

static void on_change(void *user) {
  dev *self = user;
  bool is_new = look_at_sources(self) != self->sources_seen;
  if (!is_new && !self->is_building) is_new = look_at_modules(self) != self->modules_seen;
  if (!is_new || self->serving.is_stopping) return;
  if (self->is_building)
    self->is_stale = true;
  else
    start_build(self);
}

// ------------------------------------------------------------------------------------------------------ the command

static void close_watch(void *user) {
  dev *self = user;
  watch_close(self->watch);
  self->watch = NULL;
}

static void start_watch(dev *self) {
  ubiq_error *error = watch_new(&self->serving.loop, on_change, self, &self->watch);
  if (error == NULL) watch_project(self->watch, self->current->project);
  if (error != NULL) log_warn("changes are not seen: %s", ubiq_error_message(error));
  ubiq_error_delete(error);
}

static ubiq_error *start(dev *self) {
  self->sources_seen = look_at_sources(self);
  ubiq_error *error = release_read(self->serving.directory, &self->current);
  if (error != NULL) return error;
  self->modules_seen = look_at_modules(self);
  self->serving.close = close_watch;
  self->serving.user = self;
  error = serving_start(&self->serving, self->current);
  if (error != NULL) return error;
  print_routes(self, self->current->project);
  start_watch(self);
  return NULL;
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
  error = start(&self);
  if (error == NULL) {
    code = serving_run(&self.serving);
    serving_end(&self.serving);
  }
  release_delete(self.current);
  return error == NULL ? code : command_fail(error);
}

const command command_dev = {
    .name = "dev",
    .usage = "[DIR] [OPTIONS]",
    .summary = "serve a project and reload it whenever its files change",
    .details = "DIR is a folder with a ubiq.toml; the default is the working directory. Its routes are printed with a\n"
               "line to try each. When a file changes, the project is built again and takes over without a request\n"
               "dropped; when that fails, the error is printed and what was there before goes on serving.\n",
    .run = develop,
};
