// A folder whose files are answered as they are: of this machine, or of a bundle. What is hidden (a name that begins with '.',
// but for `.well-known`) is not there, and nothing outside of the folder is reached. It never changes: any thread.
#ifndef RUNTIME_BUNDLE_STATIC_FILES_H
#define RUNTIME_BUNDLE_STATIC_FILES_H

#include "runtime/project/project.h"
#include "ubiq/plugin.h"

#include <time.h>

enum { STATIC_PATH_BYTES_MAX = 1024 };

typedef struct static_files static_files;

/// One file, as it is now.
typedef struct static_file {
  int descriptor;   ///< the caller's to close; -1: it is `bytes`
  ubiq_bytes bytes; ///< borrowed from the folder
  uint64_t size;
  time_t modified; ///< 0: nobody knows
  char tag[40];    ///< another one whenever the content is another; in quotes, as in the header ETag
  const char *media_type;
} static_file;

typedef enum static_result {
  STATIC_FOUND,
  STATIC_NOT_FOUND,
  STATIC_IS_FOLDER, ///< the path lacks a slash at its end
} static_result;

/// Opens a folder of this machine, or copies the entries of a bundle: from `files`, or, with NULL, from where it was unpacked,
/// `directory`. `settings` must outlive it. `*out` is the caller's. Errors: `not_found`, `denied`, those of reading.
ubiq_error *static_files_open(const project_files *settings, const char *directory, const ubiq_files *files,
                              static_files **out);

/// Whether a file or folder of this name is answered with.
bool static_name_is_visible(text name);

const project_files *static_files_settings(const static_files *self);

/// Finds a file by its path below the folder, as it was sent, escapes and all. A path that is empty or ends with a slash stands
/// for the folder's index.
static_result static_files_find(const static_files *self, text path, static_file *out);

void static_files_delete(static_files *self);

#endif
