"""Sending what runs did to a collector, which is a small server here that looks at the shape of what comes."""

import datetime
import http.client
import http.server
import json
import re
import socket
import threading
import time

import deploying
import prometheus
import support
from support import function

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = TRACE[:-1] + "0"


class Collector:
    """Keeps what is sent, by path; `status` is what it answers."""

    def __init__(self):
        collector = self
        self.news, self.received, self.status, self.asked = threading.Condition(), [], 200, 0
        self.thinking_s, self.said = 0, {}  # before an answer, and what that is by path

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with collector.news:
                    collector.asked += 1
                    if collector.status == 200:
                        collector.received.append((self.path, self.headers["Content-Type"], body))
                    collector.news.notify_all()
                    status, thinking_s = collector.status, collector.thinking_s
                time.sleep(thinking_s)
                self.send_response(status)
                answer = json.dumps(collector.said.get(self.path, {})).encode()
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, status, thinking_s=0):
        with self.news:
            self.status, self.thinking_s = status, thinking_s

    def wait_until_asked(self):
        with self.news:
            before = self.asked
            assert self.news.wait_for(lambda: self.asked > before, support.PATIENCE)

    def items(self, path, resources, scopes, items):
        """All that came by a path, after its envelope was looked at."""
        found = []
        for at, kind, body in self.received:
            if at != path:
                continue
            body = json.loads(body)  # here, because the exporter waits no longer than it must for an answer
            assert kind == "application/json" and set(body) == {resources}, body
            resource, = body[resources]
            assert set(resource) == {"resource", scopes}, resource
            assert attributes(resource["resource"])["service.name"] == "ubiq"
            scope, = resource[scopes]
            assert set(scope) == {"scope", items} and scope["scope"]["name"] == "ubiq", scope
            found += scope[items]
        return found

    def wait_for(self, count, *place):
        with self.news:
            self.news.wait_for(lambda: len(self.items(*place)) >= count, support.PATIENCE)
            return self.items(*place)


STAGES = {"queue", "start", "run"}
SPANS = ("/v1/traces", "resourceSpans", "scopeSpans", "spans")
LOGS = ("/v1/logs", "resourceLogs", "scopeLogs", "logRecords")
METRICS = ("/v1/metrics", "resourceMetrics", "scopeMetrics", "metrics")


def attributes(item):
    """An item's attributes as Python's values."""
    found = {}
    for attribute in item["attributes"]:
        assert set(attribute) == {"key", "value"} and len(attribute["value"]) == 1, attribute
        (kind, value), = attribute["value"].items()
        assert attribute["key"] not in found
        if kind == "intValue":
            assert isinstance(value, str)  # 64 bits are a string in protobuf's JSON
            value = int(value)
        else:
            assert isinstance(value, {"stringValue": str, "doubleValue": float}[kind]), attribute
        found[attribute["key"]] = value
    return found


def of_http(span):
    """What the platform's API says besides is left out."""
    return {name: value for name, value in attributes(span).items() if not name.startswith("ubiq.")}


def server_spans(spans):
    """Spans of runs, without their stages'."""
    return [span for span in spans if span["kind"] == 2]


