"""`ubiq serve`: what a client sees of HTTP."""

import json
import socket

import support
from support import function


class Answers(support.Test):
    def test_a_body_goes_in_and_an_answer_comes_out(self):
        server = self.serve(function("hello", "POST /hello"))
        status, headers, body = server.request("POST", "/hello", b"Ada")
        self.assertEqual((200, b"Hello, Ada!"), (status, body))
        self.assertEqual("text/plain; charset=utf-8", headers["Content-Type"])

    def test_many_requests_share_a_connection(self):
        server = self.serve(function("echo", "POST /echo"))
        connection = server.connect()
        for i in range(200):
            connection.request("POST", "/echo", b"%d" % i)
            self.assertEqual(b"%d" % i, connection.getresponse().read())

    def test_pipelined_requests_are_answered_in_order(self):
        server = self.serve(function("echo", "POST /echo"))
        with server.socket() as client:
            request = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n%03d"
            client.sendall(b"".join(request % i for i in range(100)))
            stream = client.makefile("rb")
            for i in range(100):
                self.assertEqual(b"%03d" % i, support.read_response(stream)[2])

    def test_a_chunked_body_is_put_together(self):
        server = self.serve(function("echo", "POST /echo"))
        status, _, body = server.request("POST", "/echo", iter([b"one ", b"two ", b"x" * 50000]))
        self.assertEqual((200, b"one two " + b"x" * 50000), (status, body))

    def test_a_body_of_the_largest_size_comes_back(self):
        server = self.serve(function("echo", "POST /echo"))
        text = bytes(range(256)) * 4096
        self.assertEqual((200, text), server.post("/echo", text))

    def test_a_client_that_asks_before_its_body_is_told_to_go_on(self):
        server = self.serve(function("echo", "POST /echo"))
        with server.socket() as client:
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(b"HTTP/1.1 100 Continue\r\n\r\n", client.recv(100))
            client.sendall(b"body")
            self.assertEqual(b"body", support.read_response(client.makefile("rb"))[2])

    def test_a_large_answer_arrives_whole(self):
        server = self.serve(function("large", "GET /large"))
        status, _, body = server.request("GET", "/large")
        self.assertEqual((200, 8 << 20), (status, len(body)))

    def test_an_answer_that_is_no_text_is_bytes(self):
        server = self.serve(function("binary", "GET /binary"))
        status, headers, body = server.request("GET", "/binary")
        self.assertEqual((200, b"\0\xff\xfe"), (status, body))
        self.assertEqual("application/octet-stream", headers["Content-Type"])

    def test_an_empty_answer_has_no_content_type(self):
        server = self.serve(function("empty", "GET /empty"))
        status, headers, body = server.request("GET", "/empty")
        self.assertEqual((200, b"", None), (status, body, headers["Content-Type"]))

    def test_a_function_says_its_content_type(self):
        server = self.serve(function("hello", "POST /hello", content_type='"application/json"'))
        self.assertEqual("application/json", server.request("POST", "/hello", b"a")[1]["Content-Type"])

    def test_a_function_reads_its_config(self):
        server = self.serve(function("configured", "GET /", config='{ greeting = "Guten Tag" }'))
        self.assertEqual(b"Guten Tag", server.request("GET", "/")[2])

    def test_head_answers_as_get_without_a_body(self):
        server = self.serve(function("hello", "GET /hello"))
        status, headers, body = server.request("HEAD", "/hello")
        self.assertEqual((200, b"", "8"), (status, body, headers["Content-Length"]))

    def test_options_lists_the_methods(self):
        server = self.serve(function("hello", "GET /hello"), function("echo", "PUT /hello"))
        status, headers, _ = server.request("OPTIONS", "/hello")
        self.assertEqual(204, status)
        self.assertEqual({"GET", "PUT", "HEAD", "OPTIONS"}, set(headers["Allow"].split(", ")))

    def test_hosts_have_routes_of_their_own(self):
        server = self.serve(function("hello", "GET a.example.com/"), function("binary", "GET *.example.com/"),
                            function("empty", "GET /"))
        for host, body in (("a.example.com", b"Hello, !"), ("A.example.com:80", b"Hello, !"), ("b.example.com", b"\0\xff\xfe"),
                           ("example.com", b""), ("localhost", b"")):
            self.assertEqual((200, body), server.request("GET", "/", headers={"Host": host})[::2], host)
        self.assertEqual(b"Hello, !", server.request("GET", "http://a.example.com/")[2])

    def test_a_target_may_be_a_whole_url(self):
        server = self.serve(function("echo", "POST /echo"), function("empty", "GET /"))
        own = "http://%s:%d" % (server.host, server.port)
        for url in (own + "/echo", "HTTPS://elsewhere/echo", own + "/echo?x=http://a/b"):
            self.assertEqual((200, b"Ada"), server.post(url, b"Ada"))
        for url in (own, own + "/", own + "?x"):
            self.assertEqual(200, server.request("GET", url)[0])
        for url in ("http:///echo", "http://", "http:/echo", "ftp://a/echo", "a/echo", own + "//echo"):
            self.assertEqual(404, server.post(url, b"Ada")[0], url)

    def test_workers_share_a_port(self):
        server = self.start(self.project(function("echo", "POST /echo")), "--workers", "3")
        for i in range(30):
            self.assertEqual((200, b"%d" % i), server.post("/echo", b"%d" % i))
        self.assertEqual(0, server.stop())


