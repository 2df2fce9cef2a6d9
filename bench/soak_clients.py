"""The clients of bench/soak: each picks what it does next by a random generator of its own."""

import http.client
import random
import socket
import struct
import threading
import time

PATIENCE = 60  # seconds for any answer
SLOW = 1.5     # seconds at most that a slow client takes for one request: less than the server's deadlines
# path, what is sent, statuses that are right, the answer when it is 200 (None: what was sent)
REQUESTS = {
    "hello": ("/hello", (b"",), (200,), b"Hello!"),
    "echo": ("/echo", (b"", b"Ada", b"x" * 5000, b"y" * 60000), (200,), None),
    "reuse": ("/reuse", (b"", b""), (200,), "digits"),
    "reuse trap": ("/reuse", (b"t",), (502,), None),
    "pinned": ("/pinned", (b"",), (200,), "digits"),
    "fragile": ("/fragile", (b"", b"", b"t"), (200, 502, 503), "digits"),
    "trap": ("/trap", (b"",), (502,), None),
    "fail": ("/fail", (b"",), (500,), None),
    "cpu limit": ("/spin", (b"",), (504,), None),
    "timeout": ("/late", (b"9999",), (504,), None),
    "memory limit": ("/grow", (b"",), (502,), None),
    "answer limit": ("/overfull", (b"",), (502,), None),
    "wait": ("/wait", (b"1", b"20", b"150"), (200,), b"waited"),
    "narrow": ("/narrow", (b"30",), (200, 429), b"waited"),
    "large": ("/large", (b"",), (200,), b"x" * (1 << 20)),
    "body limit": ("/echo", (b"z" * 70000,), (413,), None),
    "no route": ("/nowhere", (b"",), (404,), None),
    "not by post": ("/version", (b"",), (405,), None),
}
USUAL = {"hello": 30, "echo": 20, "reuse": 15, "pinned": 8, "wait": 8}  # the others 1


class Wrong(Exception):
    """A request that was sent whole and got no answer, or not the one that it should."""


def head(path, size, method="POST", more=""):
    return ("%s %s HTTP/1.1\r\nHost: soak\r\nContent-Length: %d\r\n%s\r\n" % (method, path, size, more)).encode()


def read_answer(stream):
    """Status, whether the connection ends, body; what is cut short is wrong."""
    try:
        line = stream.readline()
        if not line:
            raise Wrong("no answer: the connection ended")
        headers = http.client.parse_headers(stream)
        size = int(headers["Content-Length"])
        body = stream.read(size)
        if len(body) < size:
            raise Wrong("%d of an answer's %d bytes" % (len(body), size))
        return int(line.split()[1]), headers.get("Connection", "").lower() == "close", body
    except (OSError, ValueError, TypeError, http.client.HTTPException) as error:
        raise Wrong("no answer: %r" % error) from error


def expect(name, sent, status, body):
    _, _, statuses, right = REQUESTS[name]
    if status not in statuses:
        raise Wrong("%d instead of %s: %s" % (status, statuses, body[:300].decode(errors="replace")))
    is_right = body.isdigit() if right == "digits" else body == (sent if right is None else right)
    if status == 200 and not is_right:
        raise Wrong("another body: %r..." % body[:100])