class Export(support.Test):
    def collector(self):
        collector = Collector()
        self.addCleanup(collector.close)
        return collector

    def launch(self, collector, *names, workers=1):
        functions = [function(name, "POST /" + name) for name in names]
        return self.start(self.project(*functions), "--workers", str(workers), "--otlp", collector.url)

    def test_each_run_is_a_span(self):
        collector = self.collector()
        server = self.launch(collector, "hello", "trap")
        began_ns = time.time_ns()
        server.request("POST", "/hello", b"Ada", {"traceparent": TRACE})
        server.post("/trap")
        first, second = server_spans(self.spans_of(collector, 2))  # runs and their stages come together
        self.assertEqual(TRACE.split("-")[1:3], [first["traceId"], first["parentSpanId"]])
        self.assertRegex(first["spanId"], "^[0-9a-f]{16}$")
        self.assertEqual(("hello", 2, {}), (first["name"], first["kind"], first["status"]))
        self.assertRegex(second["traceId"], "^[0-9a-f]{32}$")
        self.assertNotIn("parentSpanId", second)
        self.assertEqual({"code": 2, "message": "trap"}, second["status"])
        for span in (first, second):
            begin, end = (span[key] for key in ("startTimeUnixNano", "endTimeUnixNano"))
            self.assertTrue(re.fullmatch("[0-9]{19}", begin) and re.fullmatch("[0-9]{19}", end))
            self.assertTrue(began_ns - 10**9 < int(begin) <= int(end) < time.time_ns() + 10**9)
        told = attributes(first)
        self.assertEqual(("hello", "0.1.0", "ok", 3, 11), tuple(told[key] for key in (
            "faas.name", "faas.version", "ubiq.outcome", "ubiq.bytes_in", "ubiq.bytes_out")))

    def test_the_stages_of_a_run_are_its_children(self):
        collector = self.collector()
        server = self.launch(collector, "hello")
        server.request("POST", "/hello", b"", {"traceparent": TRACE, "tracestate": "a=1 ,b=2"})
        collector.wait_for(3, *SPANS)
        spans = collector.items(*SPANS)
        run, = server_spans(spans)
        stages = [span for span in spans if span is not run]
        self.assertEqual("a=1,b=2", run["traceState"])
        self.assertLessEqual({"start", "run"}, {stage["name"] for stage in stages})
        self.assertLessEqual({stage["name"] for stage in stages}, STAGES)
        self.assertEqual(len(spans), len({span["spanId"] for span in spans}))
        for stage in stages:
            self.assertEqual((run["traceId"], run["spanId"], 1), (stage["traceId"], stage["parentSpanId"], stage["kind"]))
        for before, after in zip(stages, stages[1:]):
            self.assertEqual(before["endTimeUnixNano"], after["startTimeUnixNano"])
        self.assertEqual((run["startTimeUnixNano"], run["endTimeUnixNano"]),
                         (stages[0]["startTimeUnixNano"], stages[-1]["endTimeUnixNano"]))

    def said(self, collector, text):
        return [record for record in collector.items(*LOGS) if text in record["body"]["stringValue"]]

    def of_runs(self, collector):
        return [record for record in collector.items(*LOGS) if "ubiq.outcome" in attributes(record)]

    def spans_of(self, collector, runs):
        """All that there are once so many runs have ended."""
        with collector.news:
            collector.news.wait_for(lambda: len(server_spans(collector.items(*SPANS))) == runs, support.PATIENCE)
        return collector.items(*SPANS)

    def assert_asked(self, collector, url, seen):
        """Two runs asked: one `url`, which was answered, one an address that it may not."""
        spans = self.spans_of(collector, 2)
        run, _ = server_spans(spans)
        asked, refused = [span for span in spans if span["kind"] == 3]
        self.assertEqual(("GET", run["spanId"], {}), (asked["name"], asked["parentSpanId"], asked["status"]))
        self.assertEqual({"http.request.method": "GET", "url.full": url, "http.response.status_code": 204}, of_http(asked))
        self.assertEqual(["00-%s-%s-01" % (run["traceId"], asked["spanId"])], [headers["traceparent"] for headers in seen])
        self.assertLessEqual(int(asked["startTimeUnixNano"]), int(asked["endTimeUnixNano"]))
        self.assertEqual(({"code": 2}, {"http.request.method": "GET", "url.full": "http://127.0.0.2/"}),
                         (refused["status"], of_http(refused)))

    def test_a_request_of_a_function_is_a_child_and_the_parent_of_what_it_leads_to(self):
        collector = self.collector()
        url, seen = self.listen()
        url += "x"
        server = self.start(self.project(function("fetch", "POST /fetch", allowed_hosts='["127.0.0.1"]')), "--workers", "1",
                            "--otlp", collector.url)
        server.request("POST", "/fetch", (url + "?secret=1").encode(), {"traceparent": TRACE})
        server.request("POST", "/fetch", b"http://127.0.0.2/", {"traceparent": TRACE})  # is not allowed
        self.assert_asked(collector, url, seen)

    def relaying(self, collector, *more):
        relay = function("relay", "POST /relay", permissions='["*"]')
        return self.start(self.project(relay, *more, files={"guest.c": support.RELAY + support.GUEST}), "--workers", "1", "--otlp", collector.url)

    def test_what_a_function_asks_of_every_service_is_a_child(self):
        collector = self.collector()
        server = self.relaying(collector)
        asked = [("kv.put", 200, "PUT", "/v1/kv/a", 1), ("kv.get", 200, "GET", "/v1/kv/a", None),
                 ("kv.get", 404, "GET", "/v1/kv/b", None), ("kv.list", 200, "GET", "/v1/kv", None),
                 ("cache.put", 204, "PUT", "/v1/cache/a", 1), ("cache.get", 200, "GET", "/v1/cache/a", None),
                 ("storage.put", 200, "PUT", "/v1/objects/a", "text"), ("storage.get", 200, "GET", "/v1/objects/a", None),
                 ("events.publish", 202, "POST", "/v1/events", {"specversion": "1.0", "id": "1", "source": "/t", "type": "a.b"}),
                 ("config.get", 404, "GET", "/v1/config/none", None), ("secrets.get", 404, "GET", "/v1/secrets/none", None),
                 ("functions.list", 200, "GET", "/v1/functions", None), ("schedules.list", 200, "GET", "/v1/schedules", None),
                 ("log.write", 204, "POST", "/v1/log", {"level": "info", "message": "said"}),
                 ("none", 404, "GET", "/v1/nothing", None), ("kv.put", 400, "PUT", "/v1/kv/a", None)]
        sizes = []
        for _, status, method, path, body in asked:
            request = json.dumps({"method": method, "path": path} if body is None else {"method": method, "path": path, "body": body})
            _, _, answer = server.request("POST", "/relay", request.encode())
            self.assertEqual(status, json.loads(answer)["status"], (path, answer))
            sizes.append((len(request), len(answer)))
        spans = self.spans_of(collector, len(asked))
        runs = server_spans(spans)
        calls = [span for span in spans if span["kind"] == 1 and span["name"] not in STAGES]
        self.assertEqual([name for name, *_ in asked], [call["name"] for call in calls])
        for run, call, (name, status, *_), (size_in, size_out) in zip(runs, calls, asked, sizes):
            self.assertEqual((run["traceId"], run["spanId"]), (call["traceId"], call["parentSpanId"]))
            expected = {"ubiq.status": status, "ubiq.bytes_in": size_in, "ubiq.bytes_out": size_out}
            self.assertEqual(dict(expected, **({} if name == "none" else {"ubiq.operation": name})), attributes(call))
            self.assertEqual({"code": 2} if status == 400 else {}, call["status"])
            self.assertLessEqual(int(run["startTimeUnixNano"]), int(call["startTimeUnixNano"]))
            self.assertLessEqual(int(call["startTimeUnixNano"]), int(call["endTimeUnixNano"]))
        self.assertEqual(len(spans), len({span["spanId"] for span in spans}))

    def test_what_services_were_asked_is_among_the_metrics(self):
        collector = self.collector()
        server = self.relaying(collector)
        for key in ("a", "a", "b"):
            server.request("POST", "/relay", json.dumps({"method": "PUT", "path": "/v1/kv/" + key, "body": 1, "query": {"if_absent": "true"}}))
        self.assertEqual(0, server.stop())
        metrics = {metric["name"]: metric for metric in collector.items(*METRICS)}
        calls = {(attributes(point)["ubiq.operation"], attributes(point)["ubiq.status"]): int(point["asInt"])
                 for point in metrics["ubiq.service.calls"]["sum"]["dataPoints"]}
        self.assertEqual({("kv.put", "200"): 2, ("kv.put", "412"): 1}, calls)
        point, = metrics["ubiq.service.duration"]["histogram"]["dataPoints"]
        self.assertEqual(("kv.put", 3), (attributes(point)["ubiq.operation"], int(point["count"])))
        self.assertEqual(3, sum(map(int, point["bucketCounts"])))
        self.assertGreater(point["sum"], 0)

    def test_what_a_call_of_another_function_leads_to_is_its_child(self):
        collector = self.collector()
        server = self.relaying(collector, function("hello", "POST /hello"))
        request = {"method": "POST", "path": "/v1/functions/hello/runs", "body": "Ada"}
        self.assertEqual(200, json.loads(server.request("POST", "/relay", json.dumps(request).encode())[2])["status"])
        spans = self.spans_of(collector, 2)
        call, = [span for span in spans if span["name"] == "functions.run"]
        by_name = {span["name"]: span for span in server_spans(spans)}
        self.assertEqual(by_name["relay"]["spanId"], call["parentSpanId"])
        self.assertEqual(call["spanId"], by_name["hello"]["parentSpanId"])

    def led_to(self, *asked):
        """The span of a function that a run had begun by the last of `asked`, and that of the asking; all of the run's trace."""
        collector = self.collector()
        server = self.relaying(collector, function("hello", "POST /hello"))
        for method, path, more in asked:
            request = dict(method=method, path=path, **more)
            headers = {"traceparent": TRACE, "tracestate": "a=1"} if path == asked[-1][1] else {}
            answer = json.loads(server.request("POST", "/relay", json.dumps(request).encode(), headers)[2])
            self.assertLess(answer["status"], 300, answer)
        ours = lambda: [span for span in collector.items(*SPANS) if span["traceId"] == TRACE.split("-")[1]]
        with collector.news:
            collector.news.wait_for(lambda: {"relay", "hello"} <= {span["name"] for span in server_spans(ours())}, support.PATIENCE)
        hello, = [span for span in server_spans(ours()) if span["name"] == "hello"]
        call, = [span for span in ours() if span["kind"] == 1 and span["name"] not in STAGES]
        self.assertEqual("a=1", hello["traceState"])
        self.assertEqual(call["spanId"], hello["parentSpanId"])
        return call["name"]

    def test_what_an_event_has_run_is_a_child_of_its_publishing(self):
        self.assertEqual("events.publish", self.led_to(
            ("PUT", "/v1/subscriptions/s", {"body": {"topic": "a.*", "function": "hello"}}),
            ("POST", "/v1/events", {"body": {"type": "a.b"}})))

    def test_what_nobody_waits_for_is_a_child_of_what_asked_for_it(self):
        self.assertEqual("functions.run", self.led_to(
            ("POST", "/v1/functions/hello/runs", {"query": {"wait": "false"}, "body": "Ada"})))

    def test_a_turn_is_a_child_of_what_asked_for_it(self):
        later = {"name": "s", "function": "hello", "every": "10h", "input": "Ada"}
        self.assertEqual("schedules.run", self.led_to(("POST", "/v1/schedules", {"body": later}),
                                                      ("POST", "/v1/schedules/s/run", {})))

    def test_what_is_done_once_is_a_child_of_what_asked_for_it(self):
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.assertEqual("schedules.create", self.led_to(
            ("POST", "/v1/schedules", {"body": {"function": "hello", "at": at}})))

    def test_what_a_function_did_not_live_to_see_answered_has_a_span(self):
        collector = self.collector()
        server = self.relaying(collector, function("brief", "POST /brief", export='"relay"', timeout='"3s"', permissions='["*"]'))
        request = json.dumps({"method": "POST", "path": "/v1/cache/a/lock", "query": {"wait": "20s"}}).encode()
        self.assertEqual(200, server.request("POST", "/relay", request)[0])
        self.assertEqual(504, server.request("POST", "/brief", request)[0])  # somebody holds the lock
        first, second = [span for span in self.spans_of(collector, 2) if span["name"] == "cache.lock"]
        self.assertEqual([201, 499], [attributes(span)["ubiq.status"] for span in (first, second)])
        self.assertEqual({"code": 2}, second["status"])

    def test_a_request_by_the_platforms_api_is_a_child_and_the_parent_of_what_it_leads_to(self):
        collector = self.collector()
        url, seen = self.listen()
        ask = function("relay", "POST /ask", permissions='["http:get:%s"]' % url.split("/")[2])
        server = self.start(self.project(ask, files={"guest.c": support.RELAY}), "--workers", "1", "--otlp", collector.url)
        for asked_url in (url, "http://127.0.0.2/"):  # the second is not allowed
            request = {"method": "POST", "path": "/v1/http", "body": {"url": asked_url}}
            server.request("POST", "/ask", json.dumps(request).encode(), {"traceparent": TRACE})
        self.assert_asked(collector, url, seen)

    def test_log_lines_of_functions_and_of_the_server_are_sent(self):
        collector = self.collector()
        guest = r"""
#include <ubiq/pdk.h>
UBIQ_EXPORT(speak) {
  ubiq_log_warn("there are few left");
  return ubiq_output_string("said");
}
"""
        project = self.project(function("speak", "POST /speak"), files={"guest.c": guest})
        server = self.start(project, "--workers", "1", "--otlp", collector.url)
        server.request("POST", "/speak", b"", {"traceparent": TRACE})
        with collector.news:
            collector.news.wait_for(lambda: self.said(collector, "few left") and server_spans(collector.items(*SPANS)), support.PATIENCE)
        line, = self.said(collector, "few left")
        span, = server_spans(collector.items(*SPANS))
        self.assertEqual((span["traceId"], span["spanId"], 13, "WARN"),
                         tuple(line[key] for key in ("traceId", "spanId", "severityNumber", "severityText")))
        self.assertEqual({"faas.name": "speak"}, attributes(line))
        self.assertEqual(0, server.stop())
        line, = self.said(collector, "finishing what is under way")
        self.assertEqual(({}, 9), (attributes(line), line["severityNumber"]))
        self.assertNotIn("traceId", line)

    def test_a_trace_that_is_not_sampled_has_no_span_but_a_log_record(self):
        collector = self.collector()
        server = self.launch(collector, "hello", "fail")
        server.request("POST", "/hello", b"", {"traceparent": UNSAMPLED})
        server.request("POST", "/fail", b"", {"traceparent": TRACE})
        collector.wait_for(2, *LOGS)
        with collector.news:
            collector.news.wait_for(lambda: len(self.of_runs(collector)) == 2, support.PATIENCE)
        first, second = self.of_runs(collector)
        self.assertEqual(["fail"], [span["name"] for span in server_spans(self.spans_of(collector, 1))])
        self.assertEqual(TRACE.split("-")[1], first["traceId"])
        self.assertEqual(({"stringValue": "hello: ok"}, 9, "INFO"),
                         tuple(first[key] for key in ("body", "severityNumber", "severityText")))
        self.assertEqual(({"stringValue": "fail: guest_error"}, 13, "WARN"),
                         tuple(second[key] for key in ("body", "severityNumber", "severityText")))
        self.assertEqual("guest_error", attributes(second)["ubiq.outcome"])

    def test_the_end_sends_all_that_is_left_and_the_metrics(self):
        collector = self.collector()
        server = self.launch(collector, "hello", workers=2)
        for _ in range(700):  # more than a batch
            server.post("/hello")
        server.post("/nowhere")
        self.assertEqual(0, server.stop())
        self.assertEqual(700, len(server_spans(collector.items(*SPANS))))
        metrics = {metric["name"]: metric for metric in collector.items(*METRICS)}
        runs = metrics["ubiq.runs"]["sum"]
        self.assertEqual((2, True), (runs["aggregationTemporality"], runs["isMonotonic"]))
        self.assertEqual(700, sum(int(point["asInt"]) for point in runs["dataPoints"]))
        self.assertEqual({"hello"}, {attributes(point)["faas.name"] for point in runs["dataPoints"]})
        refused = metrics["ubiq.requests.refused"]["sum"]["dataPoints"]
        self.assertEqual({"not_found": 1}, {attributes(point)["ubiq.reason"]: int(point["asInt"]) for point in refused
                                            if int(point["asInt"]) > 0})
        for name in ("queue", "start", "duration", "cpu", "memory", "input", "output"):
            histogram = metrics["ubiq.run." + name]["histogram"]
            self.assertEqual(2, histogram["aggregationTemporality"])
            for point in histogram["dataPoints"]:
                counts, bounds = point["bucketCounts"], point["explicitBounds"]
                self.assertEqual((len(counts), int(point["count"])), (len(bounds) + 1, sum(map(int, counts))))
                self.assertEqual(sorted(set(bounds)), bounds)
                self.assertLess(int(point["startTimeUnixNano"]), int(point["timeUnixNano"]))
                self.assertIsInstance(point["sum"], float)
            self.assertEqual(700, sum(int(point["count"]) for point in histogram["dataPoints"]))

    def test_what_a_collector_does_not_take_for_now_is_sent_again(self):
        collector = self.collector()
        collector.answer(503)
        server = self.launch(collector, "hello")
        server.post("/hello")
        collector.wait_until_asked()
        server.wait_for("/v1/traces: the collector does not take what is sent: it answers 503")
        collector.answer(200)
        self.assertEqual(1, len(server_spans(collector.wait_for(1, *SPANS))))
        with collector.news:
            collector.news.wait_for(lambda: self.of_runs(collector), support.PATIENCE)
        self.assertEqual(1, len(self.of_runs(collector)))

    def test_what_a_collector_leaves_out_is_told_and_not_sent_again(self):
        collector = self.collector()
        collector.said["/v1/traces"] = {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too\x1b old"}}
        server = self.launch(collector, "hello")
        server.post("/hello")
        server.wait_for(r"/v1/traces: the collector does not take what is sent: it leaves out 2 of them: too\\x1b old")
        self.assertEqual(0, server.stop())
        self.assertEqual(1, len(server_spans(collector.items(*SPANS))))

    def test_a_slow_collector_does_not_hold_up_the_end(self):
        collector = self.collector()
        collector.answer(503)
        server = self.launch(collector, "hello")
        for _ in range(3000):  # six batches, each with two requests
            server.post("/hello")
        collector.answer(200, thinking_s=2)
        collector.wait_until_asked()
        self.assertEqual(0, server.stop())
        with collector.news:
            self.assertLess(len(server_spans(collector.items(*SPANS))), 3000)

    def test_without_a_collector_requests_are_answered_and_the_server_ends(self):
        listener = socket.create_server(("127.0.0.1", 0))  # takes connections, and says nothing
        self.addCleanup(listener.close)
        server = self.start(self.project(function("hello", "POST /hello")), "--workers", "1", "--otlp",
                            "http://127.0.0.1:%d/" % listener.getsockname()[1])
        for _ in range(50):
            self.assertEqual((200, b"Hello, Ada!"), server.post("/hello", b"Ada"))
        began = time.monotonic()
        self.assertEqual(0, server.stop())
        self.assertLess(time.monotonic() - began, 60)  # it takes seconds: nobody is waited for without end

    def test_what_is_no_url_is_refused(self):
        done = self.run_ubiq("serve", self.project(function("hello", "/hello")), "--otlp", "collector:4318")
        self.assertEqual(65, done.returncode)
        self.assertIn('otlp is "collector:4318"; expected the URL of a collector', done.stderr)


class Counts(deploying.Test):
    def test_runs_that_the_collector_refuses_are_counted_as_dropped(self):
        collector = Collector()
        self.addCleanup(collector.close)
        collector.answer(400)
        server = self.launch(None, "--otlp", collector.url)
        self.deployed(server, self.bundle("1"))
        for _ in range(3):
            server.get("/a")
        deadline = time.monotonic() + support.PATIENCE
        families = {}
        while time.monotonic() < deadline:
            families = self.scrape(server)
            if prometheus.value(families, "ubiq_otlp_dropped_total") == 3 and \
                    prometheus.value(families, "ubiq_otlp_lines_dropped_total") > 0:
                break
            time.sleep(0.05)
        self.assertEqual(3, prometheus.value(families, "ubiq_otlp_dropped_total"))
        self.assertGreater(prometheus.value(families, "ubiq_otlp_lines_dropped_total"), 0)
        self.assertEqual(0, prometheus.value(families, "ubiq_otlp_sent_total"))
        self.assertEqual(0, prometheus.value(families, "ubiq_otlp_lines_sent_total"))
        self.assertGreater(prometheus.value(families, "ubiq_otlp_failures_total"), 0)

    def scrape(self, server):
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        connection.request("GET", "/_ubiq/metrics", headers={"Authorization": "Bearer " + server.token})
        text = connection.getresponse().read().decode()
        connection.close()
        return prometheus.parse(text)


if __name__ == "__main__":
    support.main()
