// `ubiq deploy`: sends a bundle to a server, which serves it.
#include "base/file.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/admin_client.h"
#include "runtime/bundle/bundle_build.h"
#include "runtime/bundle/bundle_signature.h"

#include <stdlib.h>
#include <string.h>

typedef struct deploying {
  // From the command line.
  admin_client client;
  const char *place; ///< a project's folder or a bundle
  const char *key;   ///< a file; NULL: not signed here
  const char *rollback_above;
  uint64_t canary_percent, requests_min, window_ms;

  buffer bundle;
  char digest[DIGEST_SHA256_HEX_SIZE];
  buffer signature; ///< base64; empty: none
} deploying;

// ------------------------------------------------------------------------------------------------------- the bundle

static ubiq_error *build(deploying *self) {
  project *project = NULL;
  bundle_built built = {0};
  ubiq_error *error = project_read(self->place, &project);
  if (error == NULL) error = bundle_build(project, &built);
  project_delete(project);
  if (error == NULL) {
    self->bundle = built.bytes;
    built.bytes = (buffer){0};
  }
  bundle_built_free(&built);
  return error;
}

static ubiq_error *add_signature(deploying *self, const uint8_t signature[SIGNATURE_SIZE]) {
  bool good =
      text_base64_encode(&self->signature, signature, SIGNATURE_SIZE) && buffer_string(&self->signature) != NULL;
  return good ? NULL : ubiq_error_no_memory();
}

/// What `ubiq build --sign` left beside the bundle.
static ubiq_error *find_signature(deploying *self) {
  uint8_t signature[SIGNATURE_SIZE];
  buffer path = {0};
  if (!buffer_printf(&path, "%s" BUNDLE_SIGNATURE_SUFFIX, self->place)) return ubiq_error_no_memory();
  ubiq_error *error = NULL;
  if (file_exists((const char *)path.data)) {
    error = bundle_signature_read((const char *)path.data, signature);
    if (error == NULL) error = add_signature(self, signature);
  }
  buffer_free(&path);
  return error;
}

static ubiq_error *sign(deploying *self) {
  uint8_t signature[SIGNATURE_SIZE];
  if (self->key == NULL) return find_signature(self);
  ubiq_error *error = bundle_sign(self->key, self->digest, signature);
  return error != NULL ? error : add_signature(self, signature);
}

static ubiq_error *prepare(deploying *self) {
  ubiq_error *error =
      file_is_directory(self->place) ? build(self) : file_read_all(self->place, BUNDLE_BYTES_MAX, &self->bundle);
  if (error != NULL) return error;
  digest_sha256_hex(self->bundle.data, self->bundle.size, self->digest);
  return sign(self);
}

// ------------------------------------------------------------------------------------------------------ the request

static bool write_path(const deploying *self, buffer *out) {
  bool good = buffer_printf(out, "/v1/releases/%s", self->digest);
  if (self->canary_percent == 0) return good;
  good =
      good && buffer_printf(out, "?canary=%llu&requests_min=%llu&window=%llu", (unsigned long long)self->canary_percent,
                            (unsigned long long)self->requests_min, (unsigned long long)(self->window_ms + 999) / 1000);
  if (self->rollback_above == NULL) return good;
  uint64_t permille = 0;
  units_percent_parse(text_of(self->rollback_above), &permille);
  return good && buffer_printf(out, "&rollback_above=%llu.%llu", (unsigned long long)permille / 10,
                               (unsigned long long)permille % 10);
}

static ubiq_error *send_bundle(const deploying *self, yyjson_doc **answer) {
  buffer path = {0};
  progress progress;
  if (!write_path(self, &path)) {
    buffer_free(&path);
    return ubiq_error_no_memory();
  }
  progress_begin(&progress, self->bundle.size);
  const admin_question question = {
      .method = "PUT",
      .path = (const char *)path.data,
      .body = buffer_bytes(&self->bundle),
      .signature = self->signature.size > 0 ? (const char *)self->signature.data : NULL,
      .progress = &progress,
  };
  ubiq_error *error = admin_client_ask(&self->client, &question, answer);
  progress_end(&progress);
  buffer_free(&path);
  return error;
}

