// Paths are taken apart here, and then opened by openat2 with RESOLVE_BENEATH, so that links cannot lead out either.
#include "runtime/bundle/static_files.h"

#include "base/digest.h"
#include "base/file.h"
#include "runtime/bundle/bundle.h"
#include "runtime/project/media_type.h"
#include "wasi/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/// A file of a bundle.
typedef struct bundled {
  text path;      ///< of the settings
  uint8_t *bytes; ///< owned
  size_t size;
  char tag[40];
} bundled;

struct static_files {
  const project_files *settings;
  int descriptor; ///< of the folder; -1: it is a bundle's
  bundled *files; ///< by path
  size_t count;
};

// ----------------------------------------------------------------------------------------------------------- paths

/// A path below the folder that may be asked for.
typedef struct path {
  char bytes[STATIC_PATH_BYTES_MAX + 1];
  size_t size;
} path;

bool static_name_is_visible(text segment) {
  bool hidden = segment.size == 0 || segment.data[0] == '.';
  return !hidden || text_equal_string(segment, ".well-known");
}

/// Undoes the escapes; an escaped slash divides nothing, so that it is in no file's name.
static bool take_segment(path *self, text sent) {
  if (sent.size > sizeof self->bytes - 1 - self->size) return false;
  text segment = {self->bytes + self->size, text_percent_decode(sent, self->bytes + self->size)};
  if (!static_name_is_visible(segment) || memchr(segment.data, '\0', segment.size) ||
      memchr(segment.data, '/', segment.size))
    return false;
  self->size += segment.size;
  return true;
}

static bool append(path *self, const char *string) {
  size_t size = strlen(string);
  if (size > sizeof self->bytes - 1 - self->size) return false;
  memcpy(self->bytes + self->size, string, size);
  self->size += size;
  return true;
}

static bool read_path(text sent, const char *index, path *out) {
  text segment;
  out->size = 0;
  while (text_split(&sent, '/', &segment)) {
    bool is_last = sent.data == NULL;
    bool good = is_last && segment.size == 0 ? append(out, index) : take_segment(out, segment);
    if (!good || (!is_last && !append(out, "/"))) return false;
  }
  out->bytes[out->size] = '\0';
  return out->size > 0;
}

// ------------------------------------------------------------------------------------------------- of this machine

static static_result take_descriptor(int descriptor, static_file *out) {
  struct stat status;
  bool good = fstat(descriptor, &status) == 0;
  if (good && S_ISREG(status.st_mode)) {
    out->descriptor = descriptor;
    out->size = (uint64_t)status.st_size;
    out->modified = status.st_mtim.tv_sec;
    snprintf(out->tag, sizeof out->tag, "\"%llx-%llx\"", (unsigned long long)status.st_size,
             (unsigned long long)status.st_mtim.tv_sec * 1000000000 + (unsigned long long)status.st_mtim.tv_nsec);
    return STATIC_FOUND;
  }
  close(descriptor);
  return good && S_ISDIR(status.st_mode) ? STATIC_IS_FOLDER : STATIC_NOT_FOUND;
}

