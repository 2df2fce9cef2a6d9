// Options of the command line: one table for a command says what there is, where values go and what --help prints.
//
// `--name value`, `--name=value`, `-n value`; flags take no value; `--` ends the options; everything else is a
// positional argument, before or behind options. A command that hands arguments on takes what follows `--` apart.
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "ubiq/error.h"

#include <stdio.h>

typedef enum option_kind {
  OPTION_FLAG,     ///< target: bool
  OPTION_TEXT,     ///< target: const char *
  OPTION_NUMBER,   ///< target: uint64_t, from `min` to `max`
  OPTION_DURATION, ///< target: uint64_t, milliseconds, from `min` to `max`
  OPTION_SIZE,     ///< target: uint64_t, bytes, from `min` to `max`
  OPTION_LIST,     ///< target: option_list; may be given several times
} option_kind;

/// The values of an OPTION_LIST, in order. Zeroed: none.
typedef struct option_list {
  const char **values; ///< owned (free); the strings are the command line's
  size_t count;
} option_list;

typedef struct option {
  const char *name; ///< without the dashes
  char letter;      ///< 0: none
  option_kind kind;
  const char *value; ///< what stands for the value in the help; NULL for flags
  const char *help;  ///< one line; NULL leaves it out of the help
  void *target;
  uint64_t min, max; ///< `max` 0: no limit
} option;

typedef struct options {
  const option *list;
  size_t count;
  const char **positionals; ///< room for `positionals_max`
  size_t positionals_max;
  size_t positionals_count; ///< out
  bool has_rest;            ///< what follows `--` is no positional argument but `rest`
  char **rest;              ///< out; of the command line
  size_t rest_count;        ///< out
} options;

/// Reads the arguments (without the program's and the command's names). Errors: `invalid_input`; for an unknown option
/// it names the nearest.
ubiq_error *options_parse(options *self, int count, char **arguments);

/// Prints the options' part of a help text, aligned.
void options_print(const options *self, FILE *out);

#endif
