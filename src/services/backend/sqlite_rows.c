// What a row is kept as, and the header that says whether it still is so.
#include "services/backend/sqlite_rows.h"

#include <string.h>

// -------------------------------------------------------------------------------------------------------------- headers

enum { INDEX_VERSION = 3007000, INDEX_BYTES = 32768 };

/// Of the log's index, which begins with two of them. Whoever commits writes the second and then the first.
typedef struct index_header {
  uint32_t version, unused;
  uint32_t changes; ///< grows by one with each transaction that is committed
  uint8_t is_made, is_big_endian;
  uint16_t page_size;
  uint32_t frames, pages;
  uint32_t frame_sum[2], salt[2];
  uint64_t sum; ///< of all of the above
} index_header;

_Static_assert(sizeof(index_header) == 48, "the header is 48 bytes by the format");

static uint64_t load_word(const volatile void *headers, size_t number) {
  return __atomic_load_n((const volatile uint64_t *)headers + number, __ATOMIC_ACQUIRE);
}

static void load_header(const volatile void *headers, size_t number, index_header *out) {
  enum { WORDS = sizeof *out / sizeof(uint64_t) };
  uint64_t words[WORDS];
  for (size_t i = 0; i < WORDS; i++) words[i] = load_word(headers, number * WORDS + i);
  memcpy(out, words, sizeof *out);
}

/// False while somebody writes it, or when it is of another layout.
static bool read_header(const sqlite_rows *self, index_header *out) {
  index_header second;
  load_header(self->headers, 0, out);
  load_header(self->headers, 1, &second);
  return memcmp(out, &second, sizeof second) == 0 && out->version == INDEX_VERSION && out->is_made != 0;
}

/// Of the first, which is written last. A checksum that is half written is none that was.
static uint64_t current_state(const sqlite_rows *self) {
  return load_word(self->headers, offsetof(index_header, sum) / sizeof(uint64_t));
}

