// A request's way: route, body, run, answer. Callbacks of libmicrohttpd, on the worker's thread.
#ifndef SERVER_FRONT_REQUEST_H
#define SERVER_FRONT_REQUEST_H

#include "server/front/connection.h"

enum {
  REQUEST_DROPPED_BYTES_MAX = 16 << 20, ///< of a refused request's body that are read before the answer
  REQUEST_BODY_KEPT_BYTES = 16 << 10,   ///< a connection's buffer up to this size is kept for its next request
};

/// MHD_OPTION_URI_LOG_CALLBACK: a request line has come. Answers the request's context, which there is none of yet.
void *request_announced(void *front, const char *target, struct MHD_Connection *mhd);

/// MHD_AccessHandlerCallback; `front` is its user.
enum MHD_Result request_handle(void *front, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *data, size_t *size, void **context);

/// MHD_RequestCompletedCallback.
void request_completed(void *front, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode reason);

/// Tells who listens to the worker of a request that is answered with `status` and reaches no function.
void request_tell_refusal(const connection *self, unsigned status);

/// Cancels a suspended request's run and lets its connection end.
void request_abandon(connection *self);

#endif
