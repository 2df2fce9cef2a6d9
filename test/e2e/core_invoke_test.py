"""InvokeHost without the kernel: what functions with `wire = "core"` ask the platform for, in C and in Rust without std."""

import json
import os
import re
import shutil
import signal
import threading

import calling
import support

EXAMPLE = os.path.join(os.environ["UBIQ_SOURCE"], "examples", "visits")
GUESTS = ("core", "rust_core")
OPERATIONS = ("relay", "packed", "other_format", "outside", "tour", "tour_packed")
ALL = '["kv:*", "cache:*", "events:publish:core.*"]'

# Asks once, with the text at 64; how room is made is told by ALLOC, whose first call is for the input.
HOSTILE = """(module (import "ubiq:wire/host" "invoke" (func $invoke (param i32 i32 i32) (result i64)))
  (memory (export "memory") 1) (global $calls (mut i32) (i32.const 0))
  (data (i32.const 16) "{\\"ok\\":\\"no room\\"}")
  (data (i32.const 64) "{\\"method\\":\\"GET\\",\\"path\\":\\"/v1/kv/a\\"}")
  (func $ask (result i64) (call $invoke (i32.const 0) (i32.const 64) (i32.const 34)))
  (func (export "ubiq_alloc") (param $size i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (if (result i32) (i32.eq (global.get $calls) (i32.const 1)) (then (i32.const 4096)) (else ALLOC)))
  (func (export "ubiq_free") (param i32 i32))
  (func (export "ubiq_handle") (param i32 i32 i32 i32 i32) (result i64) (local $answer i64)
    (local.set $answer (call $ask))
    (if (i64.eqz (local.get $answer)) (then (return (i64.const 0x1000000010))))
    (i64.const 0x1000000010)))"""


def function(name, operation, wasm, permissions=ALL, **more):
    lines = ["[functions.%s]" % name, 'wasm = "%s"' % wasm, 'wire = "core"', 'export = "%s"' % operation, 'route = "POST /%s"' % name,
             "permissions = %s" % permissions]
    return "\n".join(lines + ["%s = %s" % each for each in more.items()]) + "\n"


