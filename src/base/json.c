// Reading JSON: parsing with the place of an error, and cursors that know the way to their value.
//
// The messages are in json_message.c.
#include "base/json.h"

#include "base/digest.h"

#include <assert.h>
#include <stdlib.h>

/// Turns a byte position into `name:line:column`.
static ubiq_error *place_error(const char *name, const void *data, size_t size, size_t position, const char *message) {
  size_t line = 1;
  size_t column = 1;
  size_t character = 0;
  yyjson_locate_pos(data, size, position < size ? position : size, &line, &column, &character);
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s:%zu:%zu: %s", name, line, column, message);
}

/// A JSON text while it is checked for what yyjson lets pass.
typedef struct check {
  const char *name;
  const void *data;
  size_t size;
  const yyjson_doc *document;
  size_t members_max;
} check;

static ubiq_error *duplicate_error(const check *self, yyjson_val *key) {
  buffer message = {0};
  enum { SHOWN_SIZE_MAX = 60 };
  const text name = text_cut((text){unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)}, SHOWN_SIZE_MAX);
  bool ok = buffer_append_string(&message, "the key \"") && text_escape(&message, name) &&
            buffer_append_string(&message, "\" stands twice in one object");
  const char *string = ok ? buffer_string(&message) : NULL;
  // yyjson unescapes strings in place in a copy of the whole input, so where one begins is where it stood.
  size_t position = (size_t)(name.data - self->document->str_pool);
  ubiq_error *error =
      string == NULL ? ubiq_error_no_memory() : place_error(self->name, self->data, self->size, position - 1, string);
  buffer_free(&message);
  return error;
}

static bool same_key(yyjson_val *a, yyjson_val *b) {
  size_t size = unsafe_yyjson_get_len(a);
  return unsafe_yyjson_get_len(b) == size && memcmp(unsafe_yyjson_get_str(a), unsafe_yyjson_get_str(b), size) == 0;
}

enum { SMALL_OBJECT = 16 }; ///< keys up to which every pair is compared

static yyjson_val *find_in_small(yyjson_val *object) {
  yyjson_val *keys[SMALL_OBJECT];
  size_t count = 0;
  size_t index, max;
  yyjson_val *key, *value;
  yyjson_obj_foreach(object, index, max, key, value) {
    for (size_t i = 0; i < count; i++) {
      if (same_key(keys[i], key)) return key;
    }
    keys[count++] = key;
  }
  return NULL;
}

/// Puts a key into a table with room for it; false when it is there already. A slot has the upper half of the key's hash, and how far behind
/// its object the key is, never 0: other keys that the walk meets need not be looked at, which would be two misses of the processor's cache
/// each. The hash is secret, as keys are a guest's.
static bool put_key(uint64_t *slots, size_t mask, yyjson_val *object, yyjson_val *key) {
  const uint64_t hash = digest_short(unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key));
  const uint64_t mark = hash & ~(uint64_t)UINT32_MAX, distance = (uint64_t)(key - object);
  assert(distance <= UINT32_MAX);
  size_t slot = hash & mask;
  for (; slots[slot] != 0; slot = (slot + 1) & mask)
    if ((slots[slot] ^ mark) <= UINT32_MAX && same_key(object + (uint32_t)slots[slot], key)) return false;
  slots[slot] = mark | distance;
  return true;
}

static ubiq_error *find_in_large(yyjson_val *object, yyjson_val **found) {
  size_t slots_count = 2 * SMALL_OBJECT;
  while (slots_count < 2 * unsafe_yyjson_get_len(object)) slots_count *= 2;
  uint64_t *slots = calloc(slots_count, sizeof *slots);
  if (slots == NULL) return ubiq_error_no_memory();
  size_t index, max;
  yyjson_val *key, *value;
  yyjson_obj_foreach(object, index, max, key, value) {
    if (put_key(slots, slots_count - 1, object, key)) continue;
    *found = key;
    break;
  }
  free(slots);
  return NULL;
}

