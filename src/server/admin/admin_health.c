#include "server/admin/admin_health.h"

#include <string.h>

static answer well(const char *word) {
  char text[32];
  int size = snprintf(text, sizeof text, "{\"status\":\"%s\"}", word);
  return answer_output((ubiq_bytes){(const uint8_t *)text, (size_t)size}, "application/json");
}

answer admin_health_live(admin_request *self) {
  (void)self;
  return well("live");
}

answer admin_health_ready(admin_request *self) {
  if (!server_is_ready(self->context->server))
    return answer_problem(UBIQ_UNAVAILABLE, "the server is about to stop, or takes a new release");
  release *current = releases_hold(self->context->releases);
  bool has_release = current->digest[0] != '\0';
  release_delete(current);
  return has_release ? well("ready") : answer_problem(UBIQ_UNAVAILABLE, "nothing was deployed yet");
}
