// The files of `--tls-certificate` and `--tls-key`: read, and read again when they change.
#ifndef CLI_SERVING_TLS_H
#define CLI_SERVING_TLS_H

#include "server/front/tls.h"

#include <uv.h>

enum { SERVING_TLS_QUIET_MS = 200 }; ///< nothing has happened for so long: the files are complete

typedef struct serving_tls {
  // From the command line; NULL: no TLS.
  const char *certificate_file, *key_file;

  tls *tls;            ///< owned
  uv_timer_t quiet;    ///< open while there is TLS
  uv_fs_event_t at[2]; ///< on the folders that the two files are in
} serving_tls;

/// Reads the files, when there are any. Errors: those of tls_new; `invalid_input` when one of the two is not named.
ubiq_error *serving_tls_read(serving_tls *self);

/// Watches the files from now on.
void serving_tls_watch(serving_tls *self, uv_loop_t *loop);

/// Closes what is on the loop. Once, when it was watched.
void serving_tls_unwatch(serving_tls *self);

/// Ends what was read; after the server.
void serving_tls_free(serving_tls *self);

#endif
