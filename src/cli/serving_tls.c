// Folders are watched rather than files: those who renew certificates put new files, or new links, in the place of the old.
#include "cli/serving_tls.h"

#include "base/file.h"
#include "base/log.h"

#include <stdlib.h>

ubiq_error *serving_tls_read(serving_tls *self) {
  if (self->certificate_file == NULL && self->key_file == NULL) return NULL;
  if (self->certificate_file == NULL || self->key_file == NULL)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--tls-certificate and --tls-key go together; expected both");
  return tls_new(self->certificate_file, self->key_file, &self->tls);
}

static void read_again(uv_timer_t *timer) {
  serving_tls *self = timer->data;
  bool changed;
  ubiq_error *error = tls_reload(self->tls, &changed);
  if (error != NULL) log_error("TLS goes on with the certificate that it has: %s", ubiq_error_message(error));
  if (changed) log_info("TLS shows the new certificate of %s", self->certificate_file);
  ubiq_error_delete(error);
}

static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
  (void)name;
  (void)events;
  (void)status;
  serving_tls *self = event->data;
  uv_timer_start(&self->quiet, read_again, SERVING_TLS_QUIET_MS, 0);
}

static void watch_folder_of(serving_tls *self, const char *file, uv_fs_event_t *event) {
  uv_fs_event_init(self->quiet.loop, event);
  event->data = self;
  char *folder = file_path_directory(file);
  int number = folder == NULL ? UV_ENOMEM : uv_fs_event_start(event, on_event, folder, 0);
  if (number != 0)
    log_warn("%s: is not watched, so that a new one counts only after a restart: %s", file, uv_strerror(number));
  free(folder);
}

void serving_tls_watch(serving_tls *self, uv_loop_t *loop) {
  if (self->tls == NULL) return;
  uv_timer_init(loop, &self->quiet);
  self->quiet.data = self;
  watch_folder_of(self, self->certificate_file, &self->at[0]);
  watch_folder_of(self, self->key_file, &self->at[1]);
}

void serving_tls_unwatch(serving_tls *self) {
  if (self->tls == NULL) return;
  uv_close((uv_handle_t *)&self->quiet, NULL);
  uv_close((uv_handle_t *)&self->at[0], NULL);
  uv_close((uv_handle_t *)&self->at[1], NULL);
}

void serving_tls_free(serving_tls *self) {
  tls_delete(self->tls);
  self->tls = NULL;
}
