// One walk with fts; the fingerprint adds up a hash for each file, so that the order of a folder does not matter.
#include "runtime/bundle/source_tree.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

#include <errno.h>
#include <fts.h>
#include <sys/stat.h>

static uint64_t time_ns(const struct stat *status) {
  return (uint64_t)status->st_mtim.tv_sec * CLOCK_NS_PER_SECOND + (uint64_t)status->st_mtim.tv_nsec;
}

uint64_t source_file_changed_ns(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 ? time_ns(&status) : 0;
}

static bool is_left_out(const FTSENT *entry) {
  static const char *const folders[] = {"target", "build", "out", "dist", "node_modules", "__pycache__"};
  if (entry->fts_level == 0) return false;
  if (entry->fts_name[0] == '.') return true;
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
    if (entry->fts_info == FTS_D && strcmp(entry->fts_name, folders[i]) == 0) return true;
  text name = text_of(entry->fts_name);
  return entry->fts_info == FTS_F && (text_ends_with(name, TEXT(".wasm")) || text_ends_with(name, TEXT(".ubiq")) ||
                                      text_ends_with(name, TEXT("~")));
}

/// FNV-1a: files are told apart here, nobody is kept out.
static uint64_t mix(uint64_t hash, const void *data, size_t size) {
  for (size_t i = 0; i < size; i++) hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static void add_file(source_tree *tree, const FTSENT *entry) {
  uint64_t facts[] = {time_ns(entry->fts_statp), (uint64_t)entry->fts_statp->st_size};
  uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), entry->fts_path, entry->fts_pathlen);
  tree->fingerprint += mix(hash, facts, sizeof facts);
  if (facts[0] > tree->newest_ns) tree->newest_ns = facts[0];
}

/// A folder without files yet is to be watched, too.
static void add_folder(source_tree *tree, const FTSENT *entry) {
  tree->fingerprint += mix(UINT64_C(0xcbf29ce484222325), entry->fts_path, entry->fts_pathlen);
}

static void walk(FTS *walk, source_tree_visit visit, void *user, source_tree *out) {
  size_t files = 0;
  for (FTSENT *entry; files < SOURCE_TREE_FILES_MAX && (entry = fts_read(walk)) != NULL;) {
    if (is_left_out(entry)) {
      fts_set(walk, entry, FTS_SKIP);
    } else if (entry->fts_info == FTS_F) {
      add_file(out, entry);
      files++;
    } else if (entry->fts_info == FTS_D) {
      add_folder(out, entry);
      if (visit != NULL) visit(user, entry->fts_path);
    }
  }
}

ubiq_error *source_tree_scan(const char *root, source_tree_visit visit, void *user, source_tree *out) {
  *out = (source_tree){0};
  if (!file_is_directory(root)) return file_error(ENOENT, root);
  char *roots[] = {(char *)(uintptr_t)root, NULL};
  FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
  if (tree == NULL) return file_error(errno, root);
  walk(tree, visit, user, out);
  fts_close(tree);
  return NULL;
}
