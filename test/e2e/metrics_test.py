"""Metrics and health on the admin port, with the real program."""

import contextlib
import http.client
import json
import os
import time

import deploying
import prometheus
import support
from bundle_test import pack


class Metrics(deploying.Test):
    def get_admin(self, server, path, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        try:
            connection.request("GET", path, headers={"Authorization": "Bearer " + token} if token else {})
            response = connection.getresponse()
            return response.status, response.headers, response.read().decode()
        finally:
            connection.close()

    def scrape(self, server):
        status, headers, text = self.get_admin(server, "/_ubiq/metrics", server.token)
        self.assertEqual((200, "text/plain; version=0.0.4; charset=utf-8"), (status, headers["Content-Type"]))
        return prometheus.parse(text)

    def wait_until(self, server, name, wanted, **labels):
        """Numbers of now are told when a worker is about to sleep: soon."""
        deadline = time.monotonic() + support.PATIENCE
        while True:
            families = self.scrape(server)
            found = sum(value for (_, own), value in families[name].samples.items()
                        if labels.items() <= dict(own).items())
            if found == wanted or time.monotonic() > deadline:
                self.assertEqual(wanted, found, name)
                return families
            time.sleep(0.02)

    def test_runs_are_counted_by_function_and_outcome(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        for _ in range(30):  # each on a connection of its own, so that both workers get some
            self.assertEqual((200, "1"), server.get("/a"))
        server.get("/sleepy")
        server.get("/nowhere")
        families = self.wait_until(server, "ubiq_runs_total", 30, outcome="ok")
        self.assertEqual(30, prometheus.value(families, "ubiq_runs_total", function="a", outcome="ok"))
        for name in ("ubiq_run_queue_seconds", "ubiq_run_start_seconds", "ubiq_run_seconds", "ubiq_run_cpu_seconds",
                     "ubiq_run_memory_bytes", "ubiq_run_input_bytes", "ubiq_run_output_bytes"):
            self.assertEqual(30, prometheus.value(families, name, "_count", function="a"), name)
        self.assertEqual(30, prometheus.value(families, "ubiq_run_output_bytes", "_sum", function="a"))
        self.assertGreater(prometheus.value(families, "ubiq_run_memory_bytes", "_sum", function="a"), 0)
        self.assertGreater(prometheus.value(families, "ubiq_run_cpu_seconds", "_sum", function="a"), 0)

    def test_failures_are_counted_by_their_class(self):
        server = self.launch()
        self.deployed(server, self.failing("1"))
        for _ in range(3):
            self.assertEqual(502, server.get("/a")[0])
        families = self.scrape(server)
        self.assertEqual(3, prometheus.value(families, "ubiq_runs_total", function="a", outcome="trap"))
        self.assertEqual(0, prometheus.value(families, "ubiq_runs_total", function="a", outcome="ok"))

    def test_requests_that_reach_no_function_are_counted_by_reason(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        for path in ("/nowhere", "/else", "/nowhere?a=b"):
            self.assertEqual(404, server.get(path)[0])
        with server.socket() as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"GET /a HTTP/1.1\r\nX: " + b"a" * 40000 + b"\r\n\r\n")
                while connection.recv(65536):
                    pass
        families = self.scrape(server)
        counted = {dict(labels)["reason"]: value
                   for (_, labels), value in families["ubiq_requests_refused_total"].samples.items()}
        self.assertEqual({"not_found": 3, "headers_too_large": 1}, {key: value for key, value in counted.items() if value})
        self.assertEqual({"malformed", "unknown_caller", "denied", "not_found", "no_method", "too_slow", "too_large",
                          "headers_too_large", "busy", "unavailable", "other"}, set(counted))

    def test_runs_that_are_not_let_in_are_counted_by_reason(self):
        server = self.launch()
        made = self.build(support.function("spin", "GET /spin", pool="{ min = 0, max = 1 }", queue=0, cpu='"60s"', timeout='"60s"'))
        self.deployed(server, pack(*made.items()))
        support.in_thread(server.get, "/spin")
        self.wait_until(server, "ubiq_runs_in_progress", 1)
        self.assertEqual(429, server.get("/spin")[0])
        families = self.scrape(server)
        counted = {dict(labels)["reason"]: value for (_, labels), value in families["ubiq_runs_busy_total"].samples.items()}
        self.assertEqual({"function_full": 1, "server_full": 0, "no_place": 0, "no_turn": 0, "other": 0}, counted)
        self.assertEqual(1, prometheus.value(families, "ubiq_runs_total", function="spin", outcome="busy"))

    def test_counters_go_on_when_releases_change_and_releases_have_their_own(self):
        server = self.launch()
        first = self.deployed(server, self.bundle("1"))["digest"]
        for _ in range(4):
            server.get("/a")
        second = self.deployed(server, self.bundle("2"), canary=50)["digest"]
        for _ in range(8):
            server.get("/a")
        families = self.scrape(server)
        self.assertEqual(12, prometheus.value(families, "ubiq_runs_total", function="a", outcome="ok"))
        self.assertEqual(50, prometheus.value(families, "ubiq_canary_percent"))
        counted = [prometheus.value(families, "ubiq_release_requests_total", release=digest, role=role)
                   for digest, role in ((first, "current"), (second, "canary"))]
        self.assertEqual(12, sum(counted))
        self.assertGreater(counted[1], 0)
        self.assertEqual(1, prometheus.value(families, "ubiq_release_info", release=second, role="canary", project="shop",
                                             version="2"))

    def test_what_is_there_now_is_told(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        connections = [server.connect() for _ in range(3)]
        for connection in connections:
            connection.request("GET", "/a")
            connection.getresponse().read()
        self.wait_until(server, "ubiq_connections", 3)
        for connection in connections:
            connection.close()
        families = self.wait_until(server, "ubiq_connections", 0)
        families = self.wait_until(server, "ubiq_runs_in_progress", 0)
        self.assertEqual(2, len(families["ubiq_runs_queued"].samples))
        self.assertEqual(1, prometheus.value(families, "ubiq_build_info", version=self.version()))
        self.assertGreater(time.time() + 1, prometheus.value(families, "ubiq_start_time_seconds"))
        self.assertIsNotNone(prometheus.value(families, "ubiq_pool_busy", function="a"))
        self.assertGreaterEqual(prometheus.value(families, "ubiq_pool_made_total", function="a"), 3)
        self.assertIsNotNone(prometheus.value(families, "ubiq_pool_ended_total", function="a", reason="used"))

    def wait_for_readiness(self, server, wanted):
        deadline = time.monotonic() + support.PATIENCE
        while True:
            status, _, text = self.get_admin(server, "/_ubiq/health/ready")
            if status == wanted or time.monotonic() > deadline:
                self.assertEqual(wanted, status)
                return text
            time.sleep(0.02)

    def version(self):
        return self.run_ubiq("--version").stdout.split()[1]

    def test_a_server_with_nothing_has_metrics_that_are_well_formed(self):
        families = self.scrape(self.launch())
        self.assertEqual({}, families["ubiq_runs_total"].samples)
        self.assertEqual(0, prometheus.value(families, "ubiq_canary_percent"))

    def ask_platform(self, server, method, path, body=None):
        headers = {"Authorization": "Bearer " + server.token}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        try:
            connection.request(method, path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def test_what_services_are_asked_is_counted_by_operation_and_status(self):
        relay = support.function("relay", "POST /relay", permissions='["storage:*"]')
        bundle = os.path.join(self.folder(), "made.ubiq")
        done = self.run_ubiq("build", self.project(relay, files={"guest.c": support.RELAY}), "--output", bundle)
        self.assertEqual(0, done.returncode, done.stderr)
        server = self.launch()
        with open(bundle, "rb") as file:
            self.deployed(server, file.read())
        for status, request in ((200, {"method": "PUT", "path": "/v1/objects/a", "body": 1}), (200, {"method": "GET", "path": "/v1/objects/a"}),
                                (404, {"method": "GET", "path": "/v1/objects/b"}), (403, {"method": "GET", "path": "/v1/kv/b"})):
            answer = json.loads(server.request("POST", "/relay", json.dumps(request))[2])
            self.assertEqual(status, answer["status"], answer)
        self.assertEqual(200, self.ask_platform(server, "GET", "/v1/objects/a"))
        self.assertEqual(404, self.ask_platform(server, "GET", "/v1/nothing"))
        families = self.scrape(server)
        for operation, status, count in (("storage.put", 200, 1), ("storage.get", 200, 2), ("storage.get", 404, 1),
                                         ("kv.get", 403, 1), ("none", 404, 1)):
            self.assertEqual(count, prometheus.value(families, "ubiq_service_calls_total", operation=operation, status=str(status)),
                             (operation, status))
        self.assertEqual(5, len(families["ubiq_service_calls_total"].samples))
        self.assertEqual(3, prometheus.value(families, "ubiq_service_seconds", "_count", operation="storage.get"))
        self.assertGreater(prometheus.value(families, "ubiq_service_seconds", "_sum", operation="storage.get"), 0)
        for name in ("ubiq_service_bytes_in_total", "ubiq_service_bytes_out_total"):
            self.assertGreater(prometheus.value(families, name, operation="storage.get"), 0)

    def test_what_services_keep_is_counted(self):
        server = self.launch(None)
        for expected, method, path in ((404, "GET", "/v1/cache/a"), (204, "PUT", "/v1/cache/a"), (200, "GET", "/v1/cache/a"),
                                       (200, "PUT", "/v1/kv/a")):
            body, headers = ("1", {"Content-Type": "application/json"}) if method == "PUT" else (None, {})
            headers["Authorization"] = "Bearer " + server.token
            connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
            connection.request(method, path, body, headers)
            self.assertEqual(expected, connection.getresponse().status, path)
            connection.close()
        families = self.scrape(server)
        for name, value in (("hits_total", 1), ("misses_total", 1), ("entries", 1), ("evicted_total", 0)):
            self.assertEqual(value, prometheus.value(families, "ubiq_cache_" + name), name)
        for name, value in (("writes_total", 1), ("refused_total", 0), ("commits_total", 1), ("waiting", 0)):
            self.assertEqual(value, prometheus.value(families, "ubiq_store_" + name), name)

    def test_what_a_project_keeps_is_told_with_its_quotas(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        self.assertEqual(200, self.ask_platform(server, "PUT", "/v1/kv/a", "1"))
        self.assertEqual(200, self.ask_platform(server, "PUT", "/v1/objects/a", '"1234"'))
        self.assertEqual(201, self.ask_platform(server, "POST", "/v1/uploads?path=b"))
        families = self.scrape(server)
        for name, value in (("bytes", 6), ("uploads", 1), ("waiting", 0)):
            self.assertEqual(value, prometheus.value(families, "ubiq_storage_" + name), name)
        for name, value in (("kv_keys", 1), ("kv_bytes", 2), ("storage_bytes", 6), ("kv_keys_max", 100000),
                            ("kv_bytes_max", 100 << 20), ("storage_bytes_max", 100 << 20),
                            ("waiting", 0), ("waiting_max", 2000000), ("waiting_bytes", 0), ("waiting_bytes_max", 1 << 30)):
            self.assertEqual(value, prometheus.value(families, "ubiq_project_" + name, project="shop"), name)

    def test_how_far_a_subscription_is_behind_is_told(self):
        server = self.launch(None)
        json_body = {"Content-Type": "application/json"}
        for name, topic, delay in (("late", "slow", "1h"), ("gone", "fast", "1ms")):
            body = json.dumps({"topic": topic, "function": "nobody", "retry": {"attempts": 2, "first_delay": delay}})
            self.assertEqual(204, self.send(server, "PUT", "/v1/subscriptions/" + name, body, json_body))
        for kind, times in (("slow", 2), ("fast", 1)):
            for _ in range(times):
                self.assertEqual(202, self.send(server, "POST", "/v1/events", json.dumps({"type": kind}), json_body))
        self.wait_until(server, "ubiq_events_dead", 1, subscription="gone", project="")
        families = self.scrape(server)
        for name, subscription, value in (("waiting", "late", 2), ("waiting", "gone", 0), ("dead", "late", 0),
                                          ("waiting_seconds", "gone", 0)):
            self.assertEqual(value, prometheus.value(families, "ubiq_events_" + name, subscription=subscription, project=""))

    def send(self, server, method, path, body, headers):
        """The status of a request to the admin port."""
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        try:
            connection.request(method, path, body, {"Authorization": "Bearer " + server.token, **headers})
            return connection.getresponse().status
        finally:
            connection.close()

    def test_dropped_lines_of_the_run_log_are_counted(self):
        server = self.launch(None, "--run-log", "/dev/full")
        self.assertEqual(0, prometheus.value(self.scrape(server), "ubiq_run_log_dropped_total"))

    def test_metrics_want_a_token_and_health_does_not(self):
        server = self.launch()
        self.assertEqual(401, self.get_admin(server, "/_ubiq/metrics")[0])
        self.assertEqual(401, self.get_admin(server, "/_ubiq/metrics/../health/live")[0])
        self.assertEqual(401, self.get_admin(server, "/_ubiq/health")[0])
        self.assertEqual(401, self.get_admin(server, "/_ubiq/health/live/")[0])
        status, headers, text = self.get_admin(server, "/_ubiq/health/live")
        self.assertEqual((200, '{"status":"live"}', "application/json"), (status, text, headers["Content-Type"]))
        for path in ("/_ubiq/metrics", "/_ubiq/health/live", "/_ubiq/health/ready"):
            self.assertEqual(404, server.get(path)[0])  # nothing of it is where functions are

    def test_a_server_is_ready_when_it_serves_what_was_deployed(self):
        server = self.launch()
        status, _, text = self.get_admin(server, "/_ubiq/health/ready")
        self.assertEqual(503, status)
        self.assertIn("nothing was deployed yet", text)
        self.deployed(server, self.bundle("1"))
        self.wait_for_readiness(server, 200)
        self.assertEqual((200, '{"status":"ready"}'), self.get_admin(server, "/_ubiq/health/ready")[::2])
        with server.socket() as connection:  # keeps it from ending
            connection.sendall(b"GET /busy HTTP/1.1\r\nHost: h\r\n\r\n")
            server.wait_for("listening")
            connection.sendall(b"GET /a HTTP/1.1\r\n")
            server.signal()
            server.wait_for("finishing what is under way")
            self.assertIn("about to stop", self.wait_for_readiness(server, 503))
            self.assertEqual(200, self.get_admin(server, "/_ubiq/health/live")[0])


if __name__ == "__main__":
    support.main()
