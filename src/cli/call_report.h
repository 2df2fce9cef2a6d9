// What `ubiq call` puts on standard output: outputs as they are, or with --json one object a call on a line of its own.
#ifndef CLI_CALL_REPORT_H
#define CLI_CALL_REPORT_H

#include "base/buffer.h"
#include "ubiq/error.h"

/// What a call came to.
typedef struct call_result {
  ubiq_bytes printed;      ///< what the guest wrote to its standard output, where that is the result
  ubiq_bytes output;       ///< what it answered
  const ubiq_error *error; ///< NULL: it did
  bool was_called;         ///< else it failed before: there is nothing but the error
  uint64_t duration_us;    ///< of the call, without compiling
  uint64_t memory_bytes;   ///< linear memory in use behind it, kernel and modules
  bool counts_fuel;
  uint64_t fuel; ///< used by the call
} call_result;

/// Appends the object and a line break:
///   {"output": "...", "duration_us": 12, "memory_bytes": 131072, "fuel": 345}
///   {"error": {"class": "guest_error", "message": "...", "code": 3}, "duration_us": ...}
/// An output that is not UTF-8 is "output_base64"; `code` is there for `guest_error` only. False when memory is out.
UBIQ_NODISCARD bool call_report_json(buffer *out, const call_result *result);

/// Writes to standard output and flushes. Errors: `unavailable` when nobody reads it any more, those of file_error.
ubiq_error *call_report_write(ubiq_bytes bytes);

#endif
