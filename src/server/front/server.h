// A server: workers, each with an HTTP front, that share one address and serve one release at a time.
#ifndef SERVER_FRONT_SERVER_H
#define SERVER_FRONT_SERVER_H

#include "runtime/release/release.h"
#include "runtime/run/worker.h"
#include "server/front/settings.h"
#include "services/services.h"
#include "services/work/errand.h"

typedef struct server server;

/// Whether the settings' address can be listened at now, for who makes the server only later. Errors: those of
/// server_new for the address.
ubiq_error *server_check(const server_settings *settings);

/// Binds the address and starts the workers; when it returns, requests are taken. `settings` is copied but for its
/// strings, which must live as long as the server; `release` gets more owners. `*out` is the caller's. Errors:
/// `invalid_input`, `not_found`, `unavailable` and `denied` for the address; `internal`.
ubiq_error *server_new(const server_settings *settings, release *release, server **out);

/// `http://HOST:PORT`, with the port that was taken. Lives as long as the server.
const char *server_url(const server *self);

/// What functions, and others, may ask for; without what is a worker's own.
services server_services(const server *self);

/// Has a worker run a function that no request waits for. Any thread.
void server_take_errand(server *self, errand *errand);

/// What its workers count; NULL where neither the admin API nor an exporter could tell. Lives as long as the server.
metrics *server_metrics(const server *self);

/// The run log that it was given; NULL: none.
const run_log *server_run_log(const server *self);

/// The exporter that it was given; NULL: none.
const struct otlp *server_otlp(const server *self);

/// Whether all workers serve what they were last given, and none is about to stop. Any thread.
bool server_is_ready(const server *self);

/// Begins to fill the pools of a release that server_use or server_share is to be given next. Any thread, one at a time.
void server_prepare(server *self, release *release);

/// Waits until all workers have filled them as far as they get, or the server stops. False: not within that time. Any thread but
/// the workers'.
bool server_await(server *self, const release *release, uint64_t time_ms);

/// Lets new requests have `current`, and `canary_percent` of a hundred of them `canary`, unless that is NULL; no request is dropped. Waits
/// for nothing. Any thread, one at a time.
void server_share(server *self, release *current, release *canary, uint32_t canary_percent);

/// Has the project of a release do by itself what that says, and no more what one before said. Waits until that is on the disk; false,
/// with a line in the log, when it could not be written down: it stays as it was. server_new does it, too. Any thread, one at a time.
bool server_apply_triggers(const server *self, const release *release);

/// Both, for a release that is all that is served.
void server_use(server *self, release *release);

/// Asks the server to stop; settings.stopped tells when it has. A harder wish overrides the first. The thread that made
/// the server.
void server_stop(server *self, worker_stop how);

/// Stops what still runs at once, waits for the threads, and ends the server. NULL is allowed.
void server_delete(server *self);

#endif
