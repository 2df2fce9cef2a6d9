/// What the tests of bundles share: archives of files given as text, and changing their headers.
#ifndef UBIQ_TEST_BUNDLE_TESTING_H
#define UBIQ_TEST_BUNDLE_TESTING_H

#include "unit/runtime/runtime_testing.h"

#include "runtime/bundle/bundle.h"
#include "runtime/bundle/bundle_tar.h"
#include "runtime/bundle/bundle_zstd.h"

#define BYTES(literal) ((ubiq_bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})

static inline void tar_file(buffer *tar, const char *name, const char *content) {
  const bundle_file file = {text_of(name), {(const uint8_t *)content, strlen(content)}};
  assert_true(bundle_tar_append(tar, &file));
}

/// Mends the checksum of a header after it was changed.
static inline void tar_seal(uint8_t *header) {
  unsigned sum = 0;
  memset(header + 148, ' ', 8);
  for (size_t i = 0; i < 512; i++) sum += header[i];
  snprintf((char *)header + 148, 8, "%06o", sum);
}

/// Appends a file whose header is valid but for its name.
static inline void tar_named(buffer *tar, const char *name) {
  size_t at = tar->size;
  tar_file(tar, "x", "content");
  snprintf((char *)tar->data + at, 100, "%s", name);
  tar_seal(tar->data + at);
}

/// Packs what is in `tar`, which is left empty, as a bundle's file has it.
static inline void tar_pack(buffer *tar, buffer *packed) {
  assert_true(bundle_tar_end(tar));
  assert_success(bundle_compress(buffer_bytes(tar), packed));
  buffer_free(tar);
}

/// Asserts an error's class and a part of its message, and ends it.
static inline void assert_error(ubiq_error *error, ubiq_code code, const char *part) {
  if (ubiq_error_code(error) != code || strstr(ubiq_error_message(error), part) == NULL)
    fail_msg("%s: %s; expected %s: %s", ubiq_code_name(ubiq_error_code(error)), ubiq_error_message(error),
             ubiq_code_name(code), part);
  ubiq_error_delete(error);
}

#endif
