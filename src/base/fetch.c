/// The blocking calls: a multi handle of libcurl with one transfer in it, polled on the caller's thread, so that a
/// caller can be heard between two waits.
#include "base/fetch.h"

#include "base/fetch_transfer.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>

enum {
  ASK_EVERY_MS = 50,     ///< longest wait between two questions whether the request is cancelled
  WAIT_MAX_MS = 1000,    ///< longest wait when nobody is to be asked
  CONNECTIONS_KEPT = 16, ///< idle connections that a client keeps
};

struct fetch_client {
  CURLM *multi; ///< owned; holds no transfer between two calls
};

ubiq_error *fetch_client_new(fetch_client **client) {
  *client = NULL;
  ubiq_error *error = fetch_transfer_init();
  if (error) return error;
  fetch_client *self = calloc(1, sizeof *self);
  if (!self) return ubiq_error_no_memory();
  self->multi = curl_multi_init();
  if (!self->multi || curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT) != CURLM_OK) {
    fetch_client_delete(self);
    return ubiq_error_no_memory();
  }
  *client = self;
  return NULL;
}

void fetch_client_delete(fetch_client *client) {
  if (!client) return;
  curl_multi_cleanup(client->multi);
  free(client);
}

/// One call: what the wait needs to know.
typedef struct call {
  CURLM *multi;
  fetch_transfer *transfer;
  const fetch_interrupt *interrupt; ///< NULL when there is none
  bool watch_wake;                  ///< `wake_fd` has not been readable yet
} call;

static ubiq_error *cancelled(const call *self) {
  return ubiq_error_new(UBIQ_CANCELLED, "HTTP request to %s: cancelled", fetch_transfer_shown(self->transfer));
}

static bool is_cancelled(const call *self, bool woken) {
  const fetch_interrupt *interrupt = self->interrupt;
  if (!interrupt) return false;
  return interrupt->cancelled ? interrupt->cancelled(interrupt->user) : woken;
}

static void tell_sent(const call *self) {
  curl_off_t bytes = 0;
  if (!self->interrupt || !self->interrupt->sent) return;
  if (curl_easy_getinfo(fetch_transfer_easy(self->transfer), CURLINFO_SIZE_UPLOAD_T, &bytes) == CURLE_OK)
    self->interrupt->sent(self->interrupt->user, (uint64_t)bytes);
}

/// Waits for the network, for `wake_fd`, or for the time to ask again.
static ubiq_error *wait_a_while(call *self) {
  struct curl_waitfd wake = {.fd = self->watch_wake ? self->interrupt->wake_fd : -1, .events = CURL_WAIT_POLLIN};
  bool ask = self->interrupt && (self->interrupt->cancelled || self->interrupt->sent);
  CURLMcode code = curl_multi_poll(self->multi, self->watch_wake ? &wake : NULL, self->watch_wake ? 1 : 0,
                                   ask ? ASK_EVERY_MS : WAIT_MAX_MS, NULL);
  if (code != CURLM_OK) return ubiq_error_new(UBIQ_INTERNAL, "waiting for the network: %s", curl_multi_strerror(code));
  bool woken = self->watch_wake && wake.revents != 0;
  tell_sent(self);
  if (woken) self->watch_wake = false; // it stays readable: watching on would be a busy loop
  return is_cancelled(self, woken) ? cancelled(self) : NULL;
}

/// Whether the transfer's hop has ended, and with what.
static bool hop_ended(const call *self, CURLcode *result) {
  int left = 0;
  for (CURLMsg *message; (message = curl_multi_info_read(self->multi, &left)) != NULL;) {
    if (message->msg != CURLMSG_DONE) continue;
    *result = message->data.result;
    return true;
  }
  return false;
}

static ubiq_error *drive_hop(call *self, CURLcode *result) {
  for (;;) {
    int running = 0;
    CURLMcode code = curl_multi_perform(self->multi, &running);
    if (code != CURLM_OK) return ubiq_error_new(UBIQ_INTERNAL, "driving a request: %s", curl_multi_strerror(code));
    if (hop_ended(self, result)) return NULL;
    ubiq_error *error = wait_a_while(self);
    if (error) return error;
  }
}

static ubiq_error *drive(call *self) {
  CURL *easy = fetch_transfer_easy(self->transfer);
  CURLcode result = CURLE_OK;
  do {
    if (is_cancelled(self, false)) return cancelled(self);
    if (curl_multi_add_handle(self->multi, easy) != CURLM_OK) return ubiq_error_no_memory();
    ubiq_error *error = drive_hop(self, &result);
    curl_multi_remove_handle(self->multi, easy);
    if (error) return error;
  } while (fetch_transfer_next(self->transfer, result));
  return NULL;
}

ubiq_error *fetch_client_perform(fetch_client *client, const fetch_request *request, const fetch_interrupt *interrupt,
                                 fetch_response *response) {
  *response = (fetch_response){0};
  call self = {.multi = client->multi, .interrupt = interrupt, .watch_wake = interrupt && interrupt->wake_fd >= 0};
  ubiq_error *error = fetch_transfer_new(request, FETCH_BODY_BORROWED, &self.transfer);
  if (error) return error;
  error = drive(&self);
  if (!error) error = fetch_transfer_take(self.transfer, response);
  fetch_transfer_delete(self.transfer);
  return error;
}

ubiq_error *fetch_perform(const fetch_request *request, const fetch_interrupt *interrupt, fetch_response *response) {
  *response = (fetch_response){0};
  fetch_client *client = NULL;
  ubiq_error *error = fetch_client_new(&client);
  if (error) return error;
  assert(client);
  error = fetch_client_perform(client, request, interrupt, response);
  fetch_client_delete(client);
  return error;
}
