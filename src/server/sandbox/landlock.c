// The numbers are those of the kernel's linux/landlock.h, which Debian 12 has only up to level 2.
#include "server/sandbox/landlock.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Rights, and the level from which on there is each.
enum {
  EXECUTE = 1 << 0,
  WRITE_FILE = 1 << 1,
  READ_FILE = 1 << 2,
  READ_DIRECTORY = 1 << 3,
  REMOVE_DIRECTORY = 1 << 4,
  REMOVE_FILE = 1 << 5,
  MAKE_CHARACTER_DEVICE = 1 << 6,
  MAKE_DIRECTORY = 1 << 7,
  MAKE_FILE = 1 << 8,
  MAKE_SOCKET = 1 << 9,
  MAKE_PIPE = 1 << 10,
  MAKE_BLOCK_DEVICE = 1 << 11,
  MAKE_LINK = 1 << 12,
  MOVE = 1 << 13,         // level 2: to another folder
  TRUNCATE = 1 << 14,     // level 3
  USE_DEVICES = 1 << 15,  // level 5: ioctl
  BIND_TCP = 1 << 0,      // level 4, of the network
  ABSTRACT_SOCKETS = 1,   // level 6, of scopes: connecting to those of others
  SIGNALS_OUTSIDE = 2,    // level 6, of scopes
  RULE_PATH = 1,          // a kind of rule
  ASK_FOR_LEVEL = 1 << 0, // a flag of making a list
};

enum {
  ALL_OF_LEVEL_2 = (1 << 14) - 1,
  FOR_FILES = WRITE_FILE | READ_FILE | TRUNCATE, // the others are for folders
  READING = READ_FILE | READ_DIRECTORY,
  ADDING = WRITE_FILE | MAKE_FILE,
  WRITING =
      READING | WRITE_FILE | REMOVE_DIRECTORY | REMOVE_FILE | MAKE_DIRECTORY | MAKE_FILE | MAKE_LINK | MOVE | TRUNCATE,
};

/// What a list forbids unless it says otherwise. The kernel takes longer and shorter ones alike, if the rest is zeroes.
typedef struct handled {
  uint64_t files, network, scopes;
} handled;

typedef struct path_rule {
  uint64_t allowed;
  int32_t descriptor;
} __attribute__((packed)) path_rule;

int landlock_level(void) {
  long level = syscall(SYS_landlock_create_ruleset, NULL, 0, ASK_FOR_LEVEL);
  return level < 0 ? 0 : (int)level;
}

static handled handled_at(int level) {
  handled all = {.files = ALL_OF_LEVEL_2};
  if (level >= 3) all.files |= TRUNCATE;
  if (level >= 4) all.network = BIND_TCP;
  if (level >= 5) all.files |= USE_DEVICES;
  if (level >= 6) all.scopes = ABSTRACT_SOCKETS | SIGNALS_OUTSIDE;
  return all;
}

static ubiq_error *failure(const char *what) {
  return ubiq_error_new(UBIQ_INTERNAL, "Landlock: %s: %s", what, strerrordesc_np(errno));
}

ubiq_error *landlock_open(landlock *out) {
  *out = (landlock){.rules = -1, .level = landlock_level()};
  if (out->level < LANDLOCK_LEVEL_MIN)
    return ubiq_error_new(UBIQ_UNAVAILABLE, "this kernel has no Landlock, or an old one; expected Linux 5.19 or later "
                                            "with `landlock` among its security modules");
  const handled all = handled_at(out->level);
  out->rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
  return out->rules >= 0 ? NULL : failure("a list cannot be made");
}

static uint64_t rights_of(const landlock *self, landlock_access access, bool is_folder) {
  static const uint64_t rights[] = {[LANDLOCK_READ] = READING, [LANDLOCK_ADD] = ADDING, [LANDLOCK_WRITE] = WRITING};
  return rights[access] & handled_at(self->level).files & (is_folder ? UINT64_MAX : FOR_FILES);
}

ubiq_error *landlock_allow(landlock *self, const char *path, landlock_access access) {
  path_rule rule = {.descriptor = open(path, O_PATH | O_CLOEXEC)};
  if (rule.descriptor < 0) return NULL;
  struct stat status;
  ubiq_error *error = NULL;
  if (fstat(rule.descriptor, &status) != 0) {
    error = failure(path);
  } else {
    rule.allowed = rights_of(self, access, S_ISDIR(status.st_mode));
    if (syscall(SYS_landlock_add_rule, self->rules, RULE_PATH, &rule, 0) != 0) error = failure(path);
  }
  close(rule.descriptor);
  return error;
}

ubiq_error *landlock_enforce(const landlock *self) {
  return syscall(SYS_landlock_restrict_self, self->rules, 0) == 0 ? NULL : failure("it cannot be turned on");
}

void landlock_close(landlock *self) {
  if (self->rules >= 0) close(self->rules);
  self->rules = -1;
}
