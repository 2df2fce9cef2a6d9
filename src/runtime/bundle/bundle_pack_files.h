// Putting the folders that a project answers files from among the files of a bundle that is being made.
#ifndef RUNTIME_BUNDLE_BUNDLE_PACK_FILES_H
#define RUNTIME_BUNDLE_BUNDLE_PACK_FILES_H

#include "base/map.h"
#include "runtime/project/project.h"
#include "yyjson.h"

/// Adds the files of every folder, named after their content, and puts `entries` in the place of `folder` in the tables of
/// `root`. Hidden files are left out, and what is no file. Errors: those of reading them; `too_large`.
ubiq_error *bundle_pack_files(const project *project, yyjson_mut_doc *document, yyjson_mut_val *root, map *files);

#endif
