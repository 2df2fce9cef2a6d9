// A request to the admin API: who sends it, whether it may, and what comes with it. On its connection's own thread.
#ifndef SERVER_ADMIN_ADMIN_REQUEST_H
#define SERVER_ADMIN_ADMIN_REQUEST_H

#include "runtime/auth/access_token.h"
#include "server/admin/admin.h"
#include "server/front/response.h"

struct admin_endpoint;

/// What requests share. Never changed while any is under way.
typedef struct admin_context {
  const admin_settings *settings;
  releases *releases;
  server *server;
  struct log_ring *logs;
  struct admin_tokens *tokens; ///< what tokens may
  router *router;              ///< its targets are admin_endpoints
  uint64_t began_ms;           ///< wall clock: when the server began
} admin_context;

typedef struct admin_request {
  const admin_context *context;
  struct MHD_Connection *mhd;
  struct admin_connection *connection;
  const struct admin_endpoint *endpoint; ///< NULL: it is refused
  const char *path;
  access_token who;
  buffer body;                      ///< of what is no bundle
  struct admin_platform_call *call; ///< of the platform's API, whose body goes where it belongs as it comes; NULL: none
  // A bundle that is being received.
  int file;        ///< -1: none
  char *file_path; ///< owned; NULL: none
  uint64_t received;
  ubiq_error *error; ///< why the body is dropped; owned
} admin_request;

typedef struct admin_endpoint {
  const char *method, *path;
  bool changes;      ///< needs a token that may change
  bool takes_bundle; ///< its body is a bundle, else it has none; the platform's (admin_platform.h) have any
  bool is_open;      ///< needs no token
  answer (*answer)(admin_request *self);
} admin_endpoint;

/// A parameter of the query; NULL when it is not there.
const char *admin_request_query(const admin_request *self, const char *name);
/// A header; NULL when it is not there.
const char *admin_request_header(const admin_request *self, const char *name);

/// The name in a path .../functions/{name}/..., as every route has it that asks for one. Borrowed from the path.
text admin_request_function(const admin_request *self);

/// MHD_OPTION_URI_LOG_CALLBACK: a request line has come. Answers the request's context, which there is none of yet.
void *admin_request_announced(void *context, const char *target, struct MHD_Connection *mhd);

/// MHD_AccessHandlerCallback; the admin_context is its user.
enum MHD_Result admin_request_handle(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                                     const char *version, const char *data, size_t *size, void **request);

/// MHD_RequestCompletedCallback.
void admin_request_completed(void *context, struct MHD_Connection *mhd, void **request,
                             enum MHD_RequestTerminationCode reason);

#endif
