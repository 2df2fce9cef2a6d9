/// A guest that does anything with paths: each input is a row of calls of WASI's functions for files, on a small tree
/// with links out of it. Whatever it does, nothing outside of its directory changes, nothing in its read-only directory
/// changes, and nothing that it is told is of what lies outside.
#include "wasi/internal.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY_BYTES = 65536, PATH_AT = 1024, OTHER_AT = 4096, LIST_AT = 64, OUT_AT = 16, DATA_AT = 8192 };
enum { PATH_BYTES_MAX = 2048, CALLS_MAX = 64, NUMBERS = 12 };

static const char secret[] = "what nobody inside may know";
static const char hidden_name[] = "only-outside"; ///< of files that no path of the guest names

static struct {
  char base[64]; ///< of the process; holds inside, reading and outside
  engine_store store;
  engine_ops ops;
  uint8_t memory[MEMORY_BYTES];
  wasi_context *context;
  wasi_preopens *preopens;
} world;

/// What is left of the input.
typedef struct input {
  const uint8_t *data;
  size_t size;
} input;

static uint8_t take(input *self) {
  if (self->size == 0) return 0;
  self->size--;
  return *self->data++;
}

static void must(bool good) {
  if (!good) abort();
}

// -- The host's side --

static const char *at(const char *name) {
  static char paths[4][256];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", world.base, name);
  return path;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)status, (void)type;
  if (place->level > 0) remove(path);
  return 0;
}

static void empty_directory(const char *name) {
  nftw(at(name), remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *name, const char *content) {
  int file = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  must(file >= 0 && write(file, content, strlen(content)) == (ssize_t)strlen(content));
  close(file);
}

static void make_outside(void) {
  must(mkdir(at("outside"), 0755) == 0 && mkdir(at("outside/secret-name"), 0755) == 0);
  write_file("outside/secret-name/file", secret);
  write_file("outside/a", secret);
  write_file("outside/only-outside", secret);
  write_file("outside/secret-name/only-outside", secret);
}

static void fill_tree(const char *name) {
  char path[128];
  const char *const directories[] = {"a", "a/b", "c"};
  for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
    snprintf(path, sizeof path, "%s/%s", name, directories[i]);
    must(mkdir(at(path), 0755) == 0);
  }
  snprintf(path, sizeof path, "%s/a/f", name);
  write_file(path, "content");
  const char *const links[][2] = {{"up", "../outside"}, {"a/up", "../../outside"}, {"in", "a/b"}, {"c/loop", "loop"}};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    snprintf(path, sizeof path, "%s/%s", name, links[i][0]);
    must(symlink(links[i][1], at(path)) == 0);
  }
  snprintf(path, sizeof path, "%s/abs", name);
  must(symlink(at("outside"), at(path)) == 0);
  snprintf(path, sizeof path, "%s/pipe", name);
  must(mkfifo(at(path), 0644) == 0);
}

// -- What may not change, and what may not be told --

static const char *const kept[] = {"",          "outside",    "outside/secret-name", "outside/secret-name/file",
                                   "outside/a", "reading",    "reading/a",           "reading/a/b",
                                   "reading/c", "reading/up", "reading/a/f",         "reading/pipe"};
enum { KEPT = sizeof kept / sizeof *kept, HIDDEN = 5 }; // the first are hidden, too
static struct stat was[KEPT];

static void remember(void) {
  for (int i = 0; i < KEPT; i++) must(lstat(at(kept[i]), &was[i]) == 0);
}

// A change of anything but the time of reading is a change of the time of change.
static void check_kept(void) {
  struct stat is;
  for (int i = 0; i < KEPT; i++)
    must(lstat(at(kept[i]), &is) == 0 && is.st_ino == was[i].st_ino &&
         memcmp(&is.st_ctim, &was[i].st_ctim, sizeof is.st_ctim) == 0);
}

static void check_told(void) {
  must(memmem(world.memory + DATA_AT, MEMORY_BYTES - DATA_AT, secret, sizeof secret - 1) == NULL);
  must(memmem(world.memory + DATA_AT, MEMORY_BYTES - DATA_AT, hidden_name, sizeof hidden_name - 1) == NULL);
}

static void check_stat(void) {
  uint64_t inode = wasi_load_u64(world.memory + DATA_AT + WASI_FILESTAT_INODE);
  uint64_t device = wasi_load_u64(world.memory + DATA_AT + WASI_FILESTAT_DEVICE);
  for (int i = 0; i < HIDDEN; i++) must(inode != was[i].st_ino || device != was[i].st_dev);
}

// -- The guest's side --

static bool memory_of(engine_call *call, engine_memory *out) {
  (void)call;
  *out = (engine_memory){.data = world.memory, .size = MEMORY_BYTES};
  return true;
}

static wasi_context *context_of(void *user) {
  (void)user;
  return world.context;
}

static int call(const char *name, const int64_t *arguments) {
  static const wasi_binding binding = {.context = context_of};
  const wasi_function *function = wasi_function_find(name);
  engine_value values[16] = {{0}};
  for (uint16_t i = 0; i < function->signature.params_count; i++) values[i].i64 = arguments[i];
  engine_call call = {.store = &world.store};
  ubiq_error_delete(function->call((void *)&binding, &call, values));
  return values[0].i32;
}

#define CALL(name, ...) call(name, (const int64_t[]){__VA_ARGS__})

