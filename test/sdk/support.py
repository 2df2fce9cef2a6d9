"""What the SDKs' tests share: where the library and the guests are, and a way to say that a tool is missing."""

import http.server
import os
import sys
import threading

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
OUT = os.environ.get("UBIQ_OUT", os.path.join(ROOT, "out"))
GUESTS = os.environ.get("UBIQ_GUESTS", os.path.join(ROOT, "build/guests"))
DEPS = os.environ.get("UBIQ_DEPS", os.path.join(ROOT, ".deps"))
LIBRARIES = os.path.join(OUT, "lib")
SKIPPED = 77  # what ctest takes for "skipped"


def skip(why):
    """Ends the test as skipped, and says why. Where UBIQ_NEED_SDKS is set, as in CI, that is a failure."""
    print("skipped: " + why)
    sys.exit(1 if os.environ.get("UBIQ_NEED_SDKS") else SKIPPED)


def guest(name):
    return os.path.join(GUESTS, name + ".wasm")


class Server:
    """Serves the guests, and `/hello`, over HTTP on a free port of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = os.path.basename(self.path)
            body = b"hello from the server"
            if name.endswith(".wasm"):
                with open(os.path.join(GUESTS, name), "rb") as file:
                    body = file.read()
            self.send_response(200)
            self.send_header("x-served-by", "a test")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.Handler)
        self.url = "http://127.0.0.1:%d/" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
