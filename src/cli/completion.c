// `ubiq completion`: scripts that let shells complete our command line, made of the commands' own tables.
//
// A command tells its options by command_begin; it is run with a copy of itself that has a visitor (command.h), so that it
// does nothing but that.
#include "base/text.h"
#include "cli/command.h"

#include <string.h>

/// A shell's script: its parts in their order.
typedef struct shell {
  const char *name;
  void (*begin)(const command *const *commands, size_t count);
  void (*one)(const command *self, const options *options); ///< for each command
  void (*end)(void);
} shell;

static const char levels[] = "trace debug info warn error off";

static bool takes_file(const option *option) {
  return option->value != NULL && (strstr(option->value, "FILE") != NULL || strstr(option->value, "DIR") != NULL ||
                                   strcmp(option->value, "HOST:GUEST") == 0);
}

/// The words that may stand for an option's value; NULL: none are known.
static const char *words_of(const option *option) {
  if (option->value == NULL) return NULL;
  if (strcmp(option->value, "LEVEL") == 0) return levels;
  return strcmp(option->value, "LANGUAGE") == 0 ? "c cpp rust go component" : NULL;
}

/// Within single quotes of a shell; what begins or ends a quoted part is `quote`.
static void print_quoted(const char *value, const char *quote) {
  for (; *value != '\0'; value++) {
    if (*value == '\'')
      fputs(quote, stdout);
    else
      putchar(*value);
  }
}

// --------------------------------------------------------------------------------------------------- bash

static void begin_bash(const command *const *commands, size_t count) {
  printf("# Completion of `ubiq` in bash, made by `ubiq completion bash`.\n"
         "_ubiq() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words= first= values= of=\n"
         "  COMPREPLY=()\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    words='");
  for (size_t i = 0; i < count; i++) printf("%s ", commands[i]->name);
  printf("--help --version'\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n");
}

/// `values` are the options that have a value of any kind: nothing of ours completes it, and so files do.
static void print_bash(const command *self, const options *options) {
  printf("    %s)\n      words='", self->name);
  for (size_t i = 0; i < options->count; i++) printf("%s--%s", i == 0 ? "" : " ", options->list[i].name);
  printf("'\n");
  for (size_t i = 0; i < options->count; i++)
    if (words_of(&options->list[i]) != NULL)
      printf("      [[ $previous == --%s ]] && of='%s'\n", options->list[i].name, words_of(&options->list[i]));
  printf("      values=' ");
  for (size_t i = 0; i < options->count; i++) {
    const option *option = &options->list[i];
    if (option->value == NULL || words_of(option) != NULL) continue;
    printf("--%s ", option->name);
    if (option->letter != '\0') printf("-%c ", option->letter);
  }
  printf("'\n");
  if (self->words != NULL) printf("      first='%s'\n", self->words);
  printf("      ;;\n");
}

static void end_bash(void) {
  printf("  esac\n"
         "  if [[ -n $of ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$of\" -- \"$current\")\n"
         "  elif [[ $values == *\" $previous \"* ]]; then\n"
         "    return\n"
         "  elif [[ $current == -* ]]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "  elif ((COMP_CWORD == 2)); then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$first\" -- \"$current\")\n"
         "  fi\n"
         "}\n"
         "complete -o default -F _ubiq ubiq\n");
}

// ---------------------------------------------------------------------------------------------------- zsh

/// Within the single quotes of a specification of _arguments or _describe, where colons and brackets mean something.
static void print_zsh_text(const char *value) {
  for (; *value != '\0'; value++) {
    if (*value == '\'')
      fputs("'\\''", stdout);
    else
      printf("%s%c", strchr(":[]\\", *value) != NULL ? "\\" : "", *value);
  }
}

static void begin_zsh(const command *const *commands, size_t count) {
  printf("#compdef ubiq\n"
         "# Completion of `ubiq` in zsh, made by `ubiq completion zsh`.\n"
         "_ubiq() {\n"
         "  local -a commands\n"
         "  commands=(\n");
  for (size_t i = 0; i < count; i++) {
    printf("    '%s:", commands[i]->name);
    print_zsh_text(commands[i]->summary);
    printf("'\n");
  }
  printf("  )\n"
         "  if ((CURRENT == 2)); then\n"
         "    _describe command commands\n"
         "    return\n"
         "  fi\n"
         "  local command=${words[2]}\n"
         "  shift words\n"
         "  ((CURRENT--))\n"
         "  case $command in\n");
}

