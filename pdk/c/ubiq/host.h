/// The platform's API for guests in C, raw: a request goes out as a value, the answer comes back as one.
///
///     static const char request[] = "{\"method\":\"POST\",\"path\":\"/v1/log\",\"body\":{\"message\":\"here\"}}";
///     ubiq_block answer = ubiq_invoke_string(request);
///     ...
///     ubiq_block_free(answer);
///
/// docs/invoke-host.md says what requests and answers look like. Where a function is not run by `ubiq dev`, `serve`, `test` or
/// `run`, a module that includes this and calls it does not load.
#ifndef UBIQ_HOST_H
#define UBIQ_HOST_H

#include <ubiq/pdk.h>

enum { UBIQ_JSON = 0, UBIQ_MESSAGEPACK = 1 };

/// The one host function. Both blocks are the guest's to free.
UBIQ_HOST("InvokeHost") extern uint64_t ubiq_invoke_host(int32_t format, uint64_t request);

/// Sends the request and answers the block of the answer, which is never 0: what is wrong with a request is told in it.
static inline ubiq_block ubiq_invoke(int32_t format, const void *request, size_t size) {
  const ubiq_block block = ubiq_block_new(request, size);
  const ubiq_block answer = ubiq_invoke_host(format, block);
  ubiq_block_free(block);
  return answer;
}

/// The same with a request in JSON, ended by NUL.
static inline ubiq_block ubiq_invoke_string(const char *request) {
  return ubiq_invoke(UBIQ_JSON, request, strlen(request));
}

/// The status of an answer in JSON, which begins with it; 0: it is none.
static inline int32_t ubiq_answer_status(ubiq_block answer) {
  char start[13];
  if (ubiq_block_size(answer) < sizeof start) return 0;
  ubiq_block_read(answer, start, sizeof start);
  return (start[10] - '0') * 100 + (start[11] - '0') * 10 + (start[12] - '0');
}

#endif
