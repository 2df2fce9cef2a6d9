"""`ubiq build` and `ubiq serve BUNDLE`: the same bytes each time, served with nothing else there; and bundles of others."""

import ctypes
import ctypes.util
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile

import support
from support import function

EXAMPLES = os.path.join(os.environ["UBIQ_SOURCE"], "examples")
WAT = '(module (func (export "f") (result i32) (i32.const 0)))'
TOML = '[functions.f]\nwasm = "f.wat"\nroute = "/f"\n'


def compress(data):
    """A zstd frame, by the library itself."""
    zstd = ctypes.CDLL(ctypes.util.find_library("zstd"))
    zstd.ZSTD_compressBound.restype = zstd.ZSTD_compress.restype = ctypes.c_size_t
    zstd.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    zstd.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    room = ctypes.create_string_buffer(zstd.ZSTD_compressBound(len(data)))
    size = zstd.ZSTD_compress(room, len(room), data, len(data), 1)
    return room.raw[:size]


def decompress(data, size=1 << 22):
    zstd = ctypes.CDLL(ctypes.util.find_library("zstd"))
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    room = ctypes.create_string_buffer(size)
    size = zstd.ZSTD_decompress(room, size, data, len(data))
    return room.raw[:size]


def pack(*files, format=tarfile.USTAR_FORMAT):
    """A bundle made by other tools: (name or tarfile.TarInfo, content)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for name, content in files:
            entry = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            content = content.encode() if isinstance(content, str) else content
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return compress(out.getvalue())


def link(name, kind, target):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


class Test(support.Test):
    def folder(self):
        directory = tempfile.mkdtemp(prefix="ubiq-e2e-")
        self.addCleanup(shutil.rmtree, directory)
        return directory

    def build(self, directory, *options):
        """Builds a project; the bundle's path."""
        bundle = os.path.join(self.folder(), "made.ubiq")
        done = self.run_ubiq("build", directory, "--output", bundle, *options)
        self.assertEqual(0, done.returncode, done.stderr)
        return bundle

    def fails(self, done, code, *messages):
        self.assertEqual((code, 1), (done.returncode, len(re.findall("^ubiq: ", done.stderr, re.MULTILINE))), done.stderr)
        for message in messages:
            self.assertIn(message, done.stderr)

    def refuses(self, content, code, *messages, options=()):
        bundle = os.path.join(self.folder(), "bad.ubiq")
        with open(bundle, "wb") as file:
            file.write(content)
        done = self.run_ubiq("serve", bundle, *options)
        self.fails(done, code, *messages)
        self.assertTrue(done.stderr.startswith("ubiq: " + bundle), done.stderr)
        self.assertEqual("", done.stdout)


