#include "server/front/address.h"

#include "unit/base/testing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void addresses_are_read_and_shown(void **state) {
  (void)state;
  const struct {
    const char *text, *url;
  } rows[] = {{"127.0.0.1:8080", "http://127.0.0.1:8080"},
              {"[::1]:80", "http://[::1]:80"},
              {"0.0.0.0:65535", "http://0.0.0.0:65535"},
              {"127.0.0.1:0", "http://127.0.0.1:0"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    address address;
    assert_success(address_parse("listen", rows[i].text, &address));
    char *url = address_url(&address, false);
    assert_string_equal(url, rows[i].url);
    free(url);
  }
}

static void malformed_addresses_are_refused(void **state) {
  (void)state;
  const char *const texts[] = {"",       ":",     "8080", ":80",           "a:", "127.0.0.1:x", "127.0.0.1:65536",
                               "::1:80", "[::1]", "[]:1", "[127.0.0.1]:80"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    address address;
    ubiq_error *error = address_parse("listen", texts[i], &address);
    if (ubiq_error_code(error) != UBIQ_INVALID_INPUT || strncmp(ubiq_error_message(error), "--listen is", 11) != 0)
      fail_msg("%s: %s", texts[i], ubiq_error_message(error));
    ubiq_error_delete(error);
  }
}

static void several_sockets_share_a_free_port(void **state) {
  (void)state;
  address address, again;
  int sockets[3], more[1];
  assert_success(address_parse("listen", "127.0.0.1:0", &address));
  assert_success(address_listen(&address, 3, sockets));
  char *url = address_url(&address, false);
  assert_null(strstr(url, ":0"));
  assert_success(address_parse("listen", url + strlen("http://"), &again));
  ubiq_error *error = address_listen(&again, 1, more);
  assert_int_equal(ubiq_error_code(error), UBIQ_UNAVAILABLE);
  ubiq_error_delete(error);
  for (size_t i = 0; i < 3; i++) close(sockets[i]);
  free(url);
}

static void loopback_addresses_are_known(void **state) {
  (void)state;
  const char *const inside[] = {"127.0.0.1:1", "127.1.2.3:1", "[::1]:1"}, *const outside[] = {"0.0.0.0:1", "[::]:1",
                                                                                              "10.0.0.1:1"};
  for (size_t i = 0; i < 3; i++) {
    address address;
    assert_success(address_parse("admin", inside[i], &address));
    assert_true(address_is_loopback(&address));
    assert_success(address_parse("admin", outside[i], &address));
    assert_false(address_is_loopback(&address));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_are_read_and_shown),
      cmocka_unit_test(malformed_addresses_are_refused),
      cmocka_unit_test(loopback_addresses_are_known),
      cmocka_unit_test(several_sockets_share_a_free_port),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