static ubiq_error *report(const deploying *self, yyjson_doc *answer) {
  if (self->client.json) return admin_client_print_json(answer);
  yyjson_val *root = yyjson_doc_get_root(answer);
  bool is_canary = strcmp(admin_client_text(root, "state"), "canary") == 0;
  printf("%s %s (%.12s) ", admin_client_text(root, "project"), admin_client_text(root, "version"),
         admin_client_text(root, "digest"));
  if (is_canary)
    printf("gets %llu %% of the requests; `ubiq promote` gives it all, `ubiq rollback` takes it back\n",
           (unsigned long long)self->canary_percent);
  else
    printf("is served\n");
  return NULL;
}

static ubiq_error *deploy(deploying *self) {
  yyjson_doc *answer = NULL;
  ubiq_error *error = prepare(self);
  if (error == NULL) error = send_bundle(self, &answer);
  if (error == NULL) error = report(self, answer);
  yyjson_doc_free(answer);
  return error;
}

// ------------------------------------------------------------------------------------------------------ the command

static ubiq_error *check(const deploying *self) {
  uint64_t permille;
  if (self->rollback_above == NULL) return NULL;
  if (!units_percent_parse(text_of(self->rollback_above), &permille) || permille == 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "--rollback-above is \"%s\"; expected " UNITS_PERCENT_FORM,
                          self->rollback_above);
  if (self->canary_percent > 0) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "--rollback-above is for a canary; expected --canary beside it");
}

enum { OWN_OPTIONS = 5 };

static int run(const command *command, int count, char **arguments) {
  deploying self = {.place = ".", .requests_min = 20, .window_ms = 60 * 1000};
  option list[ADMIN_CLIENT_OPTIONS + OWN_OPTIONS];
  admin_client_options(&self.client, list);
  const option own[OWN_OPTIONS] = {
      {"sign", 0, OPTION_TEXT, "KEYFILE", "sign it with a secret key of `ubiq key new`", &self.key, 0, 0},
      {"canary", 0, OPTION_NUMBER, "PERCENT", "give it only so many of the requests for a start", &self.canary_percent,
       1, 99},
      {"rollback-above", 0, OPTION_TEXT, "PERCENT", "take a canary back when more of its requests fail",
       &self.rollback_above, 0, 0},
      {"requests-min", 0, OPTION_NUMBER, "N", "but not before it had so many of them (default 20)", &self.requests_min,
       1, 1000000},
      {"window", 0, OPTION_DURATION, "TIME", "within this time (default 1m)", &self.window_ms, 1000, 86400 * 1000},
  };
  memcpy(list + ADMIN_CLIENT_OPTIONS, own, sizeof own);
  const char *positionals[1];
  options given = {
      .list = list, .count = ADMIN_CLIENT_OPTIONS + OWN_OPTIONS, .positionals = positionals, .positionals_max = 1};
  int code;
  if (command_begin(command, &given, count, arguments, &code) == COMMAND_STOP) return code;
  if (given.positionals_count > 0) self.place = positionals[0];
  ubiq_error *error = check(&self);
  if (error != NULL) return command_fail_usage(command, error);
  error = deploy(&self);
  buffer_free(&self.bundle);
  buffer_free(&self.signature);
  return error == NULL ? EXIT_OK : admin_client_fail(&self.client, error);
}

const command command_deploy = {
    .name = "deploy",
    .usage = "[DIR|BUNDLE] [OPTIONS]",
    .summary = "send a project or bundle to a server, which serves it",
    .details =
        "DIR is a folder with a ubiq.toml, which is built first; BUNDLE is what `ubiq build` made. The server, one "
        "that\n"
        "runs as `ubiq serve --state`, checks and compiles it, and then gives it the requests: none is lost, and when\n"
        "anything is wrong with it, what was served goes on being served. A signature beside the bundle (BUNDLE.sig)\n"
        "goes along.\n",
    .run = run,
};
