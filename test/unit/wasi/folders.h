// A fake guest with folders: `/` may be written (descriptor ROOT), `/reading` is read-only (READING), and `outside`, with
// a secret in it, is beside both on the host. Paths that tests give are put into the guest's memory at PATH and OTHER.
#ifndef TEST_UNIT_WASI_FOLDERS_H
#define TEST_UNIT_WASI_FOLDERS_H

#include "fake_guest.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOT = 3, READING = 4 };                                         // descriptors
enum { PATH = 1024, OTHER = 8192, OUT = 16, IOVEC = 32, DATA = 20480 }; // places in the guest's memory

#define SECRET "what nobody inside may know"

// Rights that a guest asks for when it wants to do this.
#define TO_READ  (WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL | WASI_RIGHT_FD_FILESTAT_GET)
#define TO_WRITE (WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK | WASI_RIGHT_FD_TELL)
#define ALL      (-1)

typedef struct folders {
  fake_guest guest;
  wasi_preopens *preopens;
  char base[64]; ///< on the host; holds inside, reading and outside
} folders;

// A path below the base, for the host's functions. Good until the fourth call after it.
static inline const char *host_path(const folders *self, const char *name) {
  static char paths[4][256];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", self->base, name);
  return path;
}

static inline void host_write(const folders *self, const char *name, const char *content) {
  FILE *file = fopen(host_path(self, name), "w");
  assert_non_null(file);
  fputs(content, file);
  assert_int_equal(fclose(file), 0);
}

static inline void assert_host_file(const folders *self, const char *name, const char *content) {
  char found[256] = "";
  FILE *file = fopen(host_path(self, name), "r");
  assert_non_null(file);
  found[fread(found, 1, sizeof found - 1, file)] = 0;
  fclose(file);
  assert_string_equal(found, content);
}

static inline bool host_exists(const folders *self, const char *name) {
  struct stat status;
  return lstat(host_path(self, name), &status) == 0;
}

static inline void host_make_directory(const folders *self, const char *name) {
  assert_int_equal(mkdir(host_path(self, name), 0755), 0);
}

static inline void host_link(const folders *self, const char *target, const char *name) {
  assert_int_equal(symlink(target, host_path(self, name)), 0);
}

static inline int folders_setup(void **state) {
  folders *self = calloc(1, sizeof *self);
  assert_non_null(self);
  snprintf(self->base, sizeof self->base, "/tmp/ubiq-wasi-XXXXXX");
  assert_non_null(mkdtemp(self->base));
  host_make_directory(self, "inside");
  host_make_directory(self, "reading");
  host_make_directory(self, "outside");
  host_write(self, "outside/secret", SECRET);
  char inside[128], reading[128];
  snprintf(inside, sizeof inside, "%s/inside", self->base);
  snprintf(reading, sizeof reading, "%s/reading", self->base);
  wasi_directory directories[] = {{.host = inside, .guest = "/"},
                                  {.host = reading, .guest = "/reading", .read_only = true}};
  ubiq_error *error = wasi_preopens_open(directories, 2, &self->preopens);
  if (error != NULL) fail_msg("%s", ubiq_error_message(error));
  wasi_options options = fake_options(&self->guest);
  options.preopens = self->preopens;
  fake_open_with(&self->guest, &options);
  *state = self;
  return 0;
}

static inline int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)status, (void)type, (void)place;
  return remove(path);
}

