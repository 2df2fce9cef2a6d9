// Writing a request: fields of one name are put together, and the body goes in as what it says it is.
#include "wire/http_value.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/media_type.h"

#include <stdlib.h>

/// What one request's value is made of while it is written.
typedef struct writer {
  yyjson_mut_doc *document;
  yyjson_mut_val *root;
  arena arena; ///< what was unescaped, until the document is text
} writer;

// ----------------------------------------------------------------------------------------------------------- fields

typedef bool (*change_text)(arena *arena, text sent, text *out);

static bool keep(arena *arena, text sent, text *out) {
  (void)arena;
  *out = sent;
  return true;
}

static bool unescape(arena *arena, text sent, text *out) {
  if (sent.size == 0 || memchr(sent.data, '%', sent.size) == NULL) return keep(arena, sent, out);
  char *data = arena_alloc(arena, sent.size);
  if (data == NULL) return false;
  *out = (text){data, text_percent_decode(sent, data)};
  return true;
}

/// RFC 9112, section 5.1: blanks around a header's value are no part of it.
static bool trim(arena *arena, text sent, text *out) {
  (void)arena;
  *out = text_trim(sent);
  return true;
}

static bool lower(arena *arena, text sent, text *out) {
  char *data = arena_copy(arena, sent.data, sent.size);
  for (size_t i = 0; data != NULL && i < sent.size; i++)
    if (data[i] >= 'A' && data[i] <= 'Z') data[i] |= 0x20;
  *out = (text){data, sent.size};
  return data != NULL;
}

/// Fields of a kind, and what is done to their names and values.
typedef struct kind {
  const char *key;
  const char *what; ///< for messages
  change_text name, value;
} kind;

static const kind params_kind = {"params", "the part of the path that matched", keep, unescape};
static const kind query_kind = {"query", "the query's", unescape, unescape};
static const kind headers_kind = {"headers", "the header", lower, trim};

typedef struct entry {
  text name, value;
  size_t place; ///< as it came
} entry;

static int by_name(const void *a, const void *b) {
  const entry *first = a, *second = b;
  int order = text_compare(first->name, second->name);
  if (order != 0) return order;
  return first->place < second->place ? -1 : 1;
}

static ubiq_error *no_utf8(const kind *kind, text name) {
  buffer shown = {0};
  const char *string = text_escape(&shown, name) ? buffer_string(&shown) : NULL;
  ubiq_error *error =
      string == NULL ? ubiq_error_no_memory()
                     : ubiq_error_new(UBIQ_INVALID_INPUT, "%s \"%s\" is no UTF-8; expected text", kind->what, string);
  buffer_free(&shown);
  return error;
}

static bool is_utf8(text value) {
  return text_utf8_valid(value.data, value.size);
}

/// The fields with what they mean, by name.
static ubiq_error *sort(writer *self, const kind *kind, const http_field *fields, size_t count, entry **out) {
  entry *entries = arena_array(&self->arena, count, sizeof *entries);
  if (entries == NULL) return ubiq_error_no_memory();
  for (size_t i = 0; i < count; i++) {
    entries[i].place = i;
    if (!kind->name(&self->arena, fields[i].name, &entries[i].name) ||
        !kind->value(&self->arena, fields[i].value, &entries[i].value))
      return ubiq_error_no_memory();
    if (!is_utf8(entries[i].name) || !is_utf8(entries[i].value)) return no_utf8(kind, entries[i].name);
  }
  if (count > 1) qsort(entries, count, sizeof *entries, by_name);
  *out = entries;
  return NULL;
}

static yyjson_mut_val *string(writer *self, text value) {
  return yyjson_mut_strn(self->document, value.size == 0 ? "" : value.data, value.size);
}

/// The value of the first `count` entries, which have one name.
static yyjson_mut_val *value_of(writer *self, const entry *entries, size_t count) {
  if (count == 1) return string(self, entries[0].value);
  yyjson_mut_val *array = yyjson_mut_arr(self->document);
  for (size_t i = 0; i < count; i++)
    if (!yyjson_mut_arr_append(array, string(self, entries[i].value))) return NULL;
  return array;
}

static ubiq_error *add_fields(writer *self, const kind *kind, const http_field *fields, size_t count) {
  yyjson_mut_val *object = yyjson_mut_obj_add_obj(self->document, self->root, kind->key);
  entry *entries = NULL;
  ubiq_error *error = object == NULL ? ubiq_error_no_memory() : sort(self, kind, fields, count, &entries);
  for (size_t i = 0, same; i < count && error == NULL; i += same) {
    for (same = 1; i + same < count && text_equal(entries[i].name, entries[i + same].name);) same++;
    if (!yyjson_mut_obj_add(object, string(self, entries[i].name), value_of(self, &entries[i], same)))
      error = ubiq_error_no_memory();
  }
  return error;
}