class Build(Test):
    def test_the_same_project_makes_the_same_bytes_wherever_it_is(self):
        made = []
        for _ in range(2):
            place = os.path.join(self.folder(), "hello")
            shutil.copytree(os.path.join(EXAMPLES, "hello"), place)
            with open(self.build(place), "rb") as file:
                made.append(file.read())
        self.assertEqual(made[0], made[1])

    def test_a_bundle_needs_nothing_but_itself(self):
        source = os.path.join(self.folder(), "hello")
        shutil.copytree(os.path.join(EXAMPLES, "hello"), source)
        bundle = self.build(source)
        shutil.rmtree(source)
        moved = os.path.join(self.folder(), "moved")
        os.rename(bundle, moved)
        before = os.getcwd()
        os.chdir("/")
        self.addCleanup(os.chdir, before)
        shutil.rmtree(self.cache)
        os.mkdir(self.cache, 0o700)
        self.addCleanup(self.write, self.cache, "guest.c", support.GUEST)
        server = self.start(moved, "--workers", "1")
        self.assertEqual((200, b"Hello, Ada!"), server.post("/hello", b"Ada"))
        self.assertEqual(0, server.stop())

    def test_its_name_is_its_content(self):
        directory = self.project(TOML, files={"f.wat": WAT})
        place = self.folder()
        done = self.run_ubiq("build", directory, "--output", place)
        [name] = os.listdir(place)
        with open(os.path.join(place, name), "rb") as file:
            content = file.read()
        digest = hashlib.sha256(content).hexdigest()
        self.assertEqual("test-0.1.0-%s.ubiq" % digest[:12], name)
        self.assertEqual("%s: %d bytes, SHA-256 %s\n" % (os.path.join(place, name), len(content), digest), done.stderr)
        self.assertEqual("", done.stdout)
        done = self.run_ubiq("build", directory, "--output", place, "--json")
        self.assertEqual({"path": os.path.join(place, name), "size": len(content), "sha256": digest},
                         json.loads(done.stdout))
        self.assertEqual("", done.stderr)

    def test_a_name_cannot_lead_out_of_the_folder(self):
        directory = self.project(files={"f.wat": WAT}, text='[project]\nname = "../a b"\nversion = "/1"\n' + TOML)
        before = os.getcwd()
        os.chdir(self.folder())
        self.addCleanup(os.chdir, before)
        self.assertEqual(0, self.run_ubiq("build", directory).returncode)
        self.assertRegex(" ".join(os.listdir(".")), r"^-\.-a-b--1-[0-9a-f]{12}\.ubiq$")

    def test_settings_go_along_and_sources_do_not(self):
        directory = self.project(
            function("configured", "GET /", config='{ greeting = "Guten \\"Tag\\"\\u007f\\n" }', timeout='"3s"', stack='"64KiB"'),
            function("echo", "POST /echo", body_max="10", stack='"64KiB"'), '[functions."a.b c"]\nwasm = "f.wat"\nexport = "f"\n'
            'build = "cp f.txt f.wat"\nroute = "/ä/{x}"\n', files={"f.txt": WAT})
        bundle = self.build(directory, "--log-level", "warn")
        with open(bundle, "rb") as file, tarfile.open(fileobj=io.BytesIO(decompress(file.read()))) as tar:
            names = tar.getnames()
            toml = tar.extractfile("ubiq.toml").read().decode()
            self.assertEqual({(0, 0, 0, 0o644)}, {(m.mtime, m.uid, m.gid, m.mode) for m in tar})
        self.assertEqual(sorted(names), names)
        self.assertEqual(3, len(names), "two functions share a module: %s" % names)
        self.assertFalse(re.search("^(source|build|stack) =", toml, re.MULTILINE), toml)
        self.assertIn('[functions."a.b c"]', toml)
        server = self.start(bundle, "--workers", "1")
        self.assertEqual('Guten "Tag"\x7f\n'.encode(), server.request("GET", "/")[2])
        self.assertEqual([200, 413], [server.post("/echo", b"x" * size)[0] for size in (10, 11)])
        self.assertEqual(200, server.post("/%C3%A4/1")[0])

    def test_an_unpacked_bundle_is_a_project(self):
        manifest = '{"wasm": [{"path": "f.wat", "hash": "%s"}]}' % hashlib.sha256(WAT.encode()).hexdigest()
        directory = self.project(files={"f.wat": WAT, "f.json": manifest}, text=TOML.replace('wasm = "f.wat"', 'manifest = "f.json"'))
        bundle, unpacked = self.build(directory), self.folder()
        with open(bundle, "rb") as file, tarfile.open(fileobj=io.BytesIO(decompress(file.read()))) as tar:
            tar.extractall(unpacked)
        self.assertEqual((200, b""), self.start(unpacked, "--workers", "1").post("/f"))
        self.assertEqual((200, b""), self.start(bundle, "--workers", "1").post("/f"))

    def test_a_manifest_of_several_modules_goes_along(self):
        main = ('(module (import "math" "two" (func $two (result i32))) '
                '(func (export "f") (result i32) (i32.sub (call $two) (i32.const 2))))')
        math = '(module (func (export "two") (result i32) (i32.const 2)))'
        files = {"sub/f.toml": '[[wasm]]\npath = "math.wat"\nname = "math"\n[[wasm]]\npath = "../f.wat"\n', "f.wat": main}
        directory = self.project(text=TOML.replace('wasm = "f.wat"', 'manifest = "sub/f.toml"'))
        os.mkdir(os.path.join(directory, "sub"))
        for name, content in {**files, "sub/math.wat": math}.items():
            self.write(directory, name, content)
        bundle = self.build(directory)
        shutil.rmtree(os.path.join(directory, "sub"))
        self.assertEqual((200, b""), self.start(bundle, "--workers", "1").post("/f"))

    def test_what_cannot_be_served_is_not_built(self):
        place = self.folder()
        for toml, code, message in (
                (TOML.replace("f.wat", "none.wat"), 66, "none.wat"),
                (TOML + 'export = "g"\n', 66, "Function not found: g"),
                (TOML.replace("f.wat", "bad.wat"), 65, "f"),
                (TOML.replace('"/f"', '"f"'), 65, "ubiq.toml:3:1"),
                (TOML.replace("wasm", "source").replace("f.wat", "bad.c"), 65, "bad.c: does not compile"),
                (TOML.replace('wasm = "f.wat"', 'manifest = "url.json"'), 77, "a module is at https://example.com/f.wasm"),
                (TOML.replace('wasm = "f.wat"', 'manifest = "hosts.json"'), 77, 'has "allowed_hosts"'),
                (TOML.replace('wasm = "f.wat"', 'manifest = "paths.json"'), 77, 'has "allowed_paths"'),
                (TOML.replace('wasm = "f.wat"', 'manifest = "pointer.json"'), 65, "pointer.json: wasm[0].data is")):
            directory = self.project(text=toml, files={
                "f.wat": WAT, "bad.wat": "(module (func", "bad.c": "int",
                "url.json": '{"wasm": [{"url": "https://example.com/f.wasm"}]}',
                "hosts.json": '{"wasm": [{"path": "f.wat"}], "allowed_hosts": ["a.example"]}',
                "paths.json": '{"wasm": [{"path": "f.wat"}], "allowed_paths": {"/": "/"}}',
                "pointer.json": '{"wasm": [{"data": {"ptr": 4096, "len": 1}}]}'})
            done = self.run_ubiq("build", directory, "--output", place)
            self.fails(done, code, message)
            done = self.run_ubiq("build", directory, "--output", place, "--json")
            self.assertIn(message, json.loads(done.stdout)["error"]["message"])
        self.assertEqual([], os.listdir(place))

    def test_a_place_that_cannot_be_written_is_named(self):
        done = self.run_ubiq("build", os.path.join(EXAMPLES, "hello"), "--output", self.folder() + "/none/x.ubiq")
        self.fails(done, 66, "none/x.ubiq: no such file or directory")

    def test_a_bundle_is_not_built_again(self):
        bundle = self.build(self.project(text=TOML, files={"f.wat": WAT}))
        self.fails(self.run_ubiq("build", bundle), 65, "is a bundle, for `ubiq serve`")


