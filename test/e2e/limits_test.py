"""`ubiq serve`: what a function may use, what a client may do, and that neither harms anybody else."""

import contextlib
import json
import re
import signal
import socket
import struct
import threading
import time

import support
from support import function, in_thread


# Has no room for a copy of `large` in 13 MiB.
FULL = r"""
#include <ubiq/pdk.h>
static char large[8 << 20];
UBIQ_EXPORT(keep) {
  char kept[4] = "";
  ubiq_var_set("a", "old", 3);
  large[0] = 'x';
  ubiq_var_set("a", large, sizeof large);
  ubiq_var_get("a", kept, sizeof kept);
  return ubiq_output_string(kept);
}
UBIQ_EXPORT(post) {
  ubiq_http_request("POST", "http://127.0.0.1:9/", NULL, large, sizeof large);
  return ubiq_output_string("sent");
}
"""

# Says the same a thousand times: each way to the log.
CHATTY = r"""
#include <ubiq/host.h>
UBIQ_EXPORT(chatty) {
  for (int i = 0; i < 1000; i++) ubiq_log_info("still here");
  return ubiq_output_string("done");
}
UBIQ_EXPORT(asks) {
  ubiq_block answer = 0;
  for (int i = 0; i < 1000; i++)
    answer = ubiq_invoke_string("{\"method\":\"POST\",\"path\":\"/v1/log\",\"body\":{\"message\":\"still asking\"}}");
  return ubiq_output_block(answer, ubiq_block_size(answer));
}
"""


class SlowSite:
    """An HTTP server that keeps its clients waiting until it is told to answer."""

    def __init__(self, headers=b"HTTP/1.1 200 OK\r\n"):
        self.headers = headers
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/" % self.listener.getsockname()[1]
        self.asked = threading.Semaphore(0)
        self.answer = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()
        except OSError:
            pass

    def _serve(self, client):
        with client:
            client.recv(65536)
            self.asked.release()
            self.answer.wait(support.PATIENCE)
            client.sendall(self.headers + b"Content-Length: 2\r\nConnection: close\r\n\r\nok")

    def wait_until_asked(self):
        if not self.asked.acquire(timeout=support.PATIENCE):
            raise AssertionError("nobody asked the site")

    def close(self):
        self.answer.set()
        self.listener.close()


