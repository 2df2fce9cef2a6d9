/// Parsing is libcurl's, so that there is one parser and no room between what is judged and what is connected to.
/// This file adds what that parser lets pass: control characters, backslashes (browsers read them as '/'), encoded
/// dots, host names of letters that are not ASCII (Extism refuses them as well; the `xn--` form is the one to use).
#include "base/fetch_url.h"

#include "base/buffer.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

static ubiq_error *malformed(const char *why) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "the URL is malformed: %s; expected http://HOST/PATH or https://HOST/PATH",
                        why);
}

static ubiq_error *error_of(CURLUcode code) {
  if (code == CURLUE_OUT_OF_MEMORY) return ubiq_error_no_memory();
  return malformed(curl_url_strerror(code));
}

static bool has_forbidden_byte(const char *text) {
  for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
    if (*at < 0x20 || *at == 0x7f || *at == '\\') return true;
  }
  return false;
}

/// Copies a URL with `%2e` before the query written as '.', so that encoded dot segments are resolved like plain ones.
static char *decode_dots(const char *text) {
  char *copy = strdup(text);
  if (!copy) return NULL;
  char *to = copy;
  bool in_path = true;
  for (const char *from = text; *from; from++) {
    in_path = in_path && *from != '?' && *from != '#';
    bool dot = in_path && from[0] == '%' && from[1] == '2' && (from[2] == 'e' || from[2] == 'E');
    *to++ = dot ? '.' : *from;
    if (dot) from += 2;
  }
  *to = '\0';
  return copy;
}

static ubiq_error *set_text(CURLU *handle, const char *text) {
  if (strlen(text) > FETCH_URL_BYTES_MAX)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "the URL has %zu bytes; at most %d are allowed", strlen(text),
                          FETCH_URL_BYTES_MAX);
  if (has_forbidden_byte(text)) return malformed("it holds a control character or a backslash");
  char *copy = decode_dots(text);
  if (!copy) return ubiq_error_no_memory();
  CURLUcode code = curl_url_set(handle, CURLUPART_URL, copy, CURLU_URLENCODE);
  free(copy);
  return code == CURLUE_OK ? NULL : error_of(code);
}

/// Copies one part into memory of ours; `*out` stays NULL when the URL has no such part.
static ubiq_error *take_part(CURLU *handle, CURLUPart part, CURLUcode absent, unsigned flags, char **out) {
  char *value = NULL;
  CURLUcode code = curl_url_get(handle, part, &value, flags);
  if (code != CURLUE_OK) return code == absent ? NULL : error_of(code);
  *out = strdup(value);
  curl_free(value);
  return *out ? NULL : ubiq_error_no_memory();
}

static ubiq_error *take_user(CURLU *handle, fetch_url *url) {
  ubiq_error *error = take_part(handle, CURLUPART_USER, CURLUE_NO_USER, CURLU_URLDECODE, &url->user);
  if (!error) error = take_part(handle, CURLUPART_PASSWORD, CURLUE_NO_PASSWORD, CURLU_URLDECODE, &url->password);
  return error;
}

static bool host_is_plain(const char *host) {
  if (host[0] == '[') return host[strspn(host + 1, "0123456789abcdef:.") + 1] == ']';
  return host[0] && host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-._")] == '\0';
}

static ubiq_error *normalise_host(CURLU *handle, fetch_url *url) {
  ubiq_error *error = take_part(handle, CURLUPART_HOST, CURLUE_NO_HOST, 0, &url->host);
  if (error) return error;
  if (!url->host) return malformed("it names no host");
  for (char *at = url->host; *at; at++) *at = (char)tolower((unsigned char)*at);
  if (!host_is_plain(url->host))
    return malformed("the host has characters other than ASCII letters, digits, '-', '.' and '_'");
  CURLUcode code = curl_url_set(handle, CURLUPART_HOST, url->host, 0);
  return code == CURLUE_OK ? NULL : error_of(code);
}

static ubiq_error *drop_parts(CURLU *handle) {
  static const CURLUPart parts[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_FRAGMENT,
                                    CURLUPART_ZONEID};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    CURLUcode code = curl_url_set(handle, parts[i], NULL, 0);
    if (code != CURLUE_OK) return error_of(code);
  }
  return NULL;
}

