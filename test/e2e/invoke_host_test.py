"""The platform's API as functions reach it: InvokeHost, the log, functions that call functions."""

import json
import os
import time

import support
from support import function

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADER = "00-%s-00f067aa0ba902b7-01" % ID

# `relay` asks for what its input says and answers with what it gets; `other_format` in a format that there is none of,
# `no_block` without a request. `chain` calls itself by its own request until something else than 200 comes back.
GUEST = r"""
#include <ubiq/host.h>

static int answer_with(ubiq_block answer) { return ubiq_output_block(answer, ubiq_block_size(answer)); }

UBIQ_EXPORT(relay) {
  size_t size;
  char *request = ubiq_input(&size);
  return answer_with(ubiq_invoke(UBIQ_JSON, request, size));
}
UBIQ_EXPORT(packed) {
  size_t size;
  char *request = ubiq_input(&size);
  return answer_with(ubiq_invoke(UBIQ_MESSAGEPACK, request, size));
}
UBIQ_EXPORT(other_format) { return answer_with(ubiq_invoke(7, "{}", 2)); }
UBIQ_EXPORT(no_block) { return answer_with(ubiq_invoke_host(UBIQ_JSON, 0)); }
UBIQ_EXPORT(no_such_block) { return answer_with(ubiq_invoke_host(UBIQ_JSON, UINT64_C(0xffffffffffff))); }

UBIQ_EXPORT(chain) {
  ubiq_block answer = ubiq_invoke_string("{\"method\":\"POST\",\"path\":\"/v1/functions/chain/runs\"}");
  return answer_with(answer);
}
UBIQ_EXPORT(ping) { return answer_with(ubiq_invoke_string("{\"method\":\"POST\",\"path\":\"/v1/functions/pong/runs\"}")); }
UBIQ_EXPORT(pong) { return answer_with(ubiq_invoke_string("{\"method\":\"POST\",\"path\":\"/v1/functions/ping/runs\"}")); }
UBIQ_EXPORT(echo) {
  size_t size;
  char *input = ubiq_input(&size);
  return ubiq_output(input, size);
}
UBIQ_EXPORT(mirror) {
  static const char start[] = "{\"body\": ";
  size_t size = ubiq_input_size();
  char *answer = (char *)ubiq_alloc(size + sizeof start);
  memcpy(answer, start, sizeof start - 1);
  ubiq_input_read(answer + sizeof start - 1, size);
  answer[sizeof start - 1 + size] = '}';
  return ubiq_output(answer, sizeof start + size);
}
UBIQ_EXPORT(refuses) { return ubiq_output_string("{\"status\": 409, \"body\": \"taken\"}"); }
UBIQ_EXPORT(binary) { return ubiq_output("\0\xff\xfe", 3); }
UBIQ_EXPORT(trap) { __builtin_trap(); }
UBIQ_EXPORT(fail) { return ubiq_error_string("the shelf is empty"); }
UBIQ_EXPORT(spin) { for (volatile int i = 0;; i++) {} }
"""

ASKS = """(module (import "extism:host/user" "InvokeHost" (func (param i32 i64) (result i64)))
  (func (export "f") (result i32) (i32.const 0)))"""

NAMES = ("relay", "packed", "other_format", "no_block", "no_such_block", "chain", "ping", "pong", "echo", "binary", "trap", "fail", "spin")


def run(name, **more):
    """A request that runs a function."""
    return dict(method="POST", path="/v1/functions/%s/runs" % name, **more)


