// One round of `ubiq test`: a project is built and served on a free port of this machine, and every case is run.
#ifndef CLI_TEST_ROUND_H
#define CLI_TEST_ROUND_H

#include "cli/test_report.h"
#include "runtime/release/release.h"
#include "server/front/server.h"
#include "services/services.h"

typedef struct test_round {
  // Set before.
  const char *directory;
  const char *filter; ///< only cases whose name, function or file has this in it; NULL: all
  const test_report *report;
  const char *junit; ///< a file to write; NULL: none

  release *release; ///< NULL when it cannot be built
  server *server;
  services services;
  char *kept; ///< the folder of what functions store; removed at the end
  fetch_client *client;
  test_world *world; ///< what the server's functions find
  char **paths;      ///< of the files of cases, sorted; owned
  size_t paths_count;
  test_file **files; ///< as many, in their order
  test_results results;
} test_round;

/// Runs all cases. What it leaves, also on failure, is for test_round_end. Errors: those of release_read, server_new and
/// test_file_read; `not_found` when there is no case. Cases that fail are none.
ubiq_error *test_round_run(test_round *self);

/// Gives back what a round took and leaves one that can be run again.
void test_round_end(test_round *self);

#endif
