"""Functions with `wire = "component"`: components of the world metatype:wit-wire, made by wit-bindgen."""

import json
import os
import shutil
import sys

import calling
import deploying
import support

GUEST = os.path.join(calling.GUESTS, "rust_component.wasm")
KV = ("kv:read:*", "kv:write:*")


CASE = """
[[case]]
name = "asks"
function = "ask"
request = { body = '{"method":"GET","path":"/v1/kv/a"}' }
expect = { json = { status = 200, headers = "*", body = 3 } }
[[case.service]]
method = "get"
path = "/v1/kv/a"
answer = { json = 3 }
"""


def component(name, permissions=(), **more):
    more = {"export": '"%s"' % name, "cpu": '"2s"', **more}
    lines = ["[functions.%s]" % name, 'wasm = "guest.wasm"', 'wire = "component"', 'route = "POST /%s"' % name,
             "permissions = %s" % json.dumps(list(permissions))]
    return "\n".join(lines + ["%s = %s" % item for item in more.items()]) + "\n"


def kv(method, key, body=None):
    request = {"method": method, "path": "/v1/kv/" + key}
    return json.dumps(request if body is None else {**request, "body": body}).encode()


class ComponentWire(support.Test):
    def folder(self, *functions, files={}):
        directory = self.project(*functions, files=files)
        if "guest.wasm" not in files:
            shutil.copy(GUEST, os.path.join(directory, "guest.wasm"))
        return directory

    def start_all(self, *functions, options=("--workers", "1")):
        return self.start(self.folder(*functions), *options)

    def test_the_line_to_try_sends_json(self):
        server = self.start(self.folder(component("echo")), "--workers", "1", command="dev")
        server.wait_for("^    curl --json '{\"name\": \"Ada\"}' %s/echo$" % server.url)
        self.assertEqual({"name": "Ada"}, json.loads(server.request("POST", "/echo", b'{"name": "Ada"}')[2]))

    def assert_fails(self, server, path, status, name, words, body=b"{}"):
        found, _, answer = server.request("POST", path, body)
        problem = json.loads(answer)
        self.assertEqual((status, name), (found, problem["class"]), answer)
        self.assertIn(words, problem["detail"])

    def test_the_input_and_the_answer_are_json(self):
        server = self.start_all(component("echo"), component("not_json"), component("whole", export='"echo"', input='"request"'))
        status, headers, body = server.request("POST", "/echo", b'{"a": [1, "\xc3\xbc"]}')
        self.assertEqual((200, "application/json", b'{"a": [1, "\xc3\xbc"]}'), (status, headers["Content-Type"], body))
        self.assertEqual((200, b"null"), server.post("/echo"))
        self.assertEqual((200, b'"%s"' % (b"x" * 500000)), server.post("/echo", b'"%s"' % (b"x" * 500000)))
        self.assert_fails(server, "/echo", 400, "invalid_input", "UTF-8", b'"\xff"')
        self.assert_fails(server, "/not_json", 502, "invalid_output", "unexpected end")
        # It answers with the request, which is no answer: the words say what was taken for one.
        self.assert_fails(server, "/whole", 502, "invalid_output", "answer")

    def test_what_handle_and_init_refuse_has_its_class(self):
        server = self.start_all(*map(component, ("fails", "bad_json", "unhandled", "missing", "old", "exit")))
        self.assert_fails(server, "/fails", 500, "guest_error", "no such shelf")
        self.assert_fails(server, "/bad_json", 400, "invalid_input", "expected a number")
        self.assert_fails(server, "/unhandled", 404, "not_found", "unhandled")
        self.assert_fails(server, "/missing", 500, "guest_error", "missing")
        self.assert_fails(server, "/old", 500, "guest_error", "metatype_version")
        self.assert_fails(server, "/exit", 500, "guest_error", "ended itself")

    def test_each_request_has_an_instance_unless_it_is_kept(self):
        server = self.start_all(component("calls"), component("kept", export='"calls"', instance='"reuse"', pool="{ min = 1, max = 1 }"))
        self.assertEqual([b"1"] * 3, [server.post("/calls")[1] for _ in range(3)])
        self.assertEqual([b"1", b"2", b"3"], [server.post("/kept")[1] for _ in range(3)])

    def test_limits_end_it_and_others_go_on(self):
        server = self.start_all(component("spin", cpu='"200ms"'), component("slow", export='"spin"', timeout='"200ms"'),
                                component("eat", memory='"16MiB"'), component("trap"), component("nap", timeout='"60s"'),
                                component("echo"))
        spinning = support.in_thread(server.post, "/spin", b"{}")
        self.assertEqual((200, b"1"), server.post("/echo", b"1"))
        spinning.join()
        self.assertEqual(504, spinning.result[0])
        self.assert_fails(server, "/spin", 504, "cpu_limit", "200 ms")
        self.assert_fails(server, "/slow", 504, "timeout", "in time")
        self.assert_fails(server, "/eat", 502, "memory_limit", "out of memory")
        self.assert_fails(server, "/trap", 502, "trap", "unreachable")
        status, body = server.post("/nap")
        self.assertTrue(status == 200 and int(body) >= 30, body)
        self.assertEqual((200, b"1"), server.post("/echo", b"1"))

    def test_wasi_gives_time_and_a_log_and_nothing_else(self):
        server = self.start_all(*map(component, ("say", "times", "env", "file")))
        self.assertEqual((200, b"null"), server.post("/say", b'"hi"'))
        server.wait_for('INFO +say: said "hi"')
        server.wait_for('WARN +say: warned "hi"')
        seconds, passed = json.loads(server.post("/times")[1])
        self.assertTrue(seconds > 1700000000 and passed > 0)
        self.assertEqual((200, b"[0, 0]"), server.post("/env"))
        self.assertEqual((200, b"false"), server.post("/file"))

    def test_hostcall_asks_the_platform_with_the_functions_permissions(self):
        server = self.start_all(component("ask", KV), component("denied", export='"ask"'), component("other"))
        status, answer = server.post("/ask", kv("PUT", "greeting", {"words": "h\u00e9llo"}))
        self.assertEqual((200, 200), (status, json.loads(answer)["status"]), answer)
        self.assertEqual({"words": "h\u00e9llo"}, json.loads(server.post("/ask", kv("GET", "greeting"))[1])["body"])
        refused = json.loads(server.post("/denied", kv("GET", "greeting"))[1])
        self.assertEqual((403, "denied"), (refused["status"], refused["body"]["class"]))
        self.assertIn("kv:read:greeting", refused["body"]["detail"])
        for wrong in (b"", b"{", b'{"method":"GET"}', b'{"method":"GET","path":"/v1/none"}', b"[" * 5000):
            answered = json.loads(server.post("/ask", wrong)[1])
            self.assertGreaterEqual(answered["status"], 400, answered)
        self.assert_fails(server, "/other", 500, "guest_error", "not_found")

    def test_many_wait_in_hostcalls_at_once(self):
        server = self.start_all(component("ask", KV), options=("--workers", "2"))
        asked = [support.in_thread(server.post, "/ask", kv("PUT", "k%d" % i, i)) for i in range(20)]
        for one in asked:
            one.join()
        self.assertEqual([200] * 20, [json.loads(one.result[1])["status"] for one in asked])

    def test_a_bundle_of_components_is_built_and_served(self):
        directory = self.folder(component("echo"), component("ask", KV))
        built = self.run_ubiq("build", directory, "--output", os.path.join(directory, "it.ubiq"))
        self.assertEqual(0, built.returncode, built.stderr)
        server = self.start(os.path.join(directory, "it.ubiq"), "--workers", "1", "--allow", "kv:*:*")
        self.assertEqual((200, b"[1]"), server.post("/echo", b"[1]"))
        done = self.run_ubiq("run", "echo", directory, "--input", "[2]")
        self.assertEqual((0, "[2]"), (done.returncode, done.stdout.strip()), done.stderr)

    def test_one_is_deployed_compiled_by_another_process_and_found_again(self):
        directory = self.folder(component("echo"))
        made = os.path.join(directory, "it.ubiq")
        self.assertEqual(0, self.run_ubiq("build", directory, "--output", made).returncode)
        with open(made, "rb") as file:
            bundle = file.read()
        for _ in range(2):
            server = deploying.Server(os.path.join(directory, "state"))
            self.addCleanup(server.close)
            status, answer = server.deploy(bundle)
            self.assertEqual(200, status, answer)
            self.assertEqual((200, b"[1]"), server.post("/echo", b"[1]"))
            server.stop()

    def test_ubiq_test_puts_answers_in_the_place_of_the_platform(self):
        directory = self.folder(component("ask", KV))
        self.write(directory, "ask.test.toml", CASE)
        done = self.run_ubiq("test", directory)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_what_is_no_such_component_is_refused_before_it_is_served(self):
        module = os.path.join(calling.GUESTS, "echo.wasm")
        with open(module, "rb") as file:
            core = file.read()
        # The smallest component there is: it imports and exports nothing.
        for name, content, words in (("core", core, "it is no component"), ("empty", b"\0asm\x0d\0\1\0", "exports no init"),
                                     ("broken", b"\0asm\x0d\0\1\0\xff\xff", "does not compile")):
            done = self.run_ubiq("serve", self.folder(component(name), files={"guest.wasm": content}), "--listen", "127.0.0.1:0")
            self.assertNotEqual(0, done.returncode)
            self.assertIn(words, done.stderr)
        extism = self.folder(component("echo").replace('wire = "component"\n', ""))
        self.assertIn('wire = "component"', self.run_ubiq("serve", extism, "--listen", "127.0.0.1:0").stderr)


if not os.path.exists(GUEST):
    print("%s is not there" % GUEST)
    sys.exit(1 if os.environ.get("UBIQ_NEED_GUESTS") else 77)
support.main()
