// Rows of the table `tokens`.
#include "runtime/auth/access_token.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

enum { ID_BYTES = 4, SECRET_BYTES = 32 };

static const char prefix[] = "ubiq_";

static void make_text(access_token *token, char out[ACCESS_TOKEN_SIZE]) {
  uint8_t random[ID_BYTES + SECRET_BYTES];
  char secret[2 * SECRET_BYTES + 1];
  digest_random(random, sizeof random);
  text_hex(random, ID_BYTES, token->id);
  text_hex(random + ID_BYTES, SECRET_BYTES, secret);
  snprintf(out, ACCESS_TOKEN_SIZE, "%s%s_%s", prefix, token->id, secret);
  digest_wipe(random, sizeof random);
  digest_wipe(secret, sizeof secret);
}

static ubiq_error *count_row(void *user, sqlite3_stmt *row) {
  *(int64_t *)user = sqlite3_column_int64(row, 0);
  return NULL;
}

static ubiq_error *count_tokens(database *database, int64_t *count) {
  return database_query(database, "SELECT count(*) FROM tokens", NULL, 0, count_row, count);
}

static ubiq_error *check_room(database *database) {
  int64_t count = 0;
  ubiq_error *error = count_tokens(database, &count);
  if (error != NULL || count < ACCESS_TOKENS_MAX) return error;
  return ubiq_error_new(UBIQ_QUOTA, "there are %d tokens already; revoke some first", ACCESS_TOKENS_MAX);
}

