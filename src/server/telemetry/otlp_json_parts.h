// What the requests of OTLP have in common, whatever they tell.
#ifndef SERVER_TELEMETRY_OTLP_JSON_PARTS_H
#define SERVER_TELEMETRY_OTLP_JSON_PARTS_H

#include "ubiq/base.h"
#include "yyjson.h"

typedef yyjson_mut_doc otlp_document;
typedef yyjson_mut_val otlp_value;

/// What all begin with: who speaks. Answers the list that is to be filled. The names are constants.
otlp_value *otlp_json_begin(otlp_document *doc, const char *resources, const char *scopes, const char *items);

/// The text of a document, which ends. The caller's, for free; NULL: memory was out.
char *otlp_json_print(otlp_document *doc, size_t *size);

/// A 64-bit number, which is a string in protobuf's JSON.
void otlp_json_number(otlp_document *doc, otlp_value *object, const char *key, uint64_t number);

/// The value of a new attribute.
otlp_value *otlp_json_attribute(otlp_document *doc, otlp_value *attributes, const char *key);
void otlp_json_text(otlp_document *doc, otlp_value *attributes, const char *key, const char *text);
void otlp_json_integer(otlp_document *doc, otlp_value *attributes, const char *key, uint64_t number);

#endif
