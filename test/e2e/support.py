"""What the end-to-end tests share: projects in temporary folders, and the real program serving them."""

import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

# Where tests are started in the background of a shell it is ignored, and would be by every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

UBIQ = os.path.join(os.environ.get("UBIQ_OUT", os.path.join(os.path.dirname(__file__), "../../out")), "bin", "ubiq")
PATIENCE = 180  # seconds for what should take milliseconds: machines stand still now and then

# One module with a function for each kind of behaviour.
GUEST = r"""
#include <ubiq/pdk.h>

UBIQ_EXPORT(hello) {
  char text[263] = "Hello, ";
  size_t size = ubiq_input_size();
  if (size > 255) return ubiq_error_string("name: is too long");
  ubiq_input_read(text + 7, size);
  text[7 + size] = '!';
  return ubiq_output(text, 7 + size + 1);
}
UBIQ_EXPORT(echo) {
  size_t size;
  char *input = ubiq_input(&size);
  return ubiq_output(input, size);
}
UBIQ_EXPORT(spin) {
  for (volatile int i = 0;; i++) {}
}
UBIQ_EXPORT(busy) {
  for (volatile int i = 0; i < 100000000; i++) {}
  return ubiq_output_string("done");
}
UBIQ_EXPORT(trap) { __builtin_trap(); }
UBIQ_EXPORT(fail) { return ubiq_error_string("the shelf \"A\" is empty"); }
UBIQ_EXPORT(grow) {
  while (__builtin_wasm_memory_grow(0, 1) != (size_t)-1) {}
  __builtin_trap(); // as allocators that cannot fail do
}
UBIQ_EXPORT(recurse);
static int deeper(volatile int *from) {
  volatile int here = *from + 1;
  return deeper(&here) + here;
}
UBIQ_EXPORT(recurse) {
  volatile int start = 0;
  return deeper(&start);
}
UBIQ_EXPORT(large) {
  const size_t size = 8 << 20;
  char *text = (char *)ubiq_alloc(size);
  if (text == NULL) return ubiq_error_string("no memory");
  memset(text, 'x', size);
  return ubiq_output(text, size);
}
UBIQ_EXPORT(mirror) {
  static const char start[] = "{\"body\": ";
  size_t size = ubiq_input_size();
  char *answer = (char *)ubiq_alloc(size + sizeof start);
  if (answer == NULL) return ubiq_error_string("no memory");
  memcpy(answer, start, sizeof start - 1);
  ubiq_input_read(answer + sizeof start - 1, size);
  answer[sizeof start - 1 + size] = '}';
  return ubiq_output(answer, sizeof start + size);
}
UBIQ_EXPORT(binary) { return ubiq_output("\0\xff\xfe", 3); }
UBIQ_EXPORT(empty) { return 0; }
UBIQ_EXPORT(configured) {
  char value[512];
  ptrdiff_t size = ubiq_config("greeting", value, sizeof value);
  return size < 0 ? ubiq_error_string("no greeting") : ubiq_output(value, (size_t)size);
}
UBIQ_EXPORT(fetch) {
  char url[256];
  size_t size = ubiq_input_size();
  if (size >= sizeof url) return ubiq_error_string("url: is too long");
  ubiq_input_read(url, size);
  url[size] = '\0';
  ubiq_http_response response = ubiq_http_request("GET", url, NULL, NULL, 0);
  ubiq_http_close(&response);
  return ubiq_output_string(response.status == 200 ? "fetched" : "not fetched");
}
"""

# A guest whose `relay` asks the platform for what its input says, and answers with what it gets.
RELAY = r"""
#include <ubiq/host.h>

UBIQ_EXPORT(relay) {
  size_t size;
  char *request = ubiq_input(&size);
  ubiq_block answer = ubiq_invoke(UBIQ_JSON, request, size);
  return ubiq_output_block(answer, ubiq_block_size(answer));
}
"""


def function(name, route, **more):
    """The table of a function of GUEST, for a ubiq.toml."""
    lines = ["[functions.%s]" % name, 'source = "guest.c"', 'route = "%s"' % route]
    lines += ["%s = %s" % item for item in more.items()]
    return "\n".join(lines) + "\n"


