// Which routes there are, and that these functions answer them, api/admin.tsp says: the table at the end is made of it.
#include "server/admin/admin_routes.h"

#include "base/clock.h"
#include "base/units.h"
#include "runtime/project/project_quotas.h"
#include "server/admin/admin_health.h"
#include "server/admin/admin_json.h"
#include "server/admin/admin_logs.h"
#include "server/admin/admin_metrics.h"
#include "server/admin/admin_permissions.h"
#include "server/admin/admin_pool.h"

#include <stdlib.h>

// --------------------------------------------------------------------------------------------------------- looking

static bool add_served(yyjson_mut_doc *document, yyjson_mut_val *root, const releases_status *status) {
  bool has_current = status->choice.current[0] != '\0', has_canary = status->choice.canary[0] != '\0';
  yyjson_mut_val *current = has_current ? admin_json_served(document, status, false) : yyjson_mut_null(document);
  yyjson_mut_val *canary = has_canary ? admin_json_served(document, status, true) : yyjson_mut_null(document);
  return current != NULL && canary != NULL && yyjson_mut_obj_add_val(document, root, "current", current) &&
         yyjson_mut_obj_add_val(document, root, "canary", canary);
}

static bool add_used(yyjson_mut_doc *document, yyjson_mut_val *root, const quotas *used, const quotas *most) {
  yyjson_mut_val *list = yyjson_mut_obj_add_obj(document, root, "used");
  bool good = list != NULL;
  for (size_t i = 0; good && i < PROJECT_QUOTAS; i++) {
    const project_quota *quota = &project_quotas[i];
    if (!quota->is_counted) continue;
    yyjson_mut_val *one = yyjson_mut_obj_add_obj(document, list, quota->name);
    good = yyjson_mut_obj_add_uint(document, one, "used", project_quota_of(used, quota)) &&
           yyjson_mut_obj_add_uint(document, one, "max", project_quota_of(most, quota));
  }
  return good;
}

/// How much of what lasts the current release's project has.
static ubiq_error *find_used(admin_request *self, quotas *used, quotas *most) {
  const services services = server_services(self->context->server);
  release *current = releases_hold(self->context->releases);
  ubiq_error *error = services_usage(&services, text_of(current->project->name), used);
  *most = current->project->quotas;
  release_delete(current);
  return error;
}

static answer admin_status_get(admin_request *self) {
  releases_status status;
  quotas used, most;
  ubiq_error *error = releases_describe(self->context->releases, &status);
  if (error == NULL) error = find_used(self, &used, &most);
  if (error != NULL) return answer_error(error);
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *root = yyjson_mut_obj(document);
  bool good = yyjson_mut_obj_add_strcpy(document, root, "url", server_url(self->context->server)) &&
              admin_json_time(document, root, "began_at", self->context->began_ms) &&
              yyjson_mut_obj_add_bool(document, root, "is_changing", status.is_changing) &&
              add_served(document, root, &status) &&
              (status.choice.current[0] == '\0' || add_used(document, root, &used, &most));
  return admin_json_answer(document, good ? root : NULL);
}

static yyjson_mut_val *list_releases(yyjson_mut_doc *document, const release_record *records, size_t count,
                                     const release_choice *choice) {
  yyjson_mut_val *list = yyjson_mut_arr(document);
  bool good = list != NULL;
  for (size_t i = 0; good && i < count; i++)
    good = yyjson_mut_arr_append(list, admin_json_release(document, &records[i], choice));
  return good ? list : NULL;
}

static answer admin_releases_list(admin_request *self) {
  releases_status status;
  release_record *records = NULL;
  size_t count = 0;
  ubiq_error *error = releases_describe(self->context->releases, &status);
  if (error == NULL) error = release_store_list(releases_store(self->context->releases), &records, &count);
  if (error != NULL) return answer_error(error);
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  answer answer = admin_json_answer(document, list_releases(document, records, count, &status.choice));
  free(records);
  return answer;
}

static answer admin_served_functions_list(admin_request *self) {
  release *current = releases_hold(self->context->releases);
  const project *project = current->project;
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  yyjson_mut_val *list = yyjson_mut_arr(document);
  bool good = list != NULL;
  for (size_t i = 0; good && i < project->functions_count; i++)
    good = yyjson_mut_arr_append(list, admin_json_function(document, &project->functions[i]));
  release_delete(current);
  return admin_json_answer(document, good ? list : NULL);
}

// -------------------------------------------------------------------------------------------------------- changing

