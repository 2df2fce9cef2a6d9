// What the services http and storage cost beside what they are made of: prints one JSON object. `outside http PORT` asks a server on the
// loopback by the service, and by a bare libcurl, one request after the other on one connection; `outside storage FOLDER` puts objects
// durably and gets them, one after the other and from 32 callers at once, and writes plain files with fsync. bench/run starts it.
#include "base/clock.h"
#include "base/fetch_loop.h"
#include "bench/callers.h"
#include "plugin/plugin.h"
#include "services/http/http.h"
#include "services/operations.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <uv.h>

enum { REQUESTS = 3000, ROUNDS = 7, OBJECTS = 100, OBJECT_SIZE = 64 << 10, AT_ONCE = 32 };

static double microseconds_each(uint64_t began_ns, unsigned count) {
  return (double)(clock_monotonic_ns() - began_ns) / 1000 / count;
}

static int by_size(const void *one, const void *other) {
  const double a = *(const double *)one, b = *(const double *)other;
  return (a > b) - (a < b);
}

static double median(double values[ROUNDS]) {
  qsort(values, ROUNDS, sizeof *values, by_size);
  return values[ROUNDS / 2];
}

// --------------------------------------------------------------------------------------------------------------- http

static uv_loop_t loop;
static plugin_host host;
static http_count counted;
static bool is_done;

static void way(void *run, http_way *out) {
  (void)run;
  counted = (http_count){0};
  *out = (http_way){&loop, &host, &counted};
}

static void note_done(service_call *call) {
  (void)call;
  is_done = true;
}

static double by_service(const char *url) {
  char json[128];
  snprintf(json, sizeof json, "{\"url\":\"%s\"}", url);
  uint64_t began_ns = clock_monotonic_ns();
  for (int i = 0; i < REQUESTS; i++) {
    caller *self = &callers[0];
    begin(self);
    self->call.done = note_done;
    self->call.caller.run = self;
    self->call.caller.deadline_ns = UINT64_MAX;
    self->body = yyjson_read(json, strlen(json), YYJSON_READ_NOFLAG);
    self->call.body = (service_body){.kind = SERVICE_BODY_JSON, .value = yyjson_doc_get_root(self->body)};
    is_done = false;
    service_http_request(&self->call);
    while (!is_done) uv_run(&loop, UV_RUN_ONCE);
    end(self);
  }
  return microseconds_each(began_ns, REQUESTS);
}

static size_t drop(char *data, size_t one, size_t size, void *user) {
  (void)data, (void)user;
  return one * size;
}

static double by_curl(CURL *easy) {
  uint64_t began_ns = clock_monotonic_ns();
  for (int i = 0; i < REQUESTS; i++)
    if (curl_easy_perform(easy) != CURLE_OK) fail("libcurl got no answer");
  return microseconds_each(began_ns, REQUESTS);
}

static void bench_http(const char *port) {
  static const http_host all = {way};
  char url[64];
  double ours[ROUNDS], bare[ROUNDS];
  snprintf(url, sizeof url, "http://127.0.0.1:%s/", port);
  if (uv_loop_init(&loop) != 0) fail("no loop can be made");
  check(fetch_loop_new(&loop, &host.fetches));
  opened.http = &all;
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
  by_service(url);
  by_curl(easy);
  for (int i = 0; i < ROUNDS; i++) {
    ours[i] = by_service(url);
    bare[i] = by_curl(easy);
  }
  curl_easy_cleanup(easy);
  fetch_loop_close(host.fetches, NULL, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  printf("{\"http_us\": %.2f, \"http_curl_us\": %.2f}\n", median(ours), median(bare));
}

// ------------------------------------------------------------------------------------------------------------ storage

static const char bytes[OBJECT_SIZE];

static void put(caller *self, unsigned number) {
  begin(self);
  snprintf(self->key, sizeof self->key, "object-%u", number);
  self->call.params[STORAGE_PUT_PATH] = (service_param){true, text_of(self->key), 0};
  self->call.body = (service_body){.kind = SERVICE_BODY_BYTES, .bytes = {(const uint8_t *)bytes, sizeof bytes}};
  service_storage_put(&self->call);
}

static void get(caller *self, unsigned number) {
  begin(self);
  snprintf(self->key, sizeof self->key, "object-%u", number);
  self->call.params[STORAGE_GET_PATH] = (service_param){true, text_of(self->key), 0};
  service_storage_get(&self->call);
}

/// Microseconds for each of OBJECTS, of which so many are asked for at once.
static double objects(void (*ask)(caller *self, unsigned number), unsigned at_once) {
  uint64_t began_ns = clock_monotonic_ns();
  unsigned asked = 0, done = 0;
  while (asked < at_once) {
    ask(&callers[asked], asked);
    asked++;
  }
  while (done < OBJECTS)
    for (caller *one = take_answered(), *next; one != NULL; one = next) {
      next = one->next;
      end(one);
      done++;
      if (asked < OBJECTS) ask(one, asked++);
    }
  return microseconds_each(began_ns, OBJECTS);
}

static void path_of(char out[4096], const char *folder, unsigned number) {
  snprintf(out, 4096, "%s/file-%u", folder, number);
}

/// The same bytes, on the disk when it is done.
static double write_files(const char *folder) {
  char path[4096];
  uint64_t began_ns = clock_monotonic_ns();
  for (unsigned i = 0; i < OBJECTS; i++) {
    path_of(path, folder, i);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, bytes, sizeof bytes) != sizeof bytes || fsync(file) != 0 || close(file) != 0)
      fail("a file cannot be written");
  }
  return microseconds_each(began_ns, OBJECTS);
}

static double read_files(const char *folder) {
  static char out[OBJECT_SIZE];
  char path[4096];
  uint64_t began_ns = clock_monotonic_ns();
  for (unsigned i = 0; i < OBJECTS; i++) {
    path_of(path, folder, i);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, out, sizeof out) != sizeof out || close(file) != 0) fail("a file cannot be read");
  }
  return microseconds_each(began_ns, OBJECTS);
}

static void bench_storage(const char *folder) {
  double puts[ROUNDS], many[ROUNDS], plain_puts[ROUNDS], gets[ROUNDS], plain_gets[ROUNDS];
  const services_settings settings = {.directory = folder};
  check(services_open(&settings, &opened));
  for (int i = 0; i < ROUNDS; i++) {
    puts[i] = objects(put, 1);
    plain_puts[i] = write_files(folder);
    many[i] = objects(put, AT_ONCE);
    gets[i] = objects(get, 1);
    plain_gets[i] = read_files(folder);
  }
  services_close(&opened);
  printf("{\"put_us\": %.1f, \"put_32_us\": %.1f, \"file_put_us\": %.1f, \"get_us\": %.2f, \"file_get_us\": %.2f}\n",
         median(puts), median(many), median(plain_puts), median(gets), median(plain_gets));
}

int main(int count, char **arguments) {
  program = "outside";
  if (count == 3 && strcmp(arguments[1], "http") == 0)
    bench_http(arguments[2]);
  else if (count == 3 && strcmp(arguments[1], "storage") == 0)
    bench_storage(arguments[2]);
  else
    fail("usage: outside http PORT | outside storage FOLDER");
  return 0;
}
