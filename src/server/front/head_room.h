// Whether the head of an answer fits beside the head of its request.
//
// Both lie in the memory that libmicrohttpd has for a connection. Where an answer's does not fit it closes the connection without
// a word, so it has to be known before.
#ifndef SERVER_FRONT_HEAD_ROOM_H
#define SERVER_FRONT_HEAD_ROOM_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

enum {
  HEAD_MEMORY_BYTES = 16 * 1024, ///< for a connection
  HEAD_ROOM_MIN = 512,           ///< for the head of an answer; a request that leaves less is refused
};

/// What a request leaves for the head of its answer, beside what the server itself says in each; 0 when that is nothing. From the
/// request's headers on.
size_t head_room(struct MHD_Connection *mhd);

/// Whether a request leaves HEAD_ROOM_MIN.
bool head_leaves_room(struct MHD_Connection *mhd);

/// Whether a request line leaves HEAD_ROOM_MIN: each part of its query takes memory. `target` is `size` bytes.
bool head_target_fits(const char *target, size_t size);

/// What the headers of an answer take of it.
size_t head_bytes(struct MHD_Response *response);

/// Keeps libmicrohttpd from taking the request's cookies apart, which nobody here asks for: it does so in a copy of
/// theirs, and where there is no room for that it may close the connection without a word. Once the request's first
/// line has come.
void head_leave_cookies(struct MHD_Connection *mhd);

/// Says something past libmicrohttpd, which then has to close the connection. What does not go out at once is the client's loss.
void head_tell(struct MHD_Connection *mhd, int socket, const char *message);

/// Whether a value among the headers is what head_leave_cookies put there, and nothing that the client sent.
bool head_is_ours(const char *value);

#endif
