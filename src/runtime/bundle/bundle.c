// The archive stays one run of bytes; files are views of it, in order of their names.
#include "runtime/bundle/bundle.h"

#include "base/file.h"
#include "runtime/bundle/bundle_tar.h"
#include "runtime/bundle/bundle_zstd.h"

#include <stdlib.h>

struct bundle {
  char *name;
  buffer tar;
  bundle_file *files; ///< ordered by name; their names and contents are in `tar`
  size_t count;
};

static int compare(const void *left, const void *right) {
  return text_compare(((const bundle_file *)left)->name, ((const bundle_file *)right)->name);
}

static ubiq_error *add(bundle *self, const bundle_file *file) {
  if (self->count == BUNDLE_FILES_MAX)
    return ubiq_error_new(UBIQ_TOO_LARGE, "%s: holds more than the %d files that are allowed", self->name,
                          BUNDLE_FILES_MAX);
  if ((self->count & (self->count - 1)) == 0) { // full: room for as many more
    bundle_file *files = realloc(self->files, (self->count == 0 ? 1 : self->count * 2) * sizeof *files);
    if (files == NULL) return ubiq_error_no_memory();
    self->files = files;
  }
  self->files[self->count++] = *file;
  return NULL;
}

static ubiq_error *sort(bundle *self) {
  if (self->count > 0) qsort(self->files, self->count, sizeof *self->files, compare);
  for (size_t i = 1; i < self->count; i++) {
    text name = self->files[i].name;
    if (text_equal(name, self->files[i - 1].name))
      return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: holds two files named \"%.*s\"", self->name, (int)name.size,
                            name.data);
  }
  return NULL;
}

static ubiq_error *unpack(bundle *self) {
  ubiq_bytes tar = buffer_bytes(&self->tar);
  bundle_file file;
  bool found = true;
  ubiq_error *error = NULL;
  for (size_t at = 0; error == NULL && found;) {
    error = bundle_tar_next(self->name, tar, &at, &file, &found);
    if (error == NULL && found) error = add(self, &file);
  }
  return error != NULL ? error : sort(self);
}

ubiq_error *bundle_from_tar(const char *name, buffer *tar, bundle **out) {
  bundle *self = calloc(1, sizeof *self);
  if (self == NULL) {
    buffer_free(tar);
    return ubiq_error_no_memory();
  }
  self->tar = *tar;
  *tar = (buffer){0};
  self->name = strdup(name);
  ubiq_error *error = self->name == NULL ? ubiq_error_no_memory() : unpack(self);
  if (error == NULL)
    *out = self;
  else
    bundle_delete(self);
  return error;
}

ubiq_error *bundle_parse(const char *name, ubiq_bytes bytes, bundle **out) {
  buffer tar = {0};
  ubiq_error *error = bundle_decompress(name, bytes, BUNDLE_UNPACKED_BYTES_MAX, &tar);
  if (error == NULL) return bundle_from_tar(name, &tar, out);
  buffer_free(&tar);
  return error;
}

ubiq_error *bundle_read(const char *path, bundle **out) {
  buffer bytes = {0};
  ubiq_error *error = file_read_all(path, BUNDLE_BYTES_MAX, &bytes);
  if (error == NULL) error = bundle_parse(path, buffer_bytes(&bytes), out);
  buffer_free(&bytes);
  return error;
}

const char *bundle_name(const bundle *self) {
  return self->name;
}

bool bundle_find(const bundle *self, text name, ubiq_bytes *content) {
  const bundle_file key = {.name = name};
  const bundle_file *found = self->count == 0 ? NULL : bsearch(&key, self->files, self->count, sizeof key, compare);
  if (found != NULL) *content = found->content;
  return found != NULL;
}

void bundle_delete(bundle *self) {
  if (self == NULL) return;
  buffer_free(&self->tar);
  free(self->files);
  free(self->name);
  free(self);
}
