// What stores cost: prints one JSON object. `stores kv FOLDER` puts durably from 1,000 callers at once, and then by one commit of SQLite's
// for each put; `stores cache [REDIS-PORT]` gets and puts in the cache, and in a Redis on the loopback. bench/run starts it.
#include "base/clock.h"
#include "bench/callers.h"
#include "services/cache/cache.h"
#include "services/operations.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

enum { VALUE_SIZE = 100, KEYS = 50000, ENTRIES = 100000 };

#define SPAN_NS (UINT64_C(3) * CLOCK_NS_PER_SECOND) ///< of each measurement

static const char value[VALUE_SIZE];

// ----------------------------------------------------------------------------------------------------------------- kv

static void put(caller *self, unsigned number) {
  begin(self);
  snprintf(self->key, sizeof self->key, "key-%u", number % KEYS);
  self->call.params[KV_PUT_KEY] = (service_param){true, text_of(self->key), 0};
  self->call.body = (service_body){.kind = SERVICE_BODY_BYTES, .bytes = {(const uint8_t *)value, sizeof value}};
  service_kv_put(&self->call);
}

static double puts_of_many(size_t *kib) {
  uint64_t begin = clock_monotonic_ns(), now = begin;
  unsigned number = 0, waiting = 0, done = 0;
  for (; waiting < CALLERS; waiting++) put(&callers[waiting], number++);
  while (waiting > 0) {
    for (caller *one = take_answered(), *next; one != NULL; one = next) {
      next = one->next;
      end(one);
      done++;
      if (now - begin < SPAN_NS)
        put(one, number++);
      else
        waiting--;
    }
    now = clock_monotonic_ns();
  }
  *kib = resident_kib();
  return (double)done * CLOCK_NS_PER_SECOND / (double)(now - begin);
}

static void execute(sqlite3 *database, const char *statement) {
  if (sqlite3_exec(database, statement, NULL, NULL, NULL) != SQLITE_OK) fail(sqlite3_errmsg(database));
}

/// The same puts, each a transaction, on a table as ours.
static double puts_of_sqlite(const char *path) {
  sqlite3 *database = NULL;
  sqlite3_stmt *statement = NULL;
  char key[16];
  if (sqlite3_open(path, &database) != SQLITE_OK) fail("SQLite cannot open its file");
  execute(database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                    "CREATE TABLE kv (key BLOB PRIMARY KEY, value BLOB)");
  if (sqlite3_prepare_v2(database, "INSERT OR REPLACE INTO kv VALUES (?, ?)", -1, &statement, NULL) != SQLITE_OK)
    fail(sqlite3_errmsg(database));
  uint64_t begin = clock_monotonic_ns(), now = begin;
  unsigned done = 0;
  for (; now - begin < SPAN_NS; now = clock_monotonic_ns()) {
    int size = snprintf(key, sizeof key, "key-%u", done++ % KEYS);
    sqlite3_bind_blob(statement, 1, key, size, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, value, sizeof value, SQLITE_STATIC);
    if (sqlite3_step(statement) != SQLITE_DONE) fail(sqlite3_errmsg(database));
    sqlite3_reset(statement);
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return (double)done * CLOCK_NS_PER_SECOND / (double)(now - begin);
}

static void bench_kv(const char *folder) {
  char ours[4096], peer[4096];
  size_t before = resident_kib(), after = 0;
  snprintf(ours, sizeof ours, "%s/ours", folder);
  snprintf(peer, sizeof peer, "%s/peer.db", folder);
  const services_settings settings = {.directory = ours};
  check(services_open(&settings, &opened));
  double many = puts_of_many(&after);
  services_close(&opened);
  printf("{\"kv_puts\": %.0f, \"kv_puts_sqlite\": %.0f, \"kv_kib\": %zu}\n", many, puts_of_sqlite(peer),
         after - before);
}

// --------------------------------------------------------------------------------------------------------------- cache

static text key_of(unsigned number, char out[16]) {
  return (text){out, (size_t)snprintf(out, 16, "key-%u", number % KEYS)};
}

static double cache_rate(cache *cache, bool is_put) {
  char out[16];
  unsigned done = 0;
  uint64_t begin = clock_monotonic_ns(), now = begin;
  for (; now - begin < SPAN_NS / 3; now = clock_monotonic_ns())
    for (int i = 0; i < 100; i++) {
      const text key = key_of(done++, out);
      if (is_put)
        check(
            cache_put(cache, key, 0, TEXT("a/b"), (ubiq_bytes){(const uint8_t *)value, sizeof value}, 60000, TEXT("")));
      else
        cache_entry_release(cache_get(cache, key));
    }
  return (double)done * CLOCK_NS_PER_SECOND / (double)(now - begin);
}

static int connect_to(const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port, NULL, 10))};
  const int on = 1;
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0 || connect(descriptor, (const struct sockaddr *)&address, sizeof address) != 0)
    fail("Redis does not answer");
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return descriptor;
}

