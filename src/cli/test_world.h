// What functions find outside of themselves while a test case runs: answers to their requests, and the time.
//
// It stands between the thread that runs the cases, which says which one it is, and the workers on which functions ask.
//
// LOCKS: one, around the case and what was asked; held for a comparison and a copy. Workers and the thread of the cases.
#ifndef CLI_TEST_WORLD_H
#define CLI_TEST_WORLD_H

#include "cli/test_case.h"
#include "plugin/parts/stubs.h"
#include "services/service.h"

typedef struct test_world test_world;

/// NULL when memory is out. The caller's.
test_world *test_world_new(void);

/// After all who have its stubs. NULL is allowed.
void test_world_delete(test_world *self);

/// What a server's functions are to be given; lives as long as the world.
const plugin_stubs *test_world_stubs(const test_world *self);

/// And what plays the services; lives as long.
const service_stubs *test_world_services(const test_world *self);

/// From now on it is the case's world. Borrowed until test_world_end.
void test_world_begin(test_world *self, const test_case *test);

/// The case is over: appends a line for each request that was not expected, and for each that was and did not come.
/// False when memory is, or was, out.
UBIQ_NODISCARD bool test_world_end(test_world *self, buffer *differences);

#endif
