// fd_readdir: what a guest lists, in buffers of any size.
#include "folders.h"
#include "wasi/internal.h"

enum { FILES = 300 };

typedef struct entry {
  uint64_t next, inode;
  uint8_t filetype;
  char name[256];
} entry;

// Lists up to `size` bytes from a cookie; parses what came whole. The number of entries; `*full` when there is more.
static int list_part(folders *self, int fd, uint64_t cookie, uint32_t size, entry *entries, int max, bool *full) {
  assert_int_equal(fake_call(&self->guest, "fd_readdir", fd, DATA, size, (int64_t)cookie, OUT), WASI_SUCCESS);
  uint32_t used = fake_u32(&self->guest, OUT);
  assert_true(used <= size);
  *full = used == size;
  int count = 0;
  for (uint32_t at = 0; at + WASI_DIRENT_SIZE <= used && count < max;) {
    uint32_t name = fake_u32(&self->guest, DATA + at + WASI_DIRENT_NAME_LENGTH);
    assert_true(name < 256);
    if (at + WASI_DIRENT_SIZE + name > used) break;
    entry *one = &entries[count++];
    one->next = fake_u64(&self->guest, DATA + at + WASI_DIRENT_NEXT);
    one->inode = fake_u64(&self->guest, DATA + at + WASI_DIRENT_INODE);
    one->filetype = self->guest.memory[DATA + at + WASI_DIRENT_FILETYPE];
    memcpy(one->name, data_of(self) + at + WASI_DIRENT_SIZE, name);
    one->name[name] = 0;
    at += WASI_DIRENT_SIZE + name;
  }
  return count;
}

static int list_all(folders *self, int fd, uint32_t size, entry *entries, int max) {
  int count = 0;
  bool full = true;
  uint64_t cookie = 0;
  while (full) {
    int part = list_part(self, fd, cookie, size, entries + count, max - count, &full);
    assert_true(part > 0 || !full);
    count += part;
    if (count > 0) cookie = entries[count - 1].next;
  }
  return count;
}

static const entry *find(const entry *entries, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (strcmp(entries[i].name, name) == 0) return &entries[i];
  return NULL;
}

static void a_directory_lists_what_is_in_it_with_types(void **state) {
  folders *self = *state;
  entry entries[10];
  host_write(self, "inside/file", "");
  host_make_directory(self, "inside/d");
  host_link(self, "file", "inside/link");
  assert_int_equal(mkfifo(host_path(self, "inside/pipe"), 0644), 0);
  int count = list_all(self, ROOT, 4096, entries, 10);
  assert_int_equal(count, 6);
  assert_int_equal(find(entries, count, "file")->filetype, WASI_FILETYPE_REGULAR_FILE);
  assert_int_equal(find(entries, count, "d")->filetype, WASI_FILETYPE_DIRECTORY);
  assert_int_equal(find(entries, count, "link")->filetype, WASI_FILETYPE_SYMBOLIC_LINK);
  assert_int_equal(find(entries, count, "pipe")->filetype, WASI_FILETYPE_UNKNOWN);
  assert_int_equal(find(entries, count, ".")->filetype, WASI_FILETYPE_DIRECTORY);
  struct stat status;
  assert_int_equal(stat(host_path(self, "inside/file"), &status), 0);
  assert_int_equal(find(entries, count, "file")->inode, status.st_ino);
}

static void a_directory_and_the_one_above_come_first(void **state) {
  folders *self = *state;
  entry entries[10];
  host_write(self, "inside/!", "");
  assert_int_equal(list_all(self, ROOT, 4096, entries, 10), 3);
  assert_string_equal(entries[0].name, ".");
  assert_string_equal(entries[1].name, "..");
  assert_string_equal(entries[2].name, "!");
  struct stat status;
  assert_int_equal(stat(host_path(self, "inside"), &status), 0);
  assert_int_equal(entries[0].inode, status.st_ino);
}

static void which_directory_is_above_is_not_told(void **state) {
  folders *self = *state;
  entry entries[10];
  int count = list_all(self, ROOT, 4096, entries, 10);
  assert_non_null(find(entries, count, ".."));
  assert_int_equal(find(entries, count, "..")->inode, 0);
}

static void make_files(folders *self) {
  char name[64];
  for (int i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "inside/file-%03d", i);
    host_write(self, name, "");
  }
}

static void a_small_buffer_lists_everything_in_parts(void **state) {
  folders *self = *state;
  static const uint32_t sizes[] = {64, 100, 1000, 20000};
  static entry entries[FILES + 10];
  make_files(self);
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    int count = list_all(self, ROOT, sizes[s], entries, FILES + 10);
    assert_int_equal(count, FILES + 2);
    for (int i = 0; i < FILES; i++) {
      char name[32];
      snprintf(name, sizeof name, "file-%03d", i);
      assert_non_null(find(entries, count, name));
    }
  }
}

static void every_cookie_goes_on_behind_its_entry(void **state) {
  folders *self = *state;
  entry all[10], rest[10];
  bool full;
  host_write(self, "inside/a", "");
  host_write(self, "inside/b", "");
  int count = list_all(self, ROOT, 4096, all, 10);
  assert_int_equal(count, 4);
  for (int i = 0; i < count; i++) {
    assert_int_equal(list_part(self, ROOT, all[i].next, 4096, rest, 10, &full), count - i - 1);
    if (i + 1 < count) assert_string_equal(rest[0].name, all[i + 1].name);
  }
}