/// One request and its answer, whose length is known: every key is there.
static void redis_ask(int descriptor, const char *request, size_t size, size_t answer_size) {
  char answer[512];
  if (write(descriptor, request, size) != (ssize_t)size) fail("Redis takes nothing");
  for (size_t got = 0; got < answer_size;) {
    ssize_t part = read(descriptor, answer + got, sizeof answer - got);
    if (part <= 0 || answer[0] == '-') fail("Redis does not answer well");
    got += (size_t)part;
  }
}

static double redis_rate(int descriptor, bool is_put) {
  char request[512], out[16];
  unsigned done = 0;
  uint64_t begin = clock_monotonic_ns(), now = begin;
  for (; done < KEYS || now - begin < SPAN_NS / 3; now = clock_monotonic_ns()) {
    const text key = key_of(done++, out);
    int size = snprintf(request, sizeof request, "*%d\r\n$3\r\n%s\r\n$%zu\r\n%.*s\r\n", is_put ? 3 : 2,
                        is_put ? "SET" : "GET", key.size, (int)key.size, key.data);
    if (is_put) {
      size += snprintf(request + size, sizeof request - (size_t)size, "$%d\r\n", VALUE_SIZE);
      memset(request + size, 'v', VALUE_SIZE);
      memcpy(request + size + VALUE_SIZE, "\r\n", 2);
      size += VALUE_SIZE + 2;
    }
    redis_ask(descriptor, request, (size_t)size, is_put ? strlen("+OK\r\n") : strlen("$100\r\n\r\n") + VALUE_SIZE);
  }
  return (double)done * CLOCK_NS_PER_SECOND / (double)(now - begin);
}

static double entry_bytes(void) {
  char out[16];
  size_t before = resident_kib();
  cache *filled = cache_new(64 << 20, NULL);
  for (unsigned i = 0; i < ENTRIES; i++) {
    const text key = {out, (size_t)snprintf(out, sizeof out, "key-%u", i)};
    check(cache_put(filled, key, 0, TEXT(""), (ubiq_bytes){(const uint8_t *)value, sizeof value}, 60000, TEXT("")));
  }
  double bytes = (double)(resident_kib() - before) * 1024 / ENTRIES;
  cache_delete(filled);
  return bytes;
}

static void bench_cache(const char *port) {
  double bytes = entry_bytes();
  cache *cache = cache_new(64 << 20, NULL);
  double put_rate = cache_rate(cache, true), get_rate = cache_rate(cache, false);
  printf("{\"cache_puts\": %.0f, \"cache_gets\": %.0f, \"entry_bytes\": %.0f", put_rate, get_rate, bytes);
  if (port != NULL) {
    int descriptor = connect_to(port);
    put_rate = redis_rate(descriptor, true);
    get_rate = redis_rate(descriptor, false);
    printf(", \"redis_puts\": %.0f, \"redis_gets\": %.0f", put_rate, get_rate);
    close(descriptor);
  }
  printf("}\n");
  cache_delete(cache);
}

int main(int count, char **arguments) {
  program = "stores";
  if (count == 3 && strcmp(arguments[1], "kv") == 0)
    bench_kv(arguments[2]);
  else if (count >= 2 && strcmp(arguments[1], "cache") == 0)
    bench_cache(count > 2 ? arguments[2] : NULL);
  else
    fail("usage: stores kv FOLDER | stores cache [REDIS-PORT]");
  return 0;
}
