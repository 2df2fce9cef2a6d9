/// Reading JSON (and TOML, as JSON values) with errors that say where and what would be right.
///
/// A thin layer over yyjson. A `json_value` is a cursor: a value and the way to it. It lives on the stack,
/// points to its parent's cursor, and costs nothing until an error needs the way's text: `manifest:
/// memory.max_pages is "many"; expected an integer from 1 to 65536`. All functions return `invalid_input`
/// errors.
#ifndef UBIQ_BASE_JSON_H
#define UBIQ_BASE_JSON_H

#include "base/text.h"
#include "ubiq/error.h"
#include "yyjson.h"

UBIQ_BEGIN

enum { JSON_DEPTH_MAX = 64 }; ///< how deep arrays and objects may be nested in what `json_parse` takes

/// What a document is called in messages, and where its keys stand.
typedef struct json_source {
  const char *name; ///< `manifest`, `ubiq.toml`
  /// Finds the place of a value by its way (`functions.hello.route`); false when it is unknown. NULL: places
  /// are not told.
  bool (*locate)(const void *user, const char *path, unsigned *line, unsigned *column);
  const void *user; ///< handed to `locate`
  bool is_root; ///< the name is the root's own: `body.operations[3].key is 7` instead of `body: operations[3].key is 7`
  bool is_secret; ///< messages say of values only what kind they are
} json_source;

/// A cursor. `value` is NULL when the key is absent.
typedef struct json_value {
  yyjson_val *value;
  const struct json_value *parent; ///< NULL for the root; must outlive this cursor
  const json_source *source;
  text key;     ///< in the parent; not used when the parent is an array
  size_t index; ///< in the parent: an item's number, also the state of a walk
} json_value;

/// Parses one JSON text. Refuses what RFC 8259 refuses, also duplicate keys and nesting over JSON_DEPTH_MAX;
/// the message has the line and the column in characters: `manifest:3:7: ...`. `*out` is the caller's, for
/// `yyjson_doc_free`.
ubiq_error *json_parse(const char *name, const void *data, size_t size, yyjson_doc **out);

/// What may be of who may be hostile.
typedef struct json_limits {
  size_t
      values; ///< of all kinds, keys among them: each takes 16 bytes, which is eight times what the shortest takes in the text
  size_t members; ///< of one object: each is looked for among the others, which takes ten times as long as to read it
} json_limits;

/// The same within limits: a text that passes them is `too_large`, and takes no memory for more values.
ubiq_error *json_parse_up_to(const char *name, const void *data, size_t size, const json_limits *limits,
                             yyjson_doc **out);

/// Errors: `too_large` for an object with more members.
ubiq_error *json_check_members(const char *name, yyjson_val *object, size_t members_max);

/// Whether json_parse would take it but for keys that stand twice and numbers that are too large, which pass. Takes no memory.
bool json_is_valid(const void *data, size_t size);

/// Finds a key that stands twice in an object; `key->data` is NULL when none does. Errors: out of memory alone.
ubiq_error *json_find_duplicate(yyjson_val *object, text *key);

/// The cursor of a document's root. `source` must outlive all cursors.
json_value json_root(const json_source *source, yyjson_val *root);
/// The cursor of a key of an object (absent when the value is no object).
json_value json_field(const json_value *object, const char *key);
/// Walks an object's keys: start with a zeroed `field`, whose `key` says which it is. False at the end.
bool json_next_field(const json_value *object, json_value *field);
/// Walks an array's items: start with a zeroed `item`. False at the end.
bool json_next_item(const json_value *array, json_value *item);
/// How many items or keys; 0 for anything else.
size_t json_count(const json_value *value);

/// Whether the key is not there, or there with the value null.
bool json_is_absent(const json_value *value);

/// Each takes the value when it has the type and is in the range; else it returns an error with the way, the
/// value and what was expected. Text is borrowed from the document.
ubiq_error *json_get_text(const json_value *value, text *out);
ubiq_error *json_get_u64(const json_value *value, uint64_t min, uint64_t max, uint64_t *out);
ubiq_error *json_expect_object(const json_value *value);
ubiq_error *json_expect_array(const json_value *value);

/// Fails when an object has a key that is not in `keys`: `manifest: memory has an unknown key "max_page"; did
/// you mean "max_pages"?`
ubiq_error *json_check_keys(const json_value *object, const char *const *keys, size_t count);

/// The error `<name>: <way> is <value>; expected <expected>` (or `... is missing; expected ...`).
ubiq_error *json_wrong(const json_value *value, const char *expected, ...) UBIQ_PRINTF(2, 3);
/// The error `<name>: <way> <message>`.
ubiq_error *json_error(const json_value *value, const char *format, ...) UBIQ_PRINTF(2, 3);
/// Appends the way from the root: `functions.hello.routes[2]`, keys that are no plain words in quotes;
/// nothing for the root itself. False when memory is out.
UBIQ_NODISCARD bool json_path(const json_value *value, buffer *out);

UBIQ_END

#endif