class Client(threading.Thread):
    """Sends requests until `load` is over; rests at each pause with no connection."""

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.random = load, random.Random("%s client %d" % (load.seed, number))
        self.counts, self.kept = {}, None
        self.actions = {self.usual: 60, self.slow: 2, self.slow_reader: 1, self.pipelined: 4, self.version: 12,
                        self.aborts: 8, self.aborts_head: 2, self.aborts_body: 4, self.garbage: 2}
        if number % 8 == 0:
            self.actions[self.stalls] = 1

    def run(self):
        names, weights = list(self.actions), list(self.actions.values())
        while not self.load.over.is_set():
            if self.load.pausing.is_set():
                self.drop()
                self.load.rest()
                continue
            action = self.random.choices(names, weights)[0]
            try:
                action()
            except Wrong as wrong:
                self.load.wrong("%s: %s" % (self.doing, wrong))
                self.drop()
            except OSError as error:  # connecting or sending: then nothing was asked
                self.load.wrong("%s: not sent: %r" % (self.doing, error))
                self.drop()
        self.drop()

    def drop(self):
        if self.kept:
            self.kept[1].close()
            self.kept[0].close()
        self.kept = None

    def open(self):
        client = socket.create_connection((self.load.host, self.load.port), timeout=PATIENCE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.load.tls.wrap_socket(client, server_hostname=self.load.host) if self.load.tls else client

    def pick(self):
        self.doing = self.random.choices(list(REQUESTS), [USUAL.get(name, 1) for name in REQUESTS])[0]
        path, bodies, _, _ = REQUESTS[self.doing]
        return self.doing, path, self.random.choice(bodies)

    def answered(self, name, sent, stream):
        """Reads the answer to what was sent; whether the connection ends with it."""
        status, ends, body = read_answer(stream)
        expect(name, sent, status, body)
        self.count("%s %d" % (name, status))
        return ends

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def usual(self):
        """On the connection that is kept, or on one of its own."""
        name, path, body = self.pick()
        if not self.kept:
            client = self.open()
            self.kept = client, client.makefile("rb")
        more = "Connection: close\r\n" if self.random.random() < 0.1 else ""
        try:
            self.kept[0].sendall(head(path, len(body), more=more) + body)
        except ConnectionError:
            if name != "body limit":  # is answered before all of it has come
                raise
        if self.answered(name, body, self.kept[1]) or more:
            self.drop()

    def version(self):
        """What is served is a release that was deployed; one that fails does so while it is a canary only."""
        self.doing, began = "version", time.monotonic()
        with self.open() as client, client.makefile("rb") as stream:
            client.sendall(head("/version", 0, "GET"))
            status, _, body = read_answer(stream)
            if status == 502 and self.load.failed_between(began, time.monotonic()):
                self.count("version 502, of a failing canary")
            elif status != 200 or body.decode() not in self.load.versions:
                raise Wrong("%d: %r" % (status, body[:300]))
            else:
                self.count("version 200")

    def pipelined(self):
        picked = [self.pick() for _ in range(self.random.randint(2, 4))]
        picked = [one for one in picked if one[0] != "body limit"] or [("hello", "/hello", b"")]
        with self.open() as client, client.makefile("rb") as stream:
            client.sendall(b"".join(head(path, len(body)) + body for _, path, body in picked))
            for name, _, body in picked:
                self.doing = "pipelined " + name
                self.answered(name, body, stream)

    def slow(self):
        """Its request comes in pieces."""
        name, path, body = self.pick()
        self.doing = "slow " + name
        if name == "body limit":
            return
        text = head(path, len(body)) + body
        cuts = sorted(self.random.randrange(len(text) + 1) for _ in range(self.random.randint(1, 8)))
        with self.open() as client, client.makefile("rb") as stream:
            for start, end in zip([0] + cuts, cuts + [len(text)]):
                client.sendall(text[start:end])
                time.sleep(self.random.random() * SLOW / (len(cuts) + 1))
            self.answered(name, body, stream)

    def slow_reader(self):
        """Takes its time before it reads an answer that fits no buffer."""
        self.doing = "slow reader"
        with self.open() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            client.sendall(head("/large", 0))
            time.sleep(self.random.random() * SLOW)
            with client.makefile("rb", buffering=0) as stream:
                self.answered("large", b"", PieceByPiece(stream))

    def aborts(self):
        """Asks and goes away, at once or after a while, with a FIN or a RST."""
        _, path, body = self.pick()
        self.leave_after(head(path, len(body)) + body, self.random.choice((0, 0, 0.005, 0.05)))

    def aborts_head(self):
        text = head("/hello", 0)
        self.leave_after(text[:self.random.randrange(len(text))], self.random.choice((0, 0.05)))

    def aborts_body(self):
        size = self.random.randint(2, 60000)
        self.leave_after(head("/echo", size) + b"x" * self.random.randrange(size), self.random.choice((0, 0.05)))

    def leave_after(self, text, seconds):
        self.doing = "leaving"
        with self.open() as client:
            if self.random.random() < 0.5:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                client.sendall(text)
            except OSError:  # the server has said that it is too much
                pass
            time.sleep(seconds)
        self.count("left")

    def garbage(self):
        self.doing = "garbage"
        with self.open() as client:
            try:
                client.sendall(self.random.randbytes(self.random.randint(1, 300)) + b"\r\n\r\n")
                if not self.load.tls:
                    client.shutdown(socket.SHUT_WR)
                client.settimeout(PATIENCE)
                while client.recv(65536):
                    pass
            except ConnectionError:
                pass
            except OSError as error:
                raise Wrong("the connection does not end: %r" % error) from error
        self.count("garbage")

    def stalls(self):
        """Begins a request and then says nothing: the server ends the connection."""
        self.doing = "stalled"
        with self.open() as client:
            client.sendall(self.random.choice((head("/hello", 0)[:20], head("/echo", 100) + b"x")))
            try:
                while client.recv(65536):
                    pass
            except ConnectionError:
                pass
            except OSError as error:
                raise Wrong("the connection does not end: %r" % error) from error
        self.count("stalled")


class PieceByPiece:
    """A stream that is read in pieces, with a little time between them now and then."""

    def __init__(self, raw):
        self.raw, self.text, self.reads = raw, b"", 0

    def more(self):
        self.reads += 1
        if self.reads % 16 == 0:
            time.sleep(0.005)
        piece = self.raw.read(16384)
        self.text += piece
        return len(piece)

    def readline(self, limit=-1):
        while b"\n" not in self.text and self.more():
            pass
        line, newline, self.text = self.text.partition(b"\n")
        return line + newline

    def read(self, size):
        while len(self.text) < size and self.more():
            pass
        body, self.text = self.text[:size], self.text[size:]
        return body
