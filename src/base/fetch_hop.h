/// One hop of a request: one HTTP exchange, on the easy handle of its transfer.
///
/// Shared by base/fetch_hop.c, which knows libcurl's options and callbacks, and base/fetch_transfer.c, which knows how
/// hops follow each other. Nobody else looks into a transfer.
#ifndef UBIQ_BASE_FETCH_HOP_H
#define UBIQ_BASE_FETCH_HOP_H

#include "base/fetch_transfer.h"
#include "base/fetch_url.h"

/// Where the bytes of a hop's body go.
typedef enum body_fate { BODY_UNKNOWN, BODY_KEPT, BODY_SKIPPED } body_fate;

struct fetch_transfer {
  CURL *easy;               ///< owned
  struct curl_slist *lines; ///< owned; the headers of the hop
  char *method;             ///< owned; of the hop
  char *user;               ///< owned; basic authentication, gone when a redirect leaves the origin
  char *password;           ///< owned
  uint8_t *copy;            ///< owned; the body when it is a copy
  const uint8_t *body;      ///< of the hop; NULL when it has none
  size_t body_size;
  uint64_t response_bytes_max;
  uint64_t timeout_ms;  ///< of the whole, for messages; 0 is none
  uint64_t deadline_ns; ///< monotonic; 0 is none
  fetch_policy policy;  ///< what its pointers lead to is the caller's
  const net_gate *gate; ///< of the hop; borrowed from the policy
  fetch_url url;        ///< of the hop
  int redirects;        ///< followed so far
  int redirects_max;    ///< how many may be
  bool gzip;            ///< unpack bodies
  bool zstd;            ///< these, too
  bool keeps_redirects; ///< no redirect is followed
  bool block_ended;     ///< the hop's header block has ended: what comes now are trailers
  body_fate fate;       ///< of the hop's body
  size_t header_bytes;  ///< of the hop, all blocks
  size_t skipped_bytes; ///< of the hop's body, when it is skipped
  ubiq_error *refused;  ///< owned; why the last address was not connected to. Others may be good
  ubiq_error *failure;  ///< owned; why we ended the hop, or why the request has failed
  fetch_response response;
  char reason[CURL_ERROR_SIZE]; ///< libcurl's words on the hop's failure
};

/// Asks the policy about `url` and makes the easy handle ready for it, from nothing: no option of the hop before stays.
ubiq_error *fetch_hop_set_up(fetch_transfer *self);

/// The status that the hop was answered with; 0 when it was not.
long fetch_hop_status(const fetch_transfer *self);

/// Where the answer redirects to; NULL when it is the last one. Borrowed until the next hop.
const char *fetch_hop_location(const fetch_transfer *self);

/// Whether we ended the hop because its answer is a redirect with a body too long to be worth reading.
bool fetch_hop_was_skipped(const fetch_transfer *self);

/// Why the hop failed with `result`, when it was not we who ended it.
ubiq_error *fetch_hop_error(fetch_transfer *self, CURLcode result);

/// The error of a request whose time is over.
ubiq_error *fetch_hop_timed_out(const fetch_transfer *self);

#endif
