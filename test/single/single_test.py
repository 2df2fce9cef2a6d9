"""The single-file libextism.so, alone in an empty folder: what it exports and needs, and that it does what the default build
does. `make single` builds it and runs this."""

import functools
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUESTS = Path(os.environ.get("UBIQ_GUESTS", ROOT / "build/guests"))
DEPS = Path(os.environ.get("UBIQ_DEPS", ROOT / ".deps"))
SINGLE = ROOT / "out/single/lib/libextism.so"
DEFAULT = ROOT / "out/lib/libextism.so"
DIFFERENTIAL = ROOT / "build/dev/test/differential/differential"
SYSTEM = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1",
          "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

# A program that knows the library and one plugin: argv is library, manifest or module, function, input, WASI. It prints what
# came out and which libraries are mapped.
USER = r"""
import ctypes, json, sys
library = ctypes.CDLL(sys.argv[1])
library.extism_plugin_new.restype = library.extism_plugin_output_data.restype = ctypes.c_void_p
library.extism_plugin_error.restype = ctypes.c_char_p
library.extism_plugin_output_length.restype = ctypes.c_uint64
source, given = open(sys.argv[2], "rb").read(), sys.argv[4].encode()
message = ctypes.c_char_p()
plugin = ctypes.c_void_p(library.extism_plugin_new(source, ctypes.c_uint64(len(source)), None, ctypes.c_uint64(0),
                                                   sys.argv[5] == "wasi", ctypes.byref(message)))
answer = {"code": None, "error": (message.value or b"").decode(), "output": ""}
if plugin:
    answer["code"] = library.extism_plugin_call(plugin, sys.argv[3].encode(), given, ctypes.c_uint64(len(given)))
    answer["error"] = (library.extism_plugin_error(plugin) or b"").decode()
    answer["output"] = ctypes.string_at(library.extism_plugin_output_data(plugin),
                                        library.extism_plugin_output_length(plugin)).decode(errors="replace")
    library.extism_plugin_free(plugin)
answer["mapped"] = sorted({line.split("/")[-1].strip() for line in open("/proc/self/maps") if "/" in line})
print(json.dumps(answer))
"""


def tool(*command):
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True, text=True).stdout


def exported(library):
    return {line.split()[-1].split("@")[0] for line in tool("nm", "-D", "--defined-only", library).splitlines()}


class Greeter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


