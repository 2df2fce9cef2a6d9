// How long a request says that its body is. Whatever two readers could understand in two ways (RFC 9112, sections 3.2, 5,
// 6.1 and 6.3) is refused, so that no proxy in front of the server takes for one request what the server takes for two.
//
// libmicrohttpd hands out C strings, cuts them at a NUL, and puts folded lines together in its own way. It parses in
// place, though, so that the parts of a head must lie in its buffer one right behind the other: a gap is refused. Two
// things remain unseen: a NUL right before a line's end that is a lone LF, which looks as CR LF does, and what is wrong
// in the trailers of a body in chunks.
#ifndef SERVER_FRONT_FRAMING_H
#define SERVER_FRONT_FRAMING_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

/// A request line as libmicrohttpd has it: places in its buffer.
typedef struct request_line {
  const char *method, *url, *version;
  size_t target_bytes; ///< of the URL with its query, up to the first blank or NUL
} request_line;

typedef struct framing {
  bool has_body;
  uint64_t body_bytes; ///< as announced; 0 when it comes in chunks
  unsigned status;     ///< 0, or the status of the refusal: the connection is good for nothing more
  const char *problem; ///< why it is refused; a constant
} framing;

/// Looks at the headers of a request, all of which have come: Content-Length, Transfer-Encoding, and whether there is
/// anything malformed among them or in the request line. From libmicrohttpd's first call of the request's handler alone.
framing framing_read(struct MHD_Connection *mhd, const request_line *line);

#endif
