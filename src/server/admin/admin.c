// A libmicrohttpd daemon with a thread for each connection: there are few, and what they ask for may take long.
#include "server/admin/admin.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/admin/admin_connections.h"
#include "server/admin/admin_routes.h"
#include "server/admin/admin_tokens.h"
#include "server/front/address.h"
#include "server/front/head_room.h"
#include "server/front/tls.h"
#include "server/telemetry/log_ring.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  CONNECTIONS_MAX = 32,
  STALLED_SECONDS = 20,          ///< a connection on which no byte moves so long is closed
  BODY_WAIT_MS = 10 * 60 * 1000, ///< for a bundle to come
  CONNECTION_MEMORY_BYTES = HEAD_MEMORY_BYTES,
};

struct admin {
  admin_settings settings;
  address address;
  char *url;
  int listener; ///< owned until the daemon is started; -1 then
  admin_context context;
  struct MHD_Daemon *daemon;
  tls *tls; ///< borrowed; NULL: none
  admin_connections connections;
};

static ubiq_error *open_all(admin *self) {
  ubiq_error *error = address_parse("admin", self->settings.listen, &self->address);
  if (error == NULL) error = address_listen(&self->address, 1, &self->listener);
  if (error == NULL) error = admin_tokens_new(&self->context.tokens);
  return error != NULL ? error : admin_routes_new(&self->context.router);
}

ubiq_error *admin_new(const admin_settings *settings, admin **out) {
  admin *self = calloc(1, sizeof *self);
  if (self == NULL) return ubiq_error_no_memory();
  self->settings = *settings;
  self->listener = -1;
  self->context.logs = settings->logs;
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

static void notice(void *user, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode code) {
  admin *self = user;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = info == NULL ? NULL : admin_connection_new(&self->connections, info->connect_fd);
  } else {
    admin_connection_delete(*context);
    *context = NULL;
  }
}

/// GnuTLS asks what to show. A session's pointer is libmicrohttpd's connection.
static int show(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **chain,
                unsigned *count, gnutls_ocsp_data_st **ocsp, unsigned *ocsp_count, gnutls_privkey_t *key,
                unsigned *flags) {
  (void)info;
  *ocsp = NULL;
  *ocsp_count = 0;
  struct MHD_Connection *mhd = gnutls_session_get_ptr(session);
  const admin_connection *connection = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
  return connection == NULL ? -1 : tls_show(((admin *)connection->all->user)->tls, chain, count, key, flags);
}

/// What would have an end in its middle stays escaped, which no path and no value of ours is.
static size_t unescape(void *user, struct MHD_Connection *mhd, char *text) {
  (void)user;
  (void)mhd;
  return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
}

static struct MHD_Daemon *start_daemon(admin *self) {
  const struct MHD_OptionItem tls_options[] = {{MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)(uintptr_t)show},
                                               {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
                                               {MHD_OPTION_END, 0, NULL}};
  unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
  if (self->tls != NULL) flags |= MHD_USE_TLS;
  return MHD_start_daemon(flags, 0, NULL, NULL, admin_request_handle, &self->context,                           //
                          MHD_OPTION_LISTEN_SOCKET, self->listener,                                             //
                          MHD_OPTION_NOTIFY_CONNECTION, notice, self,                                           //
                          MHD_OPTION_URI_LOG_CALLBACK, admin_request_announced, NULL,                           //
                          MHD_OPTION_NOTIFY_COMPLETED, admin_request_completed, &self->context,                 //
                          MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,                                         //
                          MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,                               //
                          MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)STALLED_SECONDS,                             //
                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,                  //
                          MHD_OPTION_STRICT_FOR_CLIENT, 0, /* else heads that are too long may get no answer */ //
                          MHD_OPTION_ARRAY, self->tls != NULL ? tls_options : &tls_options[2],                  //
                          MHD_OPTION_END);
}

/// The process's signals are for its own thread, which expects them.
static ubiq_error *start_quietly(admin *self) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  self->daemon = start_daemon(self);
  int number = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  self->listener = -1; // the daemon's; closed by it also on failure
  if (self->daemon != NULL) return NULL;
  return ubiq_error_new(UBIQ_INTERNAL, "the admin API cannot be started: %s", strerror(number));
}

ubiq_error *admin_start(admin *self, releases *releases, server *server, tls *tls) {
  self->context.settings = &self->settings;
  self->context.releases = releases;
  self->context.server = server;
  self->context.began_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  self->tls = tls;
  self->url = address_url(&self->address, tls != NULL);
  if (self->url == NULL) return ubiq_error_no_memory();
  if (tls == NULL && !address_is_loopback(&self->address))
    log_warn("the admin API listens beyond this machine, where tokens can be read on the way; expected "
             "--tls-certificate, or a proxy with TLS before it");
  ubiq_error *error = admin_connections_start(&self->connections, self, self->settings.header_wait_ms, BODY_WAIT_MS);
  return error != NULL ? error : start_quietly(self);
}

const char *admin_url(const admin *self) {
  return self->url;
}

void admin_delete(admin *self) {
  if (self == NULL) return;
  log_ring_close(self->context.logs); // or those who follow would be waited for
  if (self->daemon != NULL) MHD_stop_daemon(self->daemon);
  admin_connections_end(&self->connections);
  if (self->listener >= 0) close(self->listener);
  router_delete(self->context.router);
  admin_tokens_delete(self->context.tokens);
  free(self->url);
  free(self);
}
