"""How long instances live, what is ready, and what the admin API tells of it: with the real program."""

import http.client
import json
import time

import deploying
import support
from support import function, in_thread

# Answers how often its instance was started and called.
GUEST = r"""
#include <ubiq/pdk.h>

static int starts, calls;

__attribute__((export_name("_initialize"))) void initialize(void) { starts++; }

UBIQ_EXPORT(count) {
  char text[] = "0 000";
  char first = 0;
  if (ubiq_input_size() > 0) ubiq_input_read(&first, 1);
  if (first == 't') __builtin_trap();
  if (first == 'f') return ubiq_error_string("asked to fail");
  calls++;
  text[0] = (char)('0' + starts);
  for (int i = 4, left = calls; i > 1; i--, left /= 10) text[i] = (char)('0' + left % 10);
  return ubiq_output(text, 5);
}
"""

FILES = {"guest.c": GUEST}


def counting(name, **settings):
    return function(name, "POST /" + name, export='"count"', **settings)


class Lifetimes(support.Test):
    def launch(self, *functions, workers=1):
        return self.start(self.project(*functions, files=FILES), "--workers", str(workers))

    def ask(self, server, name, body=b""):
        status, _, text = server.request("POST", "/" + name, body)
        return status, text.decode()

    def test_each_request_has_an_instance_of_its_own(self):
        server = self.launch(counting("fresh"), counting("cold", pool="{ min = 0, overprovision = 0 }"))
        for _ in range(5):
            self.assertEqual((200, "1 001"), self.ask(server, "fresh"))
            self.assertEqual((200, "1 001"), self.ask(server, "cold"))

    def test_a_reused_instance_keeps_its_state_until_it_traps(self):
        server = self.launch(counting("kept", instance='"reuse"', pool="{ min = 0, overprovision = 0 }"))
        for i in range(1, 4):
            self.assertEqual((200, "1 %03d" % i), self.ask(server, "kept"))
        self.assertEqual(500, self.ask(server, "kept", b"fail")[0])
        self.assertEqual((200, "1 004"), self.ask(server, "kept"))
        self.assertEqual(502, self.ask(server, "kept", b"trap")[0])
        self.assertEqual((200, "1 001"), self.ask(server, "kept"))

    def test_a_reused_instance_serves_max_runs(self):
        server = self.launch(counting("kept", instance='"reuse"', max_runs="2", pool="{ min = 0, overprovision = 0 }"))
        answers = [self.ask(server, "kept")[1] for _ in range(5)]
        self.assertEqual(["1 001", "1 002", "1 001", "1 002", "1 001"], answers)

    def test_a_pinned_instance_is_one_for_all_workers_and_starts_again(self):
        server = self.launch(counting("one", instance='"pinned"'), workers=3)
        for i in range(1, 21):  # each on a connection of its own, so that all workers get some
            self.assertEqual((200, "1 %03d" % i), self.ask(server, "one"))
        self.assertEqual(502, self.ask(server, "one", b"trap")[0])
        self.assertEqual((200, "1 001"), self.ask(server, "one"))

    def test_requests_at_once_take_turns_on_a_pinned_instance(self):
        server = self.launch(counting("one", instance='"pinned"'), workers=3)
        threads = [in_thread(self.ask, server, "one") for _ in range(40)]
        for thread in threads:
            thread.join(support.PATIENCE)
        self.assertEqual({(200, "1 %03d" % i) for i in range(1, 41)}, {thread.result for thread in threads})

    def test_a_pinned_instance_that_traps_again_and_again_is_given_time(self):
        server = self.launch(counting("one", instance='"pinned"'))
        statuses = [self.ask(server, "one", b"trap")[0] for _ in range(20)]
        self.assertEqual({502, 503}, set(statuses))
        status, text = self.ask(server, "one", b"trap")
        while status != 503:
            status, text = self.ask(server, "one", b"trap")
        self.assertEqual("unavailable", json.loads(text)["class"])
        deadline = time.monotonic() + support.PATIENCE
        while self.ask(server, "one") != (200, "1 001"):
            self.assertLess(time.monotonic(), deadline)

    def test_nonsense_is_refused_with_its_place(self):
        directory = self.project(counting("f", pool="{ min = 5, max = 2 }"), files=FILES)
        done = self.run_ubiq("serve", directory, "--listen", "127.0.0.1:0")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("functions.f.pool has min 5 and max 2; expected a min of at most max", done.stderr)


