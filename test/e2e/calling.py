"""What the tests of `ubiq call` share: calls of guests, with bytes in and bytes out."""

import http.server
import json
import os
import re
import subprocess
import threading

import support

GUESTS = os.environ.get("UBIQ_GUESTS", os.path.join(os.path.dirname(__file__), "../../build/guests"))

USAGE, INVALID, NOT_FOUND, UNAVAILABLE, QUOTA, GUEST_ERROR = 64, 65, 66, 69, 73, 1
CANCELLED, TRAP, MEMORY_LIMIT, TIMEOUT, CPU_LIMIT = 130, 134, 137, 124, 152


class Done:
    """How a call ended."""

    def __init__(self, code, output, errors):
        self.code, self.output, self.errors = code, output, errors.decode(errors="replace")

    @property
    def told(self):
        """The error as the program told it: what follows `ubiq: `, continued lines included."""
        found = re.search("^ubiq: (.*)\n", self.errors, re.MULTILINE | re.DOTALL)
        return found.group(1) if found else ""


class Test(support.Test):
    def need_capability(self, name):
        """Skips a test that needs what the engine of UBIQ_ENGINE cannot do, as `ubiq engines` tells it."""
        engine = os.environ.get("UBIQ_ENGINE")
        listed = subprocess.run([support.UBIQ, "engines", "--json"], stdout=subprocess.PIPE, check=True, text=True).stdout
        if engine and not any(e["name"] == engine and name in e.get("capabilities", []) for e in json.loads(listed)):
            self.skipTest("%s has not the capability %s" % (engine, name))

    def guest(self, name):
        path = os.path.join(GUESTS, name + ".wasm")
        if not os.path.exists(path):
            why = "%s.wasm was not built here; its toolchain is missing" % name
            if os.environ.get("UBIQ_NEED_GUESTS"):  # in CI
                self.fail(why)
            self.skipTest(why)
        return path

    def file(self, name, content):
        """A file in a folder of its own."""
        path = os.path.join(self.project(text="", files={name: content}), name)
        return path

    def call(self, *arguments, input=b"", cwd=None):
        """`ubiq call` with bytes on standard input."""
        done = subprocess.run([support.UBIQ, "call", *arguments], input=input, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=support.PATIENCE, cwd=cwd)
        return Done(done.returncode, done.stdout, done.stderr)

    def answers(self, expected, *arguments, **more):
        done = self.call(*arguments, **more)
        self.assertEqual((0, expected, ""), (done.code, done.output, done.errors))

    def fails(self, code, message, *arguments, **more):
        """Asserts the exit code, that nothing is on standard output, and that one error has `message` in it."""
        done = self.call(*arguments, **more)
        self.assertEqual((code, b""), (done.code, done.output), done.errors)
        self.assertIn(message, done.told)
        self.assertEqual(1, len(re.findall("^ubiq: ", done.errors, re.MULTILINE)), done.errors)
        self.assertLess(len(done.errors), 20000)
        return done

    def start_call(self, *arguments, **pipes):
        process = subprocess.Popen([support.UBIQ, "call", *arguments],
                                   **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                                      **pipes})
        self.addCleanup(lambda: process.poll() is None and process.kill())
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                self.addCleanup(pipe.close)
        return process

    def site(self, files):
        """An HTTP server with files, by path; its URL."""
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = files.get(self.path)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_):
                pass
        site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=site.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.addCleanup(site.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(site.shutdown)
        return "http://127.0.0.1:%d" % site.server_port
