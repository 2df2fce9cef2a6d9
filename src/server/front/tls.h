// What a server shows of itself to clients that connect with TLS: a chain of certificates and its key, from two PEM files that
// may be replaced while it serves. Whatever is wrong with new ones, the old ones stay.
//
// LOCKS: one, around what is shown; it is taken for each handshake and for a reload. Any thread.
#ifndef SERVER_FRONT_TLS_H
#define SERVER_FRONT_TLS_H

#include "ubiq/error.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

enum { TLS_CHAIN_MAX = 16 }; ///< certificates in a chain

/// GnuTLS's usual choice speaks TLS 1.0 and 1.1 as well, which RFC 8996 puts to rest.
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

typedef struct tls tls;

/// Reads both files. `*out` is the caller's. Errors: `not_found`, `denied` and `invalid_input` with the file and what is wrong
/// in it; `invalid_input` when the key is not the first certificate's.
ubiq_error *tls_new(const char *certificate_file, const char *key_file, tls **out);

/// Reads both files again. `*changed` says whether the first certificate is another one than before. Errors: as above; what
/// was shown is shown on.
ubiq_error *tls_reload(tls *self, bool *changed);

const char *tls_certificate_file(const tls *self);
const char *tls_key_file(const tls *self);

/// For a handshake: gives GnuTLS copies of what is shown now, which it ends itself.
int tls_show(tls *self, gnutls_pcert_st **chain, unsigned *count, gnutls_privkey_t *key, unsigned *flags);

void tls_delete(tls *self);

#endif
