/// Debian's libcurl knows Debian's place. One that is built into a library for any machine knows none.
#include "base/fetch_roots.h"

#include "base/file.h"

#include <stdlib.h>

static const char *const places[] = {
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Alpine, NixOS
    "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",             // openSUSE
    "/etc/ssl/cert.pem",
};

static const char *name_in_environment(const char *variable) {
  const char *named = secure_getenv(variable);
  return named != NULL && named[0] != '\0' ? named : NULL;
}

const char *fetch_roots_folder(void) {
  return name_in_environment("SSL_CERT_DIR");
}

const char *fetch_roots_file(void) {
  const char *named = name_in_environment("SSL_CERT_FILE");
  if (named != NULL) return named;
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
    if (file_exists(places[i])) return places[i];
  return NULL;
}
