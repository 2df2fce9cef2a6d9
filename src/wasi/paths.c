// Names in directories: making, moving, linking and removing them. Each works on the last name of a path in the
// directory that the rest of the path leads to, and follows no symbolic link there.
#include "wasi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static wasi_errno finished(int result) {
  return result == 0 ? WASI_SUCCESS : wasi_errno_of_host(errno);
}

// -- One name --

typedef int (*name_change)(int parent, const char *name);

static int make_directory(int parent, const char *name) {
  return mkdirat(parent, name, 0777);
}

static int remove_directory(int parent, const char *name) {
  return unlinkat(parent, name, AT_REMOVEDIR);
}

static int unlink_file(int parent, const char *name) {
  return unlinkat(parent, name, 0);
}

static wasi_errno change_name(wasi_guest *self, const engine_value *arguments, uint64_t right, name_change change) {
  wasi_descriptor *directory;
  wasi_path path;
  wasi_errno error = wasi_directory_get_to_change(self, &arguments[0], right, &directory);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[1], &arguments[2], &path);
  if (error != WASI_SUCCESS) return error;
  wasi_place place;
  error = wasi_place_find(directory, &path, &place);
  if (error == WASI_SUCCESS) error = finished(change(place.parent, place.name));
  wasi_place_end(&place);
  return error;
}

static wasi_errno path_create_directory(wasi_guest *self, const engine_value *arguments) {
  return change_name(self, arguments, WASI_RIGHT_PATH_CREATE_DIRECTORY, make_directory);
}
WASI_CALLBACK(path_create_directory)

static wasi_errno path_remove_directory(wasi_guest *self, const engine_value *arguments) {
  return change_name(self, arguments, WASI_RIGHT_PATH_REMOVE_DIRECTORY, remove_directory);
}
WASI_CALLBACK(path_remove_directory)

static wasi_errno path_unlink_file(wasi_guest *self, const engine_value *arguments) {
  return change_name(self, arguments, WASI_RIGHT_PATH_UNLINK_FILE, unlink_file);
}
WASI_CALLBACK(path_unlink_file)

// -- Two names --

/// The first two arguments of a function are a directory and a path; so are the next.
typedef struct two_places {
  wasi_path paths[2];
  wasi_place places[2];
} two_places;

static wasi_errno find_two(const wasi_descriptor *from, const wasi_descriptor *to, two_places *out) {
  wasi_errno error = wasi_place_find(from, &out->paths[0], &out->places[0]);
  out->places[1] = (wasi_place){0};
  return error == WASI_SUCCESS ? wasi_place_find(to, &out->paths[1], &out->places[1]) : error;
}

static void end_two(const two_places *places) {
  wasi_place_end(&places->places[0]);
  wasi_place_end(&places->places[1]);
}

static wasi_errno path_rename(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *from, *to;
  two_places two;
  wasi_errno error = wasi_directory_get_to_change(self, &arguments[0], WASI_RIGHT_PATH_RENAME_SOURCE, &from);
  if (error == WASI_SUCCESS)
    error = wasi_directory_get_to_change(self, &arguments[3], WASI_RIGHT_PATH_RENAME_TARGET, &to);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[1], &arguments[2], &two.paths[0]);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[4], &arguments[5], &two.paths[1]);
  if (error != WASI_SUCCESS) return error;
  error = find_two(from, to, &two);
  if (error == WASI_SUCCESS)
    error = finished(renameat(two.places[0].parent, two.places[0].name, two.places[1].parent, two.places[1].name));
  end_two(&two);
  return error;
}
WASI_CALLBACK(path_rename)

static bool is_plain_name(const char *name) {
  return strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

// The only one of these calls that looks up its first name: with a slash behind it the host would follow a symbolic link
// to anywhere. What can have a slash behind it is a directory, and those cannot be linked.
static wasi_errno link_places(const two_places *two) {
  const wasi_place *from = &two->places[0], *to = &two->places[1];
  if (!is_plain_name(from->name)) return WASI_EPERM;
  return finished(linkat(from->parent, from->name, to->parent, to->name, 0));
}

static wasi_errno path_link(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *from, *to;
  two_places two;
  wasi_errno error = wasi_directory_get_to_change(self, &arguments[0], WASI_RIGHT_PATH_LINK_SOURCE, &from);
  if (error == WASI_SUCCESS)
    error = wasi_directory_get_to_change(self, &arguments[4], WASI_RIGHT_PATH_LINK_TARGET, &to);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[2], &arguments[3], &two.paths[0]);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[5], &arguments[6], &two.paths[1]);
  if (error != WASI_SUCCESS) return error;
  if ((wasi_u32(&arguments[1]) & WASI_LOOKUP_SYMLINK_FOLLOW) != 0) return WASI_EINVAL;
  error = find_two(from, to, &two);
  if (error == WASI_SUCCESS) error = link_places(&two);
  end_two(&two);
  return error;
}
WASI_CALLBACK(path_link)

// -- Symbolic links --

// A link to an absolute path means something else outside than the guest thinks, so none is made. One with `..` may be
// made and leads nowhere for the guest; what the host's own programs do with it is theirs to know.
static wasi_errno path_symlink(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *directory;
  wasi_path target, path;
  wasi_errno error = wasi_directory_get_to_change(self, &arguments[2], WASI_RIGHT_PATH_SYMLINK, &directory);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[0], &arguments[1], &target);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[3], &arguments[4], &path);
  if (error != WASI_SUCCESS) return error;
  wasi_place place;
  error = wasi_place_find(directory, &path, &place);
  if (error == WASI_SUCCESS) error = finished(symlinkat(target.bytes, place.parent, place.name));
  wasi_place_end(&place);
  return error;
}
WASI_CALLBACK(path_symlink)

// Where an absolute link of the host's leads is not the guest's to know.
static wasi_errno put_target(int link, uint8_t *out, uint32_t room, uint8_t *used) {
  char target[WASI_PATH_BYTES_MAX + 1];
  ssize_t size = readlinkat(link, "", target, sizeof target);
  if (size < 0) return errno == ENOENT ? WASI_EINVAL : wasi_errno_of_host(errno);
  if (size > 0 && target[0] == '/') return WASI_EPERM;
  uint32_t part = (uint32_t)size < room ? (uint32_t)size : room;
  if (part > 0) memcpy(out, target, part);
  wasi_store_u32(used, part);
  return WASI_SUCCESS;
}

static wasi_errno path_readlink(wasi_guest *self, const engine_value *arguments) {
  wasi_descriptor *directory;
  wasi_path path;
  int link = -1;
  wasi_errno error = wasi_directory_get(self, &arguments[0], WASI_RIGHT_PATH_READLINK, &directory);
  if (error == WASI_SUCCESS) error = wasi_path_get(self, &arguments[1], &arguments[2], &path);
  if (error != WASI_SUCCESS) return error;
  uint32_t room = wasi_u32(&arguments[4]);
  uint8_t *out = wasi_guest_span(self, wasi_u32(&arguments[3]), room);
  uint8_t *used = wasi_guest_span(self, wasi_u32(&arguments[5]), 4);
  if (out == NULL || used == NULL) return WASI_EFAULT;
  error = wasi_open_thing(directory->host, &path, false, &link);
  if (error != WASI_SUCCESS) return error;
  error = put_target(link, out, room, used);
  close(link);
  return error;
}
WASI_CALLBACK(path_readlink)
