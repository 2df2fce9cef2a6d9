// The service secrets: text by name, of a project, sealed before it reaches the backend.
//
// XChaCha20-Poly1305 with a key of the state folder's own, which is made with it: whoever has a copy of the database alone has no
// secret. What is sealed is bound to its project and name. Functions read, people write: no token reads a secret.
#ifndef SERVICES_CONFIG_SECRETS_H
#define SERVICES_CONFIG_SECRETS_H

#include "services/backend/backend.h"
#include "services/service.h"

#define SECRETS_KEY_FILE "secrets.key" ///< in a state folder

enum {
  SECRETS_NAME_MAX = 128,      ///< bytes
  SECRETS_VALUE_MAX = 1 << 16, ///< bytes
  SECRETS_MAX = 1000,          ///< of a project
};

typedef struct secrets secrets;

/// Reads the folder's key; makes it when there is none. Borrows the backend. `*out` is the caller's. Errors: `denied` when others may
/// read the key, `invalid_input` when it is none, those of its file.
ubiq_error *secrets_open(const char *directory, backend *backend, secrets **out);

/// NULL is allowed.
void secrets_close(secrets *self);

#endif