class Limits(support.Test):
    def problem(self, server, path, status, name, body=b""):
        found, headers, text = server.request("POST", path, body)
        self.assertEqual((status, name), (found, json.loads(text)["class"]), text)
        return json.loads(text)["detail"]

    def count(self, server, pattern):
        return sum(re.search(pattern, line) is not None for line in server.lines)

    def site(self):
        site = SlowSite()
        self.addCleanup(site.close)
        return site

    def fetching(self, *options, **more):
        """A server with a function that waits for a site, and one that does not."""
        return self.serve(function("fetch", "POST /fetch", allowed_hosts='["127.0.0.1"]', **more),
                          function("hello", "POST /hello"), options=("--workers", "1") + options)

    def test_a_loop_without_end_is_ended_while_others_are_served(self):
        server = self.serve(function("spin", "POST /spin", timeout='"700ms"'), function("hello", "POST /hello"),
                            function("on", "POST /on", export='"spin"', cpu='"1h"', timeout='"1h"'))
        spinning = [in_thread(server.post, "/spin") for _ in range(3)]
        with server.socket() as client:
            client.sendall(b"POST /on HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            served = 0
            while served < 4 or any(thread.is_alive() for thread in spinning):
                self.assertEqual((200, b"Hello, Ada!"), server.post("/hello", b"Ada"))
                served += 1
        for thread in spinning:
            self.assertEqual((504, "timeout"), (thread.result[0], json.loads(thread.result[1])["class"]))

    def test_cpu_time_has_a_limit_of_its_own(self):
        server = self.serve(function("spin", "POST /spin", cpu='"100ms"'))
        self.problem(server, "/spin", 504, "cpu_limit")

    def test_a_long_run_that_stays_within_its_limits_is_answered(self):
        server = self.serve(function("busy", "POST /busy"))
        self.assertEqual((200, b"done"), server.post("/busy"))

    def test_a_trap_is_answered_and_the_server_goes_on(self):
        server = self.serve(function("trap", "POST /trap"), function("hello", "POST /hello"))
        for _ in range(3):
            self.problem(server, "/trap", 502, "trap")
        self.assertEqual(200, server.post("/hello")[0])
        server.wait_for(r"WARN +trap: trap: ")

    def test_recursion_without_end_is_a_trap(self):
        server = self.serve(function("recurse", "POST /recurse"), function("hello", "POST /hello"))
        self.problem(server, "/recurse", 502, "trap")
        self.assertEqual(200, server.post("/hello")[0])

    def test_memory_past_the_limit_ends_the_run(self):
        server = self.serve(function("grow", "POST /grow", memory='"1MiB"'), function("hello", "POST /hello"))
        self.problem(server, "/grow", 502, "memory_limit")
        self.assertEqual(200, server.post("/hello")[0])

    def test_what_a_run_says_has_a_bound_that_is_told_once(self):
        quota = '[project.quotas]\nlog = "1KiB"\n'
        server = self.start(self.project(quota, function("chatty", "POST /chatty"), function("asks", "POST /asks"),
                                         files={"guest.c": CHATTY}))
        for _ in range(2):  # each run has as much
            start = len(server.lines)
            self.assertEqual((200, b"done"), server.post("/chatty"))
            server.wait_for(r"WARN +chatty: log: .*\[project.quotas\] log", start)
        self.assertEqual(2, self.count(server, r"WARN +chatty: log: "))
        self.assertEqual(2 * (1024 // (64 + len("still here"))), self.count(server, "still here"))
        status, text = server.post("/asks")
        self.assertEqual(200, status)
        answer = json.loads(text)
        self.assertEqual((507, "quota"), (answer["status"], answer["body"]["class"]))
        server.wait_for(r"WARN +asks: log: ")
        self.assertEqual(1024 // (64 + len("still asking trace=" + 32 * "0")), self.count(server, "still asking"))

    def test_what_there_is_no_memory_for_is_not_done_without_it(self):
        more = {"memory": '"13MiB"', "allowed_hosts": '["127.0.0.1:9"]'}
        project = self.project(*(function(name, "POST /" + name, **more) for name in ("keep", "post")), files={"guest.c": FULL})
        for name in ("keep", "post"):
            done = self.run_ubiq("run", name, project, "--input", "x")
            self.assertEqual((137, ""), (done.returncode, done.stdout), done.stderr)
            self.assertIn("no memory left", done.stderr)

    def test_an_answer_over_the_limit_is_not_sent(self):
        server = self.serve(function("echo", "POST /echo", response_max=10))
        self.assertEqual((200, b"0123456789"), server.post("/echo", b"0123456789"))
        self.problem(server, "/echo", 502, "invalid_output", b"0123456789a")

    def test_a_run_that_waits_lets_others_be_served_and_goes_on(self):
        site, server = self.site(), self.fetching()
        waiting = [in_thread(server.post, "/fetch", site.url.encode()) for _ in range(5)]
        for _ in waiting:
            site.wait_until_asked()
        self.assertEqual(200, server.post("/hello")[0])
        site.answer.set()
        for thread in waiting:
            thread.join(support.PATIENCE)
            self.assertEqual((200, b"fetched"), thread.result)

    def refused_inside(self, server, url):
        """A request that the function makes fails: the client learns that, and not of which address."""
        detail = self.problem(server, "/fetch", 500, "guest_error", url.encode())
        self.assertNotRegex(detail, r"http:|\d")

    def test_a_server_that_a_function_cannot_reach_is_not_named_to_the_client(self):
        server = self.fetching()
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))  # and does not listen
            url = "http://127.0.0.1:%d/" % deaf.getsockname()[1]
            self.refused_inside(server, url)
        server.wait_for("fetch: unavailable: .*" + url)

    def test_where_a_request_that_fails_as_a_trap_went_is_not_told_to_the_client(self):
        site = SlowSite(b"HTTP/1.1 302 Found\r\nLocation: http://[nowhere\r\n")
        self.addCleanup(site.close)
        site.answer.set()
        server = self.fetching()
        detail = self.problem(server, "/fetch", 502, "trap", site.url.encode())
        self.assertNotRegex(detail, r"http:|\d")
        server.wait_for("fetch: trap: .*" + site.url)

    def test_a_glob_does_not_open_private_addresses(self):
        site = self.site()
        server = self.serve(function("fetch", "POST /fetch", allowed_hosts='["*"]'))
        for url in (site.url, site.url.replace("127.0.0.1", "localhost"), site.url.replace("127.0.0.1", "0.0.0.0"),
                    site.url.replace("127.0.0.1", "[::ffff:127.0.0.1]")):
            before = len(server.lines)
            self.refused_inside(server, url)
            server.wait_for("fetch: denied: .*connections to it are not allowed", before)
        self.assertFalse(site.asked.acquire(blocking=False))

    def test_the_server_itself_is_not_reached_from_inside(self):
        server = self.serve(function("fetch", "POST /fetch", allowed_hosts='["127.0.0.1", "localhost", "0.0.0.0"]'),
                            function("hello", "/hello"))
        for host in ("127.0.0.1", "localhost", "0.0.0.0"):
            before = len(server.lines)
            url = "http://%s:%d/hello" % (host, server.port)
            self.refused_inside(server, url)
            server.wait_for("fetch: denied: .*own listener", before)

    def test_a_run_that_waits_is_ended_at_its_deadline(self):
        site, server = self.site(), self.fetching(timeout='"300ms"')
        self.assertEqual("the function did not answer in time",
                         self.problem(server, "/fetch", 504, "timeout", site.url.encode()))
        self.assertEqual(200, server.post("/hello")[0])

    def test_a_client_that_leaves_cancels_its_waiting_run(self):
        site, server = self.site(), self.fetching()
        with server.socket() as client:
            client.sendall(b"POST /fetch HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" %
                           (len(site.url), site.url.encode()))
            site.wait_until_asked()
        server.wait_for("fetch: cancelled: the client has gone")
        self.assertEqual(200, server.post("/hello")[0])

    def test_a_client_that_leaves_cancels_its_running_run(self):
        server = self.serve(function("spin", "POST /spin", cpu='"1h"', timeout='"1h"'), function("hello", "POST /hello"))
        with server.socket() as client:
            client.sendall(b"POST /spin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(200, server.post("/hello")[0])
        server.wait_for("spin: cancelled: the client has gone")
        before = server.cpu_seconds()
        time.sleep(0.5)  # nothing is to happen
        self.assertLess(server.cpu_seconds() - before, 0.25)
        self.assertEqual(0, server.stop())

    def test_a_request_without_a_place_waits_for_one(self):
        site, server = self.site(), self.fetching("--runs-max", "1")
        first = in_thread(server.post, "/fetch", site.url.encode())
        site.wait_until_asked()
        second = in_thread(server.post, "/hello", b"Ada")
        second.join(0.2)
        self.assertTrue(second.is_alive())
        site.answer.set()
        second.join(support.PATIENCE)
        first.join(support.PATIENCE)
        self.assertEqual(((200, b"fetched"), (200, b"Hello, Ada!")), (first.result, second.result))

    def test_a_request_without_a_place_or_room_to_wait_is_told_when_to_come_again(self):
        site, server = self.site(), self.fetching("--runs-max", "1", "--queue-max", "0")
        first = in_thread(server.post, "/fetch", site.url.encode())
        site.wait_until_asked()
        status, headers, body = server.request("POST", "/hello")
        self.assertEqual((429, "busy"), (status, json.loads(body)["class"]))
        self.assertEqual("1", headers["Retry-After"])
        site.answer.set()
        first.join(support.PATIENCE)
        self.assertEqual(200, server.post("/hello")[0])

    def test_a_request_that_waits_too_long_for_a_place_is_busy(self):
        site = self.site()
        server = self.serve(function("fetch", "POST /fetch", allowed_hosts='["127.0.0.1"]'),
                            function("hello", "POST /hello", timeout='"200ms"'),
                            options=("--workers", "1", "--runs-max", "1"))
        in_thread(server.post, "/fetch", site.url.encode())
        site.wait_until_asked()
        self.problem(server, "/hello", 429, "busy")

    def test_a_function_at_its_max_waits_while_others_are_served(self):
        site, server = self.site(), self.fetching(pool="{ max = 1 }")
        waiting = [in_thread(server.post, "/fetch", site.url.encode()) for _ in range(3)]
        site.wait_until_asked()
        self.assertEqual(200, server.post("/hello")[0])
        self.assertFalse(site.asked.acquire(timeout=0.2))
        site.answer.set()
        for thread in waiting:
            thread.join(support.PATIENCE)
            self.assertEqual((200, b"fetched"), thread.result)

    def test_a_function_whose_queue_is_full_is_busy_on_all_workers(self):
        site, server = self.site(), self.fetching("--workers", "2", pool="{ max = 1 }", queue="0")
        first = in_thread(server.post, "/fetch", site.url.encode())
        site.wait_until_asked()
        for _ in range(10):
            self.problem(server, "/fetch", 429, "busy", site.url.encode())
            self.assertEqual(200, server.post("/hello")[0])
        site.answer.set()
        first.join(support.PATIENCE)
        self.assertEqual((200, b"fetched"), first.result)

    def test_workers_hand_a_place_to_one_another(self):
        site, server = self.site(), self.fetching("--workers", "2", pool="{ max = 1 }")
        waiting = [in_thread(server.post, "/fetch", site.url.encode()) for _ in range(12)]
        site.wait_until_asked()
        site.answer.set()
        for thread in waiting:
            thread.join(support.PATIENCE)
            self.assertEqual((200, b"fetched"), thread.result)

    def test_a_request_that_waits_too_long_in_its_function_s_queue_is_busy(self):
        site, server = self.site(), self.fetching(pool="{ max = 1 }", queue_timeout='"200ms"')
        first = in_thread(server.post, "/fetch", site.url.encode())
        site.wait_until_asked()
        status, headers, body = server.request("POST", "/fetch", site.url.encode())
        self.assertEqual((429, "busy"), (status, json.loads(body)["class"]))
        self.assertRegex(headers["Retry-After"], r"^[1-9]\d?$")
        site.answer.set()
        first.join(support.PATIENCE)
        self.assertEqual((200, b"fetched"), first.result)

    def test_a_client_that_leaves_a_function_s_queue_leaves_room_in_it(self):
        site, server = self.site(), self.fetching(pool="{ max = 1 }", queue="1")
        first = in_thread(server.post, "/fetch", site.url.encode())
        site.wait_until_asked()
        with server.socket() as client:
            client.sendall(b"POST /fetch HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            # The server has seen the request when it has answered this one, sent later.
            self.problem(server, "/fetch", 429, "busy")
        server.wait_for("fetch: cancelled: the client has gone")
        second = in_thread(server.post, "/fetch", site.url.encode())
        second.join(0.1)
        self.assertTrue(second.is_alive())
        site.answer.set()
        second.join(support.PATIENCE)
        first.join(support.PATIENCE)
        self.assertEqual(((200, b"fetched"), (200, b"fetched")), (first.result, second.result))

    def test_a_client_that_leaves_gives_up_its_turn_to_wait(self):
        site, server = self.site(), self.fetching("--runs-max", "1")
        first = in_thread(server.post, "/fetch", site.url.encode())
        site.wait_until_asked()
        with server.socket() as client:
            client.sendall(b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            # The server has seen the request when it has answered this one, sent later.
            self.assertEqual(404, server.request("GET", "/")[0])
        server.wait_for("hello: cancelled: the client has gone")
        site.answer.set()
        first.join(support.PATIENCE)
        self.assertEqual(200, server.post("/hello")[0])


class SlowClients(support.Test):
    def ends(self, client, beginning):
        """The server says that it is too late, and closes: with a reset where something came later still."""
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(65536):
                answer += part
        self.assertTrue(answer.startswith(beginning), answer)

    def test_headers_that_do_not_come_in_time_end_the_connection(self):
        server = self.serve(function("hello", "POST /hello"), options=("--workers", "1", "--header-timeout", "200ms"))
        with server.socket() as silent, server.socket() as slow:
            with contextlib.suppress(ConnectionError):  # this was too slow for the beginning, too
                slow.sendall(b"POST /hello HTTP/1.1\r\nHost:")
            self.ends(silent, b"HTTP/1.1 408 ")
            self.ends(slow, b"HTTP/1.1 408 ")
        self.assertEqual(200, server.post("/hello")[0])

    def test_a_body_that_does_not_come_in_time_ends_the_connection(self):
        server = self.serve(function("hello", "POST /hello"), options=("--workers", "1", "--body-timeout", "200ms"))
        with server.socket() as slow:
            slow.sendall(b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nAd")
            self.ends(slow, b"HTTP/1.1 408 ")
        self.assertEqual(200, server.post("/hello")[0])

    def test_a_chunk_whose_first_line_has_no_end_holds_up_nobody_and_ends_in_time(self):
        server = self.serve(function("busy", "POST /busy"), options=("--workers", "1", "--body-timeout", "3s"))
        with server.socket() as endless:
            endless.sendall(b"POST /busy HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;" + b"a" * 100000)
            before = server.cpu_seconds()
            self.assertEqual((200, b"done"), server.post("/busy"))  # takes many turns
            server.wait_for("a connection is closed: the body did not come in time")
            self.assertLess(server.cpu_seconds() - before, 2)
            self.assertEqual(0, server.stop())  # waits for all connections

    def test_bodies_and_answers_together_have_a_limit(self):
        server = self.serve(function("echo", "POST /echo"), function("large", "GET /large"),
                            options=("--workers", "1", "--held-max", "1000000"))
        self.assertEqual(200, server.request("GET", "/large")[0])  # whoever is alone is served
        with server.socket() as first:
            first.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n" + b"x" * 1000000)
            while (answer := server.request("POST", "/echo"))[0] == 200:  # until all of that has come
                pass
            self.assertEqual((429, "1", "busy"), (answer[0], answer[1]["Retry-After"], json.loads(answer[2])["class"]))
            first.sendall(b"x")
            status, _, body = support.read_response(first.makefile("rb"))
            self.assertEqual((200, 1000001), (status, len(body)))
            self.assertEqual((200, b"Ada"), server.post("/echo", b"Ada"))

    def test_an_answer_that_is_not_taken_in_time_is_dropped(self):
        server = self.serve(function("large", "GET /large"), options=("--workers", "1", "--answer-timeout", "1s"))
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(support.PATIENCE)
            slow.connect((server.host, server.port))
            slow.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            with self.assertRaises(ConnectionResetError):
                while slow.recv(64):  # far too few
                    time.sleep(0.01)
        server.wait_for("a connection is closed: the answer was not taken in time")
        self.assertEqual(0, server.stop())

    def test_an_answer_that_is_taken_steadily_has_its_time(self):
        server = self.serve(function("large", "GET /large"), options=("--workers", "1", "--answer-timeout", "4s"))
        with server.socket() as steady:
            steady.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            stream = steady.makefile("rb")
            size = 0
            while part := stream.read(2 << 20):
                size += len(part)
                time.sleep(1)  # more than four seconds in all
            self.assertGreater(size, 8 << 20)

    def test_a_connection_without_another_request_ends(self):
        server = self.serve(function("hello", "POST /hello"), options=("--workers", "1", "--idle-timeout", "200ms", "--header-timeout", "1m"))
        with server.socket() as idle:
            idle.sendall(b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            stream = idle.makefile("rb")
            self.assertEqual(200, support.read_response(stream)[0])
            self.assertEqual(b"", stream.read())

    def test_a_server_that_had_as_many_connections_as_it_may_takes_others_again(self):
        server = self.serve(function("hello", "POST /hello"), options=("--workers", "1", "--connections-max", "4"))
        clients = [server.socket() for _ in range(4)]
        last = server.socket()
        for client in clients:  # all that it takes have come, and it says so
            client.sendall(b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(200, support.read_response(client.makefile("rb"))[0])
        server.signal(signal.SIGSTOP)  # so that it sees them all leave at once
        for client in (*clients, last):
            client.close()
        server.signal(signal.SIGCONT)
        self.assertEqual(200, server.post("/hello")[0])

    def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(self):
        server = self.serve(function("hello", "POST /hello"))
        for _ in range(20):
            with server.socket() as client:
                client.sendall(b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nAd")
        self.assertEqual(200, server.post("/hello")[0])
        self.assertEqual(0, server.stop())

    def test_many_clients_that_break_off_at_once_harm_nobody(self):
        server = self.serve(function("hello", "POST /hello"))
        clients = [server.socket() for _ in range(300)]
        for client in clients:
            client.sendall(b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end
        for client in clients:
            self.assertEqual(200, support.read_response(client.makefile("rb"))[0])
        server.signal(signal.SIGSTOP)  # so that it sees them all at once
        for client in clients:
            client.close()
        server.signal(signal.SIGCONT)
        self.assertEqual(200, server.post("/hello")[0])
        before = server.cpu_seconds()
        time.sleep(0.5)  # nothing is to happen
        self.assertLess(server.cpu_seconds() - before, 0.25)
        self.assertEqual(0, server.stop())


if __name__ == "__main__":
    support.main()