class Server:
    """A running `ubiq serve` or `ubiq dev`; unless `ready` is waited for, call wait_until_ready before a request."""

    def __init__(self, directory, *options, command="serve", ready=True, usual=("--listen", "127.0.0.1:0", "--log-level", "debug")):
        if command == "serve" and os.environ.get("UBIQ_SANITIZE"):
            usual = (*usual, "--sandbox=off")  # at the end it is looked for leaks from another process
        self.process = subprocess.Popen([UBIQ, command, directory, *usual, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        self.connections = []
        self.lines = []
        self.news = threading.Condition()
        self.ended = 0
        self.readers = [threading.Thread(target=self._read, args=(pipe,), daemon=True)
                        for pipe in (self.process.stdout, self.process.stderr)]
        for reader in self.readers:
            reader.start()
        try:
            if ready:
                self.wait_until_ready()
        except AssertionError:
            self.close()
            raise

    def wait_until_ready(self):
        self.url = self.wait_for(r"listening on (https?://\S+)").group(1)
        self.host, self.port = re.fullmatch(r"https?://(.*):(\d+)", self.url).groups()
        self.port = int(self.port)

    def _read(self, pipe):
        for line in pipe:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.ended += 1
            self.news.notify_all()

    def wait_for(self, pattern, start=0):
        """Waits for a line of its output that matches, from line number `start` on."""
        def find():
            return next((m for m in (re.search(pattern, line) for line in self.lines[start:]) if m), None)
        with self.news:
            self.news.wait_for(lambda: find() or self.ended == 2, PATIENCE)
            found = find()
            if not found:
                raise AssertionError("no line matches %r in:\n%s" % (pattern, "\n".join(self.lines)))
            return found

    def connect(self):
        """A connection for several requests, ended with the server."""
        self.connections.append(http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE))
        return self.connections[-1]

    def socket(self):
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def request(self, method, path, body=None, headers={}):
        """One request on a connection of its own: status, headers, body."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def post(self, path, body=b""):
        status, _, answer = self.request("POST", path, body)
        return status, answer

    def cpu_seconds(self):
        """The time that the program has had of a processor."""
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def wait(self):
        """Waits for the program's end; its exit code."""
        code = self.process.wait(PATIENCE + 10)
        for reader in self.readers:
            reader.join(PATIENCE)
        return code

    def stop(self):
        self.signal()
        return self.wait()

    def close(self):
        for connection in self.connections:
            connection.close()
        for _ in range(100):  # the first asks to finish, the second ends what is under way
            if self.process.poll() is not None:
                break
            self.process.terminate()
            try:
                self.process.wait(0.5)
            except subprocess.TimeoutExpired:
                pass
        else:
            self.process.kill()
            self.process.wait()
            self.lines.append("Sanitizer or not: it had to be killed")
        for reader in self.readers:
            reader.join(PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()
        if any("Sanitizer" in line or "runtime error:" in line or "Assertion" in line for line in self.lines):
            raise AssertionError("\n".join(self.lines))


class Test(unittest.TestCase):
    """A test case with temporary projects and servers, ended with the test."""

    @classmethod
    def setUpClass(cls):
        cls.cache = tempfile.mkdtemp(prefix="ubiq-cache-")
        cls.addClassCleanup(shutil.rmtree, cls.cache)
        os.environ["XDG_CACHE_HOME"] = cls.cache
        with open(os.path.join(cls.cache, "guest.c"), "w") as file:
            file.write(GUEST)

    def project(self, *functions, files={}, text=None):
        directory = tempfile.mkdtemp(prefix="ubiq-e2e-")
        self.addCleanup(shutil.rmtree, directory)
        for name, content in files.items():
            self.write(directory, name, content)
        if text is None:
            text = '[project]\nname = "test"\nversion = "0.1.0"\n\n' + "\n".join(functions)
        if "guest.c" not in files:  # one for all tests, so that it is compiled once
            text = text.replace('"guest.c"', '"%s/guest.c"' % self.cache)
        self.write(directory, "ubiq.toml", text)
        return directory

    def write(self, directory, name, content):
        """Replaces a file as editors do: whole."""
        path = os.path.join(directory, name)
        mode = "wb" if isinstance(content, bytes) else "w"
        with open(path + "~", mode) as file:
            file.write(content)
        os.rename(path + "~", path)

    def start(self, directory, *options, command="serve", ready=True):
        server = Server(directory, *options, command=command, ready=ready)
        self.addCleanup(server.close)
        return server

    def serve(self, *functions, options=("--workers", "1")):
        return self.start(self.project(*functions), *options)

    def listen(self):
        """A server that answers 204 to each GET: its URL, and the headers of what came."""
        seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(self.headers)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        return "http://127.0.0.1:%d/" % other.server_port, seen

    def run_ubiq(self, *arguments):
        return subprocess.run([UBIQ] + list(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", timeout=PATIENCE)


class Relaying(Test):
    """With a function of RELAY."""

    def ask(self, server, method, path, through="/relay", **more):
        status, _, answer = server.request("POST", through, json.dumps(dict(method=method, path=path, **more)))
        self.assertEqual(200, status, answer)
        return json.loads(answer)


def in_thread(target, *arguments):
    """Runs something beside the test; `join()` it, then look at `.result`."""
    def run():
        try:
            thread.result = target(*arguments)
        except (OSError, http.client.HTTPException) as error:
            thread.result = error
    thread = threading.Thread(target=run, daemon=True)
    thread.result = None
    thread.start()
    return thread


def read_response(stream):
    """Reads one HTTP response with a Content-Length from a socket's file: status, headers, body."""
    line = stream.readline()
    if not line:
        return None
    headers = http.client.parse_headers(stream)
    return int(line.split()[1]), headers, stream.read(int(headers.get("Content-Length", 0)))


main = unittest.main
