"""`ubiq serve`: how it stops."""

import contextlib
import signal
import time

import support
from limits_test import SlowSite
from support import function, in_thread


class Stops(support.Test):
    def busy_server(self, *options):
        """A server with one run under way that waits for a site."""
        site = SlowSite()
        self.addCleanup(site.close)
        server = self.serve(function("fetch", "POST /fetch", allowed_hosts='["127.0.0.1"]'),
                            function("hello", "POST /hello"), options=("--workers", "1") + options)
        waiting = in_thread(server.request, "POST", "/fetch", site.url.encode())
        site.wait_until_asked()
        return site, server, waiting

    def test_an_idle_server_stops_at_once(self):
        server = self.serve(function("hello", "POST /hello"))
        self.assertEqual(0, server.stop())

    def test_several_workers_stop_together(self):
        server = self.serve(function("hello", "POST /hello"), options=("--workers", "4"))
        self.assertEqual(200, server.post("/hello")[0])
        self.assertEqual(0, server.stop())

    def test_sigint_stops_as_sigterm_does(self):
        server = self.serve(function("hello", "POST /hello"))
        server.signal(signal.SIGINT)
        self.assertEqual(0, server.wait())

    def test_idle_connections_do_not_keep_it(self):
        server = self.serve(function("hello", "POST /hello"))
        connection = server.connect()
        connection.request("POST", "/hello", b"a")
        connection.getresponse().read()
        silent = server.socket()
        self.addCleanup(silent.close)
        self.assertEqual(0, server.stop())

    def test_what_is_under_way_is_finished(self):
        site, server, waiting = self.busy_server()
        server.signal()
        server.wait_for("takes no new connections")
        site.answer.set()
        waiting.join(support.PATIENCE)
        status, headers, body = waiting.result
        self.assertEqual((200, b"fetched"), (status, body))
        self.assertEqual("close", headers["Connection"])
        self.assertEqual(0, server.wait())

    def test_nothing_new_is_taken(self):
        site, server, waiting = self.busy_server()
        server.signal()
        server.wait_for("takes no new connections")
        with self.assertRaises(ConnectionError):
            server.socket()
        site.answer.set()
        self.assertEqual(0, server.wait())
        waiting.join(support.PATIENCE)

    def test_a_second_signal_ends_what_is_under_way(self):
        _, server, waiting = self.busy_server()
        server.signal()
        server.wait_for("takes no new connections")
        server.signal()
        self.assertEqual(130, server.wait())
        waiting.join(support.PATIENCE)
        self.assertIsInstance(waiting.result, Exception)

    def test_the_time_to_finish_has_an_end(self):
        _, server, waiting = self.busy_server("--grace", "100ms")
        self.assertEqual(0, server.stop())
        server.wait_for("the time to finish is over")
        waiting.join(support.PATIENCE)
        self.assertIsInstance(waiting.result, Exception)

    def test_a_run_that_spins_is_dropped_too(self):
        server = self.serve(function("spin", "POST /spin", cpu='"1h"', timeout='"1h"'), function("hello", "POST /hello"),
                            options=("--workers", "1", "--grace", "100ms"))
        with server.socket() as client:
            client.sendall(b"POST /spin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(200, server.post("/hello")[0])
            self.assertEqual(0, server.stop())

    def test_a_request_that_is_complete_when_the_time_is_over_is_dropped(self):
        server = self.serve(function("spin", "POST /spin", cpu='"1h"', timeout='"1h"'), function("hello", "POST /hello"),
                            options=("--workers", "1", "--grace", "300ms"))
        request = b"POST /spin HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n"
        with server.socket() as first, server.socket() as second:
            first.sendall(request + b"x")
            second.sendall(request)
            self.assertEqual(200, server.post("/hello")[0])
            server.signal()
            server.wait_for("takes no new connections")
            server.signal(signal.SIGSTOP)  # so that both, the end of the time and of the body, are there at once
            time.sleep(0.4)
            with contextlib.suppress(ConnectionError):  # where this stood still, the server has ended before it was stopped
                second.sendall(b"x")
            server.signal(signal.SIGCONT)
            self.assertEqual(0, server.wait())


if __name__ == "__main__":
    support.main()
