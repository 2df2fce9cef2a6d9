"""What the tests of deploys share: servers with a state, bundles that say their version, and the admin API."""

import hashlib
import http.client
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from urllib.parse import urlencode

import support
from bundle_test import decompress, pack
from support import function


def parents():
    """Which process started which."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state not in "ZX":
            found[int(name)] = int(parent)
    return found


def state_of(process):
    """The letter that stands for it in /proc; X: it is gone."""
    try:
        with open("/proc/%d/stat" % process, encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def children_of(process):
    return [child for child, parent in parents().items() if parent == process]


def name_of(process):
    try:
        with open("/proc/%d/comm" % process, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def starter_of(server):
    """The process that starts those that compile."""
    starter, = children_of(server.process.pid)
    return starter


def helper_of(server):
    """Waits for the process that has others compile."""
    starter, helpers = starter_of(server), []
    while len(helpers) != 1:
        if starter not in parents():
            raise AssertionError("what starts helpers has ended")
        helpers = [child for child in children_of(starter) if name_of(child) == "ubiq compiler"]
    return helpers[0]


def standbys_of(helper):
    """Who waits to take the place of the process that compiles."""
    return [child for child in children_of(helper) if name_of(child) == "ubiq standby"]


def family_of(helper):
    """The helper and those that wait: they have its socket."""
    def channel(process):
        try:
            return os.readlink("/proc/%d/fd/0" % process)
        except OSError:
            return None
    return [process for process in parents()
            if name_of(process) in ("ubiq compiler", "ubiq standby") and channel(process) == channel(helper)]


def jobs_of(helper):
    """Who compiles for it."""
    return [child for child in children_of(helper) if name_of(child) == "ubiq compiler"]


class Server(support.Server):
    """A server that is deployed to, and requests to its admin API."""

    def __init__(self, state, *options, ready=True):
        self.state = state
        super().__init__("--state=" + state, "--admin", "127.0.0.1:0", "--workers", "2", *options, ready=ready)

    def wait_until_ready(self):
        super().wait_until_ready()
        self.admin = self.wait_for(r"deploy to (https?://\S+) with the token in").group(1)
        self.admin_port = int(self.admin.rpartition(":")[2])
        with open(os.path.join(self.state, "token"), encoding="ascii") as file:
            self.token = file.read().strip()

    def ask(self, method, path, body=None, headers={}, token=None):
        """A request to the admin API: status, and the JSON value of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=support.PATIENCE)
        try:
            headers = {"Authorization": "Bearer " + (token or self.token), **headers}
            connection.request(method, path, body, {name: value for name, value in headers.items() if value is not None})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def deploy(self, bundle, headers={}, **query):
        path = "/v1/releases/" + hashlib.sha256(bundle).hexdigest()
        return self.ask("PUT", path + ("?" + urlencode(query) if query else ""), bundle, headers)

    def get(self, path):
        """What the server itself answers: status and text."""
        status, _, body = self.request("GET", path)
        return status, body.decode()


class Test(support.Test):
    """The functions of a bundle, GET /a and GET /b, both answer with its version."""

    files = {}

    def folder(self):
        directory = tempfile.mkdtemp(prefix="ubiq-e2e-")
        self.addCleanup(shutil.rmtree, directory)
        return directory

    def build(self, *functions):
        """The files of a bundle that `ubiq build` makes."""
        made = os.path.join(self.folder(), "made.ubiq")
        done = self.run_ubiq("build", self.project(*functions), "--output", made)
        self.assertEqual(0, done.returncode, done.stderr)
        with open(made, "rb") as file, tarfile.open(fileobj=io.BytesIO(decompress(file.read()))) as tar:
            return {entry.name: tar.extractfile(entry).read() for entry in tar}

    def bundle(self, version, more="", project="shop"):
        """A bundle whose functions answer `version`; `more` are lines for the first."""
        if not self.files:
            functions = [function(name, "GET /" + name, export='"configured"') for name in ("a", "b")]
            functions += [function("busy", "GET /busy"), function("sleepy", "GET /sleepy", export='"trap"')]
            Test.files = self.build(*functions)
        module = re.search(r"modules/\w+\.wasm", self.files["ubiq.toml"].decode()).group(0)
        toml = '[project]\nname = "%s"\nversion = "%s"\n' % (project, version)
        for name in ("a", "b"):
            toml += '[functions.%s]\nwasm = "%s"\nexport = "configured"\nroute = "GET /%s"\n' % (name, module, name)
            toml += (more if name == "a" else "") + 'config = { greeting = "%s" }\n' % version
        toml += '[functions.busy]\nwasm = "%s"\nroute = "GET /busy"\n' % module
        return pack(("ubiq.toml", toml), *[item for item in self.files.items() if item[0] != "ubiq.toml"])

    def failing(self, version):
        """A bundle whose function /a traps."""
        self.bundle("0")
        module = re.search(r"modules/\w+\.wasm", self.files["ubiq.toml"].decode()).group(0)
        toml = '[project]\nname = "shop"\nversion = "%s"\n[functions.a]\nwasm = "%s"\nexport = "trap"\nroute = "GET /a"\n'
        return pack(("ubiq.toml", toml % (version, module)), *[i for i in self.files.items() if i[0] != "ubiq.toml"])

    def launch(self, state=None, *options, ready=True):
        server = Server(state or os.path.join(self.folder(), "state"), *options, ready=ready)
        self.addCleanup(server.close)
        return server

    def deployed(self, server, bundle, **query):
        status, answer = server.deploy(bundle, **query)
        self.assertEqual(200, status, answer)
        return answer

    def serves(self, server, version):
        self.assertEqual([(200, version)] * 2, [server.get("/a"), server.get("/b")])
