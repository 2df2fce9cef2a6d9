// Names that move (DNS rebinding): an address that may not be reached is not connected to, whatever a name led to before, and
// whichever of a request's look-ups finds it. Look-ups are counted, so that a case which libcurl's memory hides is seen.
#include "base/fetch.h"

#include "unit/base/fetch_server.h"
#include "unit/base/moving_name.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef struct fixture {
  fetch_server *server;
  fetch_server *other; ///< on another port of the same machine
  fetch_policy policy;
  fetch_client *client;
  char url[256];
} fixture;

static int start(void **state) {
  fixture *self = calloc(1, sizeof *self);
  assert_non_null(self);
  self->server = fetch_server_start();
  self->other = fetch_server_start();
  assert_null(fetch_client_new(&self->client));
  *state = self;
  return 0;
}

static int stop(void **state) {
  fixture *self = *state;
  fetch_client_delete(self->client);
  fetch_server_stop(self->server);
  fetch_server_stop(self->other);
  free(self);
  return 0;
}

// ------------------------------------------------------------------------------------------------------ requests

/// A request to the name and `path`, which may have a place for the server's port.
static fetch_request request_of(fixture *self, const char *path) {
  int size = snprintf(self->url, sizeof self->url, "http://" MOVING_NAME ":%d", self->server->port);
  snprintf(self->url + size, sizeof self->url - (size_t)size, path, self->server->port);
  return (fetch_request){.url = self->url, .response_bytes_max = 1 << 16, .policy = &self->policy};
}

static void assert_answered(fixture *self, const char *path) {
  fetch_request request = request_of(self, path);
  fetch_response response;
  ubiq_error *error = fetch_client_perform(self->client, &request, NULL, &response);
  if (error) fail_msg("%s", ubiq_error_message(error));
  assert_int_equal(response.status, 200);
  fetch_response_free(&response);
}

/// The request to `path` is refused at `refused_path` of the server at `port`, with these very words, which say what kind of
/// address was found; and nothing was sent there.
static void assert_refused_at(fixture *self, const char *path, int port, const char *refused_path, const char *found) {
  fetch_request request = request_of(self, path);
  fetch_response response;
  char words[512];
  snprintf(words, sizeof words, "HTTP request to http://" MOVING_NAME ":%d%s: %s; connections to it are not allowed",
           port, refused_path, found);
  ubiq_error *error = fetch_client_perform(self->client, &request, NULL, &response);
  assert_non_null(error);
  assert_string_equal(ubiq_error_message(error), words);
  assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
  assert_int_equal(atomic_load(&moving_name.strays), 0);
  ubiq_error_delete(error);
}

/// How an error names what is found at `address`: `169.254.169.254:80 is ...`.
static const char *found_at(char words[256], const char *address, int port, const char *kind) {
  bool is_six = strchr(address, ':') != NULL;
  snprintf(words, 256, "%s%s%s:%d is %s", is_six ? "[" : "", address, is_six ? "]" : "", port, kind);
  return words;
}

static void assert_refused(fixture *self, const char *path, const char *address, const char *kind) {
  char words[256];
  assert_refused_at(self, path, self->server->port, path, found_at(words, address, self->server->port, kind));
}

static void renew_client(fixture *self) {
  fetch_client_delete(self->client);
  assert_null(fetch_client_new(&self->client));
}

static void assert_made(int connections, int look_ups) {
  assert_int_equal(atomic_load(&moving_name.connections), connections);
  assert_int_equal(atomic_load(&moving_name.look_ups), look_ups);
}

// --------------------------------------------------------------------------------------------------------- tests

typedef struct kind_of_address {
  const char *address;
  const char *kind;
} kind_of_address;

#define A_METADATA_ADDRESS "an address of a cloud's metadata service"

