// http_request and what belongs to it: requests of guests, checked against the manifest's allowed_hosts on every hop;
// and fetching the modules that manifests name by URL.
//
// In a plugin that suspends the guest waits while the request runs on the loop's fetches, or where there is no loop of
// ours on a thread aside (http_aside.h). Otherwise it blocks the caller's thread until it is done, its deadline passes or
// it is cancelled.
#include "plugin/host/http.h"
#include "plugin/host/host_env.h"

#include "base/clock.h"
#include "base/fetch_loop.h"
#include "base/fetch_url.h"
#include "base/json.h"
#include "plugin/host/http_aside.h"
#include "plugin/parts/stubs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/// A request as the guest says it: {"url": ..., "method": ..., "headers": {...}}. Strings live in the arena.
typedef struct guest_request {
  const char *url;
  char *method;
  fetch_header *headers;
  size_t headers_count;
} guest_request;

static ubiq_error *copy_text(arena *arena, const json_value *value, const char **out) {
  text text;
  ubiq_error *error = json_get_text(value, &text);
  if (error) return error;
  *out = arena_string(arena, text.data, text.size);
  return *out ? NULL : ubiq_error_no_memory();
}

static ubiq_error *read_headers(arena *arena, const json_value *headers, guest_request *out) {
  if (json_is_absent(headers)) return NULL;
  ubiq_error *error = json_expect_object(headers);
  if (error) return error;
  out->headers = arena_array(arena, json_count(headers), sizeof *out->headers);
  if (!out->headers) return ubiq_error_no_memory();
  json_value field = {0};
  while (!error && json_next_field(headers, &field)) {
    fetch_header *header = &out->headers[out->headers_count++];
    header->name = arena_string(arena, field.key.data, field.key.size);
    error = header->name ? copy_text(arena, &field, &header->value) : ubiq_error_no_memory();
  }
  return error;
}

static ubiq_error *read_method(arena *arena, const json_value *value, guest_request *out) {
  const char *method = "GET";
  if (!json_is_absent(value)) {
    ubiq_error *error = copy_text(arena, value, &method);
    if (error) return error;
  }
  out->method = arena_string(arena, method, strlen(method));
  for (char *c = out->method; c && *c; c++) *c = (char)toupper((unsigned char)*c);
  return out->method ? NULL : ubiq_error_no_memory();
}

static ubiq_error *read_request(arena *arena, ubiq_bytes json, guest_request *out) {
  yyjson_doc *document = NULL;
  ubiq_error *error = json_parse("http request", json.data, json.size, &document);
  if (error) return error;
  json_source source = {.name = "http request"};
  json_value root = json_root(&source, yyjson_doc_get_root(document));
  json_value url = json_field(&root, "url"), method = json_field(&root, "method");
  json_value headers = json_field(&root, "headers"), header = json_field(&root, "header");
  error = json_expect_object(&root);
  if (!error) error = copy_text(arena, &url, &out->url);
  if (!error) error = read_method(arena, &method, out);
  if (!error) error = read_headers(arena, json_is_absent(&headers) ? &header : &headers, out);
  yyjson_doc_free(document);
  return error;
}

// How a manifest allows a host. On a loop, a pattern that is the host itself names it, also where it would be a set as a
// glob, as [::1] is for libextism.
typedef enum mention { MENTION_NONE, MENTION_GLOB, MENTION_NAME } mention;

static mention mention_of(const manifest *manifest, const char *host, bool by_name) {
  mention found = MENTION_NONE;
  for (size_t i = 0; i < manifest->allowed_hosts_count; i++) {
    text pattern = text_of(manifest->allowed_hosts[i]);
    if (by_name && text_equal_string(pattern, host)) return MENTION_NAME;
    if (text_glob_match(pattern, text_of(host))) found = MENTION_GLOB;
  }
  return found;
}

static ubiq_error *not_allowed(const fetch_target *target) {
  return ubiq_error_new(UBIQ_DENIED, "HTTP request to %s is not allowed", target->url);
}

ubiq_error *http_check_host(const manifest *manifest, const fetch_target *target) {
  return mention_of(manifest, target->host, false) == MENTION_NONE ? not_allowed(target) : NULL;
}

