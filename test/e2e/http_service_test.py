"""Requests of functions to other servers by the platform's API: what is permitted, what comes back, and limits."""

import gzip
import http.server
import json
import socket
import threading

import support
from support import function

RELAY = r"""
#include <ubiq/host.h>

UBIQ_EXPORT(relay) {
  size_t size;
  char *request = ubiq_input(&size);
  ubiq_block answer = ubiq_invoke(UBIQ_JSON, request, size);
  return ubiq_output_block(answer, ubiq_block_size(answer));
}
// Asks 21 times.
UBIQ_EXPORT(greedy) {
  size_t size;
  char *request = ubiq_input(&size);
  ubiq_block answer = 0;
  for (int i = 0; i < 21; i++) answer = ubiq_invoke(UBIQ_JSON, request, size);
  return ubiq_output_block(answer, ubiq_block_size(answer));
}
"""
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ZSTD = b"\x28\xb5\x2f\xfd\x20\x0b\x59\x00\x00hello world"  # one raw block


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_any(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        if self.path == "/hang":
            self.server.hung.set()
            self.rfile.read(1)  # until the client leaves
            self.server.left.set()
            return
        status, headers, answer = self.server.paths.get(self.path, (200, [("content-type", "text/plain")], b"hello"))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_any

    def handle(self):
        with self.server.lock:
            self.server.connections += 1
        try:
            super().handle()
        except ConnectionError:
            pass

    def log_message(self, *_):
        pass


class HttpService(support.Test):
    def other(self, host="127.0.0.1"):
        other = http.server.ThreadingHTTPServer((host, 0), Handler)
        other.daemon_threads = True
        other.seen, other.paths, other.connections, other.lock = [], {}, 0, threading.Lock()
        other.hung, other.left = threading.Event(), threading.Event()
        threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        other.url = "http://%s:%d" % (host, other.server_port)
        return other

    def launch(self, *permissions, more=(), **settings):
        granted = json.dumps(list(permissions))
        functions = [function(name, "POST /" + name, permissions=granted, **settings) for name in ("relay", "greedy")]
        return self.start(self.project(*functions, files={"guest.c": RELAY}), "--workers", "1", *more)

    def ask(self, server, request, headers={}, path="/relay"):
        value = {"method": "POST", "path": "/v1/http", "body": request}
        status, _, answer = server.request("POST", path, json.dumps(value).encode(), headers)
        self.assertEqual(200, status, answer)
        return json.loads(answer)

    def near(self, *more, **settings):
        """A server that may be asked, and functions that may ask it for anything."""
        other = self.other()
        return other, self.launch("http:*:127.0.0.1:%d" % other.server_port, *more, **settings)

    def assert_problem(self, status, answer, words):
        self.assertEqual(status, answer["status"], answer)
        self.assertIn(words, answer["body"]["detail"])

    def test_an_answer_has_status_headers_and_body(self):
        other, server = self.near()
        other.paths["/json"] = (201, [("content-type", "application/json; charset=utf-8"), ("x-a", "1"), ("x-a", "2")], b'{"a": [1]}')
        other.paths["/broken"] = (200, [("content-type", "application/json")], b'{"a": 1}, "b": 2')
        other.paths["/bytes"] = (404, [], b"\x00\xff")
        answer = self.ask(server, {"url": other.url + "/json"})["body"]
        self.assertEqual((201, "json", {"a": [1]}), (answer["status"], answer["encoding"], answer["body"]))
        self.assertEqual(["1", "2"], answer["headers"]["x-a"])
        self.assertNotIn("url", answer)
        answer = self.ask(server, {"url": other.url + "/broken"})["body"]
        self.assertEqual(("utf8", '{"a": 1}, "b": 2'), (answer["encoding"], answer["body"]))
        answer = self.ask(server, {"url": other.url + "/bytes"})["body"]
        self.assertEqual((404, "base64", "AP8="), (answer["status"], answer["encoding"], answer["body"]))
        answer = self.ask(server, {"url": other.url + "/", "method": "HEAD"})["body"]
        self.assertNotIn("body", answer)

    def test_a_request_has_method_headers_and_body(self):
        other, server = self.near()
        self.ask(server, {"url": other.url + "/a?b=c", "method": "PUT", "headers": {"x-a": ["1", "2"]}, "body": {"n": 1.5}})
        method, path, headers, body = other.seen[-1]
        self.assertEqual(("PUT", "/a?b=c", b'{"n":1.5}'), (method, path, body))
        self.assertEqual("application/json", headers["content-type"])
        self.ask(server, {"url": other.url, "method": "POST", "body": "AP8=", "encoding": "base64"})
        self.assertEqual(("/", b"\x00\xff"), (other.seen[-1][1], other.seen[-1][3]))
        self.ask(server, {"url": other.url, "method": "POST", "body": "text", "encoding": "utf8", "headers": {"Content-Type": "text/x"}})
        self.assertEqual((b"text", "text/x"), (other.seen[-1][3], other.seen[-1][2]["Content-Type"]))

    def test_requests_of_a_worker_share_connections(self):
        other, server = self.near()
        for _ in range(3):
            self.assertEqual(200, self.ask(server, {"url": other.url})["body"]["status"])
        self.assertEqual(1, other.connections)

    def test_packed_bodies_are_unpacked(self):
        other, server = self.near()
        other.paths["/gzip"] = (200, [("content-encoding", "gzip")], gzip.compress(b"hello gzip"))
        other.paths["/zstd"] = (200, [("content-encoding", "zstd")], ZSTD)
        self.assertEqual("hello gzip", self.ask(server, {"url": other.url + "/gzip"})["body"]["body"])
        self.assertEqual("hello world", self.ask(server, {"url": other.url + "/zstd"})["body"]["body"])
        self.assertEqual("gzip, zstd", other.seen[-1][2]["Accept-Encoding"])

    def test_a_trace_goes_on(self):
        other, server = self.near()
        self.ask(server, {"url": other.url}, {"traceparent": TRACE, "tracestate": "a=1"})
        headers = {name.lower(): value for name, value in other.seen[-1][2].items()}
        self.assertEqual((TRACE.split("-")[1], "a=1"), (headers["traceparent"].split("-")[1], headers["tracestate"]))
        self.ask(server, {"url": other.url, "headers": {"traceparent": TRACE}})
        self.assertEqual(TRACE, other.seen[-1][2]["traceparent"])

    def test_what_is_not_permitted_is_denied_in_words_to_paste(self):
        other = self.other()
        server = self.launch("http:get:127.0.0.1:%d/v1/*" % other.server_port)
        self.assertEqual(200, self.ask(server, {"url": other.url + "/v1/a"})["status"])
        for request, missing in (({"url": other.url + "/v2"}, "http:get:127.0.0.1:%d/v2" % other.server_port),
                                 ({"url": other.url + "/v1/%2e%2e/v2"}, "http:get:127.0.0.1:%d/v2" % other.server_port),
                                 ({"url": other.url + "/v1/a", "method": "DELETE"}, "http:delete:127.0.0.1:%d/v1/a" % other.server_port),
                                 ({"url": "https://example.com"}, "http:get:example.com/")):
            self.assert_problem(403, self.ask(server, request), 'permissions = ["%s"]' % missing)
        self.assertEqual(1, len(other.seen))

    def test_private_addresses_are_reached_only_where_a_permission_names_them(self):
        other = self.other()
        for permission in ("*", "http:*", "http:get:*/*", "http:get:127.0.0.*"):
            answer = self.ask(self.launch(permission), {"url": other.url + "/v1"})
            self.assert_problem(403, answer, "a loopback address")
            named = 'http:get:127.0.0.1:%d/v1' % other.server_port
            self.assert_problem(403, answer, 'permissions = ["%s"]' % named)
        self.assertEqual([], other.seen)
        self.assertEqual(200, self.ask(self.launch(permission, named), {"url": other.url + "/v1"})["status"])
        other.seen.clear()
        answer = self.ask(self.launch("http:get:169.254.169.254"), {"url": "http://169.254.169.254/latest"})
        self.assert_problem(403, answer, "metadata")
        self.assertNotIn("permission", answer["body"]["detail"])
        self.assertEqual([], other.seen)

    def test_a_name_is_no_address(self):
        other = self.other()
        port = other.server_port
        server = self.launch("http:get:localhost:%d" % port, "http:get:*.localhost:%d" % port)
        self.assertEqual(200, self.ask(server, {"url": "http://localhost:%d/" % port})["status"])
        self.assert_problem(403, self.ask(server, {"url": "http://a.localhost:%d/" % port}), "a loopback address")
        self.assert_problem(403, self.ask(server, {"url": "http://2130706433:%d/" % port}), "127.0.0.1")

    def test_the_servers_own_listeners_are_refused(self):
        server = None
        while server is None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            try:
                server = self.launch("http:*:127.0.0.1:%d" % port, more=("--listen", "127.0.0.1:%d" % port))
            except AssertionError as error:
                if "is in use" not in str(error):  # somebody else took the port meanwhile
                    raise
        self.assert_problem(403, self.ask(server, {"url": "http://127.0.0.1:%d/relay" % port}), "this server")

    def test_each_redirect_is_permitted_by_itself(self):
        other, server = self.near()
        hidden = self.other("127.0.0.2")
        other.paths["/next"] = (302, [("location", "/end?x=1")], b"")
        other.paths["/away"] = (302, [("location", hidden.url + "/secret")], b"")
        other.paths["/around"] = (302, [("location", "/around")], b"")
        other.paths["/bad"] = (302, [("location", "ftp://x/")], b"")
        answer = self.ask(server, {"url": other.url + "/next"})["body"]
        self.assertEqual((200, other.url + "/end"), (answer["status"], answer["url"]))
        self.assert_problem(403, self.ask(server, {"url": other.url + "/away"}), "http:get:127.0.0.2")
        self.assertEqual([], hidden.seen)
        self.assertEqual(302, self.ask(server, {"url": other.url + "/next", "redirects": 0})["body"]["status"])
        self.assert_problem(503, self.ask(server, {"url": other.url + "/around", "redirects": 2}), "more than 2 redirects")
        self.assertEqual(3, sum(seen[1] == "/around" for seen in other.seen))
        self.assertEqual(502, self.ask(server, {"url": other.url + "/bad"})["status"])

    def test_a_redirect_to_a_private_address_is_refused_though_anything_is_permitted(self):
        other, hidden = self.other(), self.other("127.0.0.2")
        other.paths["/away"] = (307, [("location", hidden.url)], b"")
        server = self.launch("http:*", "http:get:127.0.0.1:%d" % other.server_port)
        self.assert_problem(403, self.ask(server, {"url": other.url + "/away"}), "127.0.0.2")
        self.assertEqual([], hidden.seen)

    def test_what_is_too_large_is_refused(self):
        other, server = self.near(memory='"128MiB"', body_max='"16MiB"', response_max='"64MiB"')
        other.paths["/large"] = (200, [], b"x" * ((10 << 20) + 1))
        other.paths["/bomb"] = (200, [("content-encoding", "gzip")], gzip.compress(b"\0" * ((10 << 20) + 1)))
        other.paths["/fits"] = (200, [], b"x" * (10 << 20))
        self.assert_problem(413, self.ask(server, {"url": other.url + "/large"}), "10485760")
        self.assert_problem(413, self.ask(server, {"url": other.url + "/bomb"}), "10485760")
        self.assertEqual(10 << 20, len(self.ask(server, {"url": other.url + "/fits"})["body"]["body"]))
        asked = len(other.seen)
        request = {"url": other.url, "method": "POST", "encoding": "utf8", "body": "x" * ((10 << 20) + 1)}
        self.assert_problem(413, self.ask(server, request), "10485760")
        self.assertEqual(asked, len(other.seen))

    def test_what_is_too_slow_is_a_timeout(self):
        other, server = self.near()
        while not other.hung.is_set():  # what timed out before it was sent is no request that can be left
            self.assert_problem(504, self.ask(server, {"url": other.url + "/hang", "timeout": "50ms"}), "no whole answer")
        self.assertTrue(other.left.wait(support.PATIENCE))

    def test_a_caller_that_leaves_takes_its_request_along(self):
        other, server = self.near()
        connection = server.connect()
        connection.request("POST", "/relay", json.dumps({"method": "POST", "path": "/v1/http", "body": {"url": other.url + "/hang"}}))
        self.assertTrue(other.hung.wait(support.PATIENCE))
        connection.sock.close()
        self.assertTrue(other.left.wait(support.PATIENCE))
        self.assertEqual(200, self.ask(server, {"url": other.url})["status"])

    def test_who_is_not_there_is_asked_again(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            server = self.launch("http:*:127.0.0.1:%d" % port)
            came = []

            def hang_up():
                try:
                    while True:
                        connection, _ = listener.accept()
                        came.append(connection.recv(65536).split(b" ")[0])
                        connection.close()
                except OSError:
                    pass

            threading.Thread(target=hang_up, daemon=True).start()
            self.assertEqual(503, self.ask(server, {"url": "http://127.0.0.1:%d/" % port})["status"])
            self.assertEqual(503, self.ask(server, {"url": "http://127.0.0.1:%d/" % port, "method": "POST"})["status"])
            self.assertEqual(503, self.ask(server, {"url": "http://127.0.0.1:%d/" % port, "retries": 0})["status"])
            self.assertEqual([b"GET"] * 3 + [b"POST", b"GET"], came)
            listener.shutdown(socket.SHUT_RDWR)

    def test_a_run_sends_so_many_requests_and_no_more(self):
        other, server = self.near()
        self.assert_problem(429, self.ask(server, {"url": other.url}, path="/greedy"), "20 requests")
        self.assertEqual(20, len(other.seen))
        self.assertEqual(200, self.ask(server, {"url": other.url})["status"])

    def test_what_is_no_request_is_refused(self):
        server = self.launch("http:*")
        for request in ({"url": "nonsense"}, {"url": "ftp://example.com/"}, {"url": "http://a/\0"}, {"url": "http://a", "timeout": "soon"},
                        {"url": "http://a", "body": "=", "encoding": "base64"}, {"url": "http://a", "headers": {"a": "b\r\nc: d"}},
                        {"url": "http://a", "redirects": 21}, {"url": "http://a", "method": "get"}, {"url": "http://a", "headers": {"a\0": "b"}}):
            self.assertEqual(400, self.ask(server, request)["status"], request)


if __name__ == "__main__":
    support.main()
