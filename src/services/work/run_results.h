// What came of runs that nobody waits for: kept in memory for an hour after their end, so many and so much of them as there
// is room for. Where there is none, no further run is begun. They end with the process.
//
// LOCKS: one, held while a result is copied. Any thread.
#ifndef SERVICES_WORK_RUN_RESULTS_H
#define SERVICES_WORK_RUN_RESULTS_H

#include "base/text.h"
#include "ubiq/error.h"

enum {
  RUN_RESULTS_MAX = 10000,
  RUN_RESULTS_BYTES_MAX = 64 << 20, ///< of all outputs together
  RUN_RESULTS_KEPT_S = 3600,
  RUN_ID_SIZE = 41, ///< bytes of an id's text, NUL included
};

typedef struct run_results run_results;

/// NULL when memory is out. The caller's.
UBIQ_NODISCARD run_results *run_results_new(void);
/// NULL is allowed.
void run_results_delete(run_results *self);

/// Notes a run that is about to begin, and makes its id. Errors: `busy` when there is no room; out of memory.
ubiq_error *run_results_add(run_results *self, text project, text function, char id[RUN_ID_SIZE]);

/// Notes that it has its turn now.
void run_results_begin(run_results *self, const char *id);

/// Notes that it waits again: for another attempt, or because it found no place.
void run_results_wait(run_results *self, const char *id);

/// Forgets a run that was not begun.
void run_results_drop(run_results *self, const char *id);

/// What an output is: empty for JSON, else text or bytes.
text run_results_type(ubiq_bytes output);

/// Notes its end: with an error, borrowed, or with its output, which is copied. One that finds no room has failed with `quota`. Of one
/// that ends twice, because it was begun again when its first end could not be written down, the first end stays.
void run_results_end(run_results *self, const char *id, const ubiq_error *error, ubiq_bytes output, text media_type);

/// Appends how a run of the project stands, as the API's `Run`. False, and nothing is appended, when there is none of that id.
UBIQ_NODISCARD bool run_results_find(run_results *self, text project, text id, buffer *out, ubiq_error **error);

#endif
