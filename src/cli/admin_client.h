// The admin API of a server, asked by commands: where it is, the token, and answers as JSON or errors.
#ifndef CLI_ADMIN_CLIENT_H
#define CLI_ADMIN_CLIENT_H

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "yyjson.h"

typedef struct admin_client {
  const char *url;        ///< NULL: UBIQ_ADMIN in the environment, or this machine's
  const char *token_file; ///< NULL: UBIQ_TOKEN, or on this machine the first token of the default state
  bool json;              ///< answers are printed as they came
} admin_client;

enum { ADMIN_CLIENT_OPTIONS = 3 };

/// The options that lead there.
void admin_client_options(admin_client *self, option list[ADMIN_CLIENT_OPTIONS]);

typedef struct admin_question {
  const char *method, *path;
  ubiq_bytes body;
  const char *signature; ///< of a bundle, base64; NULL: none
  progress *progress;    ///< while it is sent; NULL: none
  bool may_be_empty;     ///< the answer: `*out` is NULL then
} admin_question;

/// Asks and waits. `*out` is the caller's (yyjson_doc_free). Errors: what the server answered, with its class; those of
/// fetch_perform; `denied` when there is no token.
ubiq_error *admin_client_ask(const admin_client *self, const admin_question *question, yyjson_doc **out);

/// Prints an answer as one line of JSON.
ubiq_error *admin_client_print_json(const yyjson_doc *answer);

/// Prints an error, in JSON too where that is asked for; answers the exit code. Deletes the error.
int admin_client_fail(const admin_client *self, ubiq_error *error);

/// Prints the items of an array as a table: `add_row` adds the cells of one. Errors: out of memory.
ubiq_error *admin_client_print_rows(const char *const *heads, size_t columns, yyjson_val *items,
                                    bool (*add_row)(table *table, yyjson_val *item));

/// A field of an object; "" when there is none or it is no text.
const char *admin_client_text(yyjson_val *object, const char *key);

/// What a command that only asks does with the answer for people. Errors end the command.
typedef ubiq_error *(*admin_client_show)(yyjson_val *root);

/// All of a command that sends one request without a body: options, question, answer.
int admin_client_run(const command *command, int count, char **arguments, const char *method, const char *path,
                     admin_client_show show);

#endif
