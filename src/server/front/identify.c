// Only two headers are looked at, and what they say counts after it was checked: never a name that a client gives itself.
#include "server/front/identify.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/front/front.h"

static bool refuse(const connection *self, ubiq_error *error, answer *out) {
  log_from(UBIQ_LOG_DEBUG, self->function->name, "refused: %s", ubiq_error_message(error));
  if (ubiq_error_code(error) != UBIQ_DENIED) {
    *out = answer_error(error);
    return false;
  }
  *out = answer_unknown_caller(ubiq_error_message(error));
  ubiq_error_delete(error);
  return false;
}

bool identify(connection *self, answer *out) {
  project_auth wanted = self->function->auth;
  if (wanted == PROJECT_AUTH_NONE) return true;
  const auth_presented presented = {connection_header(self, MHD_HTTP_HEADER_AUTHORIZATION),
                                    connection_header(self, "X-API-Key")};
  ubiq_error *error =
      auth_check(self->lease->release->auth, &presented, clock_realtime_ns() / CLOCK_NS_PER_SECOND, &self->identity);
  if (error == NULL && wanted == PROJECT_AUTH_REQUIRED && self->identity.size == 0)
    error = ubiq_error_new(UBIQ_DENIED, "this function asks who calls; expected a token (Authorization: Bearer) or an "
                                        "API key (X-API-Key)");
  return error == NULL || refuse(self, error, out);
}