class Untrusted(Test):
    """What others put into a bundle. Each is one error, and nothing is served."""

    GOOD = (("ubiq.toml", TOML), ("f.wat", WAT))

    def test_one_made_by_other_tools_is_served(self):
        bundle = os.path.join(self.folder(), "other.ubiq")
        with open(bundle, "wb") as file:
            file.write(pack(*self.GOOD))
        self.assertEqual((200, b""), self.start(bundle, "--workers", "1").post("/f"))

    def test_what_is_no_bundle_is_refused(self):
        good = pack(*self.GOOD)
        self.refuses(b"", 65, "is empty; expected a bundle")
        self.refuses(b"PK\3\4", 65, "is no bundle; expected what `ubiq build` makes")
        self.refuses(b"\0asm\1\0\0\0", 65, "is no bundle")
        self.refuses(good[:-1], 65, "is cut off")
        self.refuses(good[:40], 65, "is cut off")
        self.refuses(good + b"x", 65, "has 1 bytes behind its end")
        with open(self.build(self.project(text=TOML, files={"f.wat": WAT})), "rb") as file:
            built = file.read()
        self.refuses(built[:60] + bytes([built[60] ^ 255]) + built[61:], 65, "is damaged: ")
        self.refuses(compress(b"not an archive" * 100), 65, "is damaged")
        self.refuses(compress(b""), 65, "is cut off")
        self.fails(self.run_ubiq("serve", self.folder() + "/none.ubiq"), 66, "none.ubiq: no such file or directory")

    def test_a_bundle_of_zeros_without_end_is_refused(self):
        self.refuses(compress(bytes(300 << 20)), 79, "holds more than the 268435456 bytes that are allowed")
        huge = os.path.join(self.folder(), "huge.ubiq")
        with open(huge, "wb") as file:
            file.truncate(1 << 40)
        self.fails(self.run_ubiq("serve", huge), 79, "huge.ubiq: it has 1099511627776 bytes")

    def test_files_that_lead_elsewhere_are_refused(self):
        for name in ("../evil", "/etc/cron.d/evil", "a/../../evil", ".ssh/keys", "a b"):
            self.refuses(pack(*self.GOOD, (name, "x")), 65, 'has a file named "%s"' % name)
        self.refuses(pack(*self.GOOD, (link("l", tarfile.SYMTYPE, "/etc/passwd"), "")), 65, '"l" is a symbolic link')
        self.refuses(pack(*self.GOOD, (link("l", tarfile.LNKTYPE, "f.wat"), "")), 65, '"l" is a hard link')
        self.refuses(pack(*self.GOOD, (link("l", tarfile.CHRTYPE, ""), "")), 65, '"l" is a device')
        self.refuses(pack(*self.GOOD, (link("l", tarfile.FIFOTYPE, ""), "")), 65, '"l" is a pipe')
        self.refuses(pack(*self.GOOD, (link("l", tarfile.DIRTYPE, ""), "")), 65, '"l/" is a folder')
        self.refuses(pack(*self.GOOD, ("ubiq.toml", TOML)), 65, 'holds two files named "ubiq.toml"')
        self.refuses(pack(*self.GOOD, ("x" * 200, ""), format=tarfile.PAX_FORMAT), 65, "is an extended header")
        self.refuses(pack(*self.GOOD, format=tarfile.GNU_FORMAT), 65, "an archive of another kind")

    def test_a_project_says_only_what_is_inside(self):
        def with_toml(toml, *files):
            return pack(("ubiq.toml", toml), ("f.wat", WAT), *files)
        outside = os.path.join(self.project(files={"f.wat": WAT}), "f.wat")
        self.refuses(pack(("f.wat", WAT)), 65, "holds no ubiq.toml")
        self.refuses(with_toml("[functions"), 65, "bad.ubiq/ubiq.toml:1:")
        self.refuses(with_toml(TOML.replace("f.wat", outside)), 66, 'f: module main: Unable to load Wasm file: %s: is no file of the bundle' % outside)
        self.refuses(with_toml(TOML.replace("f.wat", "../f.wat")), 66, "../f.wat: is no file of the bundle")
        self.refuses(with_toml(TOML.replace("wasm", "source").replace("f.wat", "f.c"), ("f.c", "")), 77, 'f has "source"')
        self.refuses(with_toml(TOML + 'build = "touch /tmp/never"\n'), 77, 'f has "build"')
        self.refuses(with_toml(TOML, ("ubiq.toml~", "x" * (1 << 20))), 65, "has a file named")
        self.refuses(with_toml("#" * (1 << 20) + "\n" + TOML), 79, "its ubiq.toml has 1048619 bytes")

    def refuses_manifest(self, manifest, code, *messages):
        toml = TOML.replace('wasm = "f.wat"', 'manifest = "f.json"')
        self.refuses(pack(("ubiq.toml", toml), ("f.wat", WAT), ("f.json", manifest)), code, *messages)

    def test_manifests_say_only_what_is_inside(self):
        path = '{"wasm": [{"path": %s}]%s}'
        self.refuses_manifest(path % ('"/etc/passwd"', ""), 66, "/etc/passwd: is no file of the bundle")
        self.refuses_manifest(path % ('"../f.wat"', ""), 66, "../f.wat: is no file of the bundle")
        self.refuses_manifest(path % ('"f.wat\\u0000"', ""), 65, "wasm[0].path holds a NUL")
        self.refuses_manifest(path % ("7", ""), 65, "wasm[0].path is 7")
        self.refuses_manifest('{"wasm": [{"url": "http://127.0.0.1/f.wasm"}]}', 77, "http://127.0.0.1/f.wasm")
        self.refuses_manifest('{"wasm": [{"data": {"ptr": 4096, "len": 64}}]}', 65, "wasm[0].data")
        self.refuses_manifest(path % ('"f.wat"', ', "allowed_hosts": ["*"]'), 77, "allowed_hosts")
        self.refuses_manifest(path % ('"f.wat"', ', "allowed_paths": {"/": "/"}'), 77, "allowed_paths")
        self.refuses_manifest('{"wasm": "f.wat"}', 65, "wasm")
        self.refuses_manifest("[]", 65, "f: manifest:1:")
        self.refuses_manifest(path % ('"f.wat"}, {"path": ' * 15 + '"f.wat"', ""), 79, "has 16 modules; at most 15")
        self.refuses_manifest("path = 'f.wat'", 65, 'f: manifest:1:1: unknown key path')

    def test_hosts_are_granted_word_for_word(self):
        toml = TOML + 'allowed_hosts = ["127.0.0.1", "*.example.com"]\n'
        bundle = pack(("ubiq.toml", toml), ("f.wat", WAT))
        self.refuses(bundle, 77, "f asks for requests to 127.0.0.1")
        grants = ("--allow-host", "*", "--allow-host", "*.example.com")
        self.refuses(bundle, 77, "f asks for requests to 127.0.0.1", options=grants)
        path = os.path.join(self.folder(), "b.ubiq")
        with open(path, "wb") as file:
            file.write(bundle)
        server = self.start(path, *grants, "--allow-host", "127.0.0.1", "--workers", "1")
        self.assertEqual((200, b""), server.post("/f"))
        directory = self.project(text=TOML, files={"f.wat": WAT})
        self.fails(self.run_ubiq("serve", directory, *grants), 65, "is no bundle; expected --allow-host with a bundle only")


if __name__ == "__main__":
    support.main()
