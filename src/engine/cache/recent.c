// See recent.h.
// LOCKS: `mutex` guards the table. Modules are deleted outside of it, because that takes long.
#include "engine/cache/recent.h"

#include <pthread.h>
#include <string.h>

typedef struct entry {
  const engine *engine; // NULL: the entry is free
  recent_key key;
  engine_module *module;
  size_t size;
  uint64_t used; // when it was used last, as a number of uses
} entry;

// The process's own, because what was compiled is of use to every plugin of it.
static struct {
  pthread_mutex_t mutex;
  entry entries[RECENT_MODULES_MAX];
  size_t bytes;
  uint64_t uses;
} table = {.mutex = PTHREAD_MUTEX_INITIALIZER};

// Digests are only compared within this process; the key keeps outsiders from preparing equal ones.
static uint8_t secret[DIGEST_KEY_SIZE];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void make_secret(void) {
  digest_random(secret, sizeof secret);
}

recent_key recent_key_of(const ubiq_bytes *parts, size_t count) {
  recent_key key;
  pthread_once(&secret_once, make_secret);
  digest_mac(secret, parts, count, key.digest);
  return key;
}

static entry *find(const engine *engine, const recent_key *key) {
  for (size_t i = 0; i < RECENT_MODULES_MAX; i++) {
    entry *entry = &table.entries[i];
    if (entry->engine == engine && memcmp(&entry->key, key, sizeof *key) == 0) return entry;
  }
  return NULL;
}

engine_module *recent_find(const engine *engine, const recent_key *key) {
  pthread_mutex_lock(&table.mutex);
  entry *entry = find(engine, key);
  engine_module *module = entry ? engine_module_retain(entry->module) : NULL;
  if (entry) entry->used = ++table.uses;
  pthread_mutex_unlock(&table.mutex);
  return module;
}

// A free entry, else the one that was used longest ago.
static entry *oldest(void) {
  entry *found = &table.entries[0];
  for (size_t i = 1; i < RECENT_MODULES_MAX && found->engine; i++) {
    entry *entry = &table.entries[i];
    if (!entry->engine || entry->used < found->used) found = entry;
  }
  return found;
}

// The one in use that was used longest ago; there is one when bytes are kept.
static entry *oldest_in_use(void) {
  entry *found = NULL;
  for (size_t i = 0; i < RECENT_MODULES_MAX; i++) {
    entry *entry = &table.entries[i];
    if (entry->engine && (!found || entry->used < found->used)) found = entry;
  }
  return found;
}

static engine_module *take_out(entry *from) {
  engine_module *module = from->module;
  table.bytes -= from->size;
  *from = (entry){0};
  return module;
}

// Makes room for one more of `size` bytes. What had to go is for the caller to delete.
static size_t make_room(size_t size, engine_module *gone[RECENT_MODULES_MAX + 1]) {
  size_t count = 0;
  while (table.bytes + size > RECENT_BYTES_MAX) gone[count++] = take_out(oldest_in_use());
  if (oldest()->engine) gone[count++] = take_out(oldest());
  return count;
}

void recent_keep(const engine *engine, const recent_key *key, engine_module *module, size_t size) {
  engine_module *gone[RECENT_MODULES_MAX + 1];
  size_t count = 0;
  if (size > RECENT_BYTES_MAX) return;
  pthread_mutex_lock(&table.mutex);
  if (!find(engine, key)) {
    count = make_room(size, gone);
    *oldest() = (entry){
        .engine = engine, .key = *key, .module = engine_module_retain(module), .size = size, .used = ++table.uses};
    table.bytes += size;
  }
  pthread_mutex_unlock(&table.mutex);
  for (size_t i = 0; i < count; i++) engine_module_delete(gone[i]);
}
