"""What bench/soak does by the admin API meanwhile: deploys of all kinds, canaries, rollbacks, and what is to be refused."""

import hashlib
import http.client
import io
import json
import os
import random
import ssl
import subprocess
import tarfile
import threading
import time
from urllib.parse import urlencode

from bundle_test import decompress, pack

PATIENCE = 60  # seconds


CHANGING = b"asked to fail"  # the guest's words, of which other modules have others


class Releases:
    def __init__(self, load, ubiq, project, admin_port, token):
        self.load, self.port, self.token = load, admin_port, token
        self.random, self.counts = random.Random("%s releases" % load.seed), {}
        self.number, self.modules = 0, 0
        made = os.path.join(load.folder, "made.ubiq")
        subprocess.run([ubiq, "build", project, "--output", made], check=True, capture_output=True)
        with open(made, "rb") as file, tarfile.open(fileobj=io.BytesIO(decompress(file.read()))) as tar:
            files = {entry.name: tar.extractfile(entry).read() for entry in tar}
        self.toml = files.pop("ubiq.toml").decode()
        (self.module, self.first_code), = files.items()
        self.code = self.first_code
        self.last = self.bundle()
        self.actions = {self.deploy: 6, self.canary: 4, self.failing_canary: 2, self.again: 1, self.rollback: 2,
                        self.broken: 1, self.unknown_token: 1, self.two_at_once: 1, self.looks: 2}

    def ask(self, method, path, statuses, body=None, token=None):
        """A request that has to be answered with one of these statuses: status, and the value of the answer."""
        tls = {"context": self.load.tls} if self.load.tls else {}
        connect = http.client.HTTPSConnection if self.load.tls else http.client.HTTPConnection
        connection = connect("127.0.0.1", self.port, timeout=PATIENCE, **tls)
        try:
            connection.request(method, path, body, {"Authorization": "Bearer " + (token or self.token)})
            response = connection.getresponse()
            answer = json.loads(response.read())
            if response.status not in statuses:
                self.load.wrong("admin API: %s %s: %d instead of %s: %s" % (method, path, response.status, statuses, answer))
            return response.status, answer
        except (OSError, ValueError, ssl.SSLError, http.client.HTTPException) as error:
            self.load.wrong("admin API: %s %s: no answer: %r" % (method, path, error))
            return 0, {}
        finally:
            connection.close()

    def bundle(self, fails=False):
        """Another release; now and then its module is another, too."""
        self.number += 1
        version = "%d.0.0" % self.number
        toml = self.toml.replace('version = "0"', 'version = "%s"' % version)
        if fails:
            toml = toml.replace("[functions.version]\n", '[functions.version]\nexport = "trap"\n')
        else:
            self.load.versions.add(version)
        if self.number == 1 or self.random.random() < 0.3:  # the first, too, so that what compiling takes once is taken
            self.modules += 1
            self.code = self.first_code.replace(CHANGING, b"asked to %04d" % self.number)
        return pack(("ubiq.toml", toml), (self.module, self.code))

    def put(self, bundle, statuses=(200,), token=None, **query):
        path = "/v1/releases/" + hashlib.sha256(bundle).hexdigest()
        return self.ask("PUT", path + ("?" + urlencode(query) if query else ""), statuses, bundle, token)

    def act(self):
        action = self.random.choices(list(self.actions), list(self.actions.values()))[0]
        self.counts[action.__name__] = self.counts.get(action.__name__, 0) + 1
        action()

    def deploy(self):
        self.last = self.bundle()
        self.put(self.last)

    def again(self):
        self.put(self.last)

    def canary(self):
        bundle = self.bundle()
        self.put(bundle, canary=self.random.choice((1, 10, 50, 99)), rollback_above=100)
        time.sleep(self.random.random())
        if self.random.random() < 0.5:
            self.ask("POST", "/v1/rollback", (200,))
        else:
            self.ask("POST", "/v1/promote", (200,))
            self.last = bundle

    def failing_canary(self):
        """The server takes it back by itself."""
        self.load.failing.append([time.monotonic(), None])
        self.put(self.bundle(fails=True), canary=50, rollback_above=1, requests_min=5)
        deadline = time.monotonic() + PATIENCE
        while self.ask("GET", "/v1/status", (200,))[1].get("canary"):
            if time.monotonic() > deadline:
                self.load.wrong("a canary that fails is not taken back")
                self.ask("POST", "/v1/rollback", (200,))
            time.sleep(0.1)
        self.load.failing[-1][1] = time.monotonic()

    def rollback(self):
        """To what was there before; there may be none, or it may be one that fails, which nothing should bring back."""
        kept = [one for one in self.ask("GET", "/v1/releases", (200,))[1]
                if one["state"] in ("previous", "kept") and one["version"] in self.load.versions]
        if kept:
            self.ask("POST", "/v1/rollback?to=" + self.random.choice(kept)["digest"], (200,))

    def broken(self):
        damaged = bytearray(self.bundle())
        damaged[self.random.randrange(len(damaged))] ^= 1 << self.random.randrange(8)
        self.put(self.random.choice((b"", b"nonsense", self.last[:-20], bytes(damaged))), (200, 400, 422))
        self.put(pack(("ubiq.toml", '[functions.a]\nwasm = "../a.wasm"\nroute = "/a"\n')), (404,))

    def unknown_token(self):
        self.put(self.last, (401,), token="0" * 64)

    def two_at_once(self):
        other = threading.Thread(target=self.put, args=(self.bundle(), (200, 429)))
        other.start()
        self.put(self.bundle(), (200, 429))
        other.join()

    def looks(self):
        self.ask("GET", "/v1/functions", (200,))
        self.ask("GET", "/v1/functions/hello/pool", (200,))
        self.ask("GET", "/v1/nowhere", (404,))
