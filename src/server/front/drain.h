// What clients still send on connections that have ended.
//
// A client that sends a head or a body that is too long is answered before all of it has come. Were its socket closed
// at once, the system would answer the rest with a reset, and a client that gets one may drop the answer unread. So the
// rest is read and dropped for a while, past libmicrohttpd, which has closed its own descriptor. The worker's thread
// only.
#ifndef SERVER_FRONT_DRAIN_H
#define SERVER_FRONT_DRAIN_H

#include <stddef.h>
#include <uv.h>

enum {
  DRAINS_MAX = 64, ///< of a worker at a time; the others are closed at once
  DRAIN_MS = 2000,
  DRAIN_BYTES_MAX = 16 << 20,
};

typedef struct drain drain;

typedef struct drains {
  uv_loop_t *loop;
  drain *first;
  size_t count;
} drains;

void drains_open(drains *self, uv_loop_t *loop);

/// Says on the socket that nothing more is answered, and takes what still comes until its end. The descriptor stays the caller's,
/// who closes it.
void drains_add(drains *self, int socket);

/// Ends all of them; their memory is freed by the loop's next turns.
void drains_close(drains *self);

#endif
