// All commands, in the order of their names.
#include "cli/command.h"

static const command *const commands[] = {
    &command_api_key,  &command_backup,   &command_build, &command_call,   &command_compile,     &command_completion,
    &command_config,   &command_deploy,   &command_dev,   &command_doctor, &command_engines,     &command_functions,
    &command_key,      &command_letters,  &command_logs,  &command_new,    &command_permissions, &command_promote,
    &command_releases, &command_rollback, &command_run,   &command_secret, &command_serve,       &command_status,
    &command_test,     &command_token,
};

const command *const *command_list(size_t *count) {
  *count = sizeof commands / sizeof commands[0];
  return commands;
}
