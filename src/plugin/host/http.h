// Host functions for HTTP requests of guests, and what a manifest allows of them.
#ifndef PLUGIN_HOST_HTTP_H
#define PLUGIN_HOST_HTTP_H

#include "plugin/parts/instance.h"

ubiq_error *http_request_call(void *env, engine_call *call, engine_value *values);
bool http_request_ready(void *env, engine_call *call, engine_value *values, ubiq_error **error);
ubiq_error *http_status_code_call(void *env, engine_call *call, engine_value *values);
ubiq_error *http_headers_call(void *env, engine_call *call, engine_value *values);
void http_end(plugin *plugin);
/// `denied` unless the manifest allows the host, as an embedder's word.
ubiq_error *http_check_host(const manifest *manifest, const fetch_target *target);
/// An answer was copied to the guest: if it was a response's body, that is not kept.
void http_answered(plugin *plugin);
/// Fetches a module that a manifest names by URL (manifest_fetch).
ubiq_error *http_fetch_module(void *user, const manifest_module *module, size_t bytes_max, buffer *out);

#endif