// What is outside is the same after every test.
static inline int folders_teardown(void **state) {
  folders *self = *state;
  assert_host_file(self, "outside/secret", SECRET);
  assert_int_equal(unlink(host_path(self, "outside/secret")), 0);
  assert_int_equal(rmdir(host_path(self, "outside")), 0);
  fake_close(&self->guest);
  wasi_preopens_close(self->preopens);
  nftw(self->base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  free(self);
  return 0;
}

#define folders_test(name) cmocka_unit_test_setup_teardown(name, folders_setup, folders_teardown)

static inline uint32_t put_text(folders *self, uint32_t offset, const char *text) {
  memcpy(self->guest.memory + offset, text, strlen(text) + 1);
  return (uint32_t)strlen(text);
}

// Opens a path; `*fd` is the new descriptor. The errno.
static inline int open_at(folders *self, int directory, const char *path, uint32_t oflags, int64_t rights, int *fd) {
  uint32_t size = put_text(self, PATH, path);
  int error = fake_call(&self->guest, "path_open", directory, WASI_LOOKUP_SYMLINK_FOLLOW, PATH, size, oflags, rights,
                        ALL, 0, OUT);
  *fd = error == WASI_SUCCESS ? (int)fake_u32(&self->guest, OUT) : -1;
  return error;
}

static inline int try_open(folders *self, int directory, const char *path, uint32_t oflags, int64_t rights) {
  int fd;
  int error = open_at(self, directory, path, oflags, rights, &fd);
  if (error == WASI_SUCCESS) assert_int_equal(fake_call(&self->guest, "fd_close", fd), WASI_SUCCESS);
  return error;
}

static inline int must_open(folders *self, int directory, const char *path, uint32_t oflags, int64_t rights) {
  int fd;
  assert_int_equal(open_at(self, directory, path, oflags, rights, &fd), WASI_SUCCESS);
  return fd;
}

// Functions that take a directory and a path.
static inline int with_path(folders *self, const char *function, int directory, const char *path) {
  uint32_t size = put_text(self, PATH, path);
  return fake_call(&self->guest, function, directory, PATH, size);
}

static inline int rename_at(folders *self, int from, const char *path, int to, const char *other) {
  uint32_t size = put_text(self, PATH, path), other_size = put_text(self, OTHER, other);
  return fake_call(&self->guest, "path_rename", from, PATH, size, to, OTHER, other_size);
}

static inline int link_at(folders *self, int from, const char *path, int to, const char *other) {
  uint32_t size = put_text(self, PATH, path), other_size = put_text(self, OTHER, other);
  return fake_call(&self->guest, "path_link", from, 0, PATH, size, to, OTHER, other_size);
}

static inline int symlink_at(folders *self, const char *target, int directory, const char *path) {
  uint32_t size = put_text(self, OTHER, target), path_size = put_text(self, PATH, path);
  return fake_call(&self->guest, "path_symlink", OTHER, size, directory, PATH, path_size);
}

// The link's target is at DATA, ended by NUL.
static inline int readlink_at(folders *self, int directory, const char *path) {
  uint32_t size = put_text(self, PATH, path);
  int error = fake_call(&self->guest, "path_readlink", directory, PATH, size, DATA, 256, OUT);
  if (error == WASI_SUCCESS) self->guest.memory[DATA + fake_u32(&self->guest, OUT)] = 0;
  return error;
}

// The filestat is at DATA.
static inline int stat_at(folders *self, int directory, bool follow, const char *path) {
  uint32_t size = put_text(self, PATH, path);
  return fake_call(&self->guest, "path_filestat_get", directory, follow ? WASI_LOOKUP_SYMLINK_FOLLOW : 0, PATH, size,
                   DATA);
}

static inline int set_times_at(folders *self, int directory, bool follow, const char *path) {
  uint32_t size = put_text(self, PATH, path);
  return fake_call(&self->guest, "path_filestat_set_times", directory, follow ? WASI_LOOKUP_SYMLINK_FOLLOW : 0, PATH,
                   size, 1000, 2000, WASI_TIMES_ATIM | WASI_TIMES_MTIM);
}

// Reads up to `size` bytes to DATA and ends them by NUL.
static inline int read_fd(folders *self, int fd, uint32_t size) {
  fake_put_iovec(&self->guest, IOVEC, DATA, size);
  fake_put_u32(&self->guest, OUT, 0);
  int error = fake_call(&self->guest, "fd_read", fd, IOVEC, 1, OUT);
  self->guest.memory[DATA + fake_u32(&self->guest, OUT)] = 0;
  return error;
}

static inline int write_fd(folders *self, int fd, const char *text) {
  fake_put_iovec(&self->guest, IOVEC, DATA, put_text(self, DATA, text));
  return fake_call(&self->guest, "fd_write", fd, IOVEC, 1, OUT);
}

static inline const char *data_of(const folders *self) {
  return (const char *)self->guest.memory + DATA;
}

// Asserts that what the guest reads from a descriptor's position on is `content`.
#define assert_read(self, fd, content)                                                                                 \
  do {                                                                                                                 \
    assert_int_equal(read_fd(self, fd, 256), WASI_SUCCESS);                                                            \
    assert_string_equal(data_of(self), content);                                                                       \
  } while (0)

static inline int seek_fd(folders *self, int fd, int64_t offset, int whence) {
  return fake_call(&self->guest, "fd_seek", fd, offset, whence, OUT);
}

#endif