static ubiq_error *find_duplicate(yyjson_val *object, yyjson_val **found) {
  *found = NULL;
  if (unsafe_yyjson_get_len(object) > SMALL_OBJECT) return find_in_large(object, found);
  *found = find_in_small(object);
  return NULL;
}

ubiq_error *json_check_members(const char *name, yyjson_val *object, size_t members_max) {
  const size_t count = unsafe_yyjson_get_len(object);
  if (count <= members_max) return NULL;
  return ubiq_error_new(UBIQ_TOO_LARGE, "%s: an object in it has %zu keys; expected at most %zu", name, count,
                        members_max);
}

ubiq_error *json_find_duplicate(yyjson_val *object, text *key) {
  yyjson_val *found;
  ubiq_error *error = find_duplicate(object, &found);
  *key = (text){0};
  if (error == NULL && found != NULL) *key = (text){unsafe_yyjson_get_str(found), unsafe_yyjson_get_len(found)};
  return error;
}

/// Walks all values in the order in which they stand (yyjson keeps them so) and bounds their nesting.
static ubiq_error *check_values(const check *self) {
  yyjson_val *ends[JSON_DEPTH_MAX]; // behind the last value of each open array or object
  size_t depth = 0;
  yyjson_val *end = self->document->root + self->document->val_read;
  for (yyjson_val *value = self->document->root; value < end; value++) {
    while (depth > 0 && value >= ends[depth - 1]) depth--;
    if (!unsafe_yyjson_is_ctn(value)) continue;
    if (depth == JSON_DEPTH_MAX) {
      return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: arrays and objects are nested more than %d deep", self->name,
                            JSON_DEPTH_MAX);
    }
    ends[depth++] = unsafe_yyjson_get_next(value);
    if (!unsafe_yyjson_is_obj(value)) continue;
    yyjson_val *duplicate;
    ubiq_error *error = json_check_members(self->name, value, self->members_max);
    if (error == NULL) error = find_duplicate(value, &duplicate);
    if (error != NULL) return error;
    if (duplicate != NULL) return duplicate_error(self, duplicate);
  }
  return NULL;
}

/// What yyjson takes its memory from, so that it takes no more than it should.
typedef struct room {
  size_t bytes_max; ///< of one piece
  bool is_short;    ///< more was asked for
} room;

static void *room_take(void *user, size_t size) {
  room *self = user;
  self->is_short |= size > self->bytes_max;
  return size > self->bytes_max ? NULL : malloc(size);
}

static void *room_change(void *user, void *piece, size_t old_size, size_t size) {
  (void)old_size;
  room *self = user;
  self->is_short |= size > self->bytes_max;
  return size > self->bytes_max ? NULL : realloc(piece, size);
}

/// All that is done with a document's room once it is read.
static void room_free(void *user, void *piece) {
  (void)user;
  free(piece);
}

static ubiq_error *too_many(const char *name, size_t values_max) {
  return ubiq_error_new(UBIQ_TOO_LARGE, "%s: it has more than %zu values; expected fewer", name, values_max);
}

/// yyjson takes room for a value per six bytes at once, and then for half as many more whenever it is used up.
static size_t room_for(size_t size, size_t values_max) {
  enum { SLACK_BYTES = 4096 };
  size_t at_once = size + size * 2 + SLACK_BYTES;
  return values_max > (SIZE_MAX - at_once) / (2 * sizeof(yyjson_val)) ? SIZE_MAX
                                                                      : at_once + values_max * 2 * sizeof(yyjson_val);
}

ubiq_error *json_parse(const char *name, const void *data, size_t size, yyjson_doc **out) {
  return json_parse_up_to(name, data, size, &(json_limits){SIZE_MAX, SIZE_MAX}, out);
}

