// Answers made of files: conditions, ranges, and how long they may be kept (RFC 9110, sections 13 and 14; RFC 9111). The
// worker's thread only.
#ifndef SERVER_FRONT_FILE_ANSWER_H
#define SERVER_FRONT_FILE_ANSWER_H

#include "server/front/connection.h"

/// Answers the connection's request with a file. `match` is how its route was found: its last value is the path below the
/// folder.
answer answer_file(const connection *self, const static_files *files, const router_match *match);

#endif
