// http_request by way of Extism's C ABI: headers, bodies, redirects, limits; and TLS with a certificate authority of one's
// own, which a user names with SSL_CERT_FILE.
#include "unit/plugin/extism_testing.h"

#include "unit/base/fetch_server.h"

#include <microhttpd.h>

#define LOCAL "\"allowed_hosts\": [\"127.0.0.1\"]"

static fetch_server *server;

static const char *url(const char *path) {
  return fetch_server_url(server, path);
}

static bool output_has(ExtismPlugin *plugin, const char *part) {
  return memmem(extism_plugin_output_data(plugin), extism_plugin_output_length(plugin), part, strlen(part)) != NULL;
}

static void bodies_and_headers_are_sent_and_received(void **state) {
  (void)state;
  char post[300];
  ExtismPlugin *plugin = extism_of("http", &(extism_setup){.more = LOCAL});
  snprintf(post, sizeof post, "%s\nthe body", url("/echo"));
  assert_int_equal(extism_call(plugin, "post", post), 0);
  assert_true(output_has(plugin, "200\nPOST /echo HTTP/1.1"));
  assert_true(output_has(plugin, "x-guest: ubiq"));
  assert_true(output_has(plugin, "\r\n\r\nthe body"));
  assert_answers(plugin, "get", url("/bytes/3"), "200\nxxx");
  assert_answers(plugin, "get", url("/to/404/x"), "404\n");
  extism_plugin_free(plugin);
}

static void headers_of_answers_are_told_where_they_are_asked_for(void **state) {
  (void)state;
  ExtismPlugin *plugin = extism_of("http", &(extism_setup){.more = LOCAL});
  assert_answers(plugin, "headers", url("/bytes/3"), "(none)");
  extism_plugin_allow_http_response_headers(plugin);
  assert_answers(plugin, "headers", url("/bytes/3"), "{\"content-length\":\"3\"}");
  extism_plugin_free(plugin);
}

static void only_allowed_hosts_are_reached_also_by_redirects(void **state) {
  (void)state;
  char there[200], message[300];
  ExtismPlugin *plugin = extism_of("http", &(extism_setup){.more = LOCAL});
  assert_answers(plugin, "get", url("/to/302//bytes/2"), "200\nxx");
  snprintf(there, sizeof there, "http://localhost:%d/bytes/2", server->port);
  snprintf(message, sizeof message, "HTTP request to %s is not allowed", there);
  assert_call_fails(plugin, "get", there, -1, message);
  char redirect[300];
  snprintf(redirect, sizeof redirect, "http://127.0.0.1:%d/to/302/%s", server->port, there);
  assert_call_fails(plugin, "get", redirect, -1, message);
  extism_plugin_free(plugin);
}

static void answers_are_limited(void **state) {
  (void)state;
  ExtismPlugin *plugin =
      extism_of("http", &(extism_setup){.more = LOCAL ", \"memory\": {\"max_http_response_bytes\": 4}"});
  assert_answers(plugin, "get", url("/bytes/4"), "200\nxxxx");
  assert_call_fails(plugin, "get", url("/bytes/5"), -1,
                    "HTTP response exceeds the configured maximum number of bytes: 4");
  assert_int_equal(extism_call(plugin, "get", url("/endless")), -1);
  extism_plugin_free(plugin);
}

// -- TLS --

/// An HTTPS server with a certificate that it signed itself.
typedef struct tls_server {
  char folder[64], key[96], certificate[96];
  struct MHD_Daemon *daemon;
  int port;
} tls_server;

static enum MHD_Result answer_tls(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *body, size_t *body_size, void **request) {
  (void)user, (void)path, (void)method, (void)version, (void)body, (void)body_size, (void)request;
  struct MHD_Response *response = MHD_create_response_from_buffer(6, "secret", MHD_RESPMEM_PERSISTENT);
  enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
  MHD_destroy_response(response);
  return result;
}

static bool make_certificate(const tls_server *self) {
  char command[512];
  snprintf(command, sizeof command,
           "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ubiq-test "
           "-addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s >%s/log 2>&1",
           self->key, self->certificate, self->folder);
  return system(command) == 0; // NOLINT(cert-env33-c): a test's own command
}

static struct MHD_Daemon *start_daemon(const tls_server *self) {
  buffer key = {0}, certificate = {0};
  assert_success(file_read_all(self->key, SIZE_MAX, &key));
  assert_success(file_read_all(self->certificate, SIZE_MAX, &certificate));
  struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL, answer_tls,
                                               NULL, MHD_OPTION_HTTPS_MEM_KEY, buffer_string(&key),
                                               MHD_OPTION_HTTPS_MEM_CERT, buffer_string(&certificate), MHD_OPTION_END);
  buffer_free(&key);
  buffer_free(&certificate);
  return daemon;
}

// False where there is no openssl, or where this libmicrohttpd has no TLS.
static bool tls_start(tls_server *self) {
  *self = (tls_server){.folder = "/tmp/ubiq-tls-test-XXXXXX"};
  assert_non_null(mkdtemp(self->folder));
  snprintf(self->key, sizeof self->key, "%s/key", self->folder);
  snprintf(self->certificate, sizeof self->certificate, "%s/certificate", self->folder);
  if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES || !make_certificate(self)) return false;
  self->daemon = start_daemon(self);
  assert_non_null(self->daemon);
  self->port = MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
  return true;
}

static void tls_stop(tls_server *self) {
  static const char *const names[] = {"key", "certificate", "log"};
  char path[128];
  if (self->daemon) MHD_stop_daemon(self->daemon);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", self->folder, names[i]);
    unlink(path);
  }
  rmdir(self->folder);
}

static void a_certificate_counts_that_ssl_cert_file_names(void **state) {
  (void)state;
  tls_server tls;
  char there[64];
  if (!tls_start(&tls)) {
    tls_stop(&tls);
    skip();
  }
  snprintf(there, sizeof there, "https://127.0.0.1:%d/", tls.port);
  ExtismPlugin *plugin = extism_of("http", &(extism_setup){.more = LOCAL});
  assert_int_equal(extism_call(plugin, "get", there), -1);
  assert_non_null(strstr(extism_plugin_error(plugin), "certificate"));
  extism_plugin_free(plugin);

  setenv("SSL_CERT_FILE", tls.certificate, 1);
  plugin = extism_of("http", &(extism_setup){.more = LOCAL});
  assert_answers(plugin, "get", there, "200\nsecret");
  snprintf(there, sizeof there, "https://localhost:%d/", tls.port); // not the name that the certificate is for
  extism_plugin_free(plugin);
  plugin = extism_of("http", &(extism_setup){.more = "\"allowed_hosts\": [\"localhost\"]"});
  assert_int_equal(extism_call(plugin, "get", there), -1);
  extism_plugin_free(plugin);
  unsetenv("SSL_CERT_FILE");
  tls_stop(&tls);
}

int main(void) {
  plugin_testing_begin();
  unsetenv("SSL_CERT_FILE");
  server = fetch_server_start();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bodies_and_headers_are_sent_and_received),
      cmocka_unit_test(headers_of_answers_are_told_where_they_are_asked_for),
      cmocka_unit_test(only_allowed_hosts_are_reached_also_by_redirects),
      cmocka_unit_test(answers_are_limited),
      cmocka_unit_test(a_certificate_counts_that_ssl_cert_file_names),
  };
  int result = cmocka_run_group_tests(tests, NULL, NULL);
  fetch_server_stop(server);
  return result;
}
