"""The platform's API on the admin port: what functions reach by InvokeHost, over HTTP."""

import http.client
import json
import os
import shutil
import signal
import socket
import time
import urllib.parse

import support
from bundle_test import pack
from deploying import Server, Test
from support import function


class AdminPlatform(Test):
    def launch(self):
        server = Server(self.folder())
        self.addCleanup(server.close)
        return server

    def deployed(self, server, bundle):
        self.assertEqual(200, server.deploy(bundle)[0])

    def raw(self, server, method, path, body=None, headers={}, token=None):
        """Status, headers and body of an answer, whatever it is."""
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        try:
            connection.request(method, path, body, {"Authorization": "Bearer " + (token or server.token), **headers})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def test_values_are_put_and_got(self):
        server = self.launch()
        self.assertEqual(200, self.raw(server, "PUT", "/v1/kv/users%2F42?ttl=60s", '{"name":"Ada"}',
                                       {"Content-Type": "application/json"})[0])
        status, headers, body = self.raw(server, "GET", "/v1/kv/users%2F42")
        self.assertEqual((200, "application/json", b'{"name":"Ada"}'), (status, headers["content-type"], body))
        self.assertEqual(404, self.raw(server, "GET", "/v1/kv/users/42")[0])
        self.assertEqual(200, self.raw(server, "PUT", "/v1/kv/raw", b"\0\xff", {"Content-Type": "image/png"})[0])
        status, headers, body = self.raw(server, "GET", "/v1/kv/raw")
        self.assertEqual((200, "image/png", b"\0\xff"), (status, headers["content-type"], body))

    def test_what_was_read_is_replaced_only_while_it_is_there_when_http_says_so(self):
        server = self.launch()
        for path in ("/v1/kv/a", "/v1/objects/small", "/v1/objects/large"):
            body = os.urandom(200000 if path.endswith("large") else 200)
            self.assertEqual(412, self.raw(server, "PUT", path, body, {"If-Match": '"1"'})[0])
            self.assertEqual(200, self.raw(server, "PUT", path, body, {"If-None-Match": "*"})[0])
            self.assertEqual(412, self.raw(server, "PUT", path, b"other", {"If-None-Match": "*"})[0])
            first = self.raw(server, "GET", path)[1]["etag"]
            status, headers, answer = self.raw(server, "GET", path, headers={"If-None-Match": first})
            self.assertEqual((304, first, b""), (status, headers["etag"], answer))
            self.assertEqual(200, self.raw(server, "PUT", path, body + b"2", {"If-Match": first})[0])
            self.assertEqual(412, self.raw(server, "PUT", path, b"other", {"If-Match": first})[0])
            self.assertEqual(412, self.raw(server, "DELETE", path, headers={"If-Match": first})[0])
            status, headers, answer = self.raw(server, "GET", path, headers={"If-None-Match": first})
            self.assertEqual((200, body + b"2"), (status, answer))
            self.assertEqual(204, self.raw(server, "DELETE", path, headers={"If-Match": headers["etag"]})[0])
            self.assertEqual(404, self.raw(server, "GET", path)[0])

    def test_a_method_that_a_path_has_not_is_refused_with_those_that_it_has(self):
        server = self.launch()
        for method in ("PATCH", "OPTIONS", "TRACE", "PROPFIND", "HEAD", "POST"):
            status, headers, _ = self.raw(server, method, "/v1/kv/a")
            self.assertEqual((405, "GET, PUT, DELETE"), (status, headers["allow"]), method)
        self.assertEqual(404, self.raw(server, "PATCH", "/v1/none")[0])

    def test_a_head_of_any_size_is_answered(self):
        server = self.launch()
        start = "GET /v1/kv/none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer %s\r\n" % server.token
        kinds = {
            "a cookie": lambda size: "Cookie: a=%s\r\n" % ("x" * size),
            "cookies in a line": lambda size: "Cookie: %s\r\n" % "; ".join("c%d=v" % i for i in range(size // 10)),
            "a header": lambda size: "X-A: %s\r\n" % ("x" * size),
            "headers": lambda size: "".join("X-%d: abcd\r\n" % i for i in range(size // 13)),
        }
        for kind, make in kinds.items():
            last = 404
            for size in (100, 500, 3000, *range(14500, 16500, 31), 1 << 16):
                with socket.create_connection(("127.0.0.1", server.admin_port), support.PATIENCE) as client:
                    client.sendall((start + make(size) + "\r\n").encode())
                    status = int(client.makefile("rb").readline().split()[1])
                self.assertIn(status, (404, 400, 431), (kind, size))  # 400: more headers than are taken
                last = status
            self.assertEqual(431, last, kind)

    def test_what_the_documentation_shows_is_taken(self):
        server = self.launch()
        with open(os.path.join(os.environ["UBIQ_SOURCE"], "docs", "api.md"), encoding="utf-8") as page:
            shown = [json.loads(line) for line in page if line.startswith('{"method"')]
        self.assertGreater(len(shown), 40)
        for request in shown:
            path = request["path"] + ("?" + urllib.parse.urlencode(request["query"]) if "query" in request else "")
            body = json.dumps(request["body"]) if "body" in request else None
            headers = {"Content-Type": "application/json", **request.get("headers", {})} if body else {}
            status, _, answer = self.raw(server, request["method"], path, body, headers)
            self.assertNotIn(status, (400, 405, 413, 500), "%s: %s" % (request, answer))

    def test_requests_to_other_servers_are_sent_for_functions_alone(self):
        server = self.launch()
        status, problem = server.ask("POST", "/v1/http", '{"url":"http://example.com/"}', {"Content-Type": "application/json"})
        self.assertEqual((403, "denied"), (status, problem["class"]))

    def test_a_value_outlives_a_server_that_is_killed(self):
        server = self.launch()
        headers = {"Content-Type": "application/json"}
        self.assertEqual(200, self.raw(server, "PUT", "/v1/kv/a", "[1,2]", headers)[0])
        server.signal(signal.SIGKILL)
        server.wait()
        again = Server(server.state)
        self.addCleanup(again.close)
        status, headers, body = self.raw(again, "GET", "/v1/kv/a")
        self.assertEqual((200, '"1"', b"[1,2]"), (status, headers["etag"], body))

    def test_a_copy_of_a_running_server_serves_what_it_did(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        self.assertEqual(200, self.raw(server, "PUT", "/v1/kv/a", "1", {"Content-Type": "application/json"})[0])
        copy = os.path.join(self.folder(), "copy")
        done = self.run_ubiq("backup", copy, "--state", server.state)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("holds releases and what functions stored", done.stderr)
        bare = support.Server("--state=" + shutil.copytree(copy, copy + "-2"), "--admin", "127.0.0.1:0")
        self.addCleanup(bare.close)
        bare.wait_for(r"deploy to \S+ with a token of yours, or one of `ubiq token new --state \S+`")
        with open(os.path.join(server.state, "token")) as token, open(os.path.join(copy, "token"), "w") as its_own:
            its_own.write(token.read())  # a copy has the tokens, but not their text
        server.stop()
        again = Server(copy)
        self.addCleanup(again.close)
        self.assertEqual(b"1", self.raw(again, "GET", "/v1/kv/a")[2])
        names = [each["name"] for each in again.ask("GET", "/v1/functions")[1]["functions"]]
        self.assertEqual(["a", "b", "busy"], sorted(names))

    def test_what_is_wrong_is_told_as_functions_are_told(self):
        server = self.launch()
        for expected, method, path, words in ((404, "GET", "/v1/nothing", "no path"), (405, "GET", "/v1/log", "POST"),
                                              (400, "GET", "/v1/kv?limit=many", "limit"),
                                              (405, "PATCH", "/v1/kv", "no such method")):
            status, problem = server.ask(method, path)
            self.assertEqual((expected, expected), (status, problem["status"]), problem)
            self.assertIn(words, problem["detail"])
        status, problem = server.ask("PUT", "/v1/kv/a", "{", {"Content-Type": "application/json"})
        self.assertEqual(400, status, problem)
        status, problem = server.ask("POST", "/v1/log", '{"message":7}', {"Content-Type": "application/json"})
        self.assertEqual(400, status, problem)

    def test_the_log_and_functions_are_there(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        names = [each["name"] for each in server.ask("GET", "/v1/functions")[1]["functions"]]
        self.assertEqual(["a", "b", "busy"], sorted(names))
        self.assertEqual(204, self.raw(server, "POST", "/v1/log", '{"message":"by hand"}', {"Content-Type": "application/json"})[0])
        server.wait_for(r"INFO +admin: by hand")

    def test_functions_are_run_and_waited_for_or_not(self):
        server = self.launch()
        self.assertEqual(404, server.ask("POST", "/v1/functions/a/runs")[0])
        self.deployed(server, self.bundle("1"))
        deadline = time.monotonic() + support.PATIENCE
        while self.raw(server, "POST", "/v1/functions/a/runs")[0] == 404 and time.monotonic() < deadline:
            pass  # the workers get it a moment later
        status, headers, body = self.raw(server, "POST", "/v1/functions/a/runs", b"input", {"Content-Type": "text/plain"})
        self.assertEqual((200, "application/json", b"1"), (status, headers["content-type"], body))
        status, begun = server.ask("POST", "/v1/functions/a/runs?wait=false")
        self.assertEqual(202, status)
        found = {}
        while found.get("status") != "done" and time.monotonic() < deadline:
            status, found = server.ask("GET", "/v1/runs/" + begun["id"])
            self.assertEqual(200, status, found)
        self.assertEqual(("a", 1), (found["function"], found["output"]))
        self.assertEqual(404, server.ask("GET", "/v1/runs/" + "0" * 40)[0])

    def test_a_run_that_waits_for_its_turn_is_queued(self):
        server = self.launch()
        made = self.build(function("spin", "GET /spin", pool='{ min = 0, max = 1 }', cpu='"60s"', timeout='"60s"'))
        self.deployed(server, pack(*made.items()))
        ids, deadline = [], time.monotonic() + support.PATIENCE
        while len(ids) < 2 and time.monotonic() < deadline:  # the workers get it a moment later
            status, begun = server.ask("POST", "/v1/functions/spin/runs?wait=false")
            ids += [begun["id"]] if status == 202 else []
        found = []
        while "running" not in found and time.monotonic() < deadline:
            found = [server.ask("GET", "/v1/runs/" + each)[1]["status"] for each in ids]
        self.assertEqual(["queued", "running"], sorted(found))

    def test_who_may_only_look_changes_nothing(self):
        server = self.launch()
        made = self.run_ubiq("token", "new", "--read-only", "--state", server.state)
        token = made.stdout.strip()
        self.assertEqual(200, self.raw(server, "GET", "/v1/kv", token=token)[0])
        self.assertEqual(403, self.raw(server, "PUT", "/v1/kv/a", "1", {"Content-Type": "application/json"}, token)[0])
        self.assertEqual(401, self.raw(server, "GET", "/v1/kv", token="ubiq_none")[0])


if __name__ == "__main__":
    support.main()
