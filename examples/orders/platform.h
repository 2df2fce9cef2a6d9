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
  size += ubiq_format_u64(text + size, number);
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

/// The digits behind the first `key` (`"cents":`) in a text, quotes skipped; 0: there are none.
static inline uint64_t number_behind(const char *from, const char *key) {
  for (; *from != '\0'; from++) {
    size_t i = 0;
    while (key[i] != '\0' && from[i] == key[i]) i++;
    if (key[i] != '\0') continue;
    uint64_t number = 0;
    for (from += i + (from[i] == '"'); *from >= '0' && *from <= '9' && number < UINT64_C(1) << 53; from++)
      number = number * 10 + (uint64_t)(*from - '0');
    return number;
  }
  return 0;
}

#endif
