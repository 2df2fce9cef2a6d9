// How far something has come, on standard error while that is a terminal: one line that is drawn again and again.
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "ubiq/base.h"

typedef struct progress {
  bool is_shown;  ///< standard error is a terminal
  bool was_done;  ///< when it was drawn last
  bool has_line;  ///< something is drawn
  uint64_t total; ///< bytes; 0: nobody knows
  uint64_t began_ns;
  uint64_t drawn_ns; ///< when it was drawn last
} progress;

void progress_begin(progress *self, uint64_t total);

/// Draws `doing` with a bar for `done` bytes, a few times a second; without a total, or when all is done, `then` with the
/// seconds that have passed.
void progress_draw(progress *self, const char *doing, uint64_t done, const char *then);

/// Takes the line away.
void progress_end(progress *self);

#endif
