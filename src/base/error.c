// Errors: one allocation each, message included; see ubiq/error.h.
//
// A wrapped error keeps no chain: its cause's message is copied behind its own, so that there is one string to show and
// one block to free.
#include "ubiq/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ubiq_error {
  ubiq_code code;
  int32_t detail;
  const char *message; ///< behind the struct, in the same block; ended by NUL
};

/// What is known of a class of failure.
typedef struct code_row {
  const char *name;
  int http_status;
  int exit_code;
  const char *text;
} code_row;

static const code_row code_rows[] = {[UBIQ_OK] = {"ok", 200, 0, "it succeeded"},
#define CODE_ROW(identifier, name, status, exit_code, text) [UBIQ_##identifier] = {name, status, exit_code, text},
                                     UBIQ_CODES(CODE_ROW)
#undef CODE_ROW
};

/// Shared by all who run out of memory; never written to.
static struct ubiq_error no_memory = {.code = UBIQ_INTERNAL, .message = "out of memory"};

static const code_row *row_of(ubiq_code code) {
  size_t count = sizeof code_rows / sizeof code_rows[0];
  return &code_rows[(size_t)code < count ? code : UBIQ_INTERNAL];
}

/// Makes an error of the formatted text, followed by `: ` and the suffix when there is one; NULL when memory is out.
static ubiq_error *make(ubiq_code code, const char *suffix, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0) return NULL;

  size_t suffix_size = suffix == NULL ? 0 : strlen(suffix) + 2;
  ubiq_error *error = malloc(sizeof *error + (size_t)length + suffix_size + 1);
  if (error == NULL) return NULL;
  char *message = (char *)(error + 1);
  vsnprintf(message, (size_t)length + 1, format, arguments);
  if (suffix != NULL) {
    memcpy(message + length, ": ", 2);
    memcpy(message + length + 2, suffix, suffix_size - 1);
  }
  *error = (ubiq_error){.code = code, .message = message};
  return error;
}

ubiq_error *ubiq_error_new(ubiq_code code, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  ubiq_error *error = make(code, NULL, format, arguments);
  va_end(arguments);
  return error == NULL ? &no_memory : error;
}

ubiq_error *ubiq_error_wrap(ubiq_error *cause, const char *format, ...) {
  if (cause == NULL || cause == &no_memory) return cause;

  va_list arguments;
  va_start(arguments, format);
  ubiq_error *error = make(cause->code, cause->message, format, arguments);
  va_end(arguments);
  if (error == NULL) return cause; // says less, but says what happened
  error->detail = cause->detail;
  ubiq_error_delete(cause);
  return error;
}

ubiq_error *ubiq_error_no_memory(void) {
  return &no_memory;
}

ubiq_code ubiq_error_code(const ubiq_error *error) {
  return error == NULL ? UBIQ_OK : error->code;
}

const char *ubiq_error_message(const ubiq_error *error) {
  return error == NULL ? "" : error->message;
}

int32_t ubiq_error_detail(const ubiq_error *error) {
  return error == NULL ? 0 : error->detail;
}

ubiq_error *ubiq_error_with_detail(ubiq_error *error, int32_t detail) {
  if (error != NULL && error != &no_memory) error->detail = detail;
  return error;
}

void ubiq_error_delete(ubiq_error *error) {
  if (error != &no_memory) free(error);
}

const char *ubiq_code_name(ubiq_code code) {
  return row_of(code)->name;
}

const char *ubiq_code_text(ubiq_code code) {
  return row_of(code)->text;
}

int ubiq_code_http_status(ubiq_code code) {
  return row_of(code)->http_status;
}

int ubiq_code_exit(ubiq_code code) {
  return row_of(code)->exit_code;
}