ubiq_error *json_parse_up_to(const char *name, const void *data, size_t size, const json_limits *limits,
                             yyjson_doc **out) {
  const size_t values_max = limits->values;
  if (size == 0) return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: it is empty; expected JSON", name);
  yyjson_read_err problem;
  room room = {.bytes_max = room_for(size, values_max)};
  const yyjson_alc taking = {room_take, room_change, room_free, &room};
  // Without the in-situ flag yyjson only reads its input.
  yyjson_doc *document = yyjson_read_opts((char *)data, size, YYJSON_READ_NOFLAG, &taking, &problem);
  if (document == NULL && room.is_short) return too_many(name, values_max);
  if (document == NULL) {
    if (problem.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) return ubiq_error_no_memory();
    return place_error(name, data, size, problem.pos, problem.msg);
  }
  document->alc.ctx = NULL; // it was for the reading

  ubiq_error *error = document->val_read > values_max
                          ? too_many(name, values_max)
                          : check_values(&(check){name, data, size, document, limits->members});
  if (error != NULL) {
    yyjson_doc_free(document);
    return error;
  }
  *out = document;
  return NULL;
}

json_value json_root(const json_source *source, yyjson_val *root) {
  return (json_value){.value = root, .source = source};
}

json_value json_field(const json_value *object, const char *key) {
  return (json_value){
      .value = yyjson_obj_get(object->value, key),
      .parent = object,
      .source = object->source,
      .key = text_of(key),
  };
}

bool json_next_field(const json_value *object, json_value *field) {
  bool first = field->value == NULL;
  size_t index = first ? 0 : field->index + 1;
  if (index >= yyjson_obj_size(object->value)) return false;
  yyjson_val *key = first ? unsafe_yyjson_get_first(object->value) : unsafe_yyjson_get_next(field->value);
  *field = (json_value){
      .value = key + 1,
      .parent = object,
      .source = object->source,
      .key = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)},
      .index = index,
  };
  return true;
}

bool json_next_item(const json_value *array, json_value *item) {
  bool first = item->value == NULL;
  size_t index = first ? 0 : item->index + 1;
  if (index >= yyjson_arr_size(array->value)) return false;
  yyjson_val *value = first ? unsafe_yyjson_get_first(array->value) : unsafe_yyjson_get_next(item->value);
  *item = (json_value){.value = value, .parent = array, .source = array->source, .index = index};
  return true;
}

size_t json_count(const json_value *value) {
  return yyjson_is_ctn(value->value) ? unsafe_yyjson_get_len(value->value) : 0;
}

bool json_is_absent(const json_value *value) {
  return value->value == NULL || yyjson_is_null(value->value);
}

ubiq_error *json_get_text(const json_value *value, text *out) {
  if (!yyjson_is_str(value->value)) return json_wrong(value, "a string");
  *out = (text){unsafe_yyjson_get_str(value->value), unsafe_yyjson_get_len(value->value)};
  return NULL;
}

ubiq_error *json_get_u64(const json_value *value, uint64_t min, uint64_t max, uint64_t *out) {
  bool negative = yyjson_is_sint(value->value) && unsafe_yyjson_get_sint(value->value) < 0;
  uint64_t number = yyjson_is_int(value->value) ? unsafe_yyjson_get_uint(value->value) : 0;
  if (!yyjson_is_int(value->value) || negative || number < min || number > max) {
    if (max == UINT64_MAX) return json_wrong(value, "an integer of at least %llu", (unsigned long long)min);
    return json_wrong(value, "an integer from %llu to %llu", (unsigned long long)min, (unsigned long long)max);
  }
  *out = number;
  return NULL;
}

ubiq_error *json_expect_object(const json_value *value) {
  return yyjson_is_obj(value->value) ? NULL : json_wrong(value, "an object");
}

ubiq_error *json_expect_array(const json_value *value) {
  return yyjson_is_arr(value->value) ? NULL : json_wrong(value, "an array");
}
