"""`ubiq serve`: requests broken at random, and clients that leave anywhere. The server goes on, and stops cleanly."""

import json
import random
import socket
import time

import support
from support import function

CONNECTIONS = 500

REQUESTS = [
    b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET /hello?x=%41 HTTP/1.0\r\n\r\n",
    b"POST /spin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
]


def broken(source):
    """A few requests in a row, with some bytes changed, taken away or put in."""
    data = bytearray(b"".join(source.choice(REQUESTS) for _ in range(source.randint(1, 5))))
    for _ in range(source.choice([0, 0, 1, 3, 20])):
        at = source.randrange(len(data))
        kind = source.randrange(3)
        if kind == 0:
            data[at] = source.randrange(256)
        elif kind == 1:
            del data[at:at + source.randint(1, 10)]
        else:
            data[at:at] = bytes(source.choice(b"\r\n: 0123456789\0%") for _ in range(source.randint(1, 5)))
        if not data:
            data += b"x"
    return bytes(data)


def send(client, data, source):
    """Sends it, whole or in two pieces, and goes: at once, by half, or when something was answered."""
    cut = source.choice([len(data), source.randrange(len(data) + 1)])
    client.sendall(data[:cut])
    if cut < len(data):
        client.sendall(data[cut:])
    way = source.randrange(4)
    if way == 1:
        client.shutdown(socket.SHUT_WR)
    if way > 0:
        client.recv(65536)