/// What is served after a change.
static answer answer_release(admin_request *self, ubiq_error *error, const release_record *record) {
  releases_status status;
  if (error == NULL) error = releases_describe(self->context->releases, &status);
  if (error != NULL) return answer_error(error);
  yyjson_mut_doc *document = yyjson_mut_doc_new(NULL);
  return admin_json_answer(document, admin_json_release(document, record, &status.choice));
}

static ubiq_error *query_number(const admin_request *self, const char *name, uint64_t standard, uint64_t min,
                                uint64_t max, uint32_t *out) {
  const char *value = admin_request_query(self, name);
  uint64_t number = standard;
  if (value != NULL && (!text_to_u64(text_of(value), &number) || number < min || number > max))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s is \"%s\"; expected a number from %llu to %llu", name, value,
                          (unsigned long long)min, (unsigned long long)max);
  *out = (uint32_t)number;
  return NULL;
}

static ubiq_error *read_threshold(const admin_request *self, uint32_t *permille) {
  const char *value = admin_request_query(self, "rollback_above");
  uint64_t number = 0;
  if (value != NULL && (!units_percent_parse(text_of(value), &number) || number == 0))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "rollback_above is \"%s\"; expected " UNITS_PERCENT_FORM, value);
  *permille = (uint32_t)number;
  return NULL;
}

static ubiq_error *read_canary(const admin_request *self, release_offer *offer) {
  ubiq_error *error = query_number(self, "canary", 0, 1, 99, &offer->canary_percent);
  if (error == NULL) error = read_threshold(self, &offer->rule.failures_permille_max);
  if (error == NULL) error = query_number(self, "requests_min", 20, 1, 1000000, &offer->rule.requests_min);
  if (error == NULL) error = query_number(self, "window", 60, 1, 86400, &offer->rule.window_s);
  if (error == NULL && offer->canary_percent == 0 && offer->rule.failures_permille_max > 0)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "rollback_above is for a canary; expected \"canary\" beside it");
  return error;
}

static ubiq_error *read_signature(const admin_request *self, release_offer *offer) {
  const char *header = admin_request_header(self, "Ubiq-Signature");
  buffer bytes = {0};
  if (header == NULL) return NULL;
  offer->is_signed = text_base64_decode(&bytes, text_of(header)) == TEXT_BASE64_OK && bytes.size == SIGNATURE_SIZE;
  if (offer->is_signed) memcpy(offer->signature, bytes.data, SIGNATURE_SIZE);
  buffer_free(&bytes);
  return offer->is_signed ? NULL
                          : ubiq_error_new(UBIQ_INVALID_INPUT, "the header Ubiq-Signature is no signature; "
                                                               "expected 64 bytes in base64");
}

/// The digest is the last part of the path.
static ubiq_error *read_digest(const admin_request *self, const char **digest) {
  *digest = strrchr(self->path, '/') + 1;
  if (strspn(*digest, "0123456789abcdef") == DIGEST_SHA256_HEX_SIZE - 1 &&
      (*digest)[DIGEST_SHA256_HEX_SIZE - 1] == '\0')
    return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT,
                        "the path ends with \"%.80s\"; expected the bundle's SHA-256 in 64 lower-case "
                        "hex digits",
                        *digest);
}

static answer admin_releases_put(admin_request *self) {
  release_record record = {0};
  release_offer offer = {.path = self->file_path, .granted = self->who.granted};
  ubiq_error *error = read_digest(self, &offer.digest);
  if (error == NULL) error = read_canary(self, &offer);
  if (error == NULL) error = read_signature(self, &offer);
  if (error == NULL && offer.path == NULL)
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "the request has no body; expected a bundle");
  if (error == NULL) error = releases_deploy(self->context->releases, &offer, &record);
  return answer_release(self, error, &record);
}

static answer admin_releases_rollback(admin_request *self) {
  release_record record = {0};
  const char *to = admin_request_query(self, "to");
  return answer_release(self, releases_roll_back(self->context->releases, text_of(to), self->who.granted, &record),
                        &record);
}

static answer admin_releases_promote(admin_request *self) {
  release_record record = {0};
  return answer_release(self, releases_promote(self->context->releases, self->who.granted, &record), &record);
}

// ---------------------------------------------------------------------------------------------------------- routes

// Made of api/admin.yaml.
#include "server/admin/admin_operations.inc"
enum { ENDPOINTS = sizeof endpoints / sizeof endpoints[0] };

ubiq_error *admin_routes_new(router **out) {
  router_route routes[ENDPOINTS];
  for (size_t i = 0; i < ENDPOINTS; i++)
    routes[i] = (router_route){.method = text_of(endpoints[i].method),
                               .path = text_of(endpoints[i].path),
                               .name = endpoints[i].path,
                               .target = &endpoints[i]};
  return router_new(routes, ENDPOINTS, out);
}
