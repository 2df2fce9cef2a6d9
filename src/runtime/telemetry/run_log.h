// A file with a line of JSON for each run, and for each request that was refused without one (run_log_line.h).
//
// DESIGN: each worker has a writer with a buffer, which it writes out with one write(2) when much has come together, and
// else a fifth of a second after the first line. The file is opened for appending; a writer that wrote half a line is the
// only one who writes until it has written the rest. What cannot be written stays in the buffer and is tried again; what
// finds no room there is dropped and counted, and a warning a minute says so. Nobody waits for a disk or a reader.
//
// LOCKS: one for the file. Workers only try it: who finds it taken writes a little later. Only a writer that ends waits for
// it, for the end of another's half line, and for a reader: all of them together for no longer than a second from when the
// first of them had to.
#ifndef RUNTIME_TELEMETRY_RUN_LOG_H
#define RUNTIME_TELEMETRY_RUN_LOG_H

#include "runtime/telemetry/refusal.h"
#include "runtime/telemetry/run_record.h"

#include <uv.h>

typedef struct run_log run_log;
typedef struct run_log_writer run_log_writer;

enum {
  RUN_LOG_WRITE_BYTES = 64 << 10,   ///< that are written at once
  RUN_LOG_BUFFER_BYTES = 256 << 10, ///< of a writer
  RUN_LOG_DELAY_MS = 200,
};

/// Opens a file for appending, made with mode 0640 if need be; "-" is standard output. `path` is borrowed; `*out` is the
/// caller's. Errors: those of opening a file.
ubiq_error *run_log_open(const char *path, run_log **out);

/// Opens the file by its name anew, after somebody moved it. Errors: as run_log_open; what is open stays so then. Any thread.
ubiq_error *run_log_reopen(run_log *self);

/// Lines that nobody will see. Any thread.
uint64_t run_log_dropped(const run_log *self);

/// After all writers have ended. NULL is allowed.
void run_log_close(run_log *self);

/// A writer for the thread of `loop`. NULL when memory is out.
run_log_writer *run_log_writer_new(run_log *log, uv_loop_t *loop);

void run_log_add(run_log_writer *self, const run_record *record);
void run_log_add_refusal(run_log_writer *self, const refusal_record *record);

/// Writes what is left, and ends the writer with its handle on the loop. What a reader does not take within a second, which
/// all writers that end share, is dropped. NULL is allowed.
void run_log_writer_close(run_log_writer *self);

#endif
