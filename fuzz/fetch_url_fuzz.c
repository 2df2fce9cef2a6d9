/// URLs and redirects' Locations of any bytes: what passes is normal already, goes to http or https, and names its host
/// the way it will be connected to. An input is a URL, a newline, a Location.
#include "base/fetch_url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const fetch_url *url) {
  fetch_url again;
  if (strcmp(url->scheme, "http") != 0 && strcmp(url->scheme, "https") != 0) abort();
  if (url->port < 1 || url->port > 65535 || url->path[0] != '/') abort();
  if (strpbrk(url->host, "@/\\?#% \r\n") || strpbrk(url->text, "\\ \r\n#")) abort();
  if (fetch_url_parse(url->text, &again)) abort();
  if (!fetch_url_same_origin(url, &again) || strcmp(url->text, again.text) != 0 || again.user || again.password)
    abort();
  fetch_url_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = strndup((const char *)data, size);
  if (!text) return 0;
  char *location = strchr(text, '\n');
  if (location) *location++ = '\0';
  fetch_url url;
  fetch_url next;
  ubiq_error *error = fetch_url_parse(text, &url);
  if (!error) {
    check(&url);
    error = location ? fetch_url_resolve(&url, location, &next) : NULL;
    if (location && !error) {
      check(&next);
      fetch_url_free(&next);
    }
    fetch_url_free(&url);
  }
  ubiq_error_delete(error);
  free(text);
  return 0;
}
