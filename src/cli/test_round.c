// The server is the one of `ubiq serve`, in this process and with one worker. A function that is tested has the limits,
// the configuration and the permissions that it has when it is served; only who asks is us.
#include "cli/test_round.h"

#include "base/file.h"
#include "runtime/bundle/source_tree.h"
#include "runtime/project/project_routes.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

// -------------------------------------------------------------------------------------------- the files

typedef struct search {
  test_round *round;
  ubiq_error *error;
} search;

/// Takes `path` over.
static ubiq_error *add_path(test_round *self, char *path) {
  char **paths = path == NULL ? NULL : realloc(self->paths, (self->paths_count + 1) * sizeof *paths);
  if (paths == NULL) {
    free(path);
    return ubiq_error_no_memory();
  }
  self->paths = paths;
  self->paths[self->paths_count++] = path;
  return NULL;
}

static void look_into(void *user, const char *directory) {
  search *self = user;
  DIR *stream = self->error == NULL ? opendir(directory) : NULL;
  if (stream == NULL) return;
  for (struct dirent *entry; self->error == NULL && (entry = readdir(stream)) != NULL;) {
    bool has_cases = entry->d_name[0] != '.' && text_ends_with(text_of(entry->d_name), TEXT(TEST_CASE_SUFFIX));
    if (has_cases) self->error = add_path(self->round, file_path_join(directory, entry->d_name));
  }
  closedir(stream);
}

static int by_name(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

static ubiq_error *find_files(test_round *self) {
  source_tree tree;
  search search = {.round = self};
  ubiq_error *error = source_tree_scan(self->directory, look_into, &search, &tree);
  if (error == NULL) error = search.error;
  if (error != NULL) return error;
  if (self->paths_count == 0)
    return ubiq_error_new(UBIQ_NOT_FOUND, "%s: has no test cases; expected files such as FUNCTION" TEST_CASE_SUFFIX,
                          self->directory);
  qsort(self->paths, self->paths_count, sizeof *self->paths, by_name);
  self->files = calloc(self->paths_count, sizeof *self->files);
  return self->files == NULL ? ubiq_error_no_memory() : NULL;
}

static ubiq_error *read_files(test_round *self) {
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < self->paths_count; i++)
    error = test_file_read(self->release->project, self->paths[i], &self->files[i]);
  return error;
}

// -------------------------------------------------------------------------------------------- the cases

static bool is_wanted(const test_round *self, const test_file *file, const test_case *test) {
  return self->filter == NULL || strstr(test->name, self->filter) != NULL ||
         strstr(test->function, self->filter) != NULL || strstr(file->path, self->filter) != NULL;
}

/// The cases that are wanted, not run yet.
static ubiq_error *choose(test_round *self) {
  size_t count = 0;
  for (size_t i = 0; i < self->paths_count; i++) count += self->files[i]->cases_count;
  test_results *results = &self->results;
  results->items = calloc(count + 1, sizeof *results->items);
  if (results->items == NULL) return ubiq_error_no_memory();
  for (size_t i = 0; i < self->paths_count; i++)
    for (size_t j = 0; j < self->files[i]->cases_count; j++)
      if (is_wanted(self, self->files[i], &self->files[i]->cases[j]))
        results->items[results->count++] = (test_result){.file = self->files[i], .test = &self->files[i]->cases[j]};
  if (results->count > 0) return NULL;
  return self->filter == NULL
             ? ubiq_error_new(UBIQ_NOT_FOUND, "%s: has no test cases; expected [[case]] in the files", self->directory)
             : ubiq_error_new(UBIQ_NOT_FOUND, "%s: none of its %zu test cases has \"%s\" in it", self->directory, count,
                              self->filter);
}

/// A folder that goes with the round: what functions stored in one is not there in the next.
static ubiq_error *open_services(test_round *self) {
  const char *temporary = getenv("TMPDIR");
  self->kept = file_path_join(temporary == NULL || temporary[0] == '\0' ? "/tmp" : temporary, "ubiq-test-XXXXXX");
  if (self->kept == NULL) return ubiq_error_no_memory();
  if (mkdtemp(self->kept) == NULL) return file_error(errno, self->kept);
  const services_settings settings = {.directory = self->kept, .is_fleeting = true};
  ubiq_error *error = services_open(&settings, &self->services);
  self->services.stubs = test_world_services(self->world);
  self->services.rests = true; // cases say what is done, and neither the clock nor another case
  return error;
}

static void remove_services(test_round *self) {
  services_close(&self->services);
  if (self->kept != NULL) ubiq_error_delete(file_remove_directory(self->kept));
  free(self->kept);
}

static ubiq_error *serve(test_round *self) {
  server_settings settings = server_settings_default;
  settings.listen = "127.0.0.1:0";
  self->world = test_world_new();
  if (self->world == NULL) return ubiq_error_no_memory();
  settings.stubs = test_world_stubs(self->world);
  settings.services = &self->services;
  ubiq_error *error = open_services(self);
  if (error == NULL) error = server_new(&settings, self->release, &self->server);
  return error != NULL ? error : fetch_client_new(&self->client);
}

static ubiq_error *run_cases(test_round *self) {
  ubiq_error *error = NULL;
  test_results *results = &self->results;
  self->report->begin(results->count);
  for (size_t i = 0; error == NULL && i < results->count; i++) {
    test_result *result = &results->items[i];
    error = test_run(result->file, result->test, server_url(self->server), self->client, self->world, result);
    if (error != NULL) break;
    results->failed += result->differences != NULL;
    self->report->one(result, i == 0 ? NULL : result - 1, i + 1);
  }
  return error != NULL ? error : self->report->end(results);
}

static ubiq_error *write_junit(const test_round *self) {
  buffer report = {0};
  ubiq_error *error = test_report_junit(self->release->project->name, &self->results, &report)
                          ? file_write_atomic(self->junit, 0644, report.data, report.size)
                          : ubiq_error_no_memory();
  buffer_free(&report);
  return error;
}

static ubiq_error *give_routes(void *user, project *project) {
  (void)user;
  return project_route_all(project);
}

ubiq_error *test_round_run(test_round *self) {
  ubiq_error *error = release_read_then(self->directory, NULL, give_routes, NULL, &self->release);
  if (error == NULL) error = find_files(self);
  if (error == NULL) error = read_files(self);
  if (error == NULL) error = choose(self);
  if (error == NULL) error = serve(self);
  if (error == NULL) error = run_cases(self);
  return error == NULL && self->junit != NULL ? write_junit(self) : error;
}

void test_round_end(test_round *self) {
  fetch_client_delete(self->client);
  server_delete(self->server);
  test_world_delete(self->world);
  remove_services(self);
  for (size_t i = 0; i < self->results.count; i++) free(self->results.items[i].differences);
  free(self->results.items);
  for (size_t i = 0; i < self->paths_count; i++) {
    if (self->files != NULL) test_file_delete(self->files[i]);
    free(self->paths[i]);
  }
  free(self->files);
  free(self->paths);
  release_delete(self->release);
  *self =
      (test_round){.directory = self->directory, .filter = self->filter, .report = self->report, .junit = self->junit};
}
