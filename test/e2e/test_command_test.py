"""`ubiq test`: cases beside functions, on the way that a served request takes."""

import json
import os
import signal
import subprocess
import xml.etree.ElementTree

import support
from support import UBIQ, function

CASES = """
[[case]]
name = "greets by name"
request = { body = "Ada" }
expect = { body = "Hello, Ada!" }
"""
# `pay` asks for a payment as often as its input has letters, and answers with what it was told; `clock` says the time, in seconds.
WORLD = r"""
#include <ubiq/host.h>

__attribute__((import_module("wasi_snapshot_preview1"), import_name("clock_time_get")))
int32_t clock_time_get(int32_t clock, int64_t precision, uint64_t *time);

UBIQ_EXPORT(pay) {
  static char told[64];
  for (size_t left = ubiq_input_size(); left > 0; left--) {
    ubiq_http_response response = ubiq_http_request("POST", "https://pay.example.com/charge?a=1", NULL, "{\"amount\":3}", 12);
    told[0] = (char)('0' + response.status / 100);
    told[1] = ' ';
    size_t size = ubiq_block_size(response.body);
    ubiq_block_read(response.body, told + 2, size);
    told[2 + size] = '\0';
    ubiq_http_close(&response);
  }
  return ubiq_output_string(told);
}
UBIQ_EXPORT(keep) {
  size_t size;
  char *request = ubiq_input(&size);
  ubiq_block answer = ubiq_invoke(UBIQ_JSON, request, size);
  return ubiq_output_block(answer, ubiq_block_size(answer));
}
UBIQ_EXPORT(clock) {
  uint64_t time = 0;
  char text[24];
  clock_time_get(0, 1, &time);
  return ubiq_output(text, ubiq_format_u64(text, time / 1000000000));
}
"""
PAY = function("pay", "POST /pay", allowed_hosts='["pay.example.com"]')
PAID = """
[[case]]
name = "pays"
function = "pay"
request = { body = "x" }
expect = { body = '2 {"id":7}' }
[[case.http]]
method = "post"
url = "glob:https://pay.example.com/*"
json = { amount = "<integer>" }
answer = { status = 201, json = { id = 7 } }
"""
# `keep` asks the platform for what its input says and answers with what it was told.
KEEP = function("keep", "POST /keep", permissions='["kv:*"]')
KEPT = """
[[case]]
name = "keeps"
function = "keep"
request = { body = '{"method":"PUT","path":"/v1/kv/a","body":{"n":3}}' }
expect = { json = { status = 200, headers = { etag = "*" }, body = { version = 41 } } }
[[case.service]]
method = "put"
path = "/v1/kv/a"
json = { n = "<integer>" }
answer = { headers = { etag = '"41"' }, json = { version = 41 } }
"""
# Answers what the case's name says with the request as it came.
MIRROR = function("mirror", "/mirror/{id}", input='"request"')


