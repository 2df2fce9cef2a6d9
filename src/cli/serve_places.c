// A place too few fails a request some day; a place too many is one that a function which broke out of its engine may read.
#include "cli/serve_places.h"

#include "base/fetch_roots.h"
#include "base/file.h"
#include "engine/cache/cache_folder.h"
#include "plugin/manifest/manifest.h"

#include <stdlib.h>
#include <string.h>

enum { MANIFEST_FILE_BYTES_MAX = 64 << 20 };

/// What libraries read: other libraries (engines, those of the resolver), tables, random bytes, how many processors there are.
static const char *const system_places[] = {
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share",
    "/dev/urandom",
    "/dev/random",
    "/proc/self",
    "/proc/sys/vm",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
};

/// Of /etc, for root, who could read the rest as well.
static const char *const root_places[] = {
    "/etc/resolv.conf",       "/etc/hosts",        "/etc/nsswitch.conf",   "/etc/host.conf",
    "/etc/gai.conf",          "/etc/services",     "/etc/protocols",       "/etc/localtime",
    "/etc/ld.so.cache",       "/etc/passwd",       "/etc/group",           "/etc/ssl/certs",
    "/etc/pki/tls/certs",     "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/gnutls",
    "/etc/ssl/ca-bundle.pem",
};

typedef struct places {
  landlock *rules;
  ubiq_error *error; ///< the first
} places;

static void allow(places *self, const char *path, landlock_access access) {
  if (self->error == NULL && path != NULL) self->error = landlock_allow(self->rules, path, access);
}

/// Takes `path` over.
static void allow_taken(places *self, char *path, landlock_access access) {
  if (path == NULL && self->error == NULL) self->error = ubiq_error_no_memory();
  allow(self, path, access);
  free(path);
}

static void allow_all(places *self, const char *const *paths, size_t count) {
  for (size_t i = 0; i < count; i++) allow(self, paths[i], LANDLOCK_READ);
}

static void allow_folder_of(places *self, const char *file, landlock_access access) {
  if (file != NULL) allow_taken(self, file_path_directory(file), access);
}

// ------------------------------------------------------------------------------------------------------- the system

/// Where the resolver's settings are a link out of /etc, what they lead to is replaced by other files of that folder.
static void allow_resolver(places *self) {
  char *real = realpath("/etc/resolv.conf", NULL);
  if (real != NULL && strncmp(real, "/etc/", 5) != 0) allow_folder_of(self, real, LANDLOCK_READ);
  free(real);
}

static void allow_system(places *self) {
  allow_all(self, system_places, sizeof system_places / sizeof system_places[0]);
  allow(self, "/dev/null", LANDLOCK_WRITE);
  if (privileges_are_root())
    allow_all(self, root_places, sizeof root_places / sizeof root_places[0]);
  else
    allow(self, "/etc", LANDLOCK_READ);
  allow_resolver(self);
  allow(self, fetch_roots_file(), LANDLOCK_READ);
  allow(self, fetch_roots_folder(), LANDLOCK_READ);
}

// ---------------------------------------------------------------------------------------------------------- our own

/// The engines beside the program, and where they are looked for instead.
static void allow_engines(places *self) {
  char *program = NULL;
  ubiq_error_delete(file_executable_path(&program));
  char *folder = program == NULL ? NULL : file_path_directory(program);
  if (folder != NULL) allow_taken(self, file_path_join(folder, "../lib"), LANDLOCK_READ);
  free(folder);
  free(program);
  allow(self, secure_getenv("UBIQ_ENGINE_PATH"), LANDLOCK_READ);
}

/// Made now, because later it cannot be; a cache that cannot be made is one that is not used.
static void allow_cache(places *self, ubiq_error *(*find)(char **out)) {
  char *folder = NULL;
  ubiq_error *error = find(&folder);
  if (error == NULL && folder != NULL) error = file_make_private_directory(folder);
  if (error == NULL && folder != NULL) allow(self, folder, LANDLOCK_WRITE);
  ubiq_error_delete(error);
  free(folder);
}

// ------------------------------------------------------------------------------------------------------ the project

static void allow_manifests(places *self, const manifest *manifest, const char *directory) {
  for (size_t i = 0; i < manifest->modules_count; i++)
    if (manifest->modules[i].kind == MANIFEST_PATH)
      allow_taken(self, file_path_join(directory, manifest->modules[i].location), LANDLOCK_READ);
  for (size_t i = 0; i < manifest->allowed_paths_count; i++)
    allow_taken(self, file_path_join(directory, manifest->allowed_paths[i].host),
                manifest->allowed_paths[i].read_only ? LANDLOCK_READ : LANDLOCK_WRITE);
}

/// What is wrong with a manifest is told when it is loaded.
static void allow_manifest(places *self, const char *file) {
  buffer bytes = {0};
  const manifest *manifest = NULL;
  char *directory = file_path_directory(file);
  ubiq_error *error = directory == NULL ? ubiq_error_no_memory() : file_read_all(file, MANIFEST_FILE_BYTES_MAX, &bytes);
  if (error == NULL) error = manifest_from_bytes(bytes.data, bytes.size, NULL, &manifest);
  if (error == NULL) allow_manifests(self, manifest, directory);
  ubiq_error_delete(error);
  manifest_delete(manifest);
  buffer_free(&bytes);
  free(directory);
}

/// Read again when another takes their place, where a link may lead elsewhere then.
static void allow_keys(places *self, const char *file) {
  if (file == NULL) return;
  char *real = realpath(file, NULL);
  allow_folder_of(self, file, LANDLOCK_READ);
  allow_folder_of(self, real, LANDLOCK_READ);
  free(real);
}

static void allow_project(places *self, const project *project) {
  allow(self, project->directory[0] == '\0' ? "." : project->directory, LANDLOCK_READ);
  for (size_t i = 0; i < project->files_count; i++) allow(self, project->files[i].folder, LANDLOCK_READ);
  if (project->auth != NULL && project->auth->key_host == NULL) allow_keys(self, project->auth->keys);
  for (size_t i = 0; i < project->functions_count; i++) {
    const project_function *function = &project->functions[i];
    if (function->origin == PROJECT_SOURCE) continue; // what is made of it is in the cache
    allow(self, function->file, LANDLOCK_READ);
    if (function->origin == PROJECT_MANIFEST) allow_manifest(self, function->file);
  }
}

ubiq_error *serve_places_allow(landlock *rules, const serve_needs *needs) {
  places self = {.rules = rules};
  allow_system(&self);
  allow_engines(&self);
  allow_cache(&self, file_cache_path);
  allow_cache(&self, cache_folder);
  allow_folder_of(&self, needs->certificate, LANDLOCK_READ);
  allow_folder_of(&self, needs->key, LANDLOCK_READ);
  allow_folder_of(&self, needs->run_log, LANDLOCK_ADD);
  allow(&self, needs->bundle, LANDLOCK_READ);
  if (needs->project != NULL) allow_project(&self, needs->project);
  if (needs->state != NULL) ubiq_error_delete(file_make_private_directory(needs->state)); // opening it tells
  allow(&self, needs->state, LANDLOCK_WRITE);
  return self.error;
}