// ------------------------------------------------------------------------------------------------------------- body

static bool is_json(const http_request *request) {
  for (size_t i = 0; i < request->headers_count; i++) {
    if (text_equal_ignoring_case(request->headers[i].name, TEXT("content-type")))
      return media_type_is_json(request->headers[i].value);
  }
  return false;
}

static ubiq_error *add_json(writer *self, ubiq_bytes body) {
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse("body", body.data, body.size, &document);
  if (error != NULL) return error;
  yyjson_doc_free(document);
  bool good = yyjson_mut_obj_add(self->root, yyjson_mut_str(self->document, "body"),
                                 yyjson_mut_rawn(self->document, (const char *)body.data, body.size));
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *add_encoded(writer *self, const char *encoding, text body) {
  bool good = yyjson_mut_obj_add(self->root, yyjson_mut_str(self->document, "body"), string(self, body)) &&
              yyjson_mut_obj_add_str(self->document, self->root, "encoding", encoding);
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *add_bytes(writer *self, ubiq_bytes body) {
  buffer encoded = {0};
  void *kept =
      text_base64_encode(&encoded, body.data, body.size) ? arena_copy(&self->arena, encoded.data, encoded.size) : NULL;
  size_t size = encoded.size;
  buffer_free(&encoded);
  return kept == NULL ? ubiq_error_no_memory() : add_encoded(self, "base64", (text){kept, size});
}

static ubiq_error *add_body(writer *self, const http_request *request) {
  ubiq_bytes body = request->body;
  if (body.size == 0) return NULL;
  if (is_json(request)) return add_json(self, body);
  if (text_utf8_valid(body.data, body.size))
    return add_encoded(self, "utf8", (text){(const char *)body.data, body.size});
  return add_bytes(self, body);
}

// ------------------------------------------------------------------------------------------------------------ whole

static ubiq_error *add_line(writer *self, const http_request *request) {
  if (!is_utf8(request->path)) return ubiq_error_new(UBIQ_INVALID_INPUT, "the path is no UTF-8; expected text");
  bool good = yyjson_mut_obj_add(self->root, yyjson_mut_str(self->document, "method"), string(self, request->method)) &&
              yyjson_mut_obj_add(self->root, yyjson_mut_str(self->document, "path"), string(self, request->path));
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *print(const writer *self, buffer *out) {
  size_t size = 0;
  char *text = yyjson_mut_write(self->document, YYJSON_WRITE_NOFLAG, &size);
  bool good = text != NULL && buffer_append(out, text, size);
  free(text);
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *add_identity(writer *self, text identity) {
  if (identity.size == 0) return NULL;
  bool good = yyjson_mut_obj_add(self->root, yyjson_mut_str(self->document, "identity"),
                                 yyjson_mut_rawn(self->document, identity.data, identity.size));
  return good ? NULL : ubiq_error_no_memory();
}

static ubiq_error *add_trace(writer *self, text trace) {
  if (trace.size == 0) return NULL;
  bool good = yyjson_mut_obj_add(self->root, yyjson_mut_str(self->document, "trace"), string(self, trace));
  return good ? NULL : ubiq_error_no_memory();
}

ubiq_error *http_request_write(const http_request *request, buffer *out) {
  writer self = {.document = yyjson_mut_doc_new(NULL)};
  if (self.document == NULL) return ubiq_error_no_memory();
  arena_init(&self.arena);
  self.root = yyjson_mut_obj(self.document);
  yyjson_mut_doc_set_root(self.document, self.root);
  ubiq_error *error = add_line(&self, request);
  if (error == NULL) error = add_fields(&self, &params_kind, request->params, request->params_count);
  if (error == NULL) error = add_fields(&self, &query_kind, request->query, request->query_count);
  if (error == NULL) error = add_fields(&self, &headers_kind, request->headers, request->headers_count);
  if (error == NULL) error = add_identity(&self, request->identity);
  if (error == NULL) error = add_trace(&self, request->trace);
  if (error == NULL) error = add_body(&self, request);
  if (error == NULL) error = print(&self, out);
  yyjson_mut_doc_free(self.document);
  arena_free(&self.arena);
  return error;
}