class InvokeHost(support.Test):
    def launch(self, *options, **settings):
        functions = [function(name, "POST /" + name, permissions='["functions:*"]', **settings.get(name, {})) for name in NAMES]
        return self.start(self.project(*functions, files={"guest.c": GUEST}), *options)

    def call(self, server, name, body=b"", headers=None):
        status, _, answer = server.request("POST", "/" + name, body, headers or {})
        self.assertEqual(200, status, answer)
        return json.loads(answer)

    def ask(self, server, request, headers=None):
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        return self.call(server, "relay", body, headers)

    def assert_problem(self, status, answer, words=""):
        self.assertEqual(status, answer["status"], answer)
        self.assertEqual("application/problem+json", answer["headers"]["content-type"])
        self.assertEqual(status, answer["body"]["status"])
        self.assertIn(words, answer["body"]["detail"])

    def test_what_is_no_request_is_answered_in_json(self):
        server = self.launch()
        self.assert_problem(400, self.call(server, "other_format"), "the format is 7")
        self.assert_problem(400, self.call(server, "no_block"), "no block")
        self.assert_problem(400, self.call(server, "no_such_block"), "no block")
        for bad, words in ((b"{", "request:"), (b"[]", "object"), (b"\xff", "request:"), (b"{}", "method"),
                           (b'{"method":"GET","method":"GET","path":"/"}', "twice"),
                           (b'{"method":"GET","path":"/v1/functions","quer":{}}', "did you mean"),
                           (b'{"method":"GET","path":"/v1/functions?x=1"}', "query"),
                           (b'{"method":"POST","path":"/v1/log","encoding":"hex","body":"00"}', "encoding"),
                           (b'{"method":"POST","path":"/v1/log","encoding":"base64","body":"=="}', "base64"),
                           (b"[" * 5000, "request:")):
            self.assert_problem(400, self.ask(server, bad), words)

    def test_paths_methods_and_parameters_that_there_are_not_are_told(self):
        server = self.launch()
        self.assert_problem(404, self.ask(server, {"method": "GET", "path": "/v2/log"}), "no path")
        answer = self.ask(server, {"method": "GET", "path": "/v1/log"})
        self.assert_problem(405, answer, "POST")
        self.assertEqual("POST", answer["headers"]["allow"])
        self.assert_problem(400, self.ask(server, run("echo", query={"wait": "perhaps"})), "wait")
        self.assert_problem(400, self.ask(server, run("echo", query={"waits": "true"})), 'did you mean "wait"')
        self.assert_problem(400, self.ask(server, run("echo", query={"wait": ["true", "true"]})), "twice")
        self.assert_problem(400, self.ask(server, {"method": "POST", "path": "/v1/log"}), "no body")
        self.assert_problem(400, self.ask(server, {"method": "POST", "path": "/v1/log", "body": {"level": "loud"}}))

    def test_a_line_of_the_log_has_its_level_attributes_and_trace(self):
        server = self.launch()
        line = {"level": "warn", "message": "the shelf is\nempty", "attributes": {"shelf": "A 1", "left": 0}}
        answer = self.ask(server, {"method": "POST", "path": "/v1/log", "body": line}, {"traceparent": HEADER})
        self.assertEqual({"status": 204, "headers": {}}, answer)
        line = server.wait_for(".*the shelf is.*").group(0)
        self.assertRegex(line, "WARN +relay: ")
        self.assertIn("trace=" + ID, line)
        self.assertIn('shelf="A 1" left=0', line)

    def test_a_function_calls_another_and_gets_what_it_answers(self):
        server = self.launch()
        self.assertEqual({"a": [1]}, self.ask(server, run("echo", body={"a": [1]}))["body"])
        answer = self.ask(server, run("echo", body="plain", encoding="utf8"))
        self.assertEqual((200, "utf8", "plain"), (answer["status"], answer["encoding"], answer["body"]))
        answer = self.ask(server, run("binary"))
        self.assertEqual(("base64", "AP/+"), (answer["encoding"], answer["body"]))
        answer = self.ask(server, run("echo", body="AP/+", encoding="base64"))
        self.assertEqual(("base64", "AP/+"), (answer["encoding"], answer["body"]))

    def test_the_functions_of_the_project_are_listed(self):
        answer = self.ask(self.launch(), {"method": "GET", "path": "/v1/functions"})
        self.assertEqual(set(NAMES), {each["name"] for each in answer["body"]["functions"]})
        self.assertIn({"name": "relay", "version": "0.1.0", "route": "POST /relay"}, answer["body"]["functions"])

    def test_failures_of_a_callee_are_its_callers_answers(self):
        server = self.launch(spin={"timeout": 50})
        self.assert_problem(404, self.ask(server, run("ech0")), 'did you mean "echo"')
        self.assert_problem(502, self.ask(server, run("trap")))
        self.assert_problem(500, self.ask(server, run("fail")), "the shelf is empty")
        self.assert_problem(504, self.ask(server, run("spin")))

    def test_a_callee_has_no_more_time_than_its_caller(self):
        server = self.launch(relay={"timeout": 300})
        status, _, answer = server.request("POST", "/relay", json.dumps(run("spin")).encode())
        if status == 200:
            self.assert_problem(504, json.loads(answer))
        else:
            self.assertEqual(504, status)
        request, deadline = json.dumps(run("echo", body=1)).encode(), time.monotonic() + support.PATIENCE
        while (answer := server.request("POST", "/relay", request))[0] != 200:  # where it stood still, its time was over, too
            self.assertEqual(504, answer[0], answer)
            self.assertLess(time.monotonic(), deadline)

    def depth_of(self, answer):
        depth = 0
        while answer["status"] == 200:
            answer, depth = answer["body"], depth + 1
        self.assert_problem(403, answer, "16 deep")
        return depth

    def test_functions_that_call_each_other_in_circles_come_to_an_end(self):
        server = self.launch("--workers", "1")
        self.assertEqual(16, self.depth_of(self.call(server, "chain")))
        self.assertEqual(16, self.depth_of(self.call(server, "ping")))

    def test_who_waits_keeps_nobody_out_that_it_waits_for(self):
        server = self.launch("--workers", "1", "--runs-max", "1", chain={"pool": "{ min = 0, max = 1 }"})
        self.assertEqual(16, self.depth_of(self.call(server, "chain")))
        self.assertEqual(16, self.depth_of(self.call(server, "ping")))

    def test_functions_that_take_whole_requests_are_called_with_one(self):
        functions = [function(name, "POST /" + name, **more) for name, more in
                     (("relay", {"auth": '"optional"', "permissions": '["functions:*"]'}), ("mirror", {"input": '"request"', "auth": '"required"'}), ("refuses", {"input": '"request"'}))]
        made = json.loads(self.run_ubiq("api-key", "ci", "--json").stdout)
        key, line = made["key"], 'ci = "%s"' % made["hash"]
        server = self.start(self.project(*functions, "[auth.api_keys]\n%s\n" % line, files={"guest.c": GUEST}))
        seen = self.ask(server, run("mirror", body={"a": 1}), {"X-API-Key": key, "traceparent": HEADER})["body"]
        self.assertEqual(("POST", {"a": 1}, {"kind": "api_key", "name": "ci"}), (seen["method"], seen["body"], seen["identity"]))
        self.assertIn(ID, seen["trace"])
        self.assert_problem(403, self.ask(server, run("mirror", body=1)), "nobody says")
        self.assert_problem(500, self.ask(server, run("refuses")), "status 409")

    def test_a_pinned_function_cannot_wait_for_itself(self):
        server = self.launch(chain={"instance": '"pinned"'})
        answer = self.call(server, "chain")
        self.assert_problem(503, answer, "pinned")

    def test_a_caller_that_leaves_takes_its_callee_along(self):
        server = self.launch("--workers", "1", "--runs-max", "1")
        connection = server.connect()
        connection.request("POST", "/relay", json.dumps(run("spin", query={})))
        connection.sock.close()
        self.assertEqual(200, self.ask(server, run("echo", body=1))["status"])

    def test_callees_are_children_of_their_callers_spans(self):
        server = self.launch("--run-log", "-")
        self.ask(server, run("echo", body=1), {"traceparent": HEADER})
        runs = {name: json.loads(server.wait_for(r'^\{.*"function":"%s".*' % name).group(0)) for name in ("relay", "echo")}
        self.assertEqual([ID, ID], [runs[name]["trace_id"] for name in runs])
        self.assertEqual(runs["relay"]["span_id"], runs["echo"]["parent_id"])

    def result(self, server, started):
        """How a run ended that was begun with wait=false."""
        self.assertEqual(202, started["status"], started)
        request = {"method": "GET", "path": "/v1/runs/" + started["body"]["id"]}
        deadline = time.monotonic() + support.PATIENCE
        while time.monotonic() < deadline:
            found = self.ask(server, request)
            self.assertEqual(200, found["status"], found)
            if found["body"]["status"] not in ("queued", "running"):
                return found["body"]
        raise AssertionError("the run does not end")

    def test_results_of_runs_that_nobody_waits_for_are_kept(self):
        server = self.launch(spin={"timeout": 100})
        begun = self.ask(server, run("echo", query={"wait": "false"}, body={"a": 1}))
        found = self.result(server, begun)
        self.assertEqual(("done", "echo", {"a": 1}), (found["status"], found["function"], found["output"]))
        found = self.result(server, self.ask(server, run("binary", query={"wait": "false"})))
        self.assertEqual(("AP/+", "application/octet-stream"), (found["base64"], found["media_type"]))
        for name, code in (("trap", "trap"), ("fail", "guest_error"), ("spin", "timeout")):
            found = self.result(server, self.ask(server, run(name, query={"wait": "false"})))
            self.assertEqual(("failed", code), (found["status"], found["error"]["class"]))
        self.assert_problem(404, self.ask(server, {"method": "GET", "path": "/v1/runs/" + "0" * 40}))

    def test_requests_and_answers_in_messagepack_are_the_same(self):
        server = self.launch()
        path = b"/v1/functions/echo/runs"
        request = b"\x83\xa6method\xa4POST\xa4path" + bytes([0xa0 + len(path)]) + path + b"\xa4body\xc4\x03\x00\xff\xfe"
        status, _, answer = server.request("POST", "/packed", request)
        self.assertEqual((200, True), (status, answer.startswith(b"\x83\xa6status\xcc\xc8\xa7headers\x81")), answer)
        self.assertTrue(answer.endswith(b"\xa4body\xc4\x03\x00\xff\xfe"), answer)
        status, _, answer = server.request("POST", "/packed", b"\xc1")
        self.assertEqual((200, True), (status, b"\xa6status\xcd\x01\x90" in answer), answer)

    def test_one_run_without_a_server_has_what_needs_none(self):
        directory = self.project(function("relay", "POST /relay", permissions='["functions:*"]'), files={"guest.c": GUEST})
        line = json.dumps({"method": "POST", "path": "/v1/log", "body": {"message": "from a run"}})
        done = self.run_ubiq("run", "relay", directory, "--input", line)
        self.assertEqual({"status": 204, "headers": {}}, json.loads(done.stdout))
        self.assertRegex(done.stderr, "INFO +relay: from a run")
        done = self.run_ubiq("run", "relay", directory, "--input", json.dumps(run("relay")))
        self.assert_problem(503, json.loads(done.stdout), "only where a server runs them")

    def test_a_plugin_by_itself_has_no_platform_and_is_told_so(self):
        path = os.path.join(self.project(files={"asks.wat": ASKS}), "asks.wat")
        done = self.run_ubiq("call", path, "f")
        self.assertNotEqual(0, done.returncode)
        self.assertIn("InvokeHost", done.stderr)
        self.assertIn("the platform's API", done.stderr)


if __name__ == "__main__":
    support.main()
