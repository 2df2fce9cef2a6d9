// The key of a state folder's secrets, and what is done with it. Any thread.
#ifndef SERVICES_CONFIG_SECRETS_KEY_H
#define SERVICES_CONFIG_SECRETS_KEY_H

#include "base/buffer.h"
#include "base/text.h"
#include "ubiq/error.h"

enum { SECRETS_KEY_SIZE = 32 };

/// Reads the key in `directory`, or makes one. Errors: those of secrets_open.
ubiq_error *secrets_key_read(const char *directory, uint8_t key[SECRETS_KEY_SIZE]);

/// Appends what `value` becomes. `project` and `name` are what it is bound to. False when memory is out.
UBIQ_NODISCARD bool secrets_seal(const uint8_t key[SECRETS_KEY_SIZE], text project, text name, text value, buffer *out);

typedef enum secrets_result { SECRETS_OK, SECRETS_FORGED, SECRETS_NO_MEMORY } secrets_result;

/// Appends what was sealed.
secrets_result secrets_unseal(const uint8_t key[SECRETS_KEY_SIZE], text project, text name, ubiq_bytes sealed,
                              buffer *out);

#endif
