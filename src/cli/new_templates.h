// What `ubiq new` makes: a function in each language, with a test case, and the ubiq.toml around it.
//
// In paths and contents @NAME@ stands for the function's name, and @ID@ for that as an identifier, with '_' for '-'.
#ifndef CLI_NEW_TEMPLATES_H
#define CLI_NEW_TEMPLATES_H

#include <stddef.h>

enum { NEW_TEMPLATE_FILES_MAX = 4 };

typedef struct new_file {
  const char *path; ///< in the project's folder; NULL behind the last
  const char *content;
} new_file;

typedef struct new_template {
  const char *name;  ///< what --template says
  const char *needs; ///< what has to be installed for it
  const char *table; ///< of ubiq.toml
  new_file files[NEW_TEMPLATE_FILES_MAX + 1];
} new_template;

/// The beginning of a project's ubiq.toml; @NAME@ is the project's.
extern const char new_project_head[];

/// All, the default first.
const new_template *new_template_list(size_t *count);

#endif