static void a_cookie_in_the_middle_goes_on_there(void **state) {
  folders *self = *state;
  static entry all[FILES + 10], rest[FILES + 10];
  bool full;
  make_files(self);
  int count = list_all(self, ROOT, 30000, all, FILES + 10);
  int left = list_part(self, ROOT, all[count / 2].next, 30000, rest, FILES + 10, &full);
  assert_int_equal(left, count - count / 2 - 1);
  assert_string_equal(rest[0].name, all[count / 2 + 1].name);
  assert_int_equal(list_part(self, ROOT, all[count - 1].next, 30000, rest, 10, &full), 0);
}

static void a_buffer_for_less_than_an_entry_is_filled(void **state) {
  folders *self = *state;
  memset(self->guest.memory + DATA, 0xee, 64);
  assert_int_equal(fake_call(&self->guest, "fd_readdir", ROOT, DATA, 10, 0, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 10);
  assert_int_equal(self->guest.memory[DATA + 10], 0xee);
  assert_int_equal(fake_call(&self->guest, "fd_readdir", ROOT, DATA, 0, 0, OUT), WASI_SUCCESS);
  assert_int_equal(fake_u32(&self->guest, OUT), 0);
}

static void a_new_listing_sees_what_is_new(void **state) {
  folders *self = *state;
  entry entries[10];
  assert_int_equal(list_all(self, ROOT, 4096, entries, 10), 2);
  host_write(self, "inside/file", "");
  assert_int_equal(list_all(self, ROOT, 4096, entries, 10), 3);
}

static void only_directories_are_listed(void **state) {
  folders *self = *state;
  int fd = must_open(self, ROOT, "file", WASI_OFLAG_CREATE, ALL);
  assert_int_equal(fake_call(&self->guest, "fd_readdir", fd, DATA, 100, 0, OUT), WASI_ENOTDIR);
  assert_int_equal(fake_call(&self->guest, "fd_readdir", 1, DATA, 100, 0, OUT), WASI_ENOTDIR);
  assert_int_equal(fake_call(&self->guest, "fd_readdir", 99, DATA, 100, 0, OUT), WASI_EBADF);
}

static void arguments_are_checked(void **state) {
  folders *self = *state;
  assert_int_equal(fake_call(&self->guest, "fd_readdir", ROOT, DATA, FAKE_MEMORY_SIZE, 0, OUT), WASI_EFAULT);
  assert_int_equal(fake_call(&self->guest, "fd_readdir", ROOT, DATA, 100, 0, FAKE_MEMORY_SIZE - 3), WASI_EFAULT);
  assert_int_equal(fake_call(&self->guest, "fd_readdir", ROOT, DATA, 100, -1, OUT), WASI_EINVAL);
}

static ubiq_error *time_is_up(void *user) {
  (void)user;
  return ubiq_error_new(UBIQ_TIMEOUT, "time is up");
}

static void a_listing_ends_with_the_call(void **state) {
  folders *self = *state;
  folders other = {0};
  wasi_options options = fake_options(&other.guest);
  options.preopens = self->preopens;
  options.interrupted = time_is_up;
  fake_open_with(&other.guest, &options);
  other.guest.values[0].i32 = ROOT;
  other.guest.values[1].i32 = DATA;
  other.guest.values[2].i32 = 10000;
  other.guest.values[3].i64 = 0;
  other.guest.values[4].i32 = OUT;
  ubiq_error *error = fake_enter(&other.guest, wasi_function_find("fd_readdir"));
  assert_int_equal(ubiq_error_code(error), UBIQ_TIMEOUT);
  ubiq_error_delete(error);
  fake_close(&other.guest);
}

// Contexts of other threads may list the same preopen: its position on the host is theirs too.
static void listing_a_preopen_does_not_move_what_contexts_share(void **state) {
  folders *self = *state;
  entry entries[10];
  host_write(self, "inside/a", "");
  host_write(self, "inside/b", "");
  assert_int_equal(list_all(self, ROOT, 4096, entries, 10), 4);
  assert_int_equal(lseek(self->preopens->list[0].host, 0, SEEK_CUR), 0);
  assert_int_equal(list_all(self, ROOT, 40, entries, 10), 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      folders_test(a_directory_lists_what_is_in_it_with_types),
      folders_test(a_directory_and_the_one_above_come_first),
      folders_test(which_directory_is_above_is_not_told),
      folders_test(a_small_buffer_lists_everything_in_parts),
      folders_test(every_cookie_goes_on_behind_its_entry),
      folders_test(a_cookie_in_the_middle_goes_on_there),
      folders_test(a_buffer_for_less_than_an_entry_is_filled),
      folders_test(a_new_listing_sees_what_is_new),
      folders_test(only_directories_are_listed),
      folders_test(arguments_are_checked),
      folders_test(a_listing_ends_with_the_call),
      folders_test(listing_a_preopen_does_not_move_what_contexts_share),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