static const volatile void *find_headers(database *writer) {
  sqlite3_file *file = NULL;
  volatile void *found = NULL;
  int result = sqlite3_file_control(database_handle(writer), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  bool has_index = result == SQLITE_OK && file != NULL && file->pMethods != NULL && file->pMethods->iVersion >= 2 &&
                   file->pMethods->xShmMap != NULL;
  if (has_index && file->pMethods->xShmMap(file, 0, INDEX_BYTES, 0, &found) != SQLITE_OK) found = NULL;
  return found;
}

ubiq_error *sqlite_rows_begin(sqlite_rows *self, database *writer) {
  *self = (sqlite_rows){.headers = find_headers(writer)};
  if (self->headers == NULL) return NULL;
  self->kept = memo_new(SQLITE_ROWS_BYTES_MAX);
  return self->kept != NULL ? NULL : ubiq_error_no_memory();
}

void sqlite_rows_end(sqlite_rows *self) {
  memo_delete(self->kept);
  *self = (sqlite_rows){0};
}

// ----------------------------------------------------------------------------------------------------------------- keys

enum { KEY_MAX = 1536 };

/// A row's key here: its place, and its own.
typedef struct row_key {
  char bytes[KEY_MAX];
  size_t size;
} row_key;

static void append(row_key *self, text part, bool has_size) {
  const uint16_t size = (uint16_t)part.size;
  if (has_size) memcpy(self->bytes + self->size, &size, sizeof size);
  if (has_size) self->size += sizeof size;
  if (part.size > 0) memcpy(self->bytes + self->size, part.data, part.size);
  self->size += part.size;
}

/// False: it is too long to be kept.
static bool make_key(row_key *out, backend_place place, text key) {
  const size_t most = KEY_MAX - 2 * sizeof(uint16_t);
  out->size = 0;
  if (place.project.size > most || place.function.size > most || key.size > most) return false;
  if (place.project.size + place.function.size + key.size > most) return false;
  append(out, place.project, true);
  append(out, place.function, true);
  append(out, key, false);
  return true;
}

static text key_text(const row_key *key) {
  return (text){key->bytes, key->size};
}

// -------------------------------------------------------------------------------------------------------------- reading

/// What comes before the media type and the value.
typedef struct row_head {
  uint64_t version, expires_ms;
  size_t media_type_size;
} row_head;

static bool read_row(ubiq_bytes row, uint64_t now_ms, backend_kv_read *operation) {
  row_head head;
  memcpy(&head, row.data, sizeof head);
  if (head.expires_ms != 0 && head.expires_ms <= now_ms) return false;
  const uint8_t *media_type = row.data + sizeof head, *value = media_type + head.media_type_size;
  operation->is_found = true;
  operation->entry = (backend_kv_entry){.key = operation->key,
                                        .value = {value, (size_t)(row.data + row.size - value)},
                                        .media_type = {(const char *)media_type, head.media_type_size},
                                        .version = head.version,
                                        .expires_ms = head.expires_ms};
  return true;
}

/// The state first: what is found afterwards may be newer, and never older.
static memo_item *find(const sqlite_rows *self, const backend_kv_read *operation) {
  row_key key;
  unsigned long long state = self->kept == NULL ? 0 : atomic_load_explicit(&self->state, memory_order_acquire);
  if (operation->wants_attachment || state == 0 || current_state(self) != state) return NULL;
  return make_key(&key, operation->place, operation->key) ? memo_find(self->kept, key_text(&key)) : NULL;
}

bool sqlite_rows_answer(sqlite_rows *self, backend_kv_read *operation, uint64_t now_ms) {
  memo_item *item = find(self, operation);
  bool is_answer = item != NULL && read_row(memo_bytes(item), now_ms, operation);
  if (is_answer) operation->error = NULL;
  if (is_answer) operation->done(operation);
  memo_release(item);
  return is_answer;
}

uint64_t sqlite_rows_turn(const sqlite_rows *self, const backend_kv_read *operation) {
  row_key key;
  bool is_kept = self->kept != NULL && make_key(&key, operation->place, operation->key);
  return is_kept ? memo_turn(self->kept, key_text(&key)) : 0;
}

static void keep(const sqlite_rows *self, text key, uint64_t turn, const backend_kv_entry *entry) {
  const row_head head = {entry->version, entry->expires_ms, entry->media_type.size};
  const ubiq_bytes parts[] = {{(const uint8_t *)&head, sizeof head},
                              {(const uint8_t *)entry->media_type.data, entry->media_type.size},
                              entry->value};
  memo_keep(self->kept, key, turn, parts, sizeof parts / sizeof parts[0]);
}

void sqlite_rows_keep(sqlite_rows *self, const backend_kv_read *operation, uint64_t turn) {
  row_key key;
  bool is_kept = self->kept != NULL && make_key(&key, operation->place, operation->key);
  if (is_kept) keep(self, key_text(&key), turn, &operation->entry);
}

// -------------------------------------------------------------------------------------------------------------- writing

static void set_state(sqlite_rows *self, uint64_t state) {
  atomic_store_explicit(&self->state, state, memory_order_release);
}

void sqlite_rows_begun(sqlite_rows *self) {
  index_header now;
  if (self->kept == NULL) return;
  self->is_swept = false;
  self->is_known = read_header(self, &now);
  self->changes = self->is_known ? now.changes : 0;
  if (self->is_known && now.sum == atomic_load_explicit(&self->state, memory_order_relaxed)) return;
  set_state(self, 0);
  memo_drop_all(self->kept);
  if (self->is_known) set_state(self, now.sum);
}

void sqlite_rows_swept(sqlite_rows *self) {
  self->is_swept = true;
}

/// Who reads the key meanwhile and keeps it reads what is kept here, or what another process wrote since, which ends all that is kept.
void sqlite_rows_changed(sqlite_rows *self, backend_place place, text key, const backend_kv_entry *entry) {
  row_key made;
  if (self->kept == NULL || !make_key(&made, place, key)) return;
  bool was_kept = memo_drop(self->kept, key_text(&made));
  if (was_kept && entry != NULL) keep(self, key_text(&made), memo_turn(self->kept, key_text(&made)), entry);
}

void sqlite_rows_committed(sqlite_rows *self, bool wrote) {
  index_header now;
  if (self->kept == NULL) return;
  if (self->is_swept) memo_drop_all(self->kept);
  bool is_ours = self->is_known && read_header(self, &now) && now.changes == self->changes + (wrote ? 1 : 0);
  set_state(self, is_ours ? now.sum : 0);
}

void sqlite_rows_failed(sqlite_rows *self) {
  if (self->kept != NULL) set_state(self, 0);
}
