// See artifact_format.h.
#include "plugin/compile/artifact_format.h"

#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { MAGIC_SIZE = 8, KEY_ID_SIZE = 16, FORMAT = 1 };

// Neither text nor WebAssembly, and broken by what changes line ends.
static const uint8_t magic[MAGIC_SIZE] = {0x89, 'U', 'B', 'I', 'Q', 'C', '\r', '\n'};

// Places in the header. The MAC is over all before it and all behind it.
enum {
  AT_FORMAT = MAGIC_SIZE,
  AT_KEY_ID = AT_FORMAT + 8,
  AT_SIZE = AT_KEY_ID + KEY_ID_SIZE,
  AT_MAC = AT_SIZE + 8,
  HEADER_SIZE = AT_MAC + DIGEST_MAC_SIZE,
};

static void put_u64(uint8_t *at, uint64_t value) {
  for (int i = 0; i < 8; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_u64(const uint8_t *at) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

bool artifact_recognize(const uint8_t *bytes, size_t size) {
  return size >= MAGIC_SIZE && memcmp(bytes, magic, MAGIC_SIZE) == 0;
}

// -- The key --

// The key is that of the module cache; these words keep the MACs of the one from being taken for those of the other.
static const char mac_label[] = "ubiq compiled plugin";
static const char key_label[] = "ubiq compiled plugin: key";

static ubiq_bytes label_bytes(const char *label) {
  return (ubiq_bytes){(const uint8_t *)label, strlen(label)};
}

// Tells keys apart and says nothing about them.
static void identify_key(const cache_place *place, uint8_t id[KEY_ID_SIZE]) {
  uint8_t mac[DIGEST_MAC_SIZE];
  ubiq_bytes parts[] = {label_bytes(key_label)};
  digest_mac(place->key, parts, 1, mac);
  memcpy(id, mac, KEY_ID_SIZE);
}

static ubiq_error *open_place(cache_place *place) {
  ubiq_error *error = cache_place_open(place);
  if (error || place->folder) return ubiq_error_wrap(error, "the key of compiled plugins");
  return ubiq_error_new(UBIQ_UNAVAILABLE, "compiled plugins need the key of the module cache, which has no place; "
                                          "expected UBIQ_CACHE not to be empty, or HOME to be set");
}

static void list_parts(const uint8_t *bytes, size_t size, ubiq_bytes parts[3]) {
  parts[0] = label_bytes(mac_label);
  parts[1] = (ubiq_bytes){bytes, AT_MAC};
  parts[2] = (ubiq_bytes){bytes + HEADER_SIZE, size - HEADER_SIZE};
}

// -- Writing --

static bool write_u64(buffer *out, uint64_t value) {
  uint8_t bytes[8];
  put_u64(bytes, value);
  return buffer_append(out, bytes, sizeof bytes);
}

static bool write_bytes(buffer *out, ubiq_bytes bytes) {
  return write_u64(out, bytes.size) && buffer_append(out, bytes.data, bytes.size);
}

static bool write_string(buffer *out, const char *string) {
  return write_bytes(out, label_bytes(string));
}

static bool write_modules(buffer *out, const artifact_content *content) {
  bool good = write_u64(out, content->modules_count);
  for (size_t i = 0; good && i < content->modules_count; i++) {
    const artifact_module *module = &content->modules[i];
    good = write_u64(out, module->name != NULL) && write_string(out, module->name ? module->name : "") &&
           write_bytes(out, module->wasm);
  }
  return good;
}

static bool write_codes(buffer *out, const cache_set *codes) {
  bool good = write_u64(out, codes->count);
  for (size_t i = 0; good && i < codes->count; i++)
    good = write_string(out, codes->entries[i].name) && write_bytes(out, codes->entries[i].code);
  return good;
}

static bool write_content(buffer *out, const artifact_content *content) {
  return write_string(out, content->made_by) && write_string(out, content->engine) &&
         write_string(out, content->version) && write_string(out, content->cpu) && write_string(out, content->name) &&
         write_u64(out, content->class) && write_u64(out, content->suspends) && write_u64(out, content->wasi) &&
         write_u64(out, content->fuel) && write_u64(out, content->memory_bytes_max) &&
         write_bytes(out, content->manifest) && write_modules(out, content) && write_codes(out, &content->codes);
}

static void write_header(const cache_place *place, uint8_t *bytes, size_t size) {
  ubiq_bytes parts[3];
  memcpy(bytes, magic, MAGIC_SIZE);
  put_u64(bytes + AT_FORMAT, FORMAT);
  identify_key(place, bytes + AT_KEY_ID);
  put_u64(bytes + AT_SIZE, size - HEADER_SIZE);
  list_parts(bytes, size, parts);
  digest_mac(place->key, parts, 3, bytes + AT_MAC);
}

ubiq_error *artifact_seal(const artifact_content *content, uint8_t **bytes, size_t *size) {
  static const uint8_t no_header[HEADER_SIZE] = {0};
  cache_place place = {0};
  buffer out = {0};
  ubiq_error *error = open_place(&place);
  if (!error && !(buffer_append(&out, no_header, sizeof no_header) && write_content(&out, content)))
    error = ubiq_error_no_memory();
  if (!error) {
    write_header(&place, out.data, out.size);
    *bytes = out.data;
    *size = out.size;
    out = (buffer){0};
  }
  cache_place_close(&place);
  buffer_free(&out);
  return error;
}

// -- Reading --

/// Reads on from `at`; once `failed`, everything is empty.
typedef struct cursor {
  const uint8_t *at, *end;
  arena *strings;
  bool failed;
  bool no_memory;
} cursor;

static uint64_t read_u64(cursor *self) {
  self->failed = self->failed || self->end - self->at < 8;
  if (self->failed) return 0;
  self->at += 8;
  return get_u64(self->at - 8);
}

static ubiq_bytes read_bytes(cursor *self) {
  uint64_t size = read_u64(self);
  self->failed = self->failed || size > (uint64_t)(self->end - self->at);
  if (self->failed) return (ubiq_bytes){0};
  self->at += size;
  return (ubiq_bytes){self->at - size, (size_t)size};
}

static const char *read_string(cursor *self) {
  ubiq_bytes bytes = read_bytes(self);
  const char *string = arena_string(self->strings, (const char *)bytes.data, bytes.size);
  self->no_memory = self->no_memory || !string;
  return string ? string : "";
}

// How many elements follow, each of at least `bytes_min` bytes.
static size_t read_count(cursor *self, size_t bytes_min) {
  uint64_t count = read_u64(self);
  self->failed = self->failed || count > (uint64_t)(self->end - self->at) / bytes_min;
  return self->failed ? 0 : (size_t)count;
}

static void read_modules(cursor *self, artifact_content *out) {
  size_t count = read_count(self, 24);
  out->modules = arena_array(self->strings, count + 1, sizeof *out->modules);
  self->no_memory = self->no_memory || !out->modules;
  for (size_t i = 0; i < count && !self->failed && !self->no_memory; i++) {
    bool is_named = read_u64(self) != 0;
    const char *name = read_string(self);
    out->modules[i] = (artifact_module){.name = is_named ? name : NULL, .wasm = read_bytes(self)};
    out->modules_count = i + 1;
  }
}

static void read_codes(cursor *self, artifact_content *out) {
  size_t count = read_count(self, 16);
  for (size_t i = 0; i < count && !self->failed && !self->no_memory; i++) {
    ubiq_bytes name = read_bytes(self);
    ubiq_bytes code = read_bytes(self);
    self->failed = self->failed || name.size != CACHE_NAME_SIZE - 1;
    if (!self->failed) self->no_memory = !cache_set_borrow(&out->codes, (const char *)name.data, code);
  }
}

ubiq_error *artifact_read(ubiq_bytes payload, arena *strings, artifact_content *out) {
  cursor self = {.at = payload.data, .end = payload.data + payload.size, .strings = strings};
  *out = (artifact_content){.made_by = read_string(&self)};
  out->engine = read_string(&self);
  out->version = read_string(&self);
  out->cpu = read_string(&self);
  out->name = read_string(&self);
  out->class = read_u64(&self);
  out->suspends = read_u64(&self);
  out->wasi = read_u64(&self);
  out->fuel = read_u64(&self);
  out->memory_bytes_max = read_u64(&self);
  out->manifest = read_bytes(&self);
  read_modules(&self, out);
  read_codes(&self, out);
  if (self.no_memory) return ubiq_error_no_memory();
  if (self.failed || self.at != self.end)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "its parts do not add up; compile it again");
  return NULL;
}

static ubiq_error *check_header(const uint8_t *bytes, size_t size) {
  if (!artifact_recognize(bytes, size))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it is not a compiled plugin; expected what `ubiq compile` writes");
  if (size < HEADER_SIZE)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "it is cut short: it has %zu bytes, of at least %d", size, HEADER_SIZE);
  uint64_t format = get_u64(bytes + AT_FORMAT), rest = get_u64(bytes + AT_SIZE);
  if (format != FORMAT)
    return ubiq_error_new(UBIQ_UNAVAILABLE,
                          "it is in format %llu, of another version of ubiq; expected %d: compile it again",
                          (unsigned long long)format, FORMAT);
  if (rest != size - HEADER_SIZE)
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "it has %zu bytes behind its header; expected %llu: it was cut or added to",
                          size - HEADER_SIZE, (unsigned long long)rest);
  return NULL;
}

static ubiq_error *authenticate(const cache_place *place, const uint8_t *bytes, size_t size) {
  uint8_t id[KEY_ID_SIZE];
  ubiq_bytes parts[3];
  identify_key(place, id);
  if (!digest_equal(id, bytes + AT_KEY_ID, KEY_ID_SIZE))
    return ubiq_error_new(UBIQ_DENIED,
                          "it was compiled by another user, on another machine or with a key that is gone; "
                          "compiled plugins are for the one who compiled them: compile it again");
  list_parts(bytes, size, parts);
  if (digest_mac_valid(place->key, parts, 3, bytes + AT_MAC)) return NULL;
  return ubiq_error_new(UBIQ_DENIED, "it was changed after it was compiled; compile it again");
}

ubiq_error *artifact_unseal(const uint8_t *bytes, size_t size, arena *strings, artifact_content *out) {
  *out = (artifact_content){0};
  ubiq_error *error = check_header(bytes, size);
  if (error) return error;
  cache_place place = {0};
  error = open_place(&place);
  if (!error) error = authenticate(&place, bytes, size);
  cache_place_close(&place);
  return error ? error : artifact_read((ubiq_bytes){bytes + HEADER_SIZE, size - HEADER_SIZE}, strings, out);
}
