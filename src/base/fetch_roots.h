/// Which certificates outgoing HTTPS trusts: a file of those that the machine's owner trusts.
#ifndef UBIQ_BASE_FETCH_ROOTS_H
#define UBIQ_BASE_FETCH_ROOTS_H

#include "ubiq/base.h"

/// The file that SSL_CERT_FILE names, else the first that is there of the places where Linux distributions have one; NULL
/// to leave it to libcurl. A constant or of the environment.
const char *fetch_roots_file(void);

/// The folder of certificates, named by their hashes, that SSL_CERT_DIR names; NULL to leave it to libcurl. Of the
/// environment.
const char *fetch_roots_folder(void);

#endif