// What no gate lets pass, in all the writings that lead there.
static const kind_of_address never[] = {
    {"169.254.169.254", A_METADATA_ADDRESS},    {"::ffff:169.254.169.254", A_METADATA_ADDRESS},
    {"::ffff:0:a9fe:a9fe", A_METADATA_ADDRESS}, {"64:ff9b::a9fe:a9fe", A_METADATA_ADDRESS},
    {"2002:a9fe:a9fe::", A_METADATA_ADDRESS},   {"fd00:ec2::254", A_METADATA_ADDRESS},
    {"169.254.170.2", A_METADATA_ADDRESS},      {"168.63.129.16", A_METADATA_ADDRESS},
    {"100.100.100.200", A_METADATA_ADDRESS},    {"255.255.255.255", "the broadcast address"},
    {"224.0.0.1", "a multicast address"},
};

// What the gate that functions get does not let pass besides.
static const kind_of_address not_public[] = {
    {"127.0.0.1", "a loopback address"},        {"0.0.0.0", "the unspecified address"},
    {"10.0.0.1", "a private address"},          {"172.16.0.1", "a private address"},
    {"192.168.1.1", "a private address"},       {"100.64.0.1", "an address of a provider's shared range"},
    {"169.254.1.1", "a link-local address"},    {"198.18.0.1", "a reserved address"},
    {"::", "the unspecified address"},          {"::1", "a loopback address"},
    {"::ffff:127.0.0.1", "a loopback address"}, {"::ffff:10.0.0.1", "a private address"},
    {"64:ff9b::7f00:1", "a loopback address"},  {"64:ff9b:1::1", "a private address"},
    {"2002:a00:1::", "a private address"},      {"fe80::1", "a link-local address"},
    {"fc00::1", "a unique-local address"},
};

static void assert_moves_in_vain(fixture *self, const char *first, const kind_of_address *next) {
  renew_client(self);
  moving_name_begin(first, next->address);
  assert_answered(self, "/");
  renew_client(self); // with what it remembers and keeps
  assert_refused(self, "/", next->address, next->kind);
  assert_made(1, 2);
}

static void name_that_moves_to_what_is_never_reached_is_refused_by_the_private_gate(void **state) {
  fixture *self = *state;
  self->policy.gate = &net_gate_private;
  for (size_t i = 0; i < sizeof never / sizeof *never; i++) assert_moves_in_vain(self, "127.0.0.1", &never[i]);
}

static void name_that_moves_from_a_public_address_is_refused_by_the_default_gate(void **state) {
  fixture *self = *state;
  for (size_t i = 0; i < sizeof never / sizeof *never; i++) assert_moves_in_vain(self, MOVING_NAME_PUBLIC, &never[i]);
  for (size_t i = 0; i < sizeof not_public / sizeof *not_public; i++)
    assert_moves_in_vain(self, MOVING_NAME_PUBLIC, &not_public[i]);
}

static void kept_connection_stays_where_it_was_made_to(void **state) {
  fixture *self = *state;
  moving_name_begin(MOVING_NAME_PUBLIC, "169.254.169.254");
  assert_answered(self, "/");
  assert_answered(self, "/");
  assert_made(1, 1);
}

static void remembered_address_is_not_looked_up_again_for_a_new_connection(void **state) {
  fixture *self = *state;
  moving_name_begin(MOVING_NAME_PUBLIC, "169.254.169.254");
  assert_answered(self, "/last");
  assert_answered(self, "/");
  assert_made(2, 1);
}

static void remembered_address_is_judged_by_the_gate_of_each_request(void **state) {
  fixture *self = *state;
  moving_name_begin("127.0.0.1", "127.0.0.1");
  self->policy.gate = &net_gate_private;
  assert_answered(self, "/last");
  self->policy.gate = &net_gate_default;
  assert_refused(self, "/", "127.0.0.1", "a loopback address");
  assert_made(1, 1);
}

static void forgotten_name_is_refused_where_it_has_moved_to(void **state) {
  fixture *self = *state;
  moving_name_begin(MOVING_NAME_PUBLIC, "::ffff:169.254.169.254");
  assert_answered(self, "/last");
  atomic_store(&moving_name.is_forgotten, true);
  assert_refused(self, "/", "::ffff:169.254.169.254", A_METADATA_ADDRESS);
  assert_made(1, 2);
}

