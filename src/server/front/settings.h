// How a server is set up; one for all its workers, never changed while they live.
#ifndef SERVER_FRONT_SETTINGS_H
#define SERVER_FRONT_SETTINGS_H

#include "ubiq/base.h"

#include <sys/socket.h>

typedef struct server_settings {
  const char *listen;          ///< HOST:PORT, [IPv6]:PORT; port 0: a free one
  struct listeners *listeners; ///< where it is listened already, for each worker; taken over. NULL: `listen` says it
  unsigned workers;            ///< threads
  uint32_t runs_max;           ///< runs at once, all workers together
  uint32_t queue_max;          ///< runs that wait for a place, all workers together
  uint32_t connections_max;    ///< all workers together
  uint64_t held_bytes_max;     ///< of bodies and answers in memory, all workers together
  uint64_t header_timeout_ms;  ///< from a connection's beginning to the end of its first request's headers
  uint64_t body_timeout_ms;    ///< from the headers' end to the body's
  uint64_t answer_timeout_ms;  ///< for an answer, or each MiB of it, to be taken by the client
  uint64_t idle_timeout_ms;    ///< from an answer to the end of the next request's headers; and without a byte moving
  const struct sockaddr_storage *admin; ///< where the admin API listens; NULL: nowhere. Read by server_new alone
  uint64_t grace_ms;                    ///< what is under way gets so long to finish after a stop was asked for
  struct services *services;            ///< what functions may ask for; NULL: of that what keeps nothing. Borrowed
  struct tls *tls;                      ///< NULL: no TLS. Borrowed
  struct dev_page *dev;                 ///< NULL: it is no `ubiq dev`. Borrowed
  struct otlp *otlp;                    ///< sends what runs did to a collector; NULL: nobody does. Borrowed
  const struct plugin_stubs *stubs;     ///< for functions that are tested; NULL: none. Borrowed
  struct run_log *run_log;              ///< gets a line for each run; NULL: none. Borrowed
  void (*stopped)(void *user);          ///< all workers have ended; called once, on any thread. May be NULL
  void *user;
} server_settings;

static const server_settings server_settings_default = {
    .listen = "127.0.0.1:8080",
    .workers = 1,
    .runs_max = 10000,
    .queue_max = 10000,
    .connections_max = 100000,
    .held_bytes_max = UINT64_C(1) << 30,
    .header_timeout_ms = 10 * 1000,
    .body_timeout_ms = 30 * 1000,
    .answer_timeout_ms = 60 * 1000,
    .idle_timeout_ms = 60 * 1000,
    .grace_ms = 30 * 1000,
};

#endif