class Run(support.Test):
    def project_with(self, cases, *functions, name="hello.test.toml"):
        return self.project(*(functions or [function("hello", "POST /hello")]), files={name: cases})

    def outcome(self, directory, *options, code=0, env=None):
        done = subprocess.run([UBIQ, "test", directory, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=support.PATIENCE, env={**os.environ, **(env or {})})
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        self.assertNotIn("Sanitizer", done.stderr)
        return done.stdout if code in (0, 1) else done.stderr

    def fails(self, cases, *functions, name="hello.test.toml"):
        """The differences that are told of one case."""
        report = json.loads(self.outcome(self.project_with(cases, *functions, name=name), "--json", code=1))
        self.assertEqual(1, report["failed"])
        return next(case["differences"] for case in report["cases"] if not case["passed"])

    def test_a_case_that_holds_is_told_and_ends_well(self):
        output = self.outcome(self.project_with(CASES))
        self.assertRegex(output, r"hello\.test\.toml\n  ok   greets by name \(\d+\.\d ms\)\n1 case: 1 passed, 0 failed\n$")

    def test_a_body_that_is_another_is_told_as_a_difference(self):
        output = self.outcome(self.project_with(CASES.replace('"Hello, Ada!"', '"Hello, Bob!"')), code=1)
        self.assertRegex(output, r"  FAIL greets by name .*\n +body:\n +- Hello, Bob!\n +\+ Hello, Ada!\n1 case: 0 passed, 1 failed")

    def test_a_status_that_is_another_is_told_with_what_the_server_says(self):
        told = self.fails('[[case]]\nname = "x"\nfunction = "trap"\n', function("trap", "POST /trap"))
        self.assertRegex(told, r"^status: expected 200, is 502 \(.*unreachable")

    def test_limits_hold_as_they_do_when_served(self):
        self.outcome(self.project_with('[[case]]\nname = "x"\nfunction = "spin"\nexpect.status = 504\n',
                                    function("spin", "POST /spin", cpu='"20ms"')))

    def test_whole_requests_arrive_as_the_case_says(self):
        self.outcome(self.project_with("""
[[case]]
name = "mirrors"
[case.request]
method = "PUT"
path = "/mirror/7?x=1"
query = { tag = ["a b", "c"], empty = "" }
headers = { X-Thing = "yes" }
json = { list = [1, 2.5], deep = { on = true } }
[case.expect]
headers = { content-type = "application/json" }
[case.expect.json]
method = "PUT"
path = "/mirror/7"
params = { id = "7" }
trace = "*"
query = { x = "1", tag = ["a b", "c"], empty = "" }
headers = { x-thing = "yes", content-type = "application/json", "*" = "<string>" }
body = { list = [1, 2.5], deep = { on = true } }
""", MIRROR, name="mirror.test.toml"))

    def test_json_that_is_another_is_told_place_by_place(self):
        told = self.fails("""
[[case]]
name = "mirrors"
request = { path = "/mirror/7", json = { a = 1, b = [1, 2, 3], c = "x", d = "glob", more = 1 }, method = "POST" }
expect.json.method = "text:POST"
expect.json.body = { a = 2, b = [1, "<string>"], c = "glob:y*", d = "glob:gl*b", gone = "*" }
expect.json."*" = "*"
""", MIRROR, name="mirror.test.toml")
        self.assertEqual(["json:", "body.a: expected 2, is 1", 'body.b[1]: expected "<string>", is 2', "body.b[2]: not expected, is 3",
                          'body.c: expected "glob:y*", is "x"', 'body.gone: expected "*", is absent',
                          "body.more: not expected, is 1"], told.splitlines())

    def test_an_answer_that_redirects_is_not_followed(self):
        source = """#include <ubiq/pdk.h>
UBIQ_EXPORT(go) { return ubiq_output_string("{\\"status\\": 303, \\"headers\\": {\\"location\\": \\"/elsewhere\\"}}"); }
"""
        directory = self.project(
            text='[functions.go]\nsource = "go.c"\nroute = "GET /go"\ninput = "request"\n',
            files={"go.c": source, "go.test.toml": '[[case]]\nname = "goes"\nexpect = { status = 303, headers = { location = "/else*" } }\n'})
        self.assertIn("header location: expected /else*, is /elsewhere", self.outcome(directory, code=1))
        self.write(directory, "go.test.toml", '[[case]]\nname = "goes"\nexpect = { status = 303, headers = { location = "glob:/else*" } }\n')
        self.outcome(directory)

    def test_a_route_of_a_host_is_reached(self):
        self.outcome(self.project_with(CASES, function("hello", "POST api.example.com/hello")))

    def test_only_the_cases_that_are_asked_for_are_run(self):
        directory = self.project_with(CASES + '[[case]]\nname = "another"\nexpect.status = 418\n')
        self.assertIn("1 case: 1 passed", self.outcome(directory, "--filter", "by name"))
        self.assertIn("none of its 2 test cases", self.outcome(directory, "--filter", "nobody", code=66))

    def test_files_below_are_found_in_order(self):
        directory = self.project_with(CASES)
        os.mkdir(os.path.join(directory, "below"))
        self.write(directory, "below/a.test.toml", CASES.replace("[[case]]", '[[case]]\nfunction = "hello"'))
        report = json.loads(self.outcome(directory, "--json"))
        self.assertEqual(["below/a.test.toml", "hello.test.toml"],
                         [os.path.relpath(case["file"], directory) for case in report["cases"]])
        self.assertEqual((2, 0), (report["passed"], report["failed"]))

    def test_junit_and_tap_tell_the_same(self):
        directory = self.project_with(CASES + '[[case]]\nname = "a <b> & #1"\nexpect.body = "x"\n')
        output = self.outcome(directory, "--tap", "--junit", os.path.join(directory, "report.xml"), code=1)
        self.assertRegex(output, r"^TAP version 14\n1\.\.2\nok 1 - .*greets by name\nnot ok 2 - .*: a <b> & \\#1\n"
                                 r"  ---\n  message: \|\n    body:\n    - x\n    \+ Hello, !\n  \.\.\.\n$")
        suite, = xml.etree.ElementTree.parse(os.path.join(directory, "report.xml")).getroot()
        self.assertEqual(("2", "1"), (suite.get("tests"), suite.get("failures")))
        self.assertEqual(["greets by name", "a <b> & #1"], [case.get("name") for case in suite])
        self.assertIn("+ Hello, !", suite[1][0].text)

    def world(self, cases, *functions):
        return self.project(*(functions or [PAY]), files={"guest.c": WORLD, "world.test.toml": cases})

    def told_of(self, cases, *functions):
        """Whether the first case passed, and the differences that are told of it."""
        done = subprocess.run([UBIQ, "test", self.world(cases, *functions), "--json", "--log-level", "off"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=support.PATIENCE)
        case = json.loads(done.stdout)["cases"][0]
        self.assertEqual(0 if case["passed"] else 1, done.returncode)
        return case["passed"], case.get("differences", "")

    def test_a_request_of_a_function_is_answered_by_the_case(self):
        self.assertEqual((True, ""), self.told_of(PAID))
        twice = PAID.replace('body = "x"', 'body = "xx"')
        self.assertEqual((True, ""), self.told_of(twice + "times = 2\n"))
        answers = twice + '[[case.http]]\nurl = "*"\nbody = "glob:*amount*"\nanswer = { status = 404, body = "gone" }\n'
        self.assertEqual((True, ""), self.told_of(answers.replace("""'2 {"id":7}'""", "'4 gone'")))

    def test_a_request_that_is_not_expected_fails_the_case_with_what_was_asked(self):
        for cases in (PAID.replace("<integer>", "<string>"), PAID.replace("example.com/*", "example.com/x"),
                      PAID.replace('"post"', '"PUT"'), PAID.partition("[[case.http]]")[0] + "http = []\n"):
            passed, told = self.told_of(cases)
            self.assertFalse(passed)
            self.assertIn('http: expected no such request: POST https://pay.example.com/charge?a=1: {"amount":3}\n', told)
            self.assertIn("status: expected 200, is 500", told)

    def test_a_request_by_the_platforms_api_is_answered_by_the_case_where_it_is_permitted(self):
        case = """
[[case]]
name = "asks"
function = "keep"
request = { body = '{"method":"POST","path":"/v1/http","body":{"url":"https://pay.example.com/charge","method":"POST","body":{"amount":3}}}' }
expect = { json = { status = %d, headers = "*", encoding = "*", body = %s } }
[[case.http]]
url = "https://pay.example.com/charge"
json = { amount = "<integer>" }
times = %d
answer = { status = 201, headers = { x-id = "7" }, json = { id = 7 } }
"""
        keep = [function("keep", "POST /keep", permissions='["http:%s:pay.example.com"]' % method) for method in ("post", "get")]
        answer = '{ status = 201, headers = "*", encoding = "json", body = { id = 7 } }'
        self.assertEqual((True, ""), self.told_of(case.replace(' encoding = "*",', "") % (200, answer, 1), keep[0]))
        passed, told = self.told_of(case.replace(' encoding = "*",', "") % (403, '"*"', 1), keep[1])
        self.assertEqual((False, "http: expected a request of https://pay.example.com/charge 1 time, came 0\n"), (passed, told))

    def test_an_expected_request_that_was_not_made_fails_the_case(self):
        passed, told = self.told_of(PAID.replace('body = "x"', 'body = ""').replace("""body = '2 {"id":7}'""", 'body = ""'))
        self.assertEqual((False, "http: expected POST glob:https://pay.example.com/* 1 time, came 0\n"), (passed, told))
        passed, told = self.told_of(PAID + "times = 3\n")
        self.assertEqual((False, "http: expected POST glob:https://pay.example.com/* 3 times, came 1\n"), (passed, told))

    def test_a_request_to_where_the_function_may_not_go_is_refused_all_the_same(self):
        passed, told = self.told_of(PAID, function("pay", "POST /pay", allowed_hosts='["example.com"]'))
        self.assertFalse(passed)
        self.assertRegex(told, r"^http: expected POST .* 1 time, came 0\nstatus: expected 200, is 500")

    def test_expectations_are_of_one_case(self):
        second = '[[case]]\nname = "rests"\nfunction = "pay"\nrequest = { body = "" }\nexpect = { body = "" }\nhttp = []\n'
        report = json.loads(self.outcome(self.world(PAID + second + PAID.replace("pays", "pays again")), "--json"))
        self.assertEqual((3, 0), (report["passed"], report["failed"]))

    def test_a_call_of_the_platform_is_answered_by_the_case(self):
        self.assertEqual((True, ""), self.told_of(KEPT, KEEP))
        other = KEPT.replace("/kv/a\"\njson", "/kv/b\"\njson")
        passed, told = self.told_of(other, KEEP)
        self.assertFalse(passed)
        self.assertIn("service: expected PUT /v1/kv/b 1 time, came 0", told)

    def test_a_call_without_an_answer_reaches_the_service(self):
        real = KEPT.partition("answer =")[0].replace("version = 41", "version = 1")
        self.assertEqual((True, ""), self.told_of(real, KEEP))
        self.assertEqual((True, ""), self.told_of(real.partition("[[case.service]]")[0], KEEP))

    def test_what_is_due_rests(self):
        """Neither a schedule nor an event of another case runs a function; waiting for a lock gives them the time to."""
        triggers = """
[[functions.keep.schedules]]
every = "1s"
input = { method = "PUT", path = "/v1/kv/ran", body = 1 }
[[functions.keep.events]]
topic = "*"
"""
        case = """
[[case]]
name = "%s"
function = "keep"
request.json = { method = "%s", path = "%s", %s }
expect = { json = { status = %d, body = %s, "*" = "*" } }
"""
        lock = ("/v1/cache/a/lock", 'query = { wait = "2s", hold = "1m" }')
        cases = "".join(case % ((asked[1],) + asked) for asked in (
            ("POST", "/v1/events", 'body = { type = "came" }', 202, '"*"'),
            ("POST", *lock, 201, '"*"'),
            ("POST", *lock, 409, '"*"'),
            ("GET", "/v1/kv/ran", "query = {}", 404, '"*"'),
            ("GET", "/v1/subscriptions/keep", "query = {}", 200, '{ lag = 1, "*" = "*" }')))
        keep = KEEP.replace('["kv:*"]', '["kv:*", "cache:*", "events:*"]')
        self.assertIn("5 passed", self.outcome(self.world(cases, keep + triggers)))

    def test_a_call_that_must_not_come_fails_the_case(self):
        passed, told = self.told_of(KEPT + "times = 0\n", KEEP)
        self.assertFalse(passed)
        self.assertIn('service: expected no such request: PUT /v1/kv/a: {"n":3}', told)

    def test_permissions_hold_for_calls_that_a_case_answers(self):
        passed, told = self.told_of(KEPT, KEEP.replace("kv:*", "cache:*"))
        self.assertFalse(passed)
        self.assertIn("kv:write:a", told)

    def test_the_wall_clock_stands_at_the_time_of_the_case(self):
        clock = function("clock", "GET /clock")
        case = '[[case]]\nname = "%s"\nfunction = "clock"\ntime = %s\nexpect = { body = "%d" }\n'
        cases = (case % ("text", '"2026-01-01T00:00:00Z"', 1767225600) + case % ("date", "2026-01-01T01:00:00.5+01:00", 1767225600) +
                 '[[case]]\nname = "now"\nfunction = "clock"\nexpect = { body = "glob:[12]?????????" }\n')
        self.outcome(self.world(cases, clock))
        passed, told = self.told_of(case % ("other", '"1970-01-01T00:00:09Z"', 8), clock)
        self.assertEqual((False, "body:\n- 8\n+ 9\n"), (passed, told))

    def test_a_turn_of_a_schedule_is_given_as_of_its_time(self):
        clock = function("clock", "GET /clock", schedules='[{ name = "morning", cron = "0 9 * * *", timezone = "Europe/Berlin" }]')
        keep = KEEP + '[[functions.keep.schedules]]\nevery = "1h"\ninput = { method = "PUT", path = "/v1/kv/a", body = 1 }\n'
        turn = '[[case]]\nname = "%s"\nschedule = "%s"\ntime = "%s"\n'
        cases = (turn % ("summer", "morning", "2026-07-01T07:00:00Z") + 'expect.body = "1782889200"\n' +
                 turn % ("winter", "morning", "2026-12-01T08:00:00Z") + 'expect.body = "1796112000"\n' +
                 turn % ("input", "keep", "2026-12-01T08:00:00Z") + 'expect.json = { status = 200, "*" = "*" }\n'
                 '[[case.service]]\nmethod = "PUT"\npath = "/v1/kv/a"\njson = 1\n')
        self.assertIn("3 passed", self.outcome(self.world(cases, clock + keep)))
        passed, told = self.told_of(turn % ("other", "morning", "2026-07-01T08:00:00Z"), clock)
        self.assertFalse(passed)
        self.assertRegex(told, r"schedule: morning is not due at 2026-07-01T08:00:00\S*Z; then next at 2026-07-02T07:00:00\S*Z")

    def test_a_turn_stands_alone(self):
        world = function("clock", "GET /clock", schedules='[{ cron = "@daily" }]')
        turn = '[[case]]\nname = "x"\nschedule = "%s"\n'
        for case, told in (
                (turn % "clock", r"schedule stands without \"time\"; expected the time of a turn"),
                (turn % "clok" + 'time = 2026-01-01T00:00:00Z\n', r"schedule is \"clok\"; expected the name of a schedule of ubiq\.toml"),
                (turn % "clock" + 'time = 2026-01-01T00:00:00Z\nfunction = "clock"\n', r"function stands beside \"schedule\""),
                (turn % "clock" + 'time = 2026-01-01T00:00:00Z\nrequest.body = "a"\n', r"unknown key .*request\.body")):
            with self.subTest(told):
                self.assertRegex(self.outcome(self.world(case, world), code=65), told)

    def test_what_is_wrong_in_a_file_is_told_with_its_place(self):
        for cases, told in (
                ('[[case]]\nname = "x"\nexpect = { stats = 200 }\n', r"hello\.test\.toml:3:12: .*unknown key case\[0\]\.expect\.stats; did you mean \"status\""),
                ('[[case]]\nname = "x"\nfunction = "helo"\n', r"hello\.test\.toml:3:1: .*function is \"helo\"; expected the name of a function"),
                ('[[case]]\n', r"name is missing; expected"),
                ('[[case]]\nname = "x"\nrequest = { body = "a", json = 1 }\n', r"stands beside \"body\""),
                ('[[case]]\nname = "x"\ntime = "noon"\n', r"hello\.test\.toml:3:1: .*time is \"noon\"; expected a time such as"),
                ('[[case]]\nname = "x"\n[[case.http]]\n', r"url is missing; expected"),
                ('[[case]]\nname = "x"\n[[case.http]]\nurl = "ftp://x"\n', r"url is \"ftp://x\"; expected a URL, a pattern"),
                ('[[case]]\nname = "x"\n[[case.http]]\nurl = "*"\ntimes = 0\n', r"times is 0; expected"),
                ('[[case]]\nname = "x"\n[[case.http]]\nurl = "*"\nanswer = { stats = 1 }\n', r"unknown key .*stats"),
                ('', r"expected test cases: \[\[case\]\]"),
                ('[[case', r"hello\.test\.toml:1:")):
            with self.subTest(told):
                self.assertRegex(self.outcome(self.project_with(cases), code=65), told)
        self.assertRegex(self.outcome(self.project_with('[[case]]\nname = "x"\n', MIRROR, name="mirror.test.toml"), code=65),
                         r"which has parameters")

    def test_a_project_without_cases_is_told(self):
        self.assertIn("has no test cases; expected files such as FUNCTION.test.toml",
                      self.outcome(self.project(function("hello", "POST /hello")), code=66))

    def test_examples_hold(self):
        self.outcome(os.path.join(os.environ["UBIQ_SOURCE"], "examples", "hello"))


class Watch(support.Test):
    def test_a_change_is_tested_and_a_signal_ends_it(self):
        directory = self.project(function("hello", "POST /hello"), files={"hello.test.toml": CASES})
        server = support.Server(directory, command="test", ready=False, usual=["--watch"])
        self.addCleanup(server.close)
        server.wait_for("1 passed, 0 failed")
        server.wait_for("waiting for a change")
        seen = len(server.lines)
        self.write(directory, "hello.test.toml", CASES.replace("Ada!", "Bob!"))
        server.wait_for("0 passed, 1 failed", seen)
        server.wait_for("waiting for a change", seen)
        seen = len(server.lines)
        self.write(directory, "hello.test.toml", "[[case")
        server.wait_for("ubiq: .*hello.test.toml:1:", seen)
        server.wait_for("waiting for a change", seen)
        self.assertEqual(0, server.stop())


if __name__ == "__main__":
    support.main()
