/// One request under way, whoever drives it: a libcurl easy handle set up for one hop after the other.
///
/// The driver adds `fetch_transfer_easy` to its multi handle; when libcurl says that the hop is over, the driver takes
/// it out and asks `fetch_transfer_next`: either another hop is ready on the same easy handle (add it again), or the
/// result can be taken. Redirects are followed here, hop by hop, and not by libcurl, so that nothing is sent anywhere
/// before the policy has seen it.
#ifndef UBIQ_BASE_FETCH_TRANSFER_H
#define UBIQ_BASE_FETCH_TRANSFER_H

#include "base/fetch.h"

#include <curl/curl.h>

typedef struct fetch_transfer fetch_transfer;

/// Whether the request's body is copied or stays the caller's until the transfer is deleted.
typedef enum fetch_body_owner { FETCH_BODY_BORROWED, FETCH_BODY_COPIED } fetch_body_owner;

/// Initialises libcurl, once in the life of the process. Errors: `internal`.
ubiq_error *fetch_transfer_init(void);

/// Checks the request, asks the policy about its URL and sets up the first hop. Everything of the request but the
/// policy (and a borrowed body) may go away afterwards. Errors: `invalid_input`, `denied`, `internal`, the policy's.
ubiq_error *fetch_transfer_new(const fetch_request *request, fetch_body_owner owner, fetch_transfer **transfer);

/// Ends a transfer, which must be in no multi handle. NULL is allowed.
void fetch_transfer_delete(fetch_transfer *transfer);

/// The handle to add to a multi handle. Its CURLINFO_PRIVATE is the driver's: `fetch_transfer_set_driver`.
CURL *fetch_transfer_easy(fetch_transfer *transfer);

/// Sets what CURLINFO_PRIVATE of the handle is.
void fetch_transfer_set_driver(fetch_transfer *transfer, void *driver);

/// A hop has ended with `result`: true when another one is set up, false when the request is finished.
bool fetch_transfer_next(fetch_transfer *transfer, CURLcode result);

/// Takes the result of a finished transfer: an error, which is the caller's, or a response, which is moved out.
ubiq_error *fetch_transfer_take(fetch_transfer *transfer, fetch_response *response);

/// The URL that the transfer is at, for messages. Borrowed until the next hop.
const char *fetch_transfer_shown(const fetch_transfer *transfer);

#endif
