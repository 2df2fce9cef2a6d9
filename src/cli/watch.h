// Watching a project's files: one call after a burst of changes.
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "runtime/project/project.h"

#include <uv.h>

enum { WATCH_FOLDERS_MAX = 1000, WATCH_QUIET_MS = 60 };

typedef struct watch watch;

/// Something may have changed; called on the loop's thread once nothing happened for WATCH_QUIET_MS.
typedef void (*watch_changed)(void *user);

/// Makes a watch that watches nothing yet. `*out` is the caller's, for watch_close. Errors: out of memory.
ubiq_error *watch_new(uv_loop_t *loop, watch_changed changed, void *user, watch **out);

/// The folder of a file, or the nearest above it that exists; the caller's (free), NULL when memory is out.
char *watch_folder_of(const char *file);

/// Watches a project's folder, those below it, and where its functions' files are or will be, instead of what was watched
/// before. `project` is NULL when it is not known what the functions are. `changed` is called once in any case, for
/// what changed meanwhile. Folders that cannot be watched are left out, with a line in the log.
void watch_project(watch *self, const char *directory, const project *project);

/// Ends the watch; its memory goes when the loop has run once more. NULL is allowed.
void watch_close(watch *self);

#endif
