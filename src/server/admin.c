// A libmicrohttpd daemon with a thread for each connection: there are few, and what they ask for may take long.
#include "server/admin.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/address.h"
#include "server/admin_routes.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  CONNECTIONS_MAX = 32,
  STALLED_SECONDS = 20, ///< a connection on which no byte moves so long is closed
  CONNECTION_MEMORY_BYTES = 16 * 1024,
};

struct admin {
  admin_settings settings;
  address address;
  char *url;
  int listener; ///< owned until the daemon is started; -1 then
  admin_context context;
  struct MHD_Daemon *daemon;
};

static ubiq_error *open_all(admin *self) {
  ubiq_error *error = address_parse("admin", self->settings.listen, &self->address);
  if (error == NULL) error = address_listen(&self->address, 1, &self->listener);
  if (error == NULL) error = admin_routes_new(&self->context.router);
  if (error == NULL && (self->url = address_url(&self->address, false)) == NULL) error = ubiq_error_no_memory();
  if (error == NULL && !address_is_loopback(&self->address))
    log_warn("the admin API listens beyond this machine, where tokens can be read on the way: put TLS before it");
  return error;
}

ubiq_error *admin_new(const admin_settings *settings, admin **out) {
  admin *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->settings = *settings;
  self->listener = -1;
  ubiq_error *error = open_all(self);
  if (error == NULL)
    *out = self;
  else
    admin_delete(self);
  return error;
}

const struct sockaddr_storage *admin_address(const admin *self) {
  return &self->address.storage;
}

const char *admin_url(const admin *self) {
  return self->url;
}

static struct MHD_Daemon *start_daemon(admin *self) {
  return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL, 0, NULL, NULL,
                          admin_request_handle, &self->context,                                 //
                          MHD_OPTION_LISTEN_SOCKET, self->listener,                             //
                          MHD_OPTION_NOTIFY_COMPLETED, admin_request_completed, &self->context, //
                          MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,               //
                          MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)STALLED_SECONDS,             //
                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,  //
                          MHD_OPTION_STRICT_FOR_CLIENT, 1,                                      //
                          MHD_OPTION_END);
}

ubiq_error *admin_start(admin *self, releases *releases, server *server) {
  sigset_t all, before;
  self->context.settings = &self->settings;
  self->context.releases = releases;
  self->context.server = server;
  self->context.began_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  sigfillset(&all); // the process's signals are for its own thread, which expects them
  pthread_sigmask(SIG_BLOCK, &all, &before);
  self->daemon = start_daemon(self);
  int number = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  self->listener = -1; // the daemon's; closed by it also on failure
  if (self->daemon != NULL) return NULL;
  return ubiq_error_new(UBIQ_INTERNAL, "the admin API cannot be started: %s", strerror(number));
}

void admin_delete(admin *self) {
  if (self == NULL) return;
  if (self->daemon != NULL) MHD_stop_daemon(self->daemon);
  if (self->listener >= 0) close(self->listener);
  router_delete(self->context.router);
  free(self->url);
  free(self);
}
