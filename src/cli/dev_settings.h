// Settings of one's own machine: the file `.env` beside a project's ubiq.toml, for `ubiq dev`.
//
// A name means what UBIQ_CONFIG_NAME means in the environment, which comes before it. The form of the file is told in dot_env.h.
#ifndef CLI_DEV_SETTINGS_H
#define CLI_DEV_SETTINGS_H

#include "ubiq/error.h"

/// Reads the file, if there is one, into the process's environment. Before there are threads. Errors: `invalid_input`
/// with the line, those of reading it.
ubiq_error *dev_settings_read(const char *directory);

#endif
