"""What a server tells of itself: a line for each run, with the real program."""

import contextlib
import fcntl
import http.client
import json
import os
import signal
import socket
import subprocess
import time

import support
from support import function

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class JsonLines(support.Test):
    def test_what_a_server_says_is_json_where_that_is_asked_for(self):
        directory = self.project(function("fail", "POST /fail"))
        server = self.start(directory, "--workers", "1", "--json", ready=False)
        server.host, server.port = server.wait_for(r'"listening_on":"http://(.*):(\d+)"').groups()
        self.assertEqual(500, server.post("/fail")[0])
        self.assertEqual(0, server.stop())
        lines = [json.loads(line) for line in server.lines]
        self.assertIn(("warn", "fail", 'guest_error: the shelf "A" is empty'),
                      [(line.get("level"), line.get("source"), line.get("message")) for line in lines])

    def test_so_it_is_with_a_state(self):
        state = os.path.join(self.project(), "state")
        server = self.start("--state=" + state, "--admin", "127.0.0.1:0", "--json", ready=False)
        server.wait_for(r'"deploy_to":"http://[^"]+","token_file":"%s/token"' % state)
        self.assertEqual(0, server.stop())
        self.assertIn("SIGTERM", " ".join(json.loads(line).get("message", "") for line in server.lines))


