/// Makes the n-th allocation of the code under test fail, for sweeps over constructors.
///
/// A test that includes this must be linked with what ALLOC_FAILURE_LINK says, as a line near its top:
/// `// link: -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup`
#ifndef UBIQ_TEST_ALLOC_FAILURE_H
#define UBIQ_TEST_ALLOC_FAILURE_H

#include "unit/base/testing.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *string);
char *__wrap_strndup(const char *string, size_t size);

#ifndef ALLOC_FAILURE_STORAGE
/// One thread at a time: the tests' own. A test whose code under test has threads that go on makes it _Thread_local before it
/// includes this, and only its own thread's allocations fail.
#define ALLOC_FAILURE_STORAGE
#endif

static ALLOC_FAILURE_STORAGE struct {
  bool armed;
  bool failed;   ///< whether an allocation was refused since it was armed
  size_t passes; ///< allocations that still succeed
} alloc_failure;

static bool alloc_failure_now(void) {
  if (!alloc_failure.armed || alloc_failure.passes-- > 0) return false;
  alloc_failure.armed = false;
  alloc_failure.failed = true;
  return true;
}

void *__wrap_malloc(size_t size) {
  return alloc_failure_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return alloc_failure_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
  return alloc_failure_now() ? NULL : __real_realloc(old, size);
}

char *__wrap_strndup(const char *string, size_t size) {
  size_t length = strnlen(string, size);
  char *copy = __wrap_malloc(length + 1);
  if (copy == NULL) return NULL;
  memcpy(copy, string, length);
  copy[length] = 0;
  return copy;
}

char *__wrap_strdup(const char *string) {
  return __wrap_strndup(string, strlen(string));
}

/// Calls `attempt` with the first allocation failing, then the second, and so on until none fails any more. `attempt`
/// must say whether it succeeded and clean up after itself (a leak is LeakSanitizer's to find). Returns how many
/// allocations were made to fail; 0 also when an attempt succeeded although an allocation failed, which `attempt` may
/// not do.
static inline size_t alloc_failure_sweep(bool (*attempt)(void *user), void *user) {
  for (size_t n = 0; n < 100000; n++) {
    alloc_failure.armed = true;
    alloc_failure.failed = false;
    alloc_failure.passes = n;
    bool ok = attempt(user);
    alloc_failure.armed = false;
    if (!alloc_failure.failed) return ok ? n : 0;
    if (ok) return 0;
  }
  return 0;
}

/// The same of what may succeed without some of its allocations; returns how many attempts failed. The last, in which none
/// was made to fail, has to succeed. `sparse`: of later allocations not each is made to fail.
static inline size_t alloc_failure_walk(bool (*attempt)(void *user), void *user, bool sparse) {
  size_t refused = 0;
  for (size_t n = 0;; n += 1 + (sparse ? n / 16 : 0)) {
    alloc_failure.armed = true;
    alloc_failure.failed = false;
    alloc_failure.passes = n;
    bool good = attempt(user);
    alloc_failure.armed = false;
    refused += !good;
    if (alloc_failure.failed) continue;
    assert_true(good);
    return refused;
  }
}

#endif
