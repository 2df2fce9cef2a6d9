/// What the functions in C share: a buffer for requests, and the numbers of answers. An instance does one thing at a time.
#ifndef ORDERS_PLATFORM_H
#define ORDERS_PLATFORM_H

#include <ubiq/host.h>

static char text[4096]; ///< a request as it is put together, and then its answer
static size_t size;

static inline void put(const char *more) {
  while (*more != '\0' && size < sizeof text - 1) text[size++] = *more++;
}

static inline void put_number(uint64_t number) {
  char digits[24];
  digits[ubiq_format_u64(digits, number)] = '\0';
  put(digits);
}

/// Sends what was put together; the answer takes its place. Returns its status.
static inline int32_t ask(void) {
  const ubiq_block answer = ubiq_invoke(UBIQ_JSON, text, size);
  const int32_t status = ubiq_answer_status(answer);
  size = ubiq_block_read(answer, text, sizeof text - 1);
  text[size] = '\0';
  ubiq_block_free(answer);
  return status;
}

/// Asks for a whole request, ended by NUL.
static inline int32_t ask_for(const char *request) {
  size = 0;
  put(request);
  return ask();
}

/// What stands behind the first `key` (`"cents":`) in a text; NULL: it is not there.
static inline const char *behind(const char *from, const char *key) {
  for (; *from != '\0'; from++) {
    size_t i = 0;
    while (key[i] != '\0' && from[i] == key[i]) i++;
    if (key[i] == '\0') return from + i;
  }
  return NULL;
}

/// The digits behind the first `key`, quotes skipped; 0: there are none.
static inline uint64_t number_behind(const char *from, const char *key) {
  const char *at = behind(from, key);
  uint64_t number = 0;
  if (at == NULL) return 0;
  for (at += *at == '"'; *at >= '0' && *at <= '9' && number < UINT64_C(1) << 53; at++)
    number = number * 10 + (uint64_t)(*at - '0');
  return number;
}

/// The plain text in quotes behind the first `key`, ended by NUL; empty where there is none, or it does not fit.
static inline void text_behind(const char *from, const char *key, char *out, size_t out_size) {
  const char *at = behind(from, key);
  size_t count = 0;
  out[0] = '\0';
  if (at == NULL || *at++ != '"') return;
  while (at[count] != '"' && at[count] != '\\' && at[count] != '\0') count++;
  if (at[count] != '"' || count >= out_size) return;
  for (size_t i = 0; i < count; i++) out[i] = at[i];
  out[count] = '\0';
}

/// The input, ended by NUL and cut where it does not fit.
static inline void read_input(char *out, size_t out_size) {
  const size_t count = ubiq_input_read(out, out_size - 1);
  out[count < out_size ? count : out_size - 1] = '\0';
}

#endif