class Problems(support.Test):
    def problem(self, answer, status, name):
        self.assertEqual(status, answer[0], answer)
        self.assertEqual("application/problem+json", answer[1]["Content-Type"])
        body = json.loads(answer[2])
        self.assertEqual((status, name), (body["status"], body["class"]))
        return body

    def test_an_unknown_path_is_not_found(self):
        server = self.serve(function("hello", "POST /hello"))
        self.problem(server.request("POST", "/other", b"Ada"), 404, "not_found")
        self.problem(server.request("GET", "/"), 404, "not_found")

    def test_another_method_names_the_ones_there_are(self):
        server = self.serve(function("hello", "POST /hello"))
        answer = server.request("GET", "/hello")
        self.problem(answer, 405, "not_found")
        self.assertEqual("POST, OPTIONS", answer[1]["Allow"])

    def test_a_guest_error_is_told_in_its_own_words(self):
        server = self.serve(function("fail", "POST /fail"))
        body = self.problem(server.request("POST", "/fail"), 500, "guest_error")
        self.assertIn('the shelf "A" is empty', body["detail"])

    def test_a_body_over_the_limit_is_refused_before_it_is_sent(self):
        server = self.serve(function("echo", "POST /echo", body_max='"1KiB"'))
        with server.socket() as client:
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\nExpect: 100-continue\r\n\r\n")
            self.problem(support.read_response(client.makefile("rb")), 413, "too_large")

    def test_a_body_over_the_limit_is_dropped_and_the_connection_lives(self):
        server = self.serve(function("echo", "POST /echo", body_max='"1KiB"'))
        connection = server.connect()
        for body in (b"x" * 1025, b"x" * 300000):
            connection.request("POST", "/echo", body)
            response = connection.getresponse()
            self.problem((response.status, response.headers, response.read()), 413, "too_large")
        connection.request("POST", "/echo", b"y" * 1024)
        self.assertEqual(b"y" * 1024, connection.getresponse().read())

    def test_a_chunked_body_over_the_limit_is_refused(self):
        server = self.serve(function("echo", "POST /echo", body_max='"1KiB"'))
        self.problem(server.request("POST", "/echo", iter([b"x" * 600, b"x" * 600])), 413, "too_large")

    def test_two_lengths_are_refused(self):
        server = self.serve(function("echo", "POST /echo"))
        with server.socket() as client:
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                           b"3\r\nabc\r\n0\r\n\r\n")
            self.assertEqual(400, support.read_response(client.makefile("rb"))[0])

    def all_of(self, client):
        """What comes until the end; a reset is an error."""
        return b"".join(iter(lambda: client.recv(65536), b""))

    def test_headers_without_end_are_refused(self):
        server = self.serve(function("hello", "POST /hello"))
        with server.socket() as client:
            client.sendall(b"GET /hello HTTP/1.1\r\n" + b"X-Long: %s\r\n" % (b"x" * 100) * 1000)
            self.assertEqual(b"431", self.all_of(client).split(b" ")[1])
        self.assertEqual(200, server.post("/hello")[0])

    def test_a_head_that_is_too_long_is_refused_so_that_the_client_gets_to_see_it(self):
        server = self.serve(function("hello", "POST /hello"))
        start = b"POST /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n"
        kinds = {
            "a cookie": lambda size: b"Cookie: a=" + b"x" * size + b"\r\n",
            "cookies in a line": lambda size: b"Cookie: " + b"; ".join(b"c%d=v" % i for i in range(size // 10)) + b"\r\n",
            "lines of cookies": lambda size: b"Cookie: a=b\r\n" * (size // 13),
            "a header": lambda size: b"X-A: " + b"x" * size + b"\r\n",
            "headers": lambda size: b"".join(b"X-%d: abcd\r\n" % i for i in range(size // 13)),
        }
        sizes = [1000, 2000, 4000, 8000, *range(15000, 16500, 31), 1 << 15, 1 << 16, 1 << 18, 1 << 20]
        for kind, make in kinds.items():
            last = 200
            for size in sizes:
                with self.subTest(kind=kind, size=size), server.socket() as client:
                    client.sendall(start + make(size) + b"\r\n")
                    head, _, _ = self.all_of(client).partition(b"\r\n\r\n")
                    status = int(head.split(b" ")[1])
                    self.assertIn(status, (200, 431))
                    self.assertIn(b"connection: close", head.lower())
                    self.assertGreaterEqual(status, last)  # what is longer is not taken again
                    last = status
            self.assertEqual(431, last, kind)

    def test_a_cookie_may_be_as_long_as_any_header(self):
        server = self.serve(function("mirror", "GET /", input='"request"'))
        for cookie in ("a=" + "x" * 14500, "; ".join("c%d=%d" % (i, i) for i in range(1000)), "", "-"):
            with server.socket() as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: %s\r\n\r\n" % cookie.encode())
                head, _, body = self.all_of(client).partition(b"\r\n\r\n")
                self.assertIn(b" 200 ", head[:20], cookie[:20])
                self.assertEqual([cookie], [v for k, v in json.loads(body)["headers"].items() if k == "cookie"])
        with server.socket() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            self.assertNotIn(b"cookie", self.all_of(client))

    def test_a_head_of_any_size_is_answered(self):
        server = self.serve(function("hello", "POST /hello"))

        def status(target, more):
            head = "POST /hello%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n%s\r\n" % (target, more)
            with server.socket() as client:
                client.sendall(head.encode())
                return int(client.makefile("rb").readline().split()[1])

        for size in range(12000, 16300, 100):
            self.assertIn(status("", "A: %s\r\n" % ("a" * size)), (200, 431), size)
        for count in (100, 180, 200, 250, 260, 1000):
            self.assertIn(status("?" + "&a" * count, ""), (200, 431, 414), count)
            self.assertIn(status("", "a:\r\n" * count), (200, 431), count)
        self.assertEqual([200, 431], [status("", "A: %s\r\n" % ("a" * size)) for size in (12000, 15500)])
        self.assertEqual([200, 414], [status("?" + "&" * count, "") for count in (150, 255)])

    def test_what_is_no_http_is_refused(self):
        server = self.serve(function("hello", "POST /hello"))
        with server.socket() as client:
            client.sendall(b"\x16\x03\x01\x02\x00\r\n\r\n")
            self.assertNotIn(b"200", client.recv(100)[:15])
        self.assertEqual(200, server.post("/hello")[0])

    def test_an_escaped_slash_divides_no_path(self):
        server = self.serve(function("hello", "POST /greet/{name}"))
        self.assertEqual(200, server.post("/greet/a%2Fb")[0])
        self.assertEqual(404, server.post("/greet/a/b")[0])
        self.assertEqual(200, server.post("/%67reet/a?x=/y")[0])

    def test_a_client_that_half_closes_is_answered(self):
        server = self.serve(function("hello", "POST /hello"))
        with server.socket() as client:
            client.sendall(b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nAda")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(b"Hello, Ada!", support.read_response(client.makefile("rb"))[2])


if __name__ == "__main__":
    support.main()
