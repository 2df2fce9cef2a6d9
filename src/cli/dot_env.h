// Reading files of settings, as `.env` is written for many programs.
//
//     # what git does not have
//     SMTP_HOST=localhost           # blanks before it make this a comment
//     export GREETING="Hello, you\nand you"
//     KEY='-----BEGIN PRIVATE KEY-----
//     ...
//     -----END PRIVATE KEY-----'
//
// A line each. Between ' nothing means anything but itself; between " there are \n, \r, \t, \" and \\, and any other
// character behind \ means itself; both may go over lines. What is not quoted goes up to the line's end or a comment.
// Nothing is put in for $NAME. A byte-order mark and the ends of lines of other systems are taken for what they are.
#ifndef CLI_DOT_ENV_H
#define CLI_DOT_ENV_H

#include "base/text.h"
#include "ubiq/error.h"

typedef struct dot_env_setting {
  char *name, *value;
} dot_env_setting;

/// Settings in the order in which they stand; a name may be there more than once.
typedef struct dot_env {
  dot_env_setting *settings;
  size_t count;
} dot_env;

/// Reads `content`; `path` is for messages, which tell no value: it may be a password. `*out` is the caller's, for
/// dot_env_free, also on failure. Errors: `invalid_input` with the line; out of memory.
ubiq_error *dot_env_parse(const char *path, text content, dot_env *out);

void dot_env_free(dot_env *self);

#endif
