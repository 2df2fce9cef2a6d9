"""`ubiq compile`: what it writes is called without compiling, by the one who wrote it, and by nobody else."""

import json
import os
import shutil
import subprocess
import tempfile

import calling
import support

DENIED = 77


class Compile(calling.Test):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ubiq-compile-")
        self.addCleanup(shutil.rmtree, self.folder)

    def compile(self, *arguments, cwd=None, **more):
        done = subprocess.run([support.UBIQ, "compile", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=support.PATIENCE, cwd=cwd or self.folder, **more)
        return calling.Done(done.returncode, done.stdout, done.stderr)

    def compiled(self, guest, *arguments):
        """The file that a guest was compiled to."""
        done = self.compile(self.guest(guest), *arguments)
        self.assertEqual((0, b""), (done.code, done.output), done.errors)
        return os.path.join(self.folder, guest + ".ubiqc")

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    # -- What it is for --

    def test_a_compiled_plugin_is_called_as_its_source_is(self):
        self.answers(b"Hello, Ada!", self.compiled("hello"), "hello", "--input", "Ada")
        self.answers(b'{"count":1,"total":1,"vowels":"y"}', self.compiled("count_vowels"), "count_vowels", "--input", "my",
                     "--config", "vowels=y")

    def test_it_is_its_users_alone(self):
        self.assertEqual(0o600, os.stat(self.compiled("hello")).st_mode & 0o777)

    def test_the_place_may_be_named(self):
        done = self.compile(self.guest("hello"), "--output", "other.name", "--json")
        self.assertEqual({"path": "other.name", "size": os.path.getsize(os.path.join(self.folder, "other.name"))},
                         json.loads(done.output))
        os.mkdir(os.path.join(self.folder, "sub"))
        self.assertEqual(0, self.compile(self.guest("hello"), "-o", "sub").code)
        self.answers(b"Hello, Ada!", os.path.join(self.folder, "sub/hello.ubiqc"), "hello", "--input", "Ada")
        done = self.compile(self.guest("hello"), "-o", "no/such/place")
        self.assertEqual(calling.NOT_FOUND, done.code, done.errors)

    def test_modules_of_a_manifest_become_part_of_it(self):
        shutil.copy(self.guest("lib"), self.folder)
        shutil.copy(self.guest("main"), self.folder)
        manifest = os.path.join(self.folder, "two.toml")
        with open(manifest, "w", encoding="utf-8") as file:
            file.write('timeout_ms = 60000\n[[wasm]]\nname = "lib"\npath = "lib.wasm"\n[[wasm]]\npath = "main.wasm"\n')
        self.assertEqual(0, self.compile(manifest).code)
        for name in ("lib.wasm", "main.wasm", "two.toml"):
            os.remove(os.path.join(self.folder, name))
        self.answers(b"HEY", os.path.join(self.folder, "two.ubiqc"), "shout", "--input", "hey")

    def test_it_may_come_from_standard_input(self):
        with open(self.guest("hello"), "rb") as module:
            done = subprocess.run([support.UBIQ, "compile", "-"], stdin=module, cwd=self.folder, stderr=subprocess.PIPE)
        self.assertEqual(0, done.returncode, done.stderr)
        self.answers(b"Hello, Ada!", "-", "hello", "--input", "Ada", input=self.read(os.path.join(self.folder, "plugin.ubiqc")))

    def test_limits_permissions_and_config_can_be_given_in_calling(self):
        self.fails(calling.TIMEOUT, "timeout", self.compiled("infinite"), "spin", "--timeout", "50ms")
        self.fails(calling.MEMORY_LIMIT, "memory", self.compiled("grow"), "must_grow_module", "--memory-max", "16MiB")
        url = self.site({"/": b"there"})
        self.answers(b"200\nthere", self.compiled("http"), "get", "--input", url + "/", "--allow-host", "127.0.0.1")

    def test_fuel_is_decided_in_compiling_and_its_amount_in_calling(self):
        path = self.compiled("infinite", "--fuel", "100000")
        self.fails(calling.CPU_LIMIT, "fuel", path, "spin")
        self.fails(calling.CPU_LIMIT, "fuel", path, "spin", "--fuel", "10")
        counted = json.loads(self.call(path, "turns", "--input", "10", "--fuel", "1000000", "--json").output)
        self.assertGreater(counted["fuel"], 0)
        self.fails(calling.INVALID, "without counting fuel", self.compiled("hello"), "hello", "--fuel", "10")

    def test_wasi_is_decided_in_compiling(self):
        done = self.compile(self.guest("wasi_hello"))
        self.assertEqual(calling.INVALID, done.code)
        self.assertIn("--wasi provides", done.told)
        done = self.call(self.compiled("wasi_hello", "--wasi"), "_start", "--", "one", input=b"abc")
        self.assertEqual(0, done.code, done.errors)
        self.assertIn(b"[1] one", done.output)

    def test_it_needs_no_entry_of_the_cache(self):
        path = self.compiled("hello")
        folder = os.path.join(self.cache, "ubiq/modules")
        for name in os.listdir(folder):
            if name != "key":
                os.remove(os.path.join(folder, name))
        self.answers(b"Hello, Ada!", path, "hello", "--input", "Ada")
        self.assertEqual(["key"], os.listdir(folder))

    # -- What is refused --

    def assert_refused(self, content, code, words):
        path = os.path.join(self.folder, "bad.ubiqc")
        with open(path, "wb") as file:
            file.write(content)
        self.fails(code, words, path, "hello", "--input", "Ada")

    def test_a_changed_byte_is_seen_wherever_it_is(self):
        good = self.read(self.compiled("hello"))
        places = list(range(0, 72, 9)) + [(i * len(good)) // 24 for i in range(1, 24)] + [len(good) - 1]
        for place in places:
            bad = bytearray(good)
            bad[place] ^= 0x10
            done = self.call("-", "hello", "--input", "Ada", input=bytes(bad))
            self.assertNotEqual(0, done.code, "byte %d" % place)
            self.assertEqual(b"", done.output)
            self.assertRegex(done.told, "^(-|standard input)")
        bad = bytearray(good)
        bad[len(good) // 2] ^= 1
        self.assert_refused(bad, DENIED, "it was changed after it was compiled; compile it again")

    def test_a_file_that_was_cut_or_added_to_is_seen(self):
        good = self.read(self.compiled("hello"))
        self.assert_refused(good[:-1], calling.INVALID, "it was cut or added to")
        self.assert_refused(good[:20], calling.INVALID, "it is cut short")
        self.assert_refused(good + b"x", calling.INVALID, "it was cut or added to")

    def test_a_file_of_another_key_is_refused(self):
        path = self.compiled("hello")
        other = os.path.join(self.folder, "other")
        environment = {**os.environ, "XDG_CACHE_HOME": other}
        for _ in range(2):  # the first makes the other key
            done = subprocess.run([support.UBIQ, "call", path, "hello"], stdin=subprocess.DEVNULL, env=environment,
                                  capture_output=True)
            self.assertEqual((DENIED, b""), (done.returncode, done.stdout))
            self.assertIn(b"it was compiled by another user, on another machine", done.stderr)

    def test_without_a_key_there_is_nothing_to_write_or_to_load(self):
        path = self.compiled("hello")
        environment = {**os.environ, "UBIQ_CACHE": ""}
        self.assertEqual(calling.UNAVAILABLE, self.compile(self.guest("hello"), env=environment).code)
        done = subprocess.run([support.UBIQ, "call", path, "hello"], stdin=subprocess.DEVNULL, env=environment,
                              capture_output=True, text=True)
        self.assertEqual(calling.UNAVAILABLE, done.returncode)
        self.assertIn("UBIQ_CACHE", done.stderr)

    def test_no_manifest_url_or_project_leads_to_one(self):
        path = self.compiled("hello")
        manifest = self.file("plugin.json", json.dumps({"wasm": [{"path": path}]}))
        self.fails(calling.INVALID, "it is a compiled plugin", manifest, "hello")
        url = self.site({"/hello.ubiqc": self.read(path)})
        self.fails(calling.INVALID, "it is a compiled plugin", url + "/hello.ubiqc", "hello")
        project = self.project('[functions.hello]\nwasm = "hello.wasm"\nroute = "/"\n',
                               files={"hello.wasm": self.read(path)})
        done = self.run_ubiq("build", project, "--output", self.folder)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("compiled plugin", done.stderr)

    def test_one_is_not_compiled_again(self):
        done = self.compile(self.compiled("hello"))
        self.assertEqual(calling.INVALID, done.code)
        self.assertIn("a compiled plugin already", done.told)

    def test_wrong_command_lines_are_told(self):
        self.assertEqual(calling.USAGE, self.compile().code)
        self.assertEqual(calling.USAGE, self.compile("a", "b").code)
        self.assertEqual(calling.NOT_FOUND, self.compile("no such.wasm").code)
        self.assertEqual([], os.listdir(self.folder))


if __name__ == "__main__":
    support.main()
