// One uv_fs_event a folder, because inotify does not look into folders below.
#include "cli/watch.h"

#include "base/file.h"
#include "base/log.h"
#include "runtime/bundle/source_tree.h"

#include <stdlib.h>

typedef struct folder {
  uv_fs_event_t event;
  struct folder *next;
} folder;

struct watch {
  uv_timer_t quiet;
  watch_changed changed;
  void *user;
  folder *folders;
  size_t folders_count;
};

static void on_quiet(uv_timer_t *timer) {
  watch *self = timer->data;
  self->changed(self->user);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
  (void)name;
  (void)events;
  (void)status;
  watch *self = event->data;
  uv_timer_start(&self->quiet, on_quiet, WATCH_QUIET_MS, 0);
}

ubiq_error *watch_new(uv_loop_t *loop, watch_changed changed, void *user, watch **out) {
  watch *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  uv_timer_init(loop, &self->quiet);
  self->quiet.data = self;
  self->changed = changed;
  self->user = user;
  *out = self;
  return NULL;
}

static void free_folder(uv_handle_t *handle) {
  free(handle);
}

static void forget_folders(watch *self) {
  while (self->folders != NULL) {
    folder *first = self->folders;
    self->folders = first->next;
    uv_close((uv_handle_t *)&first->event, free_folder);
  }
  self->folders_count = 0;
}

static void watch_folder(void *user, const char *path) {
  watch *self = user;
  folder *made = self->folders_count < WATCH_FOLDERS_MAX ? calloc(1, sizeof *made) : NULL;
  if (made == NULL) return;
  uv_fs_event_init(self->quiet.loop, &made->event);
  made->event.data = self;
  made->next = self->folders;
  self->folders = made;
  self->folders_count++;
  int number = uv_fs_event_start(&made->event, on_event, path, 0);
  if (number != 0) log_warn("%s: is not watched: %s", path, uv_strerror(number));
}

char *watch_folder_of(const char *file) {
  char *path = file_path_directory(file);
  while (path != NULL && !file_is_directory(path)) {
    char *above = file_path_directory(path);
    bool is_top = above != NULL && strcmp(above, path) == 0;
    free(path);
    path = above;
    if (is_top) break;
  }
  return path;
}

void watch_project(watch *self, const char *directory, const project *project) {
  forget_folders(self);
  source_tree tree;
  ubiq_error_delete(source_tree_scan(directory, watch_folder, self, &tree));
  for (size_t i = 0; project != NULL && i < project->functions_count; i++) {
    char *path = watch_folder_of(project->functions[i].file);
    if (path != NULL) watch_folder(self, path);
    free(path);
  }
  // What changed before it was watched made no event.
  uv_timer_start(&self->quiet, on_quiet, WATCH_QUIET_MS, 0);
}

static void free_watch(uv_handle_t *handle) {
  free(handle->data);
}

void watch_close(watch *self) {
  if (self == NULL) return;
  forget_folders(self);
  uv_close((uv_handle_t *)&self->quiet, free_watch);
}
