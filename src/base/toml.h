/// Reading TOML 1.0 as JSON values, with the place of every key.
///
/// toml++ does the parsing behind one C++ file. Dates and times become RFC 3339 strings.
#ifndef UBIQ_BASE_TOML_H
#define UBIQ_BASE_TOML_H

#include "base/json.h"
#include "ubiq/error.h"

UBIQ_BEGIN

typedef struct toml_document toml_document;

/// Parses TOML. `name` is what the text is called in messages (`ubiq.toml:3:7: ...`), also later ones; it is
/// copied. `*out` is the caller's, for `toml_delete`. Errors are `invalid_input`, with line and column.
ubiq_error *toml_parse(const char *name, const void *data, size_t size, toml_document **out);

/// The root table as a cursor, borrowed from the document; errors made from it and its parts say line and
/// column.
json_value toml_root(const toml_document *document);

/// The place of a key or item, by its way as `json_path` writes it (`functions.hello.route`, `a."b.c"[2]`).
/// Both count from 1; the column is in characters. False when there is none.
bool toml_position(const toml_document *document, const char *path, unsigned *line, unsigned *column);

void toml_delete(toml_document *document);

UBIQ_END

#endif
