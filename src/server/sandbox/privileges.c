// Root is given up in the order that works: groups first, because only root may change them. What took effect is looked at
// afterwards, capabilities included, because a server that only believes to have given up root is worse than one that ends.
#include "server/sandbox/privileges.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 255 };

// ---------------------------------------------------------------------------------------------------------- finding

static bool read_id(const char *name, uint32_t *out) {
  uint64_t number;
  if (!text_to_u64(text_of(name), &number) || number >= UINT32_MAX) return false;
  *out = (uint32_t)number;
  return true;
}

static ubiq_error *take_group(const char *name, identity *out) {
  const struct group *found = getgrnam(name);
  if (found != NULL)
    out->group = found->gr_gid;
  else if (!read_id(name, &out->group))
    return ubiq_error_new(UBIQ_NOT_FOUND, "--user: there is no group \"%s\"", name);
  out->groups[0] = out->group;
  out->groups_count = 1;
  return NULL;
}

static ubiq_error *take_own_groups(const struct passwd *user, identity *out) {
  int count = IDENTITY_GROUPS_MAX;
  if (getgrouplist(user->pw_name, user->pw_gid, out->groups, &count) < 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--user: \"%s\" is in more than %d groups; expected USER:GROUP",
                          user->pw_name, IDENTITY_GROUPS_MAX);
  out->groups_count = (size_t)count;
  out->group = user->pw_gid;
  return NULL;
}

static ubiq_error *take_user(const char *name, bool has_group, identity *out) {
  const struct passwd *user = getpwnam(name);
  if (user == NULL && read_id(name, &out->user)) user = getpwuid(out->user);
  if (user == NULL) {
    if (read_id(name, &out->user) && has_group) return NULL;
    return ubiq_error_new(UBIQ_NOT_FOUND, "--user: there is no user \"%s\"", name);
  }
  out->user = user->pw_uid;
  out->home = strdup(user->pw_dir);
  if (out->home == NULL) return ubiq_error_no_memory();
  return has_group ? NULL : take_own_groups(user, out);
}

ubiq_error *identity_find(const char *named, identity *out) {
  char user[NAME_BYTES_MAX + 1];
  *out = (identity){0};
  const char *colon = strchr(named, ':');
  size_t size = colon == NULL ? strlen(named) : (size_t)(colon - named);
  if (size == 0 || size > NAME_BYTES_MAX || (colon != NULL && colon[1] == '\0'))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--user is \"%s\"; expected NAME or NAME:GROUP", named);
  memcpy(user, named, size);
  user[size] = '\0';
  ubiq_error *error = take_user(user, colon != NULL, out);
  if (error == NULL && colon != NULL) error = take_group(colon + 1, out);
  if (error == NULL && (out->user == 0 || out->group == 0))
    error =
        ubiq_error_new(UBIQ_INVALID_INPUT, "--user is \"%s\", which is root; expected a user with less rights", named);
  return error;
}

void identity_free(identity *self) {
  free(self->home);
  self->home = NULL;
}

// --------------------------------------------------------------------------------------------------------- becoming

bool privileges_are_root(void) {
  return geteuid() == 0;
}

static ubiq_error *not_given_up(const char *what) {
  return ubiq_error_new(UBIQ_INTERNAL, "--user: %s; the server ends rather than run with root's rights", what);
}

static bool has_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
  if (syscall(SYS_capget, &header, data) != 0) return true;
  uint32_t any = 0;
  for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) any |= data[i].effective | data[i].permitted;
  return any != 0;
}

/// Tries to get back what was given up.
static ubiq_error *check(const identity *who) {
  uid_t user[3];
  gid_t group[3];
  if (getresuid(&user[0], &user[1], &user[2]) != 0 || getresgid(&group[0], &group[1], &group[2]) != 0)
    return not_given_up("who this process is cannot be asked");
  for (size_t i = 0; i < 3; i++)
    if (user[i] != who->user || group[i] != who->group) return not_given_up("the user or group did not change");
  if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setuid(0) == 0) return not_given_up("the user can become root again");
  if (setresgid((gid_t)-1, 0, (gid_t)-1) == 0) return not_given_up("the group can become root's again");
  return has_capabilities() ? not_given_up("capabilities were kept") : NULL;
}

ubiq_error *privileges_become(const identity *who) {
  if (geteuid() == who->user && getuid() == who->user && getegid() == who->group && !has_capabilities()) return NULL;
  if (!privileges_are_root())
    return ubiq_error_new(UBIQ_DENIED, "--user: only root may become another user; expected to be started by root");
  if (setgroups(who->groups_count, who->groups) != 0 || setresgid(who->group, who->group, who->group) != 0 ||
      setresuid(who->user, who->user, who->user) != 0)
    return not_given_up(strerrordesc_np(errno));
  if (who->home != NULL && setenv("HOME", who->home, 1) != 0) return ubiq_error_no_memory();
  return check(who);
}

ubiq_error *privileges_drop_capabilities(void) {
  if (privileges_are_root() || !has_capabilities()) return NULL;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 && syscall(SYS_capset, &header, none) == 0)
    return NULL;
  return ubiq_error_new(UBIQ_INTERNAL, "capabilities cannot be given up: %s", strerrordesc_np(errno));
}

// ------------------------------------------------------------------------------------------------------------- rest

ubiq_error *privileges_accept_no_new(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) return NULL;
  return ubiq_error_new(UBIQ_INTERNAL, "new privileges cannot be given up: %s", strerrordesc_np(errno));
}

ubiq_error *privileges_hide_memory(void) {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) return NULL;
  return ubiq_error_new(UBIQ_INTERNAL, "the memory cannot be hidden: %s", strerrordesc_np(errno));
}

void privileges_close_inherited(void) {
  for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
    if (fcntl(standard, F_GETFD) < 0) open("/dev/null", O_RDWR); // the lowest free one: this one
  close_range(STDERR_FILENO + 1, ~0U, 0);
}
