/// Errors: what went wrong, in which class, and because of what.
///
/// Every function of libubiq that can fail returns `ubiq_error *`: NULL is success, anything else is owned by the
/// caller, who passes it on (`ubiq_error_wrap`) or ends it (`ubiq_error_delete`). An error is immutable and may be
/// handed from thread to thread.
#ifndef UBIQ_ERROR_H
#define UBIQ_ERROR_H

#include "ubiq/base.h"

UBIQ_BEGIN

/// The classes of failure: X(identifier, name, HTTP status, exit code, what it means).
///
/// The name is the word in answers, logs and metrics; the exit code is the one of the `ubiq` command.
#define UBIQ_CODES(X)                                                                                                  \
  X(INVALID_INPUT, "invalid_input", 400, 65, "what was passed in is malformed or of the wrong type")                   \
  X(DENIED, "denied", 403, 77, "the permissions do not allow it")                                                      \
  X(NOT_FOUND, "not_found", 404, 66, "no such file, function, module or route")                                        \
  X(TOO_LARGE, "too_large", 413, 79, "larger than a limit allows")                                                     \
  X(BUSY, "busy", 429, 75, "every place is taken; try again later")                                                    \
  X(CANCELLED, "cancelled", 499, 130, "the caller cancelled it or went away")                                          \
  X(GUEST_ERROR, "guest_error", 500, 1, "the function itself reported an error")                                       \
  X(INTERNAL, "internal", 500, 70, "a fault of ours")                                                                  \
  X(TRAP, "trap", 502, 134, "the guest's code did what WebAssembly forbids")                                           \
  X(INVALID_OUTPUT, "invalid_output", 502, 76, "the function answered something that it may not")                      \
  X(MEMORY_LIMIT, "memory_limit", 502, 137, "the guest needed more memory than it is allowed")                         \
  X(UNAVAILABLE, "unavailable", 503, 69, "something that is needed is not there now")                                  \
  X(TIMEOUT, "timeout", 504, 124, "the wall clock's limit passed")                                                     \
  X(CPU_LIMIT, "cpu_limit", 504, 152, "the CPU time or fuel allowed was used up")                                      \
  X(QUOTA, "quota", 507, 73, "a quota of stored things is used up")                                                    \
  X(CONFLICT, "conflict", 409, 78, "what is there does not fit what is asked")

typedef enum ubiq_code {
  UBIQ_OK = 0,
#define UBIQ_CODE_ENUM(identifier, name, status, exit_code, text) UBIQ_##identifier,
  UBIQ_CODES(UBIQ_CODE_ENUM)
#undef UBIQ_CODE_ENUM
} ubiq_code;

/// An error. Opaque; NULL means success wherever one is returned.
typedef struct ubiq_error ubiq_error;

/// Makes an error with a printf-style message, which names the thing, what was wrong with it and what would be right.
/// Never fails: when memory is out, the preallocated out-of-memory error is returned instead. Any thread.
UBIQ_API ubiq_error *ubiq_error_new(ubiq_code code, const char *format, ...) UBIQ_PRINTF(2, 3);

/// Makes an error that says what was being done when `cause` happened; takes ownership of `cause`. The code is the
/// cause's own. The message reads `<what>: <cause's message>`. With `cause` NULL it returns NULL.
UBIQ_API ubiq_error *ubiq_error_wrap(ubiq_error *cause, const char *format, ...) UBIQ_PRINTF(2, 3);

/// The one preallocated out-of-memory error (class `internal`); `ubiq_error_delete` on it does nothing.
UBIQ_API ubiq_error *ubiq_error_no_memory(void);

/// The error's class; UBIQ_OK for NULL.
UBIQ_API ubiq_code ubiq_error_code(const ubiq_error *error);

/// The whole message, causes included, as UTF-8 ended by NUL. Borrowed until the error is deleted; "" for NULL.
UBIQ_API const char *ubiq_error_message(const ubiq_error *error);

/// A number that goes with the error, for example a guest's exit code; 0 when there is none.
UBIQ_API int32_t ubiq_error_detail(const ubiq_error *error);

/// Sets the number that goes with an error and returns the same error. Nothing happens to NULL or the out-of-memory error.
UBIQ_API ubiq_error *ubiq_error_with_detail(ubiq_error *error, int32_t detail);

/// Ends an error. NULL is allowed.
UBIQ_API void ubiq_error_delete(ubiq_error *error);

/// The class's word (`"timeout"`); "ok" for UBIQ_OK. A constant.
UBIQ_API const char *ubiq_code_name(ubiq_code code);

/// One sentence on what the class means. A constant.
UBIQ_API const char *ubiq_code_text(ubiq_code code);

/// The HTTP status that answers for the class (200 for UBIQ_OK).
UBIQ_API int ubiq_code_http_status(ubiq_code code);

/// The exit code of the `ubiq` command for the class (0 for UBIQ_OK).
UBIQ_API int ubiq_code_exit(ubiq_code code);

UBIQ_END

#endif
