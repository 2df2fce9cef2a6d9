// A test case that is a schedule's turn: `schedule = "report"` with `time`, at which it has to be due.
#ifndef CLI_TEST_SCHEDULE_H
#define CLI_TEST_SCHEDULE_H

#include "base/arena.h"
#include "base/fetch.h"
#include "base/json.h"
#include "runtime/project/project.h"

enum { TEST_TURN_HEADERS = 3 };

/// What a function is given at a turn. Texts are the arena's.
typedef struct test_turn {
  const char *function;
  text input; ///< JSON; empty: none
  fetch_header headers[TEST_TURN_HEADERS];
  const char *problem; ///< why there is no such turn, one line; NULL: there is
} test_turn;

/// The turn at `time_ns` (since 1970) of the project's schedule that `name` names. Errors: `invalid_input` for what is
/// no schedule's name.
ubiq_error *test_turn_read(arena *arena, const project *project, const json_value *name, uint64_t time_ns,
                           test_turn *out);

#endif