// The gate for every hop. On the caller's stack (the C API, `ubiq call`) the manifest is the embedder's word, and whatever
// it covers may be private, as with libextism. On a loop (`ubiq serve`), where anybody may send requests, a private address
// is reached only by a name or an address that is listed outright, and the server's own listeners never. A metadata
// service is never reached either way.
static ubiq_error *allow_url(void *user, const fetch_target *target, const net_gate **gate) {
  plugin *plugin = user;
  const plugin_host *host = plugin->host;
  mention mention = mention_of(plugin->compiled->manifest, target->host, host != NULL);
  if (mention == MENTION_NONE) return not_allowed(target);
  plugin->http.gate = net_gate_private;
  if (host != NULL)
    plugin->http.gate =
        (net_gate){.allow_private = mention == MENTION_NAME, .own = host->own, .own_count = host->own_count};
  *gate = &plugin->http.gate;
  return NULL;
}

static uint64_t remaining_ms(const plugin *plugin) {
  if (plugin->deadline_ns == UINT64_MAX) return 0;
  uint64_t now = clock_monotonic_ns();
  return now >= plugin->deadline_ns ? 1 : (plugin->deadline_ns - now) / CLOCK_NS_PER_MS + 1;
}

static uint64_t response_bytes_max(const plugin *plugin) {
  const manifest_memory *memory = &plugin->compiled->manifest->memory;
  return memory->has_max_http_response_bytes ? memory->max_http_response_bytes : MANIFEST_HTTP_RESPONSE_BYTES_DEFAULT;
}

static void on_done(void *user, ubiq_error *error, fetch_response *response) {
  plugin *plugin = user;
  plugin->http.fetch = NULL;
  plugin->http.done = true;
  plugin->http.error = error;
  plugin->http.response = *response;
  plugin->host->wake(plugin->host->user);
}

static bool is_cancelled(void *user) {
  return atomic_load_explicit(&((plugin *)user)->cancelled, memory_order_relaxed);
}

static ubiq_error *perform_here(plugin *plugin, const fetch_request *request) {
  plugin_http *http = &plugin->http;
  ubiq_error *error = http->client ? NULL : fetch_client_new(&http->client);
  if (error) return error;
  fetch_interrupt interrupt = {.cancelled = is_cancelled, .user = plugin, .wake_fd = -1};
  http->error = fetch_client_perform(http->client, request, &interrupt, &http->response);
  http->done = true;
  return NULL;
}

// A request that is malformed, or whose answer is larger than the guest may have, is no fault of whoever called the guest.
static ubiq_error *of_guest(ubiq_error *error) {
  ubiq_code code = ubiq_error_code(error);
  return code == UBIQ_INVALID_INPUT || code == UBIQ_TOO_LARGE ? host_fault(error) : error;
}

static bool has_header(const guest_request *guest, const char *name) {
  for (size_t i = 0; i < guest->headers_count; i++)
    if (text_equal_ignoring_case(text_of(guest->headers[i].name), text_of(name))) return true;
  return false;
}

/// Says which run a request comes from, unless the guest says something itself.
static ubiq_error *add_trace(const plugin *plugin, arena *arena, guest_request *guest) {
  static const char parent[] = "traceparent", state[] = "tracestate";
  const plugin_host *host = plugin->host;
  if (!host || !host->traceparent || has_header(guest, parent)) return NULL;
  const char *list = host->tracestate && !has_header(guest, state) ? host->tracestate(host->user) : NULL;
  fetch_header *headers = arena_array(arena, guest->headers_count + 2, sizeof *headers);
  if (!headers) return ubiq_error_no_memory();
  if (guest->headers_count > 0) memcpy(headers, guest->headers, guest->headers_count * sizeof *headers);
  headers[guest->headers_count++] = (fetch_header){parent, host->traceparent(host->user)};
  if (list) headers[guest->headers_count++] = (fetch_header){state, list};
  guest->headers = headers;
  return NULL;
}

