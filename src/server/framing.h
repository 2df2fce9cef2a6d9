// How long a request says that its body is. Whatever two readers could understand in two ways (RFC 9112, sections 3.2, 5,
// 6.1 and 6.3) is refused, so that no proxy in front of the server takes for one request what the server takes for two.
#ifndef SERVER_FRAMING_H
#define SERVER_FRAMING_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct framing {
  bool has_body;
  uint64_t body_bytes; ///< as announced; 0 when it comes in chunks
  unsigned status;     ///< 0, or the status of the refusal: the connection is good for nothing more
  const char *problem; ///< why it is refused; a constant
} framing;

/// Looks at the headers of a request, all of which have come: Content-Length, Transfer-Encoding, and whether there is
/// anything malformed among them. `version` is that of the request line.
framing framing_read(struct MHD_Connection *mhd, const char *version);

#endif
