// Part of every engine that is a shared object of its own, and of nothing else: the functions of ubiq/error.h as those
// of whoever loaded it. See engine/load.h.
#include "engine/loaded/attach.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const engine_errors *host;

void loaded_attach(const engine_errors *errors) {
  host = errors;
}

// Names stand in parentheses because scripts/analyzer-facts.h has macros for some.
ubiq_error *(ubiq_error_new)(ubiq_code code, const char *format, ...) {
  va_list arguments;
  char *text = NULL;
  va_start(arguments, format);
  int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  if (length < 0) return host->no_memory();
  ubiq_error *error = host->make(code, "%s", text);
  free(text);
  return error;
}

ubiq_error *(ubiq_error_wrap)(ubiq_error *cause, const char *format, ...) {
  va_list arguments;
  char *text = NULL;
  va_start(arguments, format);
  int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  if (length < 0) return cause;
  ubiq_error *error = host->wrap(cause, "%s", text);
  free(text);
  return error;
}

ubiq_error *(ubiq_error_no_memory)(void) {
  return host->no_memory();
}

ubiq_code(ubiq_error_code)(const ubiq_error *error) {
  return host->code(error);
}

const char *(ubiq_error_message)(const ubiq_error *error) {
  return host->message(error);
}

ubiq_error *(ubiq_error_with_detail)(ubiq_error *error, int32_t detail) {
  return host->with_detail(error, detail);
}

void(ubiq_error_delete)(ubiq_error *error) {
  host->end(error);
}
