// Folders are walked with paths: what builds a bundle trusts the project. Links are followed to files, not to folders.
#include "runtime/bundle/bundle_pack_files.h"

#include "base/digest.h"
#include "base/file.h"
#include "runtime/bundle/bundle.h"
#include "runtime/bundle/bundle_tar.h"
#include "runtime/bundle/static_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/// One folder while it is packed.
typedef struct packer {
  const project_files *settings;
  yyjson_mut_doc *document;
  yyjson_mut_val *entries;
  map *files;
} packer;

static ubiq_error *pack_file(packer *self, const char *path, const char *below) {
  buffer bytes = {0};
  char digest[DIGEST_SHA256_HEX_SIZE], name[BUNDLE_NAME_BYTES_MAX + 1];
  ubiq_error *error = file_read_all(path, BUNDLE_UNPACKED_BYTES_MAX, &bytes);
  if (error == NULL) {
    digest_sha256_hex(bytes.data, bytes.size, digest);
    snprintf(name, sizeof name, "files/%s", digest);
    bool good = map_set(self->files, text_of(name), bytes.data, bytes.size) &&
                yyjson_mut_obj_add(self->entries, yyjson_mut_strcpy(self->document, below),
                                   yyjson_mut_strcpy(self->document, name));
    if (!good) error = ubiq_error_no_memory();
    if (good && self->files->count > BUNDLE_FILES_MAX)
      error = ubiq_error_new(UBIQ_TOO_LARGE, "%s: the bundle has more than %d files; at most that many are allowed",
                             self->settings->folder, BUNDLE_FILES_MAX);
  }
  buffer_free(&bytes);
  return error;
}

static int is_visible(const struct dirent *entry) {
  return static_name_is_visible(text_of(entry->d_name));
}

static ubiq_error *pack_folder(packer *self, const char *path, const char *below);

static ubiq_error *pack_entry(packer *self, const char *folder, const char *below, const char *name) {
  struct stat itself, status;
  char *path = file_path_join(folder, name), *place = *below == '\0' ? strdup(name) : file_path_join(below, name);
  ubiq_error *error = path == NULL || place == NULL ? ubiq_error_no_memory() : NULL;
  bool is_there = error == NULL && lstat(path, &itself) == 0 && stat(path, &status) == 0;
  if (is_there && strlen(place) > STATIC_PATH_BYTES_MAX)
    error = ubiq_error_new(UBIQ_TOO_LARGE, "%s: has a path of more than %d bytes", path, STATIC_PATH_BYTES_MAX);
  else if (is_there && S_ISREG(status.st_mode))
    error = pack_file(self, path, place);
  else if (is_there && S_ISDIR(itself.st_mode))
    error = pack_folder(self, path, place);
  free(path);
  free(place);
  return error;
}

static ubiq_error *pack_folder(packer *self, const char *path, const char *below) {
  struct dirent **names;
  int count = scandir(path, &names, is_visible, alphasort);
  if (count < 0)
    return ubiq_error_new(errno == EACCES ? UBIQ_DENIED : UBIQ_NOT_FOUND,
                          "%s: %s; expected a folder with files to answer with", path, strerror(errno));
  ubiq_error *error = NULL;
  for (int i = 0; i < count; i++) {
    if (error == NULL) error = pack_entry(self, path, below, names[i]->d_name);
    free(names[i]);
  }
  free(names);
  return error;
}

ubiq_error *bundle_pack_files(const project *project, yyjson_mut_doc *document, yyjson_mut_val *root, map *files) {
  yyjson_mut_obj_iter tables = yyjson_mut_obj_iter_with(yyjson_mut_obj_get(root, "files"));
  ubiq_error *error = NULL;
  for (size_t i = 0; error == NULL && i < project->files_count; i++) { // they stand in the order of their tables
    yyjson_mut_val *table = yyjson_mut_obj_iter_get_val(yyjson_mut_obj_iter_next(&tables));
    packer packer = {&project->files[i], document, yyjson_mut_obj(document), files};
    if (packer.settings->folder == NULL) continue;
    error = packer.entries == NULL ? ubiq_error_no_memory() : pack_folder(&packer, packer.settings->folder, "");
    yyjson_mut_obj_remove_key(table, "folder");
    if (error == NULL && !yyjson_mut_obj_add_val(document, table, "entries", packer.entries))
      error = ubiq_error_no_memory();
  }
  return error;
}