class UnreadLog(support.Test):
    def test_a_log_that_nobody_reads_holds_up_no_request(self):
        directory = self.project(function("fail", "POST /fail"), function("hello", "POST /hello"))
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        server = subprocess.Popen([support.UBIQ, "serve", directory, "--listen", "127.0.0.1:0", "--workers", "1"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=writer, text=True)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        os.close(writer)
        url = server.stdout.readline().split()[-1]
        connection = http.client.HTTPConnection(url.rpartition("/")[2], timeout=support.PATIENCE)
        self.addCleanup(connection.close)

        def post(path):
            connection.request("POST", path)
            response = connection.getresponse()
            response.read()
            return response.status
        self.assertEqual([500] * 200, [post("/fail") for _ in range(200)])
        self.assertEqual(200, post("/hello"))
        with os.fdopen(reader, encoding="utf-8") as log:
            log.readline()  # takes all that there is out of the pipe
            post("/fail")
            while "log lines were lost because nobody read them" not in log.readline():
                pass
        server.stdout.close()


class RunLog(support.Test):
    def launch(self, path, *functions, workers=1):
        return self.start(self.project(*functions), "--workers", str(workers), "--run-log", path)

    def path(self):
        return os.path.join(self.project(function("hello", "/hello")), "runs.log")

    def read(self, path):
        with open(path) as file:
            return [json.loads(line) for line in file]

    def wait_for_lines(self, path, count):
        deadline = time.monotonic() + support.PATIENCE
        while time.monotonic() < deadline:
            if os.path.exists(path) and len(self.read(path)) >= count:
                break
            time.sleep(0.02)
        return self.read(path)

    def test_each_run_has_a_line_with_its_outcome(self):
        path = self.path()
        server = self.launch(path, function("hello", "POST /hello"), function("trap", "POST /trap"),
                             function("fail", "POST /fail"), function("spin", "POST /spin", cpu="20"),
                             function("odd", "POST /odd", export='"hello"', input='"request"'))
        for name in ("hello", "trap", "fail", "spin", "odd"):
            server.post("/" + name, b"Ada")
        lines = self.wait_for_lines(path, 5)
        self.assertEqual([("hello", "ok"), ("trap", "trap"), ("fail", "guest_error"), ("spin", "cpu_limit"),
                          ("odd", "invalid_output")], [(line["function"], line["outcome"]) for line in lines])
        hello = lines[0]
        self.assertEqual({"time", "trace_id", "span_id", "function", "release", "worker", "outcome", "queue_ms", "start_ms",
                          "run_ms", "cpu_ms", "memory_bytes", "bytes_in", "bytes_out"}, set(hello))
        self.assertEqual(("0.1.0", 0, 3, 11), tuple(hello[key] for key in ("release", "worker", "bytes_in", "bytes_out")))
        self.assertRegex(hello["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertGreater(hello["memory_bytes"], 0)
        self.assertGreater(lines[3]["cpu_ms"], 15)

    def raw(self, server, sent):
        """Sends bytes on a connection of their own, and waits until the server has ended it: the answer's status, where it
        was not lost with what the server did not read."""
        with server.socket() as connection:
            answer = b""
            with contextlib.suppress(ConnectionError):
                connection.sendall(sent)
                while part := connection.recv(65536):
                    answer += part
            return int(answer.split()[1]) if answer else None

    def test_requests_that_reach_no_function_have_a_line_that_says_why(self):
        path = self.path()
        key = json.loads(self.run_ubiq("api-key", "ci", "--json").stdout)["hash"]
        project = self.project('[auth.api_keys]\nci = "%s"\n' % key, function("hello", "POST /hello", body_max='"4B"'),
                               function("sealed", "/sealed", export='"hello"', auth='"required"'))
        server = self.start(project, "--workers", "1", "--run-log", path, "--body-timeout", "200ms")
        close = b"Host: h\r\nConnection: close\r\n"
        sent = [b"GET /nowhere?secret=1 HTTP/1.1\r\ntraceparent: " + TRACE.encode() + b"\r\n" + close + b"\r\n",
                b"GET /hello HTTP/1.1\r\n" + close + b"\r\n",
                b"GET /sealed HTTP/1.1\r\n" + close + b"\r\n",
                b"POST /hello HTTP/1.1\r\nContent-Length: 5\r\n" + close + b"\r\n12345",
                b"POST /hello HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + close + b"\r\n5\r\n12345\r\n0\r\n\r\n",
                b"POST /hello HTTP/1.1\r\nContent-Length: 3\r\n" + close + b"\r\n1",
                b"POST /hello HTTP/1.1\r\nContent-Length: x\r\n" + close + b"\r\n",
                b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\n" + close + b"\r\n",
                b"GET /hello HTTP/1.1\r\nX: " + b"a" * 40000 + b"\r\n" + close + b"\r\n",
                b"GET /hello HTTP/2.7\r\n" + close + b"\r\n"]
        answered = [self.raw(server, one) for one in sent]
        self.assertEqual([404, 405, 401, 413, 413, 408, 400], answered[:7])
        lines = self.wait_for_lines(path, len(sent))
        self.assertEqual(len(sent), len(lines))
        for status, line in zip(answered, lines):
            self.assertIn(status, (line["status"], None))
        self.assertEqual(["not_found", "no_method", "unknown_caller", "too_large", "too_large", "too_slow", "malformed"],
                         [line["refused"] for line in lines[:7]])
        self.assertEqual({"headers_too_large"}, {line["refused"] for line in lines[7:9]})
        self.assertEqual({"time", "trace_id", "parent_id", "worker", "refused", "status", "method", "path"}, set(lines[0]))
        self.assertEqual(("GET", "/nowhere", TRACE.split("-")[1]), tuple(lines[0][key] for key in ("method", "path", "trace_id")))
        self.assertFalse([line for line in lines if "function" in line])

    def test_a_line_names_the_trace_that_its_request_is_part_of(self):
        path = self.path()
        server = self.launch(path, function("hello", "POST /hello"))
        server.request("POST", "/hello", b"", {"traceparent": TRACE})
        server.request("POST", "/hello", b"", {"traceparent": TRACE + "0"})
        first, second = self.wait_for_lines(path, 2)
        self.assertEqual(TRACE.split("-")[1:3], [first["trace_id"], first["parent_id"]])
        self.assertNotEqual(first["trace_id"], second["trace_id"])
        self.assertNotIn("parent_id", second)

    def test_a_client_that_leaves_makes_a_cancelled_run(self):
        path = self.path()
        server = self.launch(path, function("spin", "POST /spin"))
        with server.socket() as connection:
            connection.sendall(b"POST /spin HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_RDWR)
        self.assertEqual(["cancelled"], [line["outcome"] for line in self.wait_for_lines(path, 1)])

    def test_nothing_is_lost_when_the_server_is_told_to_stop(self):
        path = self.path()
        server = self.launch(path, function("hello", "POST /hello"), workers=2)
        for _ in range(50):
            server.post("/hello")
        self.assertEqual(0, server.stop())
        self.assertEqual(50, len(self.read(path)))

    def test_the_file_is_opened_anew_on_sighup(self):
        path = self.path()
        server = self.launch(path, function("hello", "POST /hello"))
        server.post("/hello")
        self.wait_for_lines(path, 1)
        os.rename(path, path + ".1")
        server.signal(signal.SIGHUP)
        deadline = time.monotonic() + support.PATIENCE
        while not os.path.exists(path) and time.monotonic() < deadline:
            time.sleep(0.02)
        server.post("/hello")
        self.assertEqual((1, 1), (len(self.wait_for_lines(path, 1)), len(self.read(path + ".1"))))

    def test_standard_output_gets_the_lines(self):
        server = self.launch("-", function("hello", "POST /hello"))
        server.post("/hello")
        self.assertEqual("ok", json.loads(server.wait_for(r'^(\{"time".*\})$').group(1))["outcome"])

    def test_a_full_disk_and_a_reader_that_does_not_read_stop_no_request(self):
        server = self.launch("/dev/full", function("hello", "POST /hello"))
        self.ask_much(server)
        server.wait_for(r"/dev/full: runs are not written down, 1 so far")
        project = self.project(function("hello", "POST /hello"))
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        process = subprocess.Popen([support.UBIQ, "serve", project, "--listen", "127.0.0.1:0", "--run-log", "-"],
                                   stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE)
        os.close(writing)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        line = b""
        while not line.endswith(b"\n"):
            line += os.read(reading, 1)
        stuck = support.Server.__new__(support.Server)
        stuck.host, stuck.port = "127.0.0.1", int(line.rpartition(b":")[2])
        self.ask_much(stuck)
        process.terminate()
        self.assertEqual(0, process.wait(support.PATIENCE))

    def ask_much(self, server):
        """More than a pipe and a writer's buffer hold."""
        connection = support.http.client.HTTPConnection(server.host, server.port, timeout=support.PATIENCE)
        for _ in range(1600):
            connection.request("POST", "/hello", b"Ada")
            self.assertEqual(b"Hello, Ada!", connection.getresponse().read())
        connection.close()

    def test_a_place_that_cannot_be_written_is_told_at_the_start(self):
        done = self.run_ubiq("serve", self.project(function("hello", "/hello")), "--run-log", "/nowhere/runs.log")
        self.assertEqual(66, done.returncode)
        self.assertIn("/nowhere/runs.log", done.stderr)


if __name__ == "__main__":
    support.main()
