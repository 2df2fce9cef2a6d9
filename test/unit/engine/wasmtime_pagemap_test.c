// Which pages of memory were touched, as the system tells.
#include "engine/wasmtime/memory.h"

#include "unit/base/testing.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES = 2000 }; // more than are asked for at once

/// Which pages were told.
typedef struct told {
  size_t page_bytes;
  uint8_t pages[PAGES];
  size_t count, enough;
} told;

static bool note(void *user, size_t from) {
  told *self = user;
  assert_int_equal(from % self->page_bytes, 0);
  assert_true(from / self->page_bytes < PAGES);
  self->pages[from / self->page_bytes]++;
  return ++self->count < self->enough;
}

typedef struct fixture {
  wt_pagemap pagemap;
  uint8_t *data;
  size_t size;
} fixture;

static int open_all(void **state) {
  fixture *self = calloc(1, sizeof *self);
  assert_non_null(self);
  wt_pagemap_open(&self->pagemap);
  self->size = PAGES * self->pagemap.page_bytes;
  self->data = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(self->data != MAP_FAILED);
  madvise(self->data, self->size, MADV_NOHUGEPAGE);
  *state = self;
  return 0;
}

static int close_all(void **state) {
  fixture *self = *state;
  munmap(self->data, self->size);
  wt_pagemap_close(&self->pagemap);
  free(self);
  return 0;
}

static void skip_where_the_system_does_not_tell(const fixture *self) {
  if (!self->pagemap.is_ours) skip();
}

static told ask(const fixture *self) {
  told told = {.page_bytes = self->pagemap.page_bytes, .enough = SIZE_MAX};
  assert_true(wt_pagemap_tell(&self->pagemap, self->data, self->size, note, &told));
  return told;
}

static void pages_that_were_written_are_told_and_no_others(void **state) {
  fixture *self = *state;
  skip_where_the_system_does_not_tell(self);
  assert_int_equal(ask(self).count, 0);
  uint8_t expected[PAGES] = {0};
  for (size_t page = 0; page < PAGES; page += 1 + page % 7) {
    self->data[page * self->pagemap.page_bytes + page] = 1;
    expected[page] = 1;
  }
  told told = ask(self);
  assert_memory_equal(told.pages, expected, PAGES);
}

static void a_page_is_told_until_it_is_given_back(void **state) {
  fixture *self = *state;
  skip_where_the_system_does_not_tell(self);
  self->data[0] = 1;
  self->data[0] = 0;
  assert_int_equal(ask(self).pages[0], 1);
  assert_int_equal(madvise(self->data, self->size, MADV_DONTNEED), 0);
  assert_int_equal(ask(self).count, 0);
}

static void whoever_has_heard_enough_is_told_no_more(void **state) {
  fixture *self = *state;
  skip_where_the_system_does_not_tell(self);
  for (size_t page = 0; page < 9; page++) self->data[page * self->pagemap.page_bytes] = 1;
  told told = {.page_bytes = self->pagemap.page_bytes, .enough = 4};
  assert_false(wt_pagemap_tell(&self->pagemap, self->data, self->size, note, &told));
  assert_int_equal(told.count, 4);
}

/// The file would tell of its parent's pages.
static void a_child_is_told_nothing(void **state) {
  fixture *self = *state;
  skip_where_the_system_does_not_tell(self);
  pid_t child = fork();
  if (child == 0) {
    told told = {.page_bytes = self->pagemap.page_bytes, .enough = SIZE_MAX};
    _exit(wt_pagemap_tell(&self->pagemap, self->data, self->size, note, &told) ? 1 : 0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  assert_true(ask(self).count == 0);
}

static void one_that_is_closed_tells_nothing(void **state) {
  fixture *self = *state;
  wt_pagemap_close(&self->pagemap);
  told told = {.page_bytes = 4096, .enough = SIZE_MAX};
  assert_false(wt_pagemap_tell(&self->pagemap, self->data, self->size, note, &told));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(pages_that_were_written_are_told_and_no_others, open_all, close_all),
      cmocka_unit_test_setup_teardown(a_page_is_told_until_it_is_given_back, open_all, close_all),
      cmocka_unit_test_setup_teardown(whoever_has_heard_enough_is_told_no_more, open_all, close_all),
      cmocka_unit_test_setup_teardown(a_child_is_told_nothing, open_all, close_all),
      cmocka_unit_test_setup_teardown(one_that_is_closed_tells_nothing, open_all, close_all),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
