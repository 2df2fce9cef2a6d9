"""The admin API of `ubiq serve --state`: what is deployed is served, again after a restart, and nothing is lost or let in."""

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

import deploying
import support
from support import UBIQ, function


class Deploy(deploying.Test):
    def test_what_is_deployed_is_served_and_again_after_a_restart(self):
        server = self.launch()
        self.assertEqual(404, server.get("/a")[0])
        answer = self.deployed(server, self.bundle("1"))
        self.assertEqual(("shop", "1", "current", False), tuple(answer[k] for k in ("project", "version", "state", "signed")))
        self.serves(server, "1")
        self.deployed(server, self.bundle("2"))
        self.serves(server, "2")
        self.assertEqual(0, server.stop())
        again = self.launch(server.state)
        self.serves(again, "2")
        self.assertEqual(server.token, again.token)

    def test_the_same_bundle_again_changes_nothing(self):
        server = self.launch()
        first = self.deployed(server, self.bundle("1"))
        again = self.deployed(server, self.bundle("1"))
        self.assertEqual(first["digest"], again["digest"])
        self.assertEqual(1, len(server.ask("GET", "/v1/releases")[1]))
        self.assertEqual(404, server.ask("POST", "/v1/rollback")[0])

    def test_a_rollback_leads_to_what_was_before_or_to_what_is_named(self):
        server = self.launch()
        digests = [self.deployed(server, self.bundle(version))["digest"] for version in "123"]
        status, answer = server.ask("POST", "/v1/rollback")
        self.assertEqual((200, "2"), (status, answer["version"]))
        self.serves(server, "2")
        status, answer = server.ask("POST", "/v1/rollback?to=" + digests[0][:12])
        self.assertEqual((200, digests[0]), (status, answer["digest"]))
        self.serves(server, "1")
        states = {r["version"]: r["state"] for r in server.ask("GET", "/v1/releases")[1]}
        self.assertEqual({"1": "current", "2": "previous", "3": "kept"}, states)
        self.assertEqual(404, server.ask("POST", "/v1/rollback?to=ffff")[0])
        self.serves(server, "1")
        self.assertEqual(0, server.stop())
        self.serves(self.launch(server.state), "1")

    def test_no_request_is_lost_while_releases_change(self):
        server = self.launch()
        self.deployed(server, self.bundle("0"))
        over, problems, counts, news = threading.Event(), [], [0] * 4, threading.Condition()

        def load(index):
            connection = http.client.HTTPConnection(server.host, server.port, timeout=support.PATIENCE)
            while not over.is_set() and not problems:
                for path in ("/a", "/b"):
                    connection.request("GET", path)
                    response = connection.getresponse()
                    body = response.read().decode()
                    if response.status != 200 or not body.isdigit():
                        problems.append((response.status, body))
                with news:
                    counts[index] += 2
                    news.notify_all()
            connection.close()

        def wait_for_requests():
            """Until each client has asked some more, however slow this machine is."""
            with news:
                wanted = [count + 4 for count in counts]
                news.wait_for(lambda: problems or all(a >= b for a, b in zip(counts, wanted)), support.PATIENCE)
                self.assertTrue(problems or all(a >= b for a, b in zip(counts, wanted)), "a client has no answer")

        threads = [support.in_thread(load, index) for index in range(4)]
        try:
            for version in range(1, 13):
                wait_for_requests()
                self.deployed(server, self.bundle(str(version)))
            wait_for_requests()
        finally:
            over.set()
        for thread in threads:
            thread.join(support.PATIENCE)
            self.assertFalse(thread.is_alive())
            self.assertIsNone(thread.result)
        self.assertEqual([], problems)
        self.serves(server, "12")

    def test_a_request_under_way_keeps_its_release_which_ends_with_it(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        request = support.in_thread(server.get, "/busy")
        server.wait_for("deployed")
        self.deployed(server, self.bundle("2"))
        self.serves(server, "2")
        request.join(support.PATIENCE)
        self.assertEqual((200, "done"), request.result)

    def test_a_kept_connection_gets_the_new_release(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        connection = server.connect()
        for version in ("1", "2"):
            if version == "2":
                self.deployed(server, self.bundle("2"))
                self.serves(server, "2")
            connection.request("GET", "/a")
            self.assertEqual(version.encode(), connection.getresponse().read())

    def test_functions_and_status_tell_what_is_served(self):
        server = self.launch()
        self.assertEqual([], server.ask("GET", "/_ubiq/functions")[1])
        self.deployed(server, self.bundle("1", 'timeout = "3s"\n'))
        functions = {f["name"]: f for f in server.ask("GET", "/_ubiq/functions")[1]}
        self.assertEqual(["a", "b", "busy"], sorted(functions))
        self.assertEqual(("GET", "/a", 3000), tuple(functions["a"][k] for k in ("method", "path", "timeout_ms")))
        self.serves(server, "1")
        status = server.ask("GET", "/v1/status")[1]
        self.assertEqual((server.url, None, False), (status["url"], status["canary"], status["is_changing"]))
        self.assertEqual(("1", 2, 0), tuple(status["current"][k] for k in ("version", "requests", "failures")))


class Compiling(deploying.Test):
    """While a release is compiled, for as long as a test wants it to be."""

    def begin(self, server):
        """A deploy that is under way: the process that compiles for it is stopped. Also answers what lets it go on."""
        helper = deploying.helper_of(server)
        for attempt in range(1, 100):
            self.deployed(server, self.bundle("1"))
            deploy = support.in_thread(server.deploy, self.large(attempt))
            job = self.stop_job(helper, deploy)
            if job is not None:
                self.assertTrue(server.ask("GET", "/v1/status")[1]["is_changing"])
                return deploy, lambda: os.kill(job, signal.SIGCONT)
            self.assertEqual(200, deploy.result[0], deploy.result)  # it was done before this saw it: once more
        self.fail("no deploy was seen under way")

    def large(self, attempt):
        """A bundle that takes a while to compile, and was not compiled before."""
        body = "(i32.const 0)" + "(i32.const %d) (i32.add)" % attempt * 10
        text = "(module %s (func (export \"configured\") (result i32) %s))" % ("(func (result i32) %s)" % body * 3000 * attempt, body)
        toml = '[project]\nname = "shop"\nversion = "2"\n'
        toml += "".join('[functions.%s]\nwasm = "large.wat"\nexport = "configured"\nroute = "GET /%s"\n' % (f, f) for f in "ab")
        return deploying.pack(("ubiq.toml", toml), ("large.wat", text))

    def stop_job(self, helper, deploy):
        """Stops the process that assembles or compiles; None: none was seen before the deploy was over."""
        while deploy.is_alive():
            for job in deploying.jobs_of(helper):
                try:
                    os.kill(job, signal.SIGSTOP)
                except ProcessLookupError:
                    continue
                state = deploying.state_of(job)
                while state not in "TZX":
                    state = deploying.state_of(job)
                if state == "T":  # else it had ended, though nobody knew yet
                    return job
        return None

    def test_requests_and_questions_are_answered_and_a_second_deploy_is_told_to_wait(self):
        server = self.launch()
        deploy, go_on = self.begin(server)
        status, answer = server.deploy(self.bundle("3"))
        self.assertEqual((429, "busy"), (status, answer["class"]))
        self.assertEqual(429, server.ask("POST", "/v1/rollback")[0])
        self.assertEqual("1", server.ask("GET", "/v1/status")[1]["current"]["version"])
        self.serves(server, "1")
        self.assertTrue(deploy.is_alive())
        go_on()
        deploy.join(support.PATIENCE)
        self.assertEqual((200, "2"), (deploy.result[0], deploy.result[1]["version"]))
        self.assertEqual(500, server.get("/a")[0])

    def test_a_server_that_stops_meanwhile_begins_again_with_one_or_the_other(self):
        server = self.launch()
        deploy, go_on = self.begin(server)
        server.signal()
        server.wait_for("finishing what is under way")
        go_on()
        self.assertEqual(0, server.wait())
        deploy.join(support.PATIENCE)
        again = self.launch(server.state)
        self.assertIn(again.get("/a")[0], [200, 500])
        self.deployed(again, self.bundle("3"))
        self.serves(again, "3")

    def test_a_second_signal_does_not_wait_for_a_deploy(self):
        server = self.launch()
        deploy, _ = self.begin(server)
        server.signal()
        server.wait_for("finishing what is under way")
        self.assertIsNone(server.process.poll())
        server.signal()
        self.assertEqual(130, server.wait())
        deploy.join(support.PATIENCE)
        self.serves(self.launch(server.state), "1")


class Refusals(deploying.Test):
    """What is not served: the release before goes on, and nothing is left behind."""

    def refused(self, server, status, part, body, **options):
        found, answer = server.deploy(body, **options)
        self.assertEqual(status, found, answer)
        self.assertIn(part, answer["detail"])
        self.serves(server, "1")
        self.assertEqual([], os.listdir(os.path.join(server.state, "incoming")))
        self.assertEqual(1, len(os.listdir(os.path.join(server.state, "bundles"))))

    def start_with_one(self, *options):
        server = self.launch(None, *options)
        self.deployed(server, self.bundle("1"))
        return server

    def test_what_is_no_bundle_or_another_than_was_said(self):
        server = self.start_with_one()
        self.refused(server, 400, "is no bundle", b"nonsense")
        self.refused(server, 400, "no body", b"")
        bundle = self.bundle("2")
        status, answer = server.ask("PUT", "/v1/releases/" + "0" * 64, bundle)
        self.assertEqual(400, status)
        self.assertIn(hashlib.sha256(bundle).hexdigest(), answer["detail"])
        for digest in ("x", "0" * 63, "0" * 65, "A" * 64):
            status, answer = server.ask("PUT", "/v1/releases/" + digest, bundle)
            self.assertEqual((400, True), (status, "64 lower-case hex digits" in answer["detail"]))
        self.serves(server, "1")

    def test_another_project(self):
        self.refused(self.start_with_one(), 400, '"shop"', self.bundle("2", project="other"))

    def test_hosts_and_limits_that_are_not_granted(self):
        server = self.launch(None, "--allow-host", "api.example.com", "--timeout-max", "1m", "--cpu-max", "10s")
        self.deployed(server, self.bundle("1", 'allowed_hosts = ["api.example.com"]\n'))
        self.refused(server, 403, "--allow-host '*'", self.bundle("2", 'allowed_hosts = ["*"]\n'))
        self.refused(server, 403, "--timeout-max", self.bundle("2", 'timeout = "2m"\n'))
        self.refused(server, 403, "--cpu-max", self.bundle("2", 'cpu = "11s"\n'))
        self.refused(server, 403, "--memory-max", self.bundle("2", 'memory = "2GiB"\n'))
        self.refused(server, 403, "--body-max", self.bundle("2", 'body_max = "101MiB"\n'))
        self.refused(server, 403, "--ready-max", self.bundle("2", 'pool = { min = 101 }\n'))
        self.refused(server, 403, "--response-max", self.bundle("2", 'response_max = "101MiB"\n'))

    def asking(self, version, quotas):
        return self.bundle(version, project='shop"\nquotas = { %s } #' % quotas)

    def test_quotas_that_are_not_granted(self):
        server = self.launch(None, "--kv-max", "4KiB", "--storage-max", "1KiB")
        self.deployed(server, self.asking("1", "kv_keys = 2"))
        self.refused(server, 403, "asks for kv of 4097 bytes; at most 4096 bytes are granted (--kv-max)", self.asking("2", "kv = 4097"))
        self.refused(server, 403, "--storage-max", self.asking("2", 'storage = "2KiB"'))
        self.refused(server, 403, "--kv-keys-max", self.asking("2", "kv_keys = 10000001"))
        headers = {"Content-Type": "application/json"}
        for status, path, body, why in ((200, "kv/a", "1", ""), (507, "kv/b", '"%s"' % ("x" * 4096), "4096"), (200, "kv/b", "1", ""),
                                        (507, "kv/c", "1", "2 keys"), (507, "objects/a", '"%s"' % ("x" * 1024), "1024"), (200, "objects/a", "1", "")):
            got, answer = server.ask("PUT", "/v1/" + path, body.encode(), headers)
            self.assertEqual(status, got, answer)
            self.assertIn(why, str(answer))
        used = server.ask("GET", "/v1/status")[1]["used"]
        self.assertEqual({"kv": {"used": 4, "max": 4096}, "kv_keys": {"used": 2, "max": 2}, "storage": {"used": 1, "max": 1024},
                          "waiting": {"used": 0, "max": 2000000}, "waiting_size": {"used": 0, "max": 1 << 30}}, used)

    def test_what_waits_has_a_quota(self):
        server = self.launch(None)
        self.deployed(server, self.asking("1", "waiting = 2, waiting_size = 1000"))
        body = {"function": "nobody", "at": "2999-01-01T00:00:00Z"}
        for status, more, why in ((201, {}, ""), (507, {"input": "x" * 1000}, "1000"), (201, {}, ""), (507, {}, "2")):
            got, answer = server.ask("POST", "/v1/schedules", json.dumps({**body, **more}), {"Content-Type": "application/json"})
            self.assertEqual(status, got, answer)
            self.assertIn(why, str(answer))
        used = server.ask("GET", "/v1/status")[1]["used"]
        self.assertEqual(({"used": 2, "max": 2}, 1000), (used["waiting"], used["waiting_size"]["max"]))
        self.assertGreater(used["waiting_size"]["used"], 0)

    def test_what_is_too_large_is_not_even_received(self):
        server = self.start_with_one()
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        connection.putrequest("PUT", "/v1/releases/" + "0" * 64)
        connection.putheader("Authorization", "Bearer " + server.token)
        connection.putheader("Content-Length", str((64 << 20) + 1))
        connection.endheaders()
        self.assertEqual(413, connection.getresponse().status)
        connection.close()
        self.serves(server, "1")

    def test_a_module_that_cannot_be_compiled(self):
        server = self.start_with_one()
        bundle = deploying.pack(("ubiq.toml", '[project]\nname = "shop"\n[functions.f]\nwasm = "f.wasm"\n'),
                                ("f.wasm", b"\0asm\1\0\0\0\1\1"))
        self.refused(server, 400, "longer than what is left of the module", bundle)

    def test_a_query_that_is_not_understood(self):
        server = self.start_with_one()
        for query in ({"canary": "0"}, {"canary": "100"}, {"canary": "x"}, {"canary": "5", "rollback_above": "101"},
                      {"canary": "5", "rollback_above": "5", "window": "0"}, {"rollback_above": "5"}):
            self.refused(server, 400, "expected", self.bundle("2"), **query)


class Access(deploying.Test):
    def test_a_token_is_needed_for_everything(self):
        server = self.launch()
        for method, path in (("GET", "/v1/status"), ("GET", "/_ubiq/functions"), ("GET", "/v1/releases"), ("GET", "/nothing"),
                             ("PUT", "/v1/releases/" + "0" * 64), ("POST", "/v1/rollback"), ("POST", "/v1/promote")):
            for header in (None, "Bearer", "Bearer ", "Bearer x", "Basic " + server.token,
                           "Bearer " + server.token[:-1] + ("0" if server.token[-1] != "0" else "1")):
                status, answer = server.ask(method, path, headers={"Authorization": header})
                self.assertEqual((401, "denied"), (status, answer["class"]), (path, header))
        self.assertEqual(200, server.ask("GET", "/v1/status")[0])

    def test_the_first_token_is_in_a_file_for_its_owner_alone(self):
        server = self.launch()
        path = os.path.join(server.state, "token")
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
        self.assertEqual(0o700, os.stat(server.state).st_mode & 0o777)
        self.assertRegex(server.token, r"^ubiq_[0-9a-f]{8}_[0-9a-f]{64}$")
        self.assertFalse(any(server.token in line for line in server.lines))
        for folder, _, names in os.walk(server.state):
            for name in set(names) - {"token"}:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(server.token[14:].encode(), file.read())

    def test_a_page_of_another_site_is_refused(self):
        server = self.launch()
        own = "127.0.0.1:%d" % server.admin_port
        for headers, status in (({"Host": "evil.example"}, 403), ({"Host": "evil.example:%d" % server.admin_port}, 403),
                                ({"Host": "localhost"}, 200), ({"Host": "[::1]:1"}, 200), ({"Host": "10.0.0.1"}, 200),
                                ({"Host": "127.0.0.1.evil.example"}, 403), ({"Host": ""}, 403),
                                ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                                ({"Origin": "http://" + own + ".evil.example"}, 403), ({"Origin": "http://" + own}, 200)):
            self.assertEqual(status, server.ask("GET", "/v1/status", headers=headers)[0], headers)

    def test_a_name_that_the_operator_gives_is_a_host(self):
        server = self.launch(None, "--admin-host", "admin.example.com")
        self.assertEqual(200, server.ask("GET", "/v1/status", headers={"Host": "Admin.example.com:443"})[0])
        self.assertEqual(403, server.ask("GET", "/v1/status", headers={"Host": "www.example.com"})[0])

    def raw(self, server, target, *headers, body=b""):
        """The status of a request that is sent as it stands."""
        lines = ["GET %s HTTP/1.1" % target, *headers, "Connection: close", "", ""]
        with socket.create_connection(("127.0.0.1", server.admin_port), support.PATIENCE) as client:
            client.sendall("\r\n".join(lines).encode("latin-1") + body)
            answer = support.read_response(client.makefile("rb"))
            return None if answer is None else answer[0]

    def test_a_token_counts_in_its_header_alone_and_once(self):
        server = self.launch()
        host, good, bad = "Host: localhost", "Authorization: Bearer " + server.token, "Authorization: Bearer x"
        self.assertEqual(200, self.raw(server, "/v1/status", host, good))
        for headers in ((good, bad), (bad, good), (good, good), (good, "authorization: Basic eDp4")):
            self.assertEqual(400, self.raw(server, "/v1/status", host, *headers), headers)
        self.assertEqual(400, self.raw(server, "/v1/status", host, "Host: evil.example", good))
        self.assertEqual(400, self.raw(server, "/v1/status", host, "Origin: http://localhost", "Origin: null", good))
        for query in ("token=", "access_token=", "authorization=Bearer%20", "Authorization=Bearer+"):
            self.assertEqual(401, self.raw(server, "/v1/status?" + query + server.token, host), query)
        for header in ("Cookie: token=", "X-Authorization: Bearer ", "Proxy-Authorization: Bearer ", "X-Api-Key: "):
            self.assertEqual(401, self.raw(server, "/v1/status", host, header + server.token), header)
        self.assertEqual(401, self.raw(server, "http://x:%s@localhost/v1/status" % server.token, host))

    def test_no_spelling_of_a_path_leads_elsewhere(self):
        server = self.launch()
        host, good = "Host: localhost", "Authorization: Bearer " + server.token
        for path in ("/../v1/status", "/v1/../../etc/passwd", "/v1/releases/../status", "/v1/releases/..%2fstatus", "//v1/status",
                     "/v1//status", "/v1/status/", "/v1/status%00", "/v1/%73tatus/..", "/v1/functions/..%2f..%2ftoken/pool",
                     "/v1/functions/%2e%2e/pool", "/V1/status", "/v1/status;a=b", "/v1\\status", "/token", "/v1/releases/../../token"):
            self.assertIn(self.raw(server, path, host, good), (400, 404, 405), path)
            self.assertIn(self.raw(server, path, host), (400, 401), path)

    def test_methods_and_paths_that_there_are_not(self):
        server = self.launch()
        self.assertEqual(404, server.ask("GET", "/v2/status")[0])
        self.assertEqual(405, server.ask("DELETE", "/v1/status")[0])
        self.assertEqual(413, server.ask("POST", "/v1/rollback", b"body")[0])

    def test_the_public_port_has_nothing_of_it(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        for path in ("/v1/status", "/_ubiq/functions", "/v1/releases"):
            status, _, _ = server.request("GET", path, headers={"Authorization": "Bearer " + server.token})
            self.assertEqual(404, status)

    def test_no_function_reaches_it(self):
        hosts = ("127.0.0.1", "localhost", "LOCALHOST.", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0",
                 "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "127.0.0.2", "127.0.0.1.",
                 "x@127.0.0.1", "localhost.localdomain", "ip6-localhost")
        server = self.launch(None, "--allow-host", "*", "--allow-host", "127.0.0.1")
        files = self.build(function("fetch", "POST /fetch", allowed_hosts='["127.0.0.1", "*"]'))
        self.deployed(server, deploying.pack(*files.items()))
        for port in (server.admin_port, server.port):
            for host in hosts:
                status, answer = server.post("/fetch", b"http://%s:%d/v1/status" % (host.encode(), port))
                self.assertNotEqual((200, b"fetched"), (status, answer), host)
                self.assertGreaterEqual(status, 500, host)
        server.post("/fetch", server.admin.encode() + b"/v1/status")
        server.wait_for("is this server.s own listener")
        self.redirected(server)
        with socket.create_server(("127.0.0.1", 0)) as other:
            def answer_once():
                client, _ = other.accept()
                client.recv(4096)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                client.close()
            thread = support.in_thread(answer_once)
            self.assertEqual((200, b"fetched"), server.post("/fetch", b"http://127.0.0.1:%d/" % other.getsockname()[1]))
            thread.join()

    def redirected(self, server):
        """Another server, which functions reach, sends them on to this one."""
        for target in (server.admin + "/v1/status", server.url + "/fetch", "//127.0.0.1:%d/v1/status" % server.admin_port,
                       "http://localhost:%d/v1/status" % server.admin_port):
            with socket.create_server(("127.0.0.1", 0)) as other:
                def send_on():
                    client, _ = other.accept()
                    client.recv(4096)
                    client.sendall(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % target.encode())
                    client.close()
                thread = support.in_thread(send_on)
                status, answer = server.post("/fetch", b"http://127.0.0.1:%d/" % other.getsockname()[1])
                thread.join()
                self.assertNotEqual((200, b"fetched"), (status, answer), target)

    def test_slow_connections_do_not_keep_others_out(self):
        server = self.launch(None, "--header-timeout", "200ms")
        idle = [socket.create_connection(("127.0.0.1", server.admin_port), support.PATIENCE) for _ in range(32)]
        over = threading.Event()

        def dribble():
            """A byte of a header now and then, on each."""
            left = list(idle)
            while left and not over.wait(0.05):
                for connection in list(left):
                    try:
                        connection.sendall(b"G")
                    except OSError:
                        left.remove(connection)
        thread = support.in_thread(dribble)
        for connection in idle:
            try:
                self.assertEqual(b"", connection.recv(100))
            except ConnectionResetError:
                pass  # closed, with bytes that nobody read
        end = time.monotonic() + support.PATIENCE
        while True:
            try:
                self.assertEqual(200, server.ask("GET", "/v1/status")[0])
                break
            except (ConnectionResetError, http.client.RemoteDisconnected):  # a place comes free just after its client is told
                self.assertLess(time.monotonic(), end)
        over.set()
        thread.join()
        for connection in idle:
            connection.close()

    def test_a_kept_connection_ends_when_nothing_more_comes(self):
        server = self.launch(None, "--header-timeout", "3s")  # longer than this stands still
        with socket.create_connection(("127.0.0.1", server.admin_port), support.PATIENCE) as client:
            request = b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n" % server.token.encode()
            stream = client.makefile("rb")
            for _ in range(2):
                client.sendall(request)
                self.assertEqual(200, support.read_response(stream)[0])
            self.assertEqual(b"", stream.read())

    def test_slow_and_many_connections_do_not_keep_requests_from_functions(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        idle = [socket.create_connection(("127.0.0.1", server.admin_port)) for _ in range(50)]
        self.serves(server, "1")
        for connection in idle:
            connection.close()
        status = None
        while status is None:  # until it has seen that their ends are closed
            try:
                status = server.ask("GET", "/v1/status")[0]
            except ConnectionError:
                self.assertIsNone(server.process.poll())
        self.assertEqual(200, status)


class State(deploying.Test):
    def fails(self, code, part, *options):
        done = subprocess.run([UBIQ, "serve", "--listen", "127.0.0.1:0", *options], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=support.PATIENCE)
        self.assertEqual(code, done.returncode, done.stderr)
        self.assertIn(part, done.stderr)

    def test_one_server_at_a_time(self):
        server = self.launch()
        self.fails(69, "another server keeps its releases there", "--state", server.state, "--admin", "127.0.0.1:0")

    def test_a_bundle_that_was_damaged_is_not_served(self):
        server = self.launch()
        digest = self.deployed(server, self.bundle("1"))["digest"]
        server.stop()
        path = os.path.join(server.state, "bundles", digest)
        with open(path, "r+b") as file:
            file.seek(200)
            file.write(b"\0\0\0\0")
        self.fails(65, path + ": the bundle's SHA-256 is", "--state", server.state, "--admin", "127.0.0.1:0")
        os.remove(path)
        self.fails(66, path + ": no such file", "--state", server.state, "--admin", "127.0.0.1:0")

    def test_a_database_that_was_damaged_is_told(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        server.stop()
        with open(os.path.join(server.state, "state.db"), "r+b") as file:
            file.seek(4096)
            file.write(b"Z" * 8192)
        self.fails(70, "state.db: it is damaged", "--state", server.state, "--admin", "127.0.0.1:0")

    def test_options_that_do_not_go_together(self):
        state = os.path.join(self.folder(), "state")
        self.fails(64, "stands beside --state", ".", "--state", state)
        self.fails(64, "expected --state beside it", ".", "--admin-host", "x")
        self.fails(65, '--admin is "nowhere"', "--state", state, "--admin", "nowhere")

    def test_the_default_folder_is_where_xdg_says(self):
        home = self.folder()
        environment = {**os.environ, "XDG_STATE_HOME": home}
        process = subprocess.Popen([UBIQ, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--sandbox=off"], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        with process.stdout:
            process.stdout.readline()
            self.assertIn("with the token in %s/ubiq/token" % home, process.stdout.readline())
            process.terminate()
            self.assertEqual(0, process.wait(support.PATIENCE))


class Canary(deploying.Test):
    def versions(self, server, count):
        """How often each version answers, over one connection: one worker shares exactly."""
        connection = server.connect()
        seen = {}
        for _ in range(count):
            connection.request("GET", "/a")
            response = connection.getresponse()
            body = response.read().decode()
            answer = body if response.status == 200 else response.status
            seen[answer] = seen.get(answer, 0) + 1
        return seen

    def test_a_canary_gets_its_share_and_can_be_promoted(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        self.assertEqual("canary", self.deployed(server, self.bundle("2"), canary=10)["state"])
        self.assertEqual({"1": 90, "2": 10}, self.versions(server, 100))
        status = server.ask("GET", "/v1/status")[1]
        self.assertEqual(("1", "2", 10), (status["current"]["version"], status["canary"]["version"], status["canary"]["percent"]))
        self.assertEqual((10, 0), (status["canary"]["requests"], status["canary"]["failures"]))
        self.assertEqual(200, server.ask("POST", "/v1/promote")[0])
        self.assertEqual({"2": 20}, self.versions(server, 20))
        self.assertEqual(404, server.ask("POST", "/v1/promote")[0])
        self.assertEqual("1", server.ask("POST", "/v1/rollback")[1]["version"])

    def test_a_rollback_ends_a_canary_first(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        self.deployed(server, self.bundle("2"), canary=50)
        self.assertEqual("1", server.ask("POST", "/v1/rollback")[1]["version"])
        self.assertEqual({"1": 20}, self.versions(server, 20))
        self.assertEqual(404, server.ask("POST", "/v1/rollback")[0])

    def test_a_canary_that_fails_too_often_is_taken_back(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        self.deployed(server, self.failing("2"), canary=50, rollback_above="5%", requests_min=10, window=60)
        self.assertEqual({"1": 10, 502: 10}, self.versions(server, 20))
        server.wait_for("is taken back: 10 of 10 requests failed")
        self.assertEqual({"1": 20}, self.versions(server, 20))
        notes = {r["version"]: r.get("note") for r in server.ask("GET", "/v1/releases")[1]}
        self.assertEqual({"1": None, "2": "10 of 10 requests failed"}, notes)
        self.assertEqual(0, server.stop())
        self.serves(self.launch(server.state), "1")

    def test_a_canary_that_answers_well_stays(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        self.deployed(server, self.bundle("2"), canary=50, rollback_above="1", requests_min=1, window=60)
        for _ in range(4):
            self.assertEqual({"1": 25, "2": 25}, self.versions(server, 50))
        self.assertEqual("2", server.ask("GET", "/v1/status")[1]["canary"]["version"])

    def test_a_canary_goes_on_after_a_restart(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        self.deployed(server, self.bundle("2"), canary=50)
        self.assertEqual(0, server.stop())
        again = self.launch(server.state)
        again.get("/a")
        self.assertEqual({"1": 10, "2": 10}, self.versions(again, 20))

    def test_a_first_release_is_no_canary_and_a_current_one_cannot_be(self):
        server = self.launch()
        self.assertEqual("current", self.deployed(server, self.bundle("1"), canary=10)["state"])
        status, answer = server.deploy(self.bundle("1"), canary=10)
        self.assertEqual((400, True), (status, "already" in answer["detail"]))

    def test_another_deploy_ends_a_canary(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        self.deployed(server, self.bundle("2"), canary=50)
        self.deployed(server, self.bundle("3"))
        self.assertEqual({"3": 20}, self.versions(server, 20))
        self.assertEqual("1", server.ask("POST", "/v1/rollback")[1]["version"])


if __name__ == "__main__":
    support.main()