// Where it is allowed to go is looked at as if it went there.
static bool is_answered_by_stub(plugin *plugin, const fetch_request *request, ubiq_error **error) {
  const plugin_stubs *stubs = plugin->host ? plugin->host->stubs : NULL;
  fetch_url url = {0};
  const net_gate *gate;
  if (!stubs || !stubs->http) return false;
  *error = fetch_url_parse(request->url, &url);
  const fetch_target target = {.method = request->method,
                               .url = url.text,
                               .scheme = url.scheme,
                               .host = url.host,
                               .path = url.path,
                               .port = url.port};
  if (!*error) *error = allow_url(plugin, &target, &gate);
  const plugin_stub_request asked = {.method = request->method,
                                     .url = text_of(url.text),
                                     .body = {(const char *)request->body, request->body_size},
                                     .response_bytes_max = request->response_bytes_max};
  bool is_over = *error || stubs->http(stubs->user, &asked, &plugin->http.response, &plugin->http.error);
  plugin->http.done = is_over && !*error;
  fetch_url_free(&url);
  return is_over;
}

static void tell_begin(const plugin *plugin, const guest_request *guest) {
  const plugin_host *host = plugin->host;
  if (host && host->request_begun) host->request_begun(host->user, guest->method, guest->url);
}

static void tell_end(const plugin *plugin, int status) {
  const plugin_host *host = plugin->host;
  if (host && host->request_ended) host->request_ended(host->user, status);
}

static ubiq_error *begin(plugin *plugin, const guest_request *guest, ubiq_bytes body) {
  fetch_policy policy = {.allow_url = allow_url, .user = plugin, .any_host_header = true};
  fetch_request request = {
      .method = guest->method,
      .url = guest->url,
      .headers = guest->headers,
      .headers_count = guest->headers_count,
      .body = body.data,
      .body_size = body.size,
      .timeout_ms = remaining_ms(plugin),
      .response_bytes_max = response_bytes_max(plugin),
      .gzip = true,
      .policy = &policy,
  };
  http_end(plugin);
  ubiq_error *error = NULL;
  if (is_answered_by_stub(plugin, &request, &error)) return error;
  if (!plugin->host && plugin->compiled->options.suspends)
    return http_aside_start(plugin, &request, &plugin->http.aside);
  if (!plugin->host || !plugin->host->fetches) return perform_here(plugin, &request);
  plugin->http.policy = policy; // the loop needs it until the end
  request.policy = &plugin->http.policy;
  return fetch_start(plugin->host->fetches, &request, on_done, plugin, &plugin->http.fetch);
}

ubiq_error *http_request_call(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  uint64_t request_offset = (uint64_t)values[0].i64, body_offset = (uint64_t)values[1].i64;
  ubiq_bytes json, body;
  ubiq_error *error = host_argument(plugin, request_offset, "http request", &json);
  if (!error) error = host_argument(plugin, body_offset, "http request body", &body);
  if (error) return error;
  arena arena;
  arena_init(&arena);
  guest_request request = {0};
  error = read_request(&arena, json, &request);
  if (!error) error = add_trace(plugin, &arena, &request);
  if (!error) {
    tell_begin(plugin, &request);
    error = begin(plugin, &request, body);
    if (error) tell_end(plugin, 0);
  }
  arena_free(&arena);
  host_free_later(plugin, request_offset, body_offset);
  plugin->wake_at_ns = 0;
  return of_guest(error);
}

// Whether a request aside is done; or what ended the wait for it.
static ubiq_error *look_aside(plugin *plugin) {
  plugin_http *http = &plugin->http;
  http->done = http_aside_take(http->aside, &http->error, &http->response);
  if (http->done) http->aside = NULL;
  return http->done ? NULL : plugin_overdue(plugin);
}

bool http_request_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error) {
  (void)env;
  plugin *plugin = call->user;
  plugin_http *http = &plugin->http;
  if (http->aside && (*error = look_aside(plugin)) != NULL) {
    http_end(plugin);
    return true;
  }
  if (!http->done) return false;
  tell_end(plugin, http->error ? 0 : http->response.status);
  *error = of_guest(http->error);
  http->error = NULL;
  plugin->answer = (plugin_answer){http->response.body.data, http->response.body.size};
  values[0].i64 = *error ? 0 : (int64_t)http->response.body.size;
  if (values[0].i64 == 0) host_free_spent(plugin);
  return true;
}