class Pools(deploying.Test):
    def server_with(self, *functions):
        bundle = self.built(*functions)
        server = self.launch()
        self.deployed(server, bundle)
        return server

    def built(self, *functions):
        made = self.folder() + "/made.ubiq"
        done = self.run_ubiq("build", self.project(*functions, files=FILES), "--output", made)
        self.assertEqual(0, done.returncode, done.stderr)
        with open(made, "rb") as file:
            return file.read()

    def pool(self, server, name):
        status, value = server.ask("GET", "/_ubiq/functions/%s/pool" % name)
        self.assertEqual(200, status, value)
        return value

    def pool_when(self, server, name, condition):
        """The first answer for which `condition` holds."""
        deadline = time.monotonic() + support.PATIENCE
        while True:
            value = self.pool(server, name)
            if condition(value):
                return value
            self.assertLess(time.monotonic(), deadline, value)

    def test_what_is_ready_before_any_request_is_told(self):
        server = self.server_with(counting("f", pool="{ min = 4, max = 50, idle = '20s', scale_interval = '2s' }"))
        value = self.pool_when(server, "f", lambda value: value["ready"] == 4)
        self.assertEqual({"min": 4, "max": 50, "overprovision": 10, "idle_ms": 20000, "scale_interval_ms": 2000},
                         value["settings"])
        self.assertEqual(("f", "request", 2, 0, 4, 4),
                         tuple(value[key] for key in ("function", "instance", "workers", "busy", "target", "made_ahead")))
        self.assertEqual(200, server.request("POST", "/f")[0])
        value = self.pool_when(server, "f", lambda value: value["ended"]["used"] == 1)
        self.assertEqual(1, value["found_ready"])
        self.assertEqual(set(value), set(server.ask("GET", "/v1/functions/f/pool")[1]))

    def test_a_release_is_ready_when_it_gets_requests(self):
        server = self.server_with(counting("f", pool="{ min = 4 }"))
        self.assertEqual(200, server.request("POST", "/f")[0])
        for number, options in ((6, {}), (7, {"canary": 50}), (8, {})):
            self.deployed(server, self.built(counting("f", pool="{ min = %d }" % number)), **options)
            if not options:
                value = self.pool(server, "f")
                self.assertLessEqual(number, value["ready"], value)
        status, answer = server.ask("POST", "/v1/rollback")
        self.assertEqual(200, status, answer)
        self.assertLessEqual(6, self.pool(server, "f")["ready"])

    def test_a_pinned_one_tells_its_state(self):
        server = self.server_with(counting("one", instance='"pinned"'))
        value = self.pool_when(server, "one", lambda value: value["pinned"]["state"] == "ready")
        self.assertEqual((1, 1, 0), (value["ready"], value["made"], value["pinned"]["restarts"]))
        self.assertEqual(502, server.request("POST", "/one", b"trap")[0])
        value = self.pool_when(server, "one", lambda value: value["ended"]["stopped"] == 1)
        self.assertEqual(1, value["pinned"]["restarts"])

    def test_a_start_that_fails_is_told(self):
        files = {"bad.wat": '(module (func $s unreachable) (start $s) (func (export "f")))'}
        made = self.folder() + "/made.ubiq"
        done = self.run_ubiq("build", self.project('[functions.f]\nwasm = "bad.wat"\n', files=files), "--output", made)
        self.assertEqual(0, done.returncode, done.stderr)
        server = self.launch()
        with open(made, "rb") as file:
            self.deployed(server, file.read())
        value = self.pool_when(server, "f", lambda value: value["start_failed"] > 0)
        self.assertIn("unreachable", value["problem"])

    def test_a_function_that_there_is_not(self):
        server = self.server_with(counting("f"))
        self.assertEqual(404, server.ask("GET", "/_ubiq/functions/g/pool")[0])

    def test_the_public_port_does_not_tell(self):
        server = self.server_with(counting("f"))
        status, _, _ = server.request("GET", "/_ubiq/functions/f/pool")
        self.assertEqual(http.client.NOT_FOUND, status)


if __name__ == "__main__":
    support.main()
