#include "base/net_gate.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct sockaddr_storage address_of(const char *text, int port) {
  struct sockaddr_storage address;
  assert_true(net_address_parse(text, port, &address));
  return address;
}

typedef struct sample {
  const char *address;
  net_class kind;
} sample;

static const sample samples[] = {
    {"1.1.1.1", NET_PUBLIC},
    {"8.8.8.8", NET_PUBLIC},
    {"9.255.255.255", NET_PUBLIC},
    {"10.0.0.0", NET_PRIVATE},
    {"10.255.255.255", NET_PRIVATE},
    {"11.0.0.0", NET_PUBLIC},
    {"0.0.0.0", NET_UNSPECIFIED},
    {"0.1.2.3", NET_UNSPECIFIED},
    {"100.63.255.255", NET_PUBLIC},
    {"100.64.0.0", NET_SHARED},
    {"100.127.255.255", NET_SHARED},
    {"100.128.0.0", NET_PUBLIC},
    {"100.100.100.200", NET_METADATA},
    {"126.255.255.255", NET_PUBLIC},
    {"127.0.0.1", NET_LOOPBACK},
    {"127.255.255.254", NET_LOOPBACK},
    {"128.0.0.1", NET_PUBLIC},
    {"168.63.129.16", NET_METADATA},
    {"169.253.255.255", NET_PUBLIC},
    {"169.254.0.1", NET_LINK_LOCAL},
    {"169.254.169.254", NET_METADATA},
    {"169.254.170.2", NET_METADATA},
    {"172.15.255.255", NET_PUBLIC},
    {"172.16.0.0", NET_PRIVATE},
    {"172.31.255.255", NET_PRIVATE},
    {"172.32.0.0", NET_PUBLIC},
    {"192.0.0.192", NET_METADATA},
    {"192.0.2.1", NET_RESERVED},
    {"192.167.255.255", NET_PUBLIC},
    {"192.168.0.1", NET_PRIVATE},
    {"192.169.0.0", NET_PUBLIC},
    {"198.18.0.1", NET_RESERVED},
    {"198.20.0.0", NET_PUBLIC},
    {"198.51.100.7", NET_RESERVED},
    {"203.0.113.7", NET_RESERVED},
    {"223.255.255.255", NET_PUBLIC},
    {"224.0.0.1", NET_MULTICAST},
    {"239.255.255.255", NET_MULTICAST},
    {"240.0.0.1", NET_RESERVED},
    {"255.255.255.255", NET_BROADCAST},

    {"::", NET_UNSPECIFIED},
    {"::1", NET_LOOPBACK},
    {"2606:4700:4700::1111", NET_PUBLIC},
    {"2a00::1", NET_PUBLIC},
    {"fe80::1", NET_LINK_LOCAL},
    {"febf::1", NET_LINK_LOCAL},
    {"fec0::1", NET_PRIVATE},
    {"fc00::1", NET_UNIQUE_LOCAL},
    {"fdff::1", NET_UNIQUE_LOCAL},
    {"fd00:ec2::254", NET_METADATA},
    {"fd00:ec2::253", NET_UNIQUE_LOCAL},
    {"fd20:ce::254", NET_METADATA},
    {"ff02::1", NET_MULTICAST},
    {"100::1", NET_RESERVED},
    {"2001::1", NET_RESERVED},
    {"2001:db8::1", NET_RESERVED},
    {"4000::1", NET_RESERVED},

    // IPv4 inside IPv6 counts as what it carries.
    {"::ffff:127.0.0.1", NET_LOOPBACK},
    {"::ffff:169.254.169.254", NET_METADATA},
    {"::ffff:10.1.2.3", NET_PRIVATE},
    {"::ffff:8.8.8.8", NET_PUBLIC},
    {"::ffff:0.0.0.0", NET_UNSPECIFIED},
    {"::ffff:0:127.0.0.1", NET_LOOPBACK},
    {"::127.0.0.1", NET_LOOPBACK},
    {"::10.0.0.1", NET_PRIVATE},
    {"64:ff9b::127.0.0.1", NET_LOOPBACK},
    {"64:ff9b::169.254.169.254", NET_METADATA},
    {"64:ff9b::8.8.8.8", NET_PUBLIC},
    {"64:ff9b:1::8.8.8.8", NET_PRIVATE},
    {"2002:7f00:1::", NET_LOOPBACK},
    {"2002:a9fe:a9fe::", NET_METADATA},
    {"2002:808:808::", NET_PUBLIC},
};

static void every_address_of_the_table_has_its_class(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
    struct sockaddr_storage address = address_of(samples[i].address, 80);
    net_class kind = net_class_of((const struct sockaddr *)&address);
    if (kind != samples[i].kind)
      fail_msg("%s: %s; expected %s", samples[i].address, net_class_text(kind), net_class_text(samples[i].kind));
  }
}

static void what_is_not_an_internet_address_is_refused_by_every_gate(void **state) {
  (void)state;
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  assert_int_equal(net_class_of((const struct sockaddr *)&local), NET_NOT_INTERNET);
  assert_int_equal(net_class_of(NULL), NET_NOT_INTERNET);
  ubiq_error *error = net_gate_check(&net_gate_private, (const struct sockaddr *)&local);
  assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
  ubiq_error_delete(error);
  error = net_gate_check(&net_gate_private, NULL);
  assert_int_equal(ubiq_error_code(error), UBIQ_DENIED);
  ubiq_error_delete(error);
}