class Single(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="ubiq-single-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.alone = cls.folder / "alone" / "libextism.so"
        cls.alone.parent.mkdir()
        shutil.copy(SINGLE, cls.alone)

    def use(self, library, source, function, given="", wasi=False, **environment):
        """What a program of its own finds when it calls a plugin once."""
        inherited = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        environment = {**inherited, "XDG_CACHE_HOME": str(self.folder / "cache"), **environment}
        done = subprocess.run([sys.executable, "-c", USER, library, source, function, given, "wasi" if wasi else "no"],
                              cwd=self.alone.parent, env=environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def assert_alike(self, source, function, given="", **more):
        """Both builds answer the same."""
        single = self.use(self.alone, source, function, given, **more)
        default = self.use(DEFAULT, source, function, given, **more)
        single.pop("mapped"), default.pop("mapped")
        self.assertEqual(default, single)
        return single

    def manifest(self, name, **content):
        path = self.folder / (name + ".json")
        path.write_text(json.dumps(content))
        return path

    # -- What it is --

    def test_it_exports_the_functions_of_the_official_library_and_nothing_else(self):
        names = exported(self.alone)
        self.assertEqual([], [name for name in names if not name.startswith("extism_")])
        self.assertEqual(exported(DEFAULT), names)
        official = DEPS / "extism/libextism.so"
        if official.exists():
            self.assertEqual({name for name in exported(official) if name.startswith("extism_")}, names)

    def test_it_needs_only_what_every_linux_has(self):
        needed = set(re.findall(r"NEEDED.*\[(.*)\]", tool("readelf", "-d", self.alone)))
        self.assertEqual(set(), needed - SYSTEM)

    def test_it_holds_no_path_of_the_machine_that_built_it(self):
        content = self.alone.read_bytes()
        for place in (ROOT, Path.home() / ".cargo"):
            found = re.search(re.escape(os.fsencode(place)) + rb"/[\w./-]*", content)
            self.assertIsNone(found, found and found.group(0))

    # -- What it does, with nothing beside it --

    def test_a_plugin_runs_with_nothing_else_mapped(self):
        answer = self.use(self.alone, GUESTS / "hello.wasm", "hello", "Ada")
        self.assertEqual((0, "Hello, Ada!"), (answer["code"], answer["output"]))
        ours = [name for name in answer["mapped"] if re.match(r"lib(extism|ubiq|wasmtime|curl|uv|sodium|ssl|crypto)\b", name)]
        self.assertEqual(["libextism.so"], ours)

    def test_vars_config_and_wasi_are_there(self):
        self.assertEqual("1", self.assert_alike(GUESTS / "vars.wasm", "count")["output"])
        manifest = self.manifest("config", wasm=[{"path": str(GUESTS / "config.wasm")}], config={"key": "value"})
        self.assertEqual("value", self.assert_alike(manifest, "config", "key")["output"])
        if (GUESTS / "wasi_reactor.wasm").exists():
            self.assertIn("imports", self.assert_alike(GUESTS / "wasi_reactor.wasm", "any")["error"])

    def test_features_of_todays_compilers_are_there(self):
        for name in ("multi_value", "sign_extension", "saturating", "bulk_memory", "reference_types", "simd"):
            self.assertEqual(0, self.assert_alike(GUESTS / "features.wasm", name)["code"], name)

    def test_modules_in_text_form_are_taken(self):
        self.assertEqual(0, self.assert_alike(ROOT / "test/guests/wat/no_memory.wat", "nothing")["code"])

    def test_failures_are_told_in_the_same_words(self):
        for function in ("fail", "trap_unreachable", "trap_divide", "trap_memory", "no such function"):
            self.assertNotEqual("", self.assert_alike(GUESTS / "error.wasm", function)["error"])
        self.assert_alike(GUESTS / "recurse.wasm", "recurse")
        self.assert_alike(GUESTS / "missing_imports.wasm", "never")

    def test_a_timeout_ends_a_call(self):
        manifest = self.manifest("timeout", wasm=[{"path": str(GUESTS / "infinite.wasm")}], timeout_ms=50)
        self.assertEqual("timeout", self.assert_alike(manifest, "spin")["error"])

    def test_compiled_modules_of_the_two_builds_are_kept_apart(self):
        cache = self.folder / "apart"
        for library in (DEFAULT, self.alone):
            self.use(library, GUESTS / "rust_plugin.wasm" if (GUESTS / "rust_plugin.wasm").exists() else GUESTS / "pdk.wasm",
                     "no such function", XDG_CACHE_HOME=str(cache))
        entries = [path for path in (cache / "ubiq/modules").iterdir() if path.name != "key"]
        self.assertEqual(2, len(entries))

    @unittest.skipUnless(DIFFERENTIAL.exists(), "the differential test is not built")
    @unittest.skipUnless((DEPS / "extism/libextism.so").exists(), "there is no official library for this machine")
    def test_it_differs_from_the_official_library_as_the_default_build_does(self):
        done = subprocess.run([DIFFERENTIAL, DEPS / "extism/libextism.so", self.alone], capture_output=True, text=True,
                              timeout=300, env={**os.environ, "UBIQ_GUESTS": str(GUESTS)})
        self.assertEqual(0, done.returncode, done.stdout[-4000:])

    # -- HTTP, with its own curl and OpenSSL --

    def serve(self, context=None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Greeter)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    @functools.cached_property
    def http_plugin(self):
        return self.manifest("http", wasm=[{"path": str(GUESTS / "http.wasm")}], allowed_hosts=["127.0.0.1"])

    def test_http_is_there(self):
        url = "http://127.0.0.1:%d/" % self.serve()
        self.assertEqual("200\nhello", self.assert_alike(self.http_plugin, "get", url)["output"])

    @unittest.skipUnless(shutil.which("openssl"), "openssl, to make a certificate, is missing")
    def test_https_is_there_and_trusts_what_the_machine_trusts(self):
        key, certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        url = "https://127.0.0.1:%d/" % self.serve(context)
        trusted = self.assert_alike(self.http_plugin, "get", url, SSL_CERT_FILE=str(certificate))
        self.assertEqual("200\nhello", trusted["output"])
        untrusted = self.use(self.alone, self.http_plugin, "get", url)
        self.assertNotEqual(0, untrusted["code"])
        self.assertRegex(untrusted["error"], "(?i)certificate")


if __name__ == "__main__":
    if not SINGLE.exists():
        sys.exit("%s is missing; `make single` makes it" % SINGLE)
    size = SINGLE.stat().st_size
    official = DEPS / "extism/libextism.so"
    beside = ", the official one %.1f MB" % (official.stat().st_size / 1e6) if official.exists() else ""
    print("libextism.so alone: %.1f MB%s" % (size / 1e6, beside))
    unittest.main()