static ubiq_error *take_port(CURLU *handle, fetch_url *url) {
  char *port = NULL;
  ubiq_error *error = take_part(handle, CURLUPART_PORT, CURLUE_NO_PORT, CURLU_DEFAULT_PORT, &port);
  if (error) return error;
  long number = port ? strtol(port, NULL, 10) : 0;
  free(port);
  if (number < 1 || number > 65535) return malformed("the port is not a number from 1 to 65535");
  url->port = (int)number;
  return NULL;
}

static ubiq_error *take_shown(fetch_url *url) {
  size_t size = strcspn(url->text, "?");
  url->shown = strndup(url->text, size);
  return url->shown ? NULL : ubiq_error_no_memory();
}

static ubiq_error *take_scheme(CURLU *handle, fetch_url *url) {
  ubiq_error *error = take_part(handle, CURLUPART_SCHEME, CURLUE_NO_SCHEME, 0, &url->scheme);
  if (error) return error;
  if (url->scheme && (strcmp(url->scheme, "http") == 0 || strcmp(url->scheme, "https") == 0)) return NULL;
  return malformed("only http and https are supported");
}

/// Whether libcurl will read the text as what we took from it. It decodes and rewrites hosts in one pass, so that the
/// result of a strange one (`%338`, which is `38`, which is `0.0.0.38`) may mean something else the second time.
static ubiq_error *check_stable(CURLU *handle, const fetch_url *url) {
  char *again = NULL;
  CURLUcode code = curl_url_set(handle, CURLUPART_URL, url->text, 0);
  if (code != CURLUE_OK) return error_of(code);
  ubiq_error *error = take_part(handle, CURLUPART_URL, CURLUE_OK, CURLU_NO_DEFAULT_PORT, &again);
  if (!error && !(again && strcmp(again, url->text) == 0)) error = malformed("the host is written in an unusual form");
  free(again);
  return error;
}

/// Fills `url` from a handle that holds a whole URL; on failure `url` is left empty.
static ubiq_error *take_all(CURLU *handle, fetch_url *url) {
  ubiq_error *error = take_scheme(handle, url);
  if (!error) error = take_user(handle, url);
  if (!error) error = drop_parts(handle);
  if (!error) error = normalise_host(handle, url);
  if (!error) error = take_port(handle, url);
  if (!error) error = take_part(handle, CURLUPART_PATH, CURLUE_OK, 0, &url->path);
  if (!error) error = take_part(handle, CURLUPART_URL, CURLUE_OK, CURLU_NO_DEFAULT_PORT, &url->text);
  if (!error) error = check_stable(handle, url);
  if (!error) error = take_shown(url);
  if (error) fetch_url_free(url);
  return error;
}

ubiq_error *fetch_url_parse(const char *text, fetch_url *url) {
  *url = (fetch_url){0};
  CURLU *handle = curl_url();
  if (!handle) return ubiq_error_no_memory();
  ubiq_error *error = set_text(handle, text);
  if (!error) error = take_all(handle, url);
  curl_url_cleanup(handle);
  return error;
}

static ubiq_error *resolve(CURLU *handle, const fetch_url *base, const char *location, fetch_url *url) {
  CURLUcode code = curl_url_set(handle, CURLUPART_URL, base->text, 0);
  if (code != CURLUE_OK) return error_of(code);
  ubiq_error *error = set_text(handle, location);
  return error ? error : take_all(handle, url);
}

ubiq_error *fetch_url_resolve(const fetch_url *base, const char *location, fetch_url *url) {
  *url = (fetch_url){0};
  CURLU *handle = curl_url();
  if (!handle) return ubiq_error_no_memory();
  ubiq_error *error = resolve(handle, base, location, url);
  curl_url_cleanup(handle);
  if (error) return ubiq_error_wrap(error, "redirect from %s", base->shown);
  free(url->user);
  free(url->password);
  url->user = NULL;
  url->password = NULL;
  return NULL;
}

bool fetch_url_same_origin(const fetch_url *a, const fetch_url *b) {
  return a->port == b->port && strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0;
}

void fetch_url_free(fetch_url *url) {
  char *owned[] = {url->text, url->shown, url->scheme, url->host, url->path, url->user, url->password};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
  *url = (fetch_url){0};
}