static bool passes(const net_gate *gate, const char *text, int port) {
  struct sockaddr_storage address = address_of(text, port);
  ubiq_error *error = net_gate_check(gate, (const struct sockaddr *)&address);
  assert_true(error == NULL || ubiq_error_code(error) == UBIQ_DENIED);
  bool passed = error == NULL;
  ubiq_error_delete(error);
  return passed;
}

static void default_gate_lets_public_addresses_alone_pass(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
    assert_int_equal(passes(&net_gate_default, samples[i].address, 80), samples[i].kind == NET_PUBLIC);
}

static void private_gate_refuses_metadata_multicast_and_broadcast_still(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
    net_class kind = samples[i].kind;
    bool refused = kind == NET_METADATA || kind == NET_MULTICAST || kind == NET_BROADCAST;
    assert_int_equal(passes(&net_gate_private, samples[i].address, 80), !refused);
  }
}

static void refusal_names_the_address_and_its_class(void **state) {
  (void)state;
  struct sockaddr_storage address = address_of("::ffff:169.254.169.254", 80);
  ubiq_error *error = net_gate_check(&net_gate_default, (const struct sockaddr *)&address);
  assert_string_equal(ubiq_error_message(error),
                      "[::ffff:169.254.169.254]:80 is an address of a cloud's metadata service; "
                      "connections to it are not allowed");
  ubiq_error_delete(error);
}

static void own_listener_is_refused_in_every_form_of_its_address(void **state) {
  (void)state;
  struct sockaddr_storage own = address_of("127.0.0.1", 8080);
  net_gate gate = {.allow_private = true, .own = &own, .own_count = 1};
  assert_false(passes(&gate, "127.0.0.1", 8080));
  assert_false(passes(&gate, "::ffff:127.0.0.1", 8080));
  assert_false(passes(&gate, "0.0.0.0", 8080));
  assert_true(passes(&gate, "127.0.0.1", 8081));
  assert_true(passes(&gate, "10.0.0.1", 8080));
}

static void wildcard_listener_stands_for_every_address_of_this_machine(void **state) {
  (void)state;
  struct sockaddr_storage own = address_of("0.0.0.0", 8080);
  net_gate gate = {.allow_private = true, .own = &own, .own_count = 1};
  assert_false(passes(&gate, "127.0.0.1", 8080));
  assert_false(passes(&gate, "127.9.9.9", 8080));
  assert_false(passes(&gate, "0.0.0.0", 8080));
  assert_true(passes(&gate, "127.0.0.1", 80));
  assert_true(passes(&gate, "198.51.100.7", 8080));
}

static void parse_refuses_names_brackets_and_short_forms(void **state) {
  (void)state;
  struct sockaddr_storage address;
  assert_false(net_address_parse("localhost", 80, &address));
  assert_false(net_address_parse("[::1]", 80, &address));
  assert_false(net_address_parse("127.1", 80, &address));
  assert_false(net_address_parse("", 80, &address));
}

static void text_of_an_address_has_its_port(void **state) {
  (void)state;
  char text[NET_ADDRESS_TEXT_MAX];
  struct sockaddr_storage address = address_of("192.0.2.1", 443);
  assert_string_equal(net_address_text((const struct sockaddr *)&address, text), "192.0.2.1:443");
  address = address_of("2001:db8::1", 80);
  assert_string_equal(net_address_text((const struct sockaddr *)&address, text), "[2001:db8::1]:80");
}

static void who_refuses_says_whether_a_private_address_was_the_reason(void **state) {
  (void)state;
  struct sockaddr_storage own = address_of("127.0.0.1", 8080);
  const struct {
    const char *address;
    int port;
    bool was_private;
  } rows[] = {
      {"10.0.0.1", 80, true},         {"127.0.0.1", 81, true}, {"::1", 80, true},
      {"169.254.169.254", 80, false}, {"1.1.1.1", 80, false},  {"127.0.0.1", 8080, false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    bool was_private = false;
    const net_gate gate = {.own = &own, .own_count = 1, .was_private = &was_private};
    struct sockaddr_storage address = address_of(rows[i].address, rows[i].port);
    ubiq_error_delete(net_gate_check(&gate, (const struct sockaddr *)&address));
    if (was_private != rows[i].was_private) fail_msg("%s:%d", rows[i].address, rows[i].port);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_address_of_the_table_has_its_class),
      cmocka_unit_test(what_is_not_an_internet_address_is_refused_by_every_gate),
      cmocka_unit_test(default_gate_lets_public_addresses_alone_pass),
      cmocka_unit_test(private_gate_refuses_metadata_multicast_and_broadcast_still),
      cmocka_unit_test(refusal_names_the_address_and_its_class),
      cmocka_unit_test(own_listener_is_refused_in_every_form_of_its_address),
      cmocka_unit_test(who_refuses_says_whether_a_private_address_was_the_reason),
      cmocka_unit_test(wildcard_listener_stands_for_every_address_of_this_machine),
      cmocka_unit_test(parse_refuses_names_brackets_and_short_forms),
      cmocka_unit_test(text_of_an_address_has_its_port),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