ubiq_error *access_token_new(database *database, access_token *token, char out[ACCESS_TOKEN_SIZE]) {
  ubiq_error *error = check_room(database);
  if (error != NULL) return error;
  uint8_t hash[DIGEST_SHA256_SIZE];
  token->created_ms = clock_realtime_ns() / CLOCK_NS_PER_MS;
  make_text(token, out);
  digest_sha256(out, strlen(out), hash);
  const database_value values[] = {
      database_text(token->id),
      database_bytes((ubiq_bytes){hash, sizeof hash}),
      database_text(token->name),
      database_number(token->may_change),
      database_number((int64_t)token->created_ms),
      database_number((int64_t)token->expires_ms),
      database_text(token->allowed),
      database_text(token->granted),
  };
  return database_query(database,
                        "INSERT INTO tokens (id, hash, name, may_change, created_ms, expires_ms, allowed, granted) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        values, sizeof values / sizeof values[0], NULL, NULL);
}

static ubiq_error *write_first(database *database, const char *path) {
  access_token token = {.name = "first", .may_change = true};
  char shown[ACCESS_TOKEN_SIZE];
  ubiq_error *error = access_token_new(database, &token, shown);
  if (error != NULL) return error;
  shown[ACCESS_TOKEN_SIZE - 1] = '\n';
  error = file_write_atomic(path, 0600, shown, ACCESS_TOKEN_SIZE);
  digest_wipe(shown, sizeof shown);
  return error;
}

/// The file comes before the row is there for good: whatever happens between, the next start makes both again.
ubiq_error *access_token_first(database *database, const char *path) {
  int64_t count = 0;
  ubiq_error *error = database_begin(database);
  if (error != NULL) return error;
  error = count_tokens(database, &count);
  if (error == NULL && count == 0) error = write_first(database, path);
  return database_end(database, error);
}

bool access_token_may_deploy(const access_token *self) {
  return self->may_change && (self->allowed == NULL || self->granted != NULL);
}

void access_token_clear(access_token *self) {
  free(self->allowed);
  free(self->granted);
  *self = (access_token){0};
}

/// A limit that cannot be read must not become none.
static ubiq_error *take_lines(sqlite3_stmt *row, int column, char **out) {
  if (sqlite3_column_type(row, column) == SQLITE_NULL) return NULL;
  const char *value = (const char *)sqlite3_column_text(row, column);
  *out = value == NULL ? NULL : strdup(value);
  return *out == NULL ? ubiq_error_no_memory() : NULL;
}

#define TOKEN_COLUMNS "id, name, may_change, created_ms, expires_ms, allowed, granted"
enum { HASH_COLUMN = 7 }; ///< behind them

static ubiq_error *take_token(sqlite3_stmt *row, access_token *out) {
  const char *id = (const char *)sqlite3_column_text(row, 0), *name = (const char *)sqlite3_column_text(row, 1);
  *out = (access_token){.may_change = sqlite3_column_int(row, 2) != 0,
                        .created_ms = (uint64_t)sqlite3_column_int64(row, 3),
                        .expires_ms = (uint64_t)sqlite3_column_int64(row, 4)};
  snprintf(out->id, sizeof out->id, "%s", id == NULL ? "" : id);
  snprintf(out->name, sizeof out->name, "%s", name == NULL ? "" : name);
  ubiq_error *error = take_lines(row, 5, &out->allowed);
  return error != NULL ? error : take_lines(row, 6, &out->granted);
}

typedef struct found_token {
  access_token token;
  uint8_t hash[DIGEST_SHA256_SIZE]; ///< zeroes, which nothing hashes to, when none was found
} found_token;

static ubiq_error *find_row(void *user, sqlite3_stmt *row) {
  found_token *self = user;
  if (sqlite3_column_bytes(row, HASH_COLUMN) == DIGEST_SHA256_SIZE)
    memcpy(self->hash, sqlite3_column_blob(row, HASH_COLUMN), DIGEST_SHA256_SIZE);
  return take_token(row, &self->token);
}

/// The id in a token's text, or one that nobody has.
static void read_id(text presented, char out[ACCESS_TOKEN_ID_SIZE]) {
  out[0] = '\0';
  if (presented.size != ACCESS_TOKEN_SIZE - 1 || !text_starts_with(presented, text_of(prefix))) return;
  memcpy(out, presented.data + sizeof prefix - 1, ACCESS_TOKEN_ID_SIZE - 1);
  out[ACCESS_TOKEN_ID_SIZE - 1] = '\0';
}

ubiq_error *access_token_check(database *database, text presented, uint64_t now_ms, access_token *out) {
  char id[ACCESS_TOKEN_ID_SIZE];
  uint8_t hash[DIGEST_SHA256_SIZE];
  found_token found = {0};
  read_id(presented, id);
  digest_sha256(presented.data, presented.size, hash);
  const database_value value = {DATABASE_TEXT, 0, {(const uint8_t *)id, strlen(id)}};
  ubiq_error *error =
      database_query(database, "SELECT " TOKEN_COLUMNS ", hash FROM tokens WHERE id = ?", &value, 1, find_row, &found);
  if (error == NULL && !digest_equal(hash, found.hash, sizeof hash))
    error = ubiq_error_new(UBIQ_DENIED, "the token is not known; expected one that `ubiq token new` made");
  else if (error == NULL && found.token.expires_ms != 0 && found.token.expires_ms <= now_ms)
    error = ubiq_error_new(UBIQ_DENIED, "the token %s has expired", found.token.id);
  if (error == NULL)
    *out = found.token;
  else
    access_token_clear(&found.token);
  return error;
}

typedef struct token_list {
  access_token *tokens;
  size_t count;
} token_list;

static ubiq_error *add_row(void *user, sqlite3_stmt *row) {
  token_list *self = user;
  access_token *tokens = realloc(self->tokens, (self->count + 1) * sizeof *tokens);
  if (tokens == NULL) return ubiq_error_no_memory();
  self->tokens = tokens;
  return take_token(row, &tokens[self->count++]);
}

ubiq_error *access_token_list(database *database, access_token **out, size_t *count) {
  token_list list = {0};
  ubiq_error *error =
      database_query(database, "SELECT " TOKEN_COLUMNS " FROM tokens ORDER BY created_ms, id", NULL, 0, add_row, &list);
  if (error != NULL) {
    access_token_list_delete(list.tokens, list.count);
    return error;
  }
  *out = list.tokens;
  *count = list.count;
  return NULL;
}

void access_token_list_delete(access_token *tokens, size_t count) {
  for (size_t i = 0; i < count; i++) access_token_clear(&tokens[i]);
  free(tokens);
}

static ubiq_error *note_row(void *user, sqlite3_stmt *row) {
  (void)row;
  *(bool *)user = true;
  return NULL;
}

ubiq_error *access_token_revoke(database *database, const char *id) {
  bool found = false;
  const database_value value = database_text(id);
  ubiq_error *error =
      database_query(database, "DELETE FROM tokens WHERE id = ? RETURNING id", &value, 1, note_row, &found);
  if (error != NULL || found) return error;
  return ubiq_error_new(UBIQ_NOT_FOUND, "there is no token \"%s\"; see `ubiq token list`", id);
}
