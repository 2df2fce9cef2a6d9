// The HTTP front of one worker: a libmicrohttpd daemon on the worker's loop.
//
// The daemon polls with an epoll descriptor of its own, which the loop polls in turn. It listens on a socket that shares
// its port with the other workers' (SO_REUSEPORT). A request whose run does not finish at once has its connection
// suspended until it does. libmicrohttpd does not see that a client leaves while its connection is suspended, nor, at
// times, when the end comes along with the last bytes, so sockets are watched for it with a second epoll descriptor.
#ifndef SERVER_FRONT_FRONT_H
#define SERVER_FRONT_FRONT_H

#include "server/front/connection.h"
#include "server/front/drain.h"
#include "server/front/settings.h"

typedef struct connections {
  connection *first, *last;
} connections;

typedef struct front {
  const server_settings *settings;
  worker *worker;
  struct MHD_Daemon *daemon;
  int listener;            ///< owned until the daemon is stopped; -1 once accepting has ended
  int hangups_fd;          ///< epoll descriptor that tells of clients that leave
  uv_poll_t traffic;       ///< on the daemon's epoll descriptor
  uv_poll_t hangups;       ///< on `hangups_fd`
  uv_timer_t housekeeping; ///< looks at deadlines; runs while there are connections
  uv_idle_t again;         ///< the daemon has more to do; a timer of 0 that starts itself anew would starve the loop
  uv_timer_t later;        ///< the same, where it does nothing when it has its turn
  uv_timer_t grace;        ///< after a graceful stop
  connections lists[CONNECTION_LISTS];
  drains drains;                       ///< of connections that have ended
  uint64_t times_ms[CONNECTION_LISTS]; ///< how long a connection may stay in a list; UINT64_MAX: any time
  size_t count;                        ///< connections in all lists
  uint64_t held_bytes;                 ///< of bodies and answers, of all connections
  uint64_t calls;                      ///< of the daemon to us
  unsigned barren_turns;               ///< of the daemon one after the other in which it did not call us
  bool lost;                           ///< a connection, in this round of the daemon
  bool resumed;                        ///< connections were resumed since the daemon ran
  worker_stop stopping;
  uint64_t stopping_since_ms;
} front;

/// Makes a front on a worker that is not started yet. `settings` and `worker` are borrowed; `listener` is taken over,
/// also on failure. `*out` is the caller's. Errors: `internal`.
ubiq_error *front_new(const server_settings *settings, worker *worker, int listener, front **out);

/// worker_events.after_runs: answers may go out. `user` is the front.
void front_after_runs(void *user);

/// worker_events.stop. `user` is the front.
void front_stop(void *user, worker_stop how);

/// Counts a connection that came (1) or went (-1).
void front_connections(front *self, int change);

/// Stops the daemon and closes what the front has on the loop, where its worker was never started.
void front_close(front *self);

/// Frees a front whose worker's thread has ended, or was never started.
void front_delete(front *self);

#endif