class CoreInvoke(calling.Test):
    def launch(self, guest, *options, permissions=ALL, **more):
        wasm = self.guest(guest)
        return self.start(self.project(*(function(name, name, wasm, permissions, **more) for name in OPERATIONS)), *options)

    def call(self, server, name, body=b""):
        status, _, answer = server.request("POST", "/" + name, body)
        self.assertEqual(200, status, answer)
        return json.loads(answer)

    def ask(self, server, method, path, **more):
        return self.call(server, "relay", json.dumps(dict(method=method, path=path, **more)))

    def assert_problem(self, status, answer, words=""):
        self.assertEqual((status, "application/problem+json"), (answer["status"], answer["headers"]["content-type"]), answer)
        self.assertIn(words, answer["body"]["detail"])

    def test_keys_values_log_and_events_are_there_in_both_formats(self):
        for guest in GUESTS:
            with self.subTest(guest):
                wasm = self.guest(guest)
                hears = function("hears", "event", wasm, events='[{ topic = "core.*" }]')
                tours = [function(name, name, wasm) for name in ("tour", "tour_packed")]
                server = self.start(self.project(*tours, hears), "--run-log", "-")
                self.assertEqual([200, 204, 200, 204, 202], self.call(server, "tour"))
                server.wait_for(r"INFO +tour: from core")
                server.wait_for(r'"function":"hears"')
                self.assertEqual([200, 204, 200, 204, 202], self.call(server, "tour_packed"))
                server.wait_for(r"INFO +tour_packed: from core")

    def test_answers_are_those_that_invokehost_gives(self):
        for guest in GUESTS:
            with self.subTest(guest):
                server = self.launch(guest)
                self.assertEqual({"value": 1, "version": 1}, self.ask(server, "POST", "/v1/kv/n/increment", body={})["body"])
                self.assertEqual(200, self.ask(server, "PUT", "/v1/kv/users%2F42", body={"name": "日本"})["status"])
                self.assertEqual({"name": "日本"}, self.ask(server, "GET", "/v1/kv/users%2F42")["body"])
                self.assertEqual(412, self.ask(server, "PUT", "/v1/kv/n", query={"if_version": "7"}, body=1)["status"])
                packed = bytes.fromhex(self.call(server, "packed", b"\x82\xa6method\xa3GET\xa4path\xa8/v1/kv/n"))
                self.assertTrue(packed.startswith(b"\x83\xa6status\xcc\xc8\xa7headers"), packed)
                self.assertTrue(packed.endswith(b"\xa4body\x01"), packed)

    def test_what_is_no_request_is_answered_and_never_traps(self):
        for guest in GUESTS:
            with self.subTest(guest):
                server = self.launch(guest)
                self.assert_problem(400, self.call(server, "other_format"), "the format is 7")
                self.assert_problem(400, self.call(server, "outside"), "which the memory does not have")
                for bad, words in ((b"", "empty"), (b"{", "request:"), (b"[]", "object"), (b"\xff", "request:"), (b"{}", "method"),
                                   (b'{"method":"GET","method":"GET","path":"/"}', "twice"), (b"[" * 5000, "request:")):
                    self.assert_problem(400, self.call(server, "relay", bad), words)
                self.assert_problem(404, self.ask(server, "GET", "/v1/nothing"), "no path")
                for bad in (b"", b"\xc1", b"\x82\xa6method\xa3GET", b"\x91" * 5000, b"\xdf\xff\xff\xff\xff"):
                    self.assertIn(b"\xa6status\xcd\x01\x90", bytes.fromhex(self.call(server, "packed", bad)))

    def test_what_is_not_permitted_is_refused_in_words_to_paste(self):
        for guest in GUESTS:
            with self.subTest(guest):
                server = self.launch(guest, permissions='["kv:read:user:*"]')
                self.assertEqual(404, self.ask(server, "GET", "/v1/kv/user:1")["status"])
                self.assert_problem(403, self.ask(server, "PUT", "/v1/kv/user:1", body=1), "kv:write:user:1")
                self.assert_problem(403, self.ask(server, "GET", "/v1/kv/other"), "kv:read:other")
                self.assertEqual([403, 403, 403, 204, 403], self.call(server, "tour"))

    def test_the_memory_grows_while_room_is_made_for_an_answer(self):
        for guest in GUESTS:
            with self.subTest(guest):
                server = self.launch(guest, body_max='"2MiB"')
                text = "x" * 900000
                self.assertEqual(200, self.ask(server, "PUT", "/v1/kv/large", body=text)["status"])
                self.assertEqual(text, self.ask(server, "GET", "/v1/kv/large")["body"])

    def test_an_answer_without_room_is_none_and_the_guest_may_go_on(self):
        for guest, small in (("core", '"256KiB"'), ("rust_core", '"1216KiB"')):  # what Rust's stack takes
            with self.subTest(guest):
                wasm = self.guest(guest)
                server = self.start(self.project(function("relay", "relay", wasm, body_max='"2MiB"'),
                                                 function("small", "relay", wasm, memory=small)))
                self.assertEqual(200, self.ask(server, "PUT", "/v1/kv/large", body="x" * 900000)["status"])
                request = json.dumps({"method": "GET", "path": "/v1/kv/large"})
                status, _, answer = server.request("POST", "/small", request)
                self.assertEqual((500, "guest_error"), (status, json.loads(answer)["class"]), "\n".join(server.lines))
                self.assertIn("there is no room for the answer", answer.decode())

    def test_a_kept_instance_has_room_again_for_what_it_has_freed(self):
        for guest in GUESTS:
            with self.subTest(guest):
                more = {"instance": '"reuse"', "pool": "{ min = 0, max = 1 }"}
                wasm = self.guest(guest)
                server = self.start(self.project(function("relay", "relay", wasm, memory='"8MiB"', body_max='"2MiB"', **more),
                                                 function("packed", "packed", wasm, memory='"8MiB"', **more)), "--workers", "1")
                self.assertEqual(200, self.ask(server, "PUT", "/v1/kv/large", body="x" * 900000)["status"])
                for _ in range(30):
                    self.assertEqual(900000, len(self.ask(server, "GET", "/v1/kv/large")["body"]))
                    self.assertIn("a6737461747573", self.call(server, "packed", b"\x82\xa6method\xa3GET\xa4path\xac/v1/kv/large"))

    def test_who_waits_holds_no_thread(self):
        server = self.launch("core", "--workers", "1")
        lock = self.ask(server, "POST", "/v1/cache/slow/lock", query={"hold": "1m"})
        self.assertEqual(201, lock["status"], lock)
        waiting = [support.in_thread(self.ask_by_itself, server, "POST", "/v1/cache/slow/lock", {"wait": "1m"}) for _ in range(60)]
        for _ in range(60):  # the one worker answers others meanwhile
            self.assertEqual(200, self.ask(server, "POST", "/v1/kv/asked/increment", body={})["status"])
        put = self.ask(server, "PUT", "/v1/cache/slow", query={"lock": lock["body"]["lock"]}, body="made")
        self.assertEqual(204, put["status"], put)
        for thread in waiting:
            thread.join(support.PATIENCE)
            self.assertEqual((200, "made"), thread.result)

    def ask_by_itself(self, server, method, path, query):
        answer = self.ask(server, method, path, query=query)
        return answer["status"], answer.get("body")

    def test_a_thousand_durable_puts_by_one_worker_are_all_there(self):
        server = self.launch("core", "--workers", "1")
        failures = []

        def put(thread):
            connection = server.connect()
            for i in range(25):
                key = "/v1/kv/%d-%d" % (thread, i)
                connection.request("POST", "/relay", json.dumps({"method": "PUT", "path": key, "body": i}))
                answer = json.loads(connection.getresponse().read())
                if answer["status"] != 200:
                    failures.append(answer)
        threads = [threading.Thread(target=put, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(support.PATIENCE)
        self.assertEqual([], failures)
        keys = self.ask(server, "GET", "/v1/kv", query={"limit": "1000"})["body"]
        self.assertEqual(1000, len(keys["items"]))

    def test_guests_that_make_no_room_or_bad_room_harm_themselves_alone(self):
        cases = {"none": ("(i32.const 0)", 200, "no room"),
                 "outside": ("(i32.const -1)", 502, "trap"), "behind": ("(i32.const 65535)", 502, "trap"),
                 "over": ("(i32.const 60)", 200, "no room"), "traps": ("unreachable", 502, "trap"),
                 "asks": ("(drop (call $ask)) (i32.const 8192)", 502, "trap"),
                 "spins": ("(loop $l (br $l)) (i32.const 1)", 504, "cpu_limit")}
        files = {name + ".wat": HOSTILE.replace("ALLOC", case[0]) for name, case in cases.items()}
        server = self.start(self.project(*(function(name, "f", name + ".wat", cpu='"50ms"') for name in cases), files=files), "--workers", "1")
        for _ in range(3):
            for name, (_, status, words) in cases.items():
                with self.subTest(name):
                    seen, _, answer = server.request("POST", "/" + name)
                    self.assertEqual(status, seen, answer)
                    self.assertIn(words, answer.decode())
        server.wait_for("ubiq_alloc asked the host")

    def test_the_example_counts_as_its_readme_shows_and_goes_on_after_a_restart(self):
        folder = self.project(text="")
        for name in ("ubiq.toml", "visits.c", "visits.test.toml"):
            shutil.copy(os.path.join(EXAMPLE, name), folder)
        with open(os.path.join(EXAMPLE, "README.md"), encoding="utf-8") as file:
            shown = re.findall(r"^    \$ curl -X POST http://127.0.0.1:8080(\S+)\n    (.*)$", file.read(), re.M)
        self.assertEqual(2, len(shown))
        server = self.start(folder)
        for path, answer in shown:
            self.assertEqual(answer.encode(), server.request("POST", path)[2])
        server.signal(signal.SIGKILL)
        server.wait()
        self.assertEqual(b'{"visits":3}', self.start(folder).request("POST", "/visits")[2])
        done = self.run_ubiq("test", folder)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_one_run_without_a_server_has_what_needs_none(self):
        directory = self.project(function("relay", "relay", self.guest("core")))
        line = json.dumps({"method": "POST", "path": "/v1/log", "body": {"message": "from a run"}})
        done = self.run_ubiq("run", "relay", directory, "--input", line)
        self.assertEqual({"status": 204, "headers": {}}, json.loads(done.stdout), done.stderr)
        self.assertRegex(done.stderr, "INFO +relay: from a run")
        done = self.run_ubiq("run", "relay", directory, "--input", json.dumps({"method": "GET", "path": "/v1/kv/a"}))
        self.assert_problem(503, json.loads(done.stdout))


if __name__ == "__main__":
    support.main()
