// One test case: its request to a server that runs, and what is different about the answer.
#ifndef CLI_TEST_RUN_H
#define CLI_TEST_RUN_H

#include "cli/test_world.h"

typedef struct test_result {
  const test_file *file;
  const test_case *test;
  uint64_t duration_us; ///< from the request to the whole answer
  char *differences;    ///< owned; lines; NULL: it passed
} test_result;

/// Sends the request to the server at `url`, whose functions have the stubs of `world`, and compares. `*out` is the
/// caller's (free `differences`). A request that gets no answer is a difference too. Errors: out of memory.
ubiq_error *test_run(const test_file *file, const test_case *test, const char *url, fetch_client *client,
                     test_world *world, test_result *out);

#endif
