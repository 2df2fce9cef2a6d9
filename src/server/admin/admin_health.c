#include "server/admin/admin_health.h"

#include <string.h>

static answer well(const char *word, const char *warning) {
  char text[256];
  int size = warning == NULL ? snprintf(text, sizeof text, "{\"status\":\"%s\"}", word)
                             : snprintf(text, sizeof text, "{\"status\":\"%s\",\"warning\":\"%s\"}", word, warning);
  return answer_output((ubiq_bytes){(const uint8_t *)text, (size_t)size}, "application/json");
}

/// What is no reason to send requests elsewhere. NULL: nothing.
static const char *find_warning(compiler *compiler) {
  switch (compiler == NULL ? COMPILER_WELL : compiler_look(compiler)) {
  case COMPILER_LAST:
    return "what starts the processes that compile for this server has ended: when they are killed, nothing can be "
           "deployed until it is started again";
  case COMPILER_GONE:
    return "the processes that compile for this server have ended: nothing can be deployed until it is started again";
  case COMPILER_WELL: break;
  }
  return NULL;
}

answer admin_health_live(admin_request *self) {
  (void)self;
  return well("live", NULL);
}

answer admin_health_ready(admin_request *self) {
  if (!server_is_ready(self->context->server))
    return answer_problem(UBIQ_UNAVAILABLE, "the server is about to stop, or takes a new release");
  release *current = releases_hold(self->context->releases);
  bool has_release = current->digest[0] != '\0';
  release_delete(current);
  return has_release ? well("ready", find_warning(releases_compiler(self->context->releases)))
                     : answer_problem(UBIQ_UNAVAILABLE, "nothing was deployed yet");
}
