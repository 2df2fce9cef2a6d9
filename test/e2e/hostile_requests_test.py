"""What hostile functions say to InvokeHost, on each wire: the answers are the same, the worker goes on, and what is ended while it waits
leaves nothing behind."""

import json
import os

import calling
import support

SOURCE = r"""
#include <ubiq/host.h>

UBIQ_EXPORT(relay) {
  size_t size;
  char *request = ubiq_input(&size);
  ubiq_block answer = ubiq_invoke(UBIQ_JSON, request, size);
  return ubiq_output_block(answer, ubiq_block_size(answer));
}
"""
WIRES = {"extism": 'source = "relay.c"\nexport = "relay"', "core": 'wasm = "core.wasm"\nexport = "relay"\nwire = "core"',
         "component": 'wasm = "component.wasm"\nexport = "ask"\nwire = "component"'}
GUESTS = {"core": "core", "component": "rust_component"}


def put(more):
    return b'{"method":"PUT","path":"/v1/kv/a",' + more + b"}"


# Requests, the status of the answer, and words of it.
REFUSED = (
    (b"{", 400, "unexpected end"), (b'"x"', 400, "expected an object"), (b"\xef\xbb\xbf{}", 400, "byte order mark"),
    (b'{"method":"GET","p\\u0061th":"/v1/kv/a","path":"/v1/kv/b"}', 400, "twice"),
    (b'{"method":"GET","path":"/v1/kv","query":{"limit":"1","limit":"2"}}', 400, "twice"),
    (put(b'"body":{"x":{"y":1,"y":2}}'), 400, "twice"), (put(b'"headers":{"a":"1","\\u0061":"2"}'), 400, "twice"),
    (put(b'"body":NaN'), 400, "request:1:"), (put(b'"body":-Infinity'), 400, "request:1:"), (put(b'"body":1e999'), 400, "infin"),
    (put(b'"body":"\\ud800"'), 400, "surrogate"), (put(b'"body":' + b"[" * 65 + b"]" * 65), 400, "nested"),
    (b"[" * 100000, 400, "request:"), (b'{"a":' * 100000, 400, "request:"),
    (b'{"method":"GET","path":"/v1/kv/%ff"}', 400, "UTF-8"), (b'{"method":"GET","path":"/v1/kv/%"}', 400, "key"),
    (b'{"method":"GET","path":"/v1/../v1/kv/a"}', 404, "no path"), (b'{"method":"GET","path":"http://x/v1/kv/a"}', 404, "no path"),
    (b'{"method":"GET\\u0000","path":"/v1/kv/a"}', 405, "GET"),
    (b'{"method":"' + b"M" * 1000000 + b'","path":"/v1/kv/a"}', 405, "M"), (b'{"method":"GET","path":"/' + b"p" * 1000000 + b'"}', 413, "path"),
    (b'{"method":"GET","path":"/v1/kv/a","' + b"q" * 1000000 + b'":1}', 400, "unknown key"),
    (b'{"method":"POST","path":"/v1/log","body":{"message":"m","' + b"q" * 1000000 + b'":1}}', 400, "body.q"),
    (b'{"method":"GET","path":"/v1/kv/' + b"k" * 257 + b'"}', 400, "256"),
    (b'{"method":"GET","path":"/v1/kv","query":{"limit":"99999999999999999999"}}', 400, "limit"),
    (put(b'"query":{"if_version":"18446744073709551616"},"body":1'), 400, "if_version"),
    (b'{"method":"POST","path":"/v1/kv/n/increment","body":{"by":9223372036854775808}}', 400, "body.by"),
    (put(b'"headers":{"content-type":"text/plain\\r\\nset-cookie: a=b"},"encoding":"utf8","body":"x"'), 400, "control character"),
    (put(b'"headers":{"content-type":"' + b"t" * (1 << 20) + b'"},"encoding":"utf8","body":"x"'), 413, "header"),
    (put(b'"headers":{"a\\r\\nb":"c"},"body":1'), 400, "HTTP"),
    (put(b'"body":"' + b"v" * (1 << 20) + b'"'), 413, "1048576"), (put(b'"body":[' + b"1," * 1200000 + b"1]"), 413, "values"),
    (put(b'"encoding":"base64","body":"AA=A"'), 400, "base64"),
    (b'{"method":"POST","path":"/v1/http","body":{"url":"http://127.0.0.1:1/","headers":{"x":"a\\r\\nb: c"}}}', 400, "header x"),
    (b'{"method":"PUT","path":"/v1/objects/..%2f..%2fetc","body":1}', 400, "path"))