# Headers that two readers could take for different ones, or for bodies of different lengths, and the status that each is answered with.
AMBIGUOUS = [
    (400, b"Content-Length: 5\r\nContent-Length: 6"),
    (400, b"Content-Length: 5\r\ncontent-length: 5"),
    (400, b"Content-Length: 0\r\nContent-Length: 5"),
    (400, b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
    (400, b"Transfer-Encoding: chunked\r\nContent-Length: 5"),
    (400, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    (400, b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
    (400, b"Content-Length : 5"),
    (400, b"Content-Length\t: 5"),
    (400, b"Transfer-Encoding : chunked"),
    (400, b"X-Other: a\rTransfer-Encoding: chunked"),
    (400, b"X(Other): 5"),
    (400, b"Host: b"),
    (400, b"Content-Length: 0\x001"),
    (400, b"Content-Length: 0\x00"),
    (400, b"Transfer-Encoding: chunked\x00"),
    (400, b"Transfer-Encoding: chunked\x00, identity"),
    (400, b"X-Other: a\x00Transfer-Encoding: chunked"),
    (400, b"\x00X-Other: a"),
    (400, b"\x00"),
    (400, b"Content-Length: 0\r\n 1"),
    (400, b"Transfer-Encoding:\r\n chunked"),
    (400, b"Transfer: chunked\r\n -Encoding"),
    (501, b"Transfer-Encoding: identity"),
    (501, b"Transfer-Encoding: gzip, chunked"),
    (501, b"Transfer-Encoding: chunked, chunked"),
    (501, b"Transfer-Encoding: xchunked"),
]

# What libmicrohttpd refuses before anybody else sees it.
NO_LENGTHS = [(400, b"+5"), (400, b"5, 5"), (400, b"abc"), (400, b"0x5"), (400, b""), (413, b"18446744073709551616")]


class Garbage(support.Test):
    def refused(self, client, status):
        """One problem comes back, and nothing more."""
        stream = client.makefile("rb")
        found, headers, body = support.read_response(stream)
        self.assertEqual((status, "close"), (found, headers["Connection"].lower()), body)
        self.assertEqual("application/problem+json", headers["Content-Type"])
        self.assertEqual((status, "invalid_input"), (json.loads(body)["status"], json.loads(body)["class"]))
        self.assertEqual(b"", stream.read())

    def test_a_request_without_host_is_refused_unless_it_is_old(self):
        server = self.serve(function("echo", "/echo"), options=("--workers", "1"))
        for headers in (b"", b"X-Host: a\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"):
            with self.subTest(headers=headers), server.socket() as client:
                client.sendall(b"POST /echo HTTP/1.1\r\n" + headers + b"\r\nGET /echo HTTP/1.1\r\nHost: hidden\r\n\r\n")
                self.refused(client, 400)
        with server.socket() as client:
            client.sendall(b"GET /echo HTTP/1.0\r\n\r\n")
            self.assertEqual(200, support.read_response(client.makefile("rb"))[0])

    def test_a_host_that_cannot_be_one_is_refused(self):
        server = self.serve(function("echo", "/echo"), options=("--workers", "1"))
        for host in (b"a b", b"a/b", b"a@b", b"a?b", b"a#b", b"a\\b", b"<a>", b'"a"', b"\xff"):
            with self.subTest(host=host), server.socket() as client:
                client.sendall(b"GET /echo HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
                self.refused(client, 400)
        for host in (b"a", b"", b"A.b-c_d.example.:8080", b"[::1]:80", b"127.0.0.1", b"a  "):
            with self.subTest(host=host), server.socket() as client:
                client.sendall(b"GET /echo HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
                self.assertEqual(200, support.read_response(client.makefile("rb"))[0])

    def test_a_length_that_is_no_number_ends_the_connection(self):
        server = self.serve(function("echo", "/echo"), options=("--workers", "1"))
        for status, length in NO_LENGTHS:
            with self.subTest(length=length), server.socket() as client:
                client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + length +
                               b"\r\n\r\nGET /echo HTTP/1.1\r\nHost: hidden\r\n\r\n")
                answers = client.makefile("rb").read()
                self.assertTrue(answers.startswith(b"HTTP/1.1 %d " % status), answers)
                self.assertIn(b"connection: close", answers.lower())
                self.assertNotIn(b"HTTP/1.1 200", answers)

    def test_a_transfer_coding_in_http_1_0_is_refused(self):
        server = self.serve(function("echo", "/echo"), options=("--workers", "1"))
        for coding in (b"chunked", b"identity"):
            for more in (b"", b"Connection: keep-alive\r\n", b"Content-Length: 5\r\n"):
                with self.subTest(coding=coding, more=more), server.socket() as client:
                    client.sendall(b"POST /echo HTTP/1.0\r\nTransfer-Encoding: " + coding + b"\r\n" + more +
                                   b"\r\n5\r\nhello\r\n0\r\n\r\n")
                    self.refused(client, 400)

    def test_a_request_whose_length_cannot_be_told_is_the_last_of_its_connection(self):
        server = self.serve(function("echo", "/echo"), options=("--workers", "1"))
        hidden = b"5\r\nhello\r\n0\r\n\r\nGET /echo HTTP/1.1\r\nHost: hidden\r\n\r\n"
        for method in (b"POST", b"GET", b"PATCH"):
            for status, headers in AMBIGUOUS:
                with self.subTest(method=method, headers=headers), server.socket() as client:
                    client.sendall(method + b" /echo HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n\r\n" + hidden)
                    self.refused(client, status)
        self.assertEqual((200, b"alive"), server.post("/echo", b"alive"))

    def test_a_request_line_with_more_than_three_words_is_refused(self):
        server = self.serve(function("echo", "/echo"), options=("--workers", "1"))
        for line in (b"GET /echo\x00x HTTP/1.1", b"GET /echo\x00?x HTTP/1.1", b"GET /echo?x\x00y HTTP/1.1",
                     b"GET\x00 /echo HTTP/1.1", b"GET  /echo HTTP/1.1", b"GET /echo  HTTP/1.1", b"GET /echo x HTTP/1.1", b"GET /echo?x y HTTP/1.1"):
            with self.subTest(line=line), server.socket() as client:
                client.sendall(line + b"\r\nHost: a\r\n\r\n")
                self.refused(client, 400)

    def test_heads_are_taken_whole_however_they_come(self):
        server = self.serve(function("hello", "POST /hello"), options=("--workers", "1"))
        for count, end in ((0, b"\r\n"), (1, b"\n"), (30, b"\r\n"), (30, b"\n"), (120, b"\r\n")):
            for piece in (50000, 700):
                with self.subTest(count=count, end=end, piece=piece), server.socket() as client:
                    stream = client.makefile("rb")
                    for _ in range(3):
                        lines = [b"POST /hello?a=b+c&d HTTP/1.1", b"Host:\t a", b"Cookie: a=b; c=d", b"Empty:",
                                 b"Blanks: x  ", b"Content-Length: 3"] + [b"X-%d: %s" % (i, b"y" * 50) for i in range(count)]
                        data = end.join(lines + [b"", b"Ada"])
                        for at in range(0, len(data), piece):
                            client.sendall(data[at:at + piece])
                        self.assertEqual((200, b"Hello, Ada!"), support.read_response(stream)[::2])

    def test_the_server_survives_broken_requests(self):
        server = self.serve(function("echo", "POST /echo"), function("hello", "/hello"),
                            function("spin", "POST /spin", timeout='"20ms"'),
                            options=("--workers", "2", "--log-level", "error", "--header-timeout", "300ms",
                                     "--body-timeout", "300ms", "--idle-timeout", "300ms", "--connections-max", "60"))
        source = random.Random(20)
        clients = []
        for _ in range(CONNECTIONS):
            client = server.socket()
            client.settimeout(0.02)
            clients.append(client)
            try:
                send(client, broken(source), source)
            except OSError:
                pass
            if len(clients) > 30:
                clients.pop(source.randrange(len(clients))).close()
        for client in clients:
            client.close()
        self.assertEqual((200, b"alive"), self.alive(server))
        self.assertEqual(0, server.stop())

    def alive(self, server):
        """What it answers whoever is not slow; the client may have stood still for longer than the server waits for its headers."""
        deadline = time.monotonic() + support.PATIENCE
        while True:
            try:
                answer = server.post("/echo", b"alive")
            except ConnectionError:
                answer = (408, b"")
            if answer[0] != 408 or time.monotonic() > deadline:
                return answer


if __name__ == "__main__":
    support.main()