static void print_zsh_option(const option *option) {
  const char *words = words_of(option);
  printf(" \\\n        '%s--%s%s[", option->kind == OPTION_LIST ? "*" : "", option->name,
         option->value == NULL ? "" : "=");
  print_zsh_text(option->help == NULL ? "" : option->help);
  printf("]");
  if (option->value != NULL) {
    printf(":");
    print_zsh_text(option->value);
    if (words != NULL)
      printf(":(%s)", words);
    else
      printf(":%s", takes_file(option) ? "_files" : "");
  }
  printf("'");
}

static void print_zsh(const command *self, const options *options) {
  printf("    %s)\n      _arguments", self->name);
  for (size_t i = 0; i < options->count; i++) print_zsh_option(&options->list[i]);
  if (self->words != NULL) printf(" \\\n        '1:what:(%s)'", self->words);
  printf(" \\\n        '*:file:_files'\n      ;;\n");
}

static void end_zsh(void) {
  printf("  esac\n"
         "}\n"
         "if [[ $funcstack[1] == _ubiq ]]; then\n"
         "  _ubiq \"$@\"\n"
         "else\n"
         "  compdef _ubiq ubiq\n"
         "fi\n");
}

// --------------------------------------------------------------------------------------------------- fish

static void print_fish_text(const char *value) {
  print_quoted(value, "\\'");
}

static void begin_fish(const command *const *commands, size_t count) {
  printf("# Completion of `ubiq` in fish, made by `ubiq completion fish`.\n");
  for (size_t i = 0; i < count; i++) {
    printf("complete -c ubiq -n __fish_use_subcommand -f -a %s -d '", commands[i]->name);
    print_fish_text(commands[i]->summary);
    printf("'\n");
  }
}

static void print_fish_option(const command *self, const option *option) {
  const char *words = words_of(option);
  printf("complete -c ubiq -n '__fish_seen_subcommand_from %s' -l %s", self->name, option->name);
  if (option->letter != '\0') printf(" -s %c", option->letter);
  if (option->value != NULL) printf(takes_file(option) ? " -r" : " -x");
  if (words != NULL) printf(" -a '%s'", words);
  printf(" -d '");
  print_fish_text(option->help == NULL ? "" : option->help);
  printf("'\n");
}

static void print_fish(const command *self, const options *options) {
  for (size_t i = 0; i < options->count; i++) print_fish_option(self, &options->list[i]);
  if (self->words != NULL)
    printf("complete -c ubiq -n '__fish_seen_subcommand_from %s' -f -a '%s'\n", self->name, self->words);
}

static void end_fish(void) {}

// ------------------------------------------------------------------------------------------------ the command

static const shell shells[] = {{"bash", begin_bash, print_bash, end_bash},
                               {"zsh", begin_zsh, print_zsh, end_zsh},
                               {"fish", begin_fish, print_fish, end_fish}};

static void visit(const command *self, const options *options) {
  ((const shell *)self->user)->one(self, options);
}

static void print_script(const shell *shell) {
  size_t count = 0;
  const command *const *commands = command_list(&count);
  shell->begin(commands, count);
  for (size_t i = 0; i < count; i++) {
    command asked = *commands[i];
    asked.visit = visit;
    asked.user = shell;
    asked.run(&asked, 0, NULL);
  }
  shell->end();
}

static int complete(const command *command, int count, char **arguments) {
  const char *positionals[1];
  options given = {.positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  for (size_t i = 0; given.positionals_count > 0 && i < sizeof shells / sizeof shells[0]; i++) {
    if (strcmp(positionals[0], shells[i].name) != 0) continue;
    print_script(&shells[i]);
    return EXIT_OK;
  }
  return command_fail_usage(command, ubiq_error_new(UBIQ_INVALID_INPUT, "expected the name of a shell"));
}

const command command_completion = {
    .name = "completion",
    .usage = "bash|zsh|fish",
    .summary = "print a script that lets a shell complete commands and options",
    .details = "Packages bring these scripts. By hand:\n"
               "\n"
               "  ubiq completion bash > ~/.local/share/bash-completion/completions/ubiq\n"
               "  ubiq completion zsh > \"${fpath[1]}/_ubiq\"\n"
               "  ubiq completion fish > ~/.config/fish/completions/ubiq.fish\n",
    .words = "bash zsh fish",
    .run = complete,
};