class HostileRequests(calling.Test):
    def table(self, name, wire, **more):
        lines = "".join("%s = %s\n" % item for item in more.items())
        return "[functions.%s]\n%s\nroute = \"POST /%s\"\nbody_max = \"8MiB\"\npermissions = [\"*\"]\n%s" % (name, WIRES[wire], name, lines)

    def launch(self, **brief):
        """A function for each wire; and, where they are asked for, one each with such settings, "brief-" before its name."""
        functions = [self.table(wire, wire) for wire in WIRES]
        functions += [self.table("brief-" + wire, wire, **brief) for wire in WIRES if brief]
        folder = self.project(*functions, files={"relay.c": SOURCE})
        for wire, guest in GUESTS.items():
            os.symlink(self.guest(guest), os.path.join(folder, wire + ".wasm"))
        return self.start(folder, "--workers", "1")

    def ask(self, server, wire, request):
        status, _, answer = server.request("POST", "/" + wire, request if isinstance(request, bytes) else json.dumps(request))
        self.assertEqual(200, status, answer[:500])
        return json.loads(answer)

    def test_answers_are_the_same_on_each_wire_and_short(self):
        server = self.launch()
        for request, status, words in REFUSED:
            for wire in WIRES:
                with self.subTest(wire, request=request[:80]):
                    answer = self.ask(server, wire, request)
                    self.assertEqual((status, status), (answer["status"], answer["body"]["status"]), str(answer)[:500])
                    self.assertIn(words, answer["body"]["detail"])
                    self.assertLess(len(answer["body"]["detail"]), 1000)
        for wire in WIRES:
            self.assertEqual(404, self.ask(server, wire, {"method": "GET", "path": "/v1/kv/a"})["status"])  # nothing of it was kept

    def test_what_is_no_utf8_is_refused_before_or_by_the_platform(self):
        server = self.launch()
        for wire in ("extism", "core"):
            self.assertEqual(400, self.ask(server, wire, put(b'"body":"\xff"'))["status"])
        self.assertEqual(400, server.request("POST", "/component", put(b'"body":"\xff"'))[0])

    def lock(self, server, wire, key, **query):
        return self.ask(server, wire, {"method": "POST", "path": "/v1/cache/%s/lock" % key, "query": query})

    def test_who_is_ended_while_it_waits_leaves_nothing_behind(self):
        server = self.launch(timeout='"300ms"', instance='"reuse"', pool="{ min = 0, max = 8 }")
        for wire in WIRES:
            with self.subTest(wire):
                held = self.lock(server, wire, wire, hold="1m")
                self.assertEqual(201, held["status"], held)
                wait = json.dumps({"method": "POST", "path": "/v1/cache/%s/lock" % wire, "query": {"wait": "1m"}}).encode()
                for _ in range(3):  # by its deadline
                    status, _, answer = server.request("POST", "/brief-" + wire, wait)
                    self.assertEqual((504, "timeout"), (status, json.loads(answer)["class"]))
                for _ in range(3):  # by its client
                    connection = server.connect()
                    connection.request("POST", "/brief-" + wire, wait)
                    connection.sock.close()
                nothing = json.dumps({"method": "GET", "path": "/v1/cache/none"}).encode()
                while (answer := server.request("POST", "/brief-" + wire, nothing))[0] == 504:
                    pass  # the machine stood still for all of its time
                self.assertEqual((200, 404), (answer[0], json.loads(answer[2])["status"]))
                made = {"method": "PUT", "path": "/v1/cache/" + wire, "query": {"lock": held["body"]["lock"]}, "body": wire}
                self.assertEqual(204, self.ask(server, wire, made)["status"])
                self.assertEqual(wire, self.ask(server, wire, {"method": "GET", "path": "/v1/cache/" + wire})["body"])


if __name__ == "__main__":
    support.main()