ubiq_error *http_status_code_call(void *env, engine_call *call, engine_value *values) {
  (void)env;
  values[0].i32 = ((plugin *)call->user)->http.response.status;
  return NULL;
}

static bool write_headers(const fetch_response *response, yyjson_mut_doc *document) {
  yyjson_mut_val *object = yyjson_mut_obj(document);
  yyjson_mut_doc_set_root(document, object);
  for (size_t i = 0; object && i < response->headers_count; i++)
    if (fetch_response_header_in_extism(response, i) &&
        !yyjson_mut_obj_add_strcpy(document, object, response->headers[i].name, response->headers[i].value))
      return false;
  return object != NULL;
}

ubiq_error *http_headers_call(void *env, engine_call *call, engine_value *values) {
  (void)env;
  plugin *plugin = call->user;
  plugin_http *http = &plugin->http;
  values[0].i64 = 0;
  if (!http->keep_headers) return NULL;
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  free(http->headers_json);
  size_t size = 0;
  http->headers_json =
      document && write_headers(&http->response, document) ? yyjson_mut_write(document, 0, &size) : NULL;
  yyjson_mut_doc_free(document);
  if (!http->headers_json) return ubiq_error_no_memory();
  plugin->answer = (plugin_answer){(const uint8_t *)http->headers_json, size};
  values[0].i64 = (int64_t)size;
  return NULL;
}

void http_answered(plugin *plugin) {
  buffer *body = &plugin->http.response.body;
  if (body->data && plugin->answer.data == body->data) buffer_free(body);
}

void http_end(plugin *plugin) {
  plugin_http *http = &plugin->http;
  if (http->fetch) fetch_cancel(http->fetch);
  if (http->aside) http_aside_drop(http->aside);
  http->fetch = NULL;
  http->aside = NULL;
  http->done = false;
  ubiq_error_delete(http->error);
  http->error = NULL;
  fetch_response_free(&http->response);
  http->response = (fetch_response){0};
}

static ubiq_error *copy_headers(const manifest_module *module, fetch_header **out) {
  *out = calloc(module->headers_count + 1, sizeof **out);
  for (size_t i = 0; *out && i < module->headers_count; i++)
    (*out)[i] = (fetch_header){module->headers[i].key, module->headers[i].value};
  return *out ? NULL : ubiq_error_no_memory();
}

// A manifest's author names where its modules are: any host, private ones included, as with libextism.
static ubiq_error *allow_any(void *user, const fetch_target *target, const net_gate **gate) {
  (void)user;
  (void)target;
  *gate = &net_gate_private;
  return NULL;
}

// Whoever loads modules names the address already.
static ubiq_error *without_address(ubiq_error *error, const char *address) {
  static const char words[] = "HTTP request to ";
  const char *message = error ? ubiq_error_message(error) : "";
  size_t size = strlen(address);
  if (strncmp(message, words, sizeof words - 1) != 0) return error;
  message += sizeof words - 1;
  if (strncmp(message, address, size) != 0 || strncmp(message + size, ": ", 2) != 0) return error;
  ubiq_error *shorter = ubiq_error_new(ubiq_error_code(error), "%s", message + size + 2);
  ubiq_error_delete(error);
  return shorter;
}

ubiq_error *http_fetch_module(void *user, const manifest_module *module, size_t bytes_max, buffer *out) {
  (void)user;
  fetch_header *headers = NULL;
  ubiq_error *error = copy_headers(module, &headers);
  if (error) return error;
  fetch_policy policy = {.allow_url = allow_any};
  fetch_request request = {.method = module->method,
                           .url = module->location,
                           .headers = headers,
                           .headers_count = module->headers_count,
                           .timeout_ms = 60000,
                           .response_bytes_max = bytes_max,
                           .gzip = true,
                           .policy = &policy};
  fetch_response response = {0};
  error = without_address(fetch_perform(&request, NULL, &response), module->location);
  if (!error && (response.status < 200 || response.status > 299))
    error = ubiq_error_new(UBIQ_UNAVAILABLE, "the answer has status %d; expected 200", response.status);
  if (!error && !buffer_append(out, response.body.data, response.body.size)) error = ubiq_error_no_memory();
  fetch_response_free(&response);
  free(headers);
  return error;
}