static static_result find_here(const static_files *self, const path *path, static_file *out) {
  // A pipe must not hold the worker up.
  int descriptor = wasi_openat2(self->descriptor, path->bytes, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0,
                                RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  return descriptor < 0 ? STATIC_NOT_FOUND : take_descriptor(descriptor, out);
}

// ----------------------------------------------------------------------------------------------------- of a bundle

static int compare(const void *left, const void *right) {
  return text_compare(((const bundled *)left)->path, ((const bundled *)right)->path);
}

static const bundled *look_up(const static_files *self, const path *path) {
  const bundled key = {.path = {path->bytes, path->size}};
  return self->count == 0 ? NULL : bsearch(&key, self->files, self->count, sizeof key, compare);
}

static static_result find_bundled(const static_files *self, path *path, static_file *out) {
  const bundled *found = look_up(self, path);
  if (found == NULL) {
    bool is_folder = append(path, "/") && append(path, self->settings->index) && look_up(self, path) != NULL;
    return is_folder ? STATIC_IS_FOLDER : STATIC_NOT_FOUND;
  }
  out->bytes = (ubiq_bytes){found->bytes, found->size};
  out->size = found->size;
  memcpy(out->tag, found->tag, sizeof out->tag);
  return STATIC_FOUND;
}

static ubiq_error *take(text path, ubiq_bytes content, bundled *out) {
  char digest[DIGEST_SHA256_HEX_SIZE];
  digest_sha256_hex(content.data, content.size, digest);
  snprintf(out->tag, sizeof out->tag, "\"%.32s\"", digest);
  out->path = path;
  out->size = content.size;
  out->bytes = malloc(content.size + 1);
  if (out->bytes == NULL) return ubiq_error_no_memory();
  if (content.size > 0) memcpy(out->bytes, content.data, content.size);
  return NULL;
}

static ubiq_error *copy_of_bundle(const project_entry *entry, const ubiq_files *files, bundled *out) {
  ubiq_bytes content;
  ubiq_error *error = files->read(files->user, entry->name, &content);
  return error != NULL ? error : take(entry->path, content, out);
}

/// A bundle that was unpacked.
static ubiq_error *copy_of_folder(const project_entry *entry, const char *directory, bundled *out) {
  buffer bytes = {0};
  char *path = file_path_join(directory, entry->name);
  ubiq_error *error = path == NULL ? ubiq_error_no_memory() : file_read_all(path, BUNDLE_UNPACKED_BYTES_MAX, &bytes);
  if (error == NULL) error = take(entry->path, buffer_bytes(&bytes), out);
  buffer_free(&bytes);
  free(path);
  return error;
}

// ----------------------------------------------------------------------------------------------------------- whole

static static_files *make(const project_files *settings) {
  static_files *self = calloc(1, sizeof *self);
  if (self != NULL) *self = (static_files){.settings = settings, .descriptor = -1};
  return self;
}

static ubiq_error *open_folder(static_files *self) {
  self->descriptor = open(self->settings->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (self->descriptor >= 0) return NULL;
  return ubiq_error_new(errno == EACCES ? UBIQ_DENIED : UBIQ_NOT_FOUND,
                        "%s: %s; expected a folder with files to answer with", self->settings->folder, strerror(errno));
}

static ubiq_error *copy_entries(static_files *self, const char *directory, const ubiq_files *files) {
  const project_files *settings = self->settings;
  self->files = calloc(settings->entries_count + 1, sizeof *self->files);
  if (self->files == NULL) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  for (; error == NULL && self->count < settings->entries_count; self->count++) {
    const project_entry *entry = &settings->entries[self->count];
    bundled *out = &self->files[self->count];
    error = files == NULL ? copy_of_folder(entry, directory, out) : copy_of_bundle(entry, files, out);
  }
  if (error == NULL) qsort(self->files, self->count, sizeof *self->files, compare);
  return error;
}

ubiq_error *static_files_open(const project_files *settings, const char *directory, const ubiq_files *files,
                              static_files **out) {
  static_files *self = make(settings);
  if (self == NULL) return ubiq_error_no_memory();
  ubiq_error *error = settings->folder != NULL ? open_folder(self) : copy_entries(self, directory, files);
  if (error == NULL)
    *out = self;
  else
    static_files_delete(self);
  return error;
}

const project_files *static_files_settings(const static_files *self) {
  return self->settings;
}

static_result static_files_find(const static_files *self, text sent, static_file *out) {
  path path;
  *out = (static_file){.descriptor = -1};
  if (!read_path(sent, self->settings->index, &path)) return STATIC_NOT_FOUND;
  out->media_type = media_type_of((text){path.bytes, path.size});
  return self->descriptor >= 0 ? find_here(self, &path, out) : find_bundled(self, &path, out);
}

void static_files_delete(static_files *self) {
  if (self == NULL) return;
  if (self->descriptor >= 0) close(self->descriptor);
  for (size_t i = 0; i < self->count; i++) free(self->files[i].bytes);
  free(self->files);
  free(self);
}
