// The file of touched pages, for a process that gives up its rights.
#include "base/page_file.h"

#include "unit/server/sandbox/sandbox_testing.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>

enum { SOMEBODY = 54321 };

static void become_somebody(void) {
  if (geteuid() == 0) child_assert(setresuid(SOMEBODY, SOMEBODY, SOMEBODY) == 0);
  child_assert(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}

static uint64_t entry_of(int file, const volatile uint8_t *page) {
  uint64_t entry = 0;
  off_t at = (off_t)((uintptr_t)page / (uintptr_t)sysconf(_SC_PAGESIZE) * sizeof entry);
  child_assert(pread(file, &entry, sizeof entry, at) == sizeof entry);
  return entry;
}

static volatile uint8_t *map_page(void) {
  volatile uint8_t *page = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  child_assert(page != MAP_FAILED);
  return page;
}

static void ask_hidden(void) {
  static const uint64_t is_there = UINT64_C(1) << 63, place = (UINT64_C(1) << 55) - 1;
  page_file_keep();
  become_somebody();
  int file = page_file_open(), other = page_file_open();
  child_assert(file >= 0 && other >= 0 && file != other);
  volatile uint8_t *page = map_page();
  child_assert((entry_of(file, page) & is_there) == 0);
  *page = 1;
  child_assert((entry_of(file, page) & is_there) != 0 && (entry_of(other, page) & is_there) != 0);
  child_assert((entry_of(file, page) & place) == 0); // nor does it tell more than that
}

static void what_was_kept_is_there_when_the_memory_is_hidden(void **state) {
  (void)state;
  in_child(ask_hidden);
}

static void ask_too_late(void) {
  become_somebody();
  child_assert(page_file_open() < 0);
}

static void what_was_not_kept_is_not(void **state) {
  (void)state;
  in_child(ask_too_late);
}

// The parent does not touch that page.
static void ask_in_child_of_child(void) {
  page_file_keep();
  volatile uint8_t *page = map_page();
  pid_t child = fork();
  if (child == 0) {
    *page = 1;
    int file = page_file_open();
    child_assert(file >= 0 && entry_of(file, page) >> 63 == 1);
    _exit(0);
  }
  int status = 1;
  child_assert(waitpid(child, &status, 0) == child && status == 0);
}

static void a_child_is_told_of_its_own_pages(void **state) {
  (void)state;
  in_child(ask_in_child_of_child);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_was_kept_is_there_when_the_memory_is_hidden),
      cmocka_unit_test(what_was_not_kept_is_not),
      cmocka_unit_test(a_child_is_told_of_its_own_pages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