/// Writes a path of names that matter, or of any bytes, to the guest's memory; its length.
static int64_t put_path(input *from, uint32_t offset) {
  static const char *const names[] = {"a", "b", "c",       "f",           "up",   "abs", "in",   "..",
                                      ".", "",  "outside", "secret-name", "file", "new", "pipe", "loop"};
  uint8_t form = take(from);
  char *to = (char *)world.memory + offset;
  size_t size = 0;
  if (form >= 240) { // as it comes
    for (int i = form & 15; i > 0; i--) to[size++] = (char)take(from);
    return (int64_t)size;
  }
  if (form >= 230) to[size++] = '/';
  for (int i = form % 7; i >= 0 && size < PATH_BYTES_MAX; i--)
    size += (size_t)sprintf(to + size, "%s%s", names[take(from) % 16], i > 0 || form % 11 == 0 ? "/" : "");
  return (int64_t)size;
}

static int64_t take_number(input *from) {
  return take(from) % NUMBERS;
}

static void open_path(input *from) {
  int64_t directory = take_number(from), size = put_path(from, PATH_AT);
  uint8_t flags = take(from);
  int64_t rights = (flags & 0x40) != 0 ? -1 : (flags & 0x80) != 0 ? ~(int64_t)WASI_RIGHT_FD_WRITE : 0x2fffffff;
  CALL("path_open", directory, flags & 1, PATH_AT, size, flags >> 1 & 15, rights, -1, flags >> 3 & 1, OUT_AT);
}

static void list(input *from) {
  memset(world.memory + DATA_AT, 0, 4096);
  CALL("fd_readdir", take_number(from), DATA_AT, 4096, take(from) % 4 ? 0 : take(from), OUT_AT);
}

static void read_file(input *from) {
  wasi_store_u32(world.memory + LIST_AT, DATA_AT);
  wasi_store_u32(world.memory + LIST_AT + 4, 4096);
  CALL("fd_pread", take_number(from), LIST_AT, 1, 0, OUT_AT);
}

static void write_some(input *from) {
  wasi_store_u32(world.memory + LIST_AT, PATH_AT);
  wasi_store_u32(world.memory + LIST_AT + 4, 100);
  CALL("fd_write", take_number(from), LIST_AT, 1, OUT_AT);
}

static void ask(input *from) {
  int64_t directory = take_number(from), size = put_path(from, PATH_AT);
  if (CALL("path_filestat_get", directory, take(from) & 1, PATH_AT, size, DATA_AT) == WASI_SUCCESS) check_stat();
  if (CALL("fd_filestat_get", take_number(from), DATA_AT) == WASI_SUCCESS) check_stat();
}

static void change_one_name(input *from) {
  static const char *const functions[] = {"path_create_directory", "path_remove_directory", "path_unlink_file"};
  int64_t directory = take_number(from), size = put_path(from, PATH_AT);
  CALL(functions[take(from) % 3], directory, PATH_AT, size);
}

static void change_two_names(input *from) {
  int64_t first = take_number(from), size = put_path(from, PATH_AT);
  int64_t second = take_number(from), other = put_path(from, OTHER_AT);
  switch (take(from) % 3) {
  case 0: CALL("path_rename", first, PATH_AT, size, second, OTHER_AT, other); break;
  case 1: CALL("path_link", first, take(from) & 1, PATH_AT, size, second, OTHER_AT, other); break;
  default: CALL("path_symlink", PATH_AT, size, second, OTHER_AT, other); break;
  }
}

static void set_things(input *from) {
  int64_t number = take_number(from), size = put_path(from, PATH_AT);
  switch (take(from) % 5) {
  case 0: CALL("path_filestat_set_times", number, take(from) & 1, PATH_AT, size, 1, 2, take(from)); break;
  case 1: CALL("fd_filestat_set_times", number, 1, 2, take(from)); break;
  case 2: CALL("fd_filestat_set_size", number, take(from)); break;
  case 3: CALL("fd_allocate", number, 0, take(from)); break;
  default: CALL("path_readlink", number, PATH_AT, size, DATA_AT, 100, OUT_AT); break;
  }
}

static void move_numbers(input *from) {
  int64_t number = take_number(from);
  if (number < WASI_STREAMS) return;
  if (take(from) % 2)
    CALL("fd_renumber", number, take_number(from));
  else
    CALL("fd_close", number);
}

static void (*const steps[])(input *) = {
    open_path,       open_path,        list,       read_file,   write_some, ask, change_one_name,
    change_one_name, change_two_names, set_things, move_numbers};

// -- The whole --

static void end_world(void) {
  wasi_context_delete(world.context);
  wasi_preopens_close(world.preopens);
  empty_directory("");
  rmdir(world.base);
}

static void begin_world(void) {
  snprintf(world.base, sizeof world.base, "/tmp/ubiq-wasi-fuzz-XXXXXX");
  must(mkdtemp(world.base) != NULL);
  must(mkdir(at("inside"), 0755) == 0 && mkdir(at("reading"), 0755) == 0);
  make_outside();
  fill_tree("reading");
  const wasi_directory directories[] = {{.host = at("inside"), .guest = "/"},
                                        {.host = at("reading"), .guest = "/reading", .read_only = true}};
  must(wasi_preopens_open(directories, 2, &world.preopens) == NULL);
  const wasi_options options = {.input_fd = -1, .preopens = world.preopens};
  must(wasi_context_new(&options, &world.context) == NULL);
  world.ops = (engine_ops){.caller_memory = memory_of};
  world.store.ops = &world.ops;
  remember();
  atexit(end_world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  input input = {data, size};
  if (world.context == NULL) begin_world();
  wasi_context_reset(world.context);
  empty_directory("inside");
  fill_tree("inside");
  memset(world.memory, 0, sizeof world.memory);
  for (int i = 0; i < CALLS_MAX && input.size > 0; i++) {
    steps[take(&input) % (sizeof steps / sizeof *steps)](&input);
    check_told();
  }
  check_kept();
  return 0;
}