static void redirect_to_the_same_name_is_refused_where_it_has_moved_to(void **state) {
  fixture *self = *state;
  char words[256];
  moving_name_begin(MOVING_NAME_PUBLIC, "169.254.169.254");
  atomic_store(&moving_name.is_forgotten, true);
  found_at(words, "169.254.169.254", self->server->port, A_METADATA_ADDRESS);
  assert_refused_at(self, "/last-to/302/http://" MOVING_NAME ":%d/latest", self->server->port, "/latest", words);
  assert_made(1, 2);
  assert_int_equal(atomic_load(&self->server->requests), 1);
}

static void redirect_to_another_port_of_the_name_is_looked_up_and_refused(void **state) {
  fixture *self = *state;
  char path[128], words[256];
  moving_name_begin(MOVING_NAME_PUBLIC, "127.0.0.1");
  snprintf(path, sizeof path, "/to/307/http://" MOVING_NAME ":%d/latest", self->other->port);
  found_at(words, "127.0.0.1", self->other->port, "a loopback address");
  assert_refused_at(self, path, self->other->port, "/latest", words);
  assert_made(1, 2);
}

/// libcurl sends a request anew when a kept connection turns out to be closed.
static void request_that_is_sent_anew_is_refused_where_the_name_has_moved_to(void **state) {
  fixture *self = *state;
  moving_name_begin(MOVING_NAME_PUBLIC, "169.254.169.254");
  assert_answered(self, "/");
  atomic_store(&moving_name.is_forgotten, true);
  assert_refused(self, "/close", "169.254.169.254", A_METADATA_ADDRESS);
  assert_made(1, 2);
  assert_int_equal(atomic_load(&self->server->requests), 2);
}

static void addresses_that_may_not_be_reached_are_passed_over(void **state) {
  fixture *self = *state;
  moving_name_begin("10.0.0.1 169.254.169.254 " MOVING_NAME_PUBLIC, "");
  assert_answered(self, "/");
  assert_made(1, 1);
  assert_int_equal(atomic_load(&moving_name.strays), 0);
}

/// The first address of the two is good, but nobody listens there any more.
static void address_behind_one_that_fails_is_refused_too(void **state) {
  fixture *self = *state;
  fetch_server *gone = fetch_server_start();
  char path[128], words[256];
  int port = gone->port;
  fetch_server_stop(gone);
  moving_name_begin(MOVING_NAME_PUBLIC, MOVING_NAME_PUBLIC " 127.0.0.1");
  snprintf(path, sizeof path, "/to/302/http://" MOVING_NAME ":%d/", port);
  assert_refused_at(self, path, port, "/", found_at(words, "127.0.0.1", port, "a loopback address"));
  assert_made(2, 2);
}

#define REBINDING_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void) {
  const struct CMUnitTest tests[] = {
      REBINDING_TEST(name_that_moves_to_what_is_never_reached_is_refused_by_the_private_gate),
      REBINDING_TEST(name_that_moves_from_a_public_address_is_refused_by_the_default_gate),
      REBINDING_TEST(kept_connection_stays_where_it_was_made_to),
      REBINDING_TEST(remembered_address_is_not_looked_up_again_for_a_new_connection),
      REBINDING_TEST(remembered_address_is_judged_by_the_gate_of_each_request),
      REBINDING_TEST(forgotten_name_is_refused_where_it_has_moved_to),
      REBINDING_TEST(redirect_to_the_same_name_is_refused_where_it_has_moved_to),
      REBINDING_TEST(redirect_to_another_port_of_the_name_is_looked_up_and_refused),
      REBINDING_TEST(request_that_is_sent_anew_is_refused_where_the_name_has_moved_to),
      REBINDING_TEST(addresses_that_may_not_be_reached_are_passed_over),
      REBINDING_TEST(address_behind_one_that_fails_is_refused_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
