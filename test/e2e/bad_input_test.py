"""Files, guests and projects that are wrong in every way: one clear error, the right exit code, and a server goes on.

Each call is the real program in a process of its own, so a crash is an exit code and a hang is a timeout."""

import json
import os
import subprocess

import calling
import support

HUGE = 100 << 20


def leb(number):
    """Unsigned LEB128."""
    groups = []
    while True:
        groups.append(number & 0x7f | (0x80 if number > 0x7f else 0))
        number >>= 7
        if number == 0:
            return bytes(groups)


class Files(calling.Test):
    def bad(self, content, message, code=calling.INVALID, name="bad.wasm"):
        path = self.file(name, content)
        done = self.fails(code, message, path, "f")
        self.assertTrue(done.told.startswith(path + ":"), done.told)

    def test_a_source(self):
        self.bad(b"int main(void) { return 0; }", "is a source, and no WebAssembly; `ubiq run FUNCTION` builds", name="hello.c")

    def test_an_empty_file(self):
        self.bad(b"", "is empty; expected WebAssembly, its text form or a manifest")

    def test_something_else_than_webassembly(self):
        self.bad(b"\x7fELF" + b"\0" * 5000, "is neither WebAssembly (\\0asm ...) nor its text form")
        self.bad(b"#!/bin/sh\necho hello\n", "is neither WebAssembly nor a manifest in JSON or TOML")
        self.bad(b"\xff\xfe", "is neither WebAssembly")
        self.bad(b"\0asm\x0d\0\1\0", "is a component; expected a core module")
        self.bad(b"\0asm\2\0\0\0", "expected the bytes \\0asm and version 1")
        self.bad("(module (func $f (result i32)))", "expected i32 but nothing on stack")
        self.bad("(module " + "(" * 100000, "WAT")

    def test_a_module_cut_anywhere(self):
        with open(self.guest("hello"), "rb") as file:
            whole = file.read()
        for size in sorted({1, 3, 4, 7, 9, 10, 11, 20, *range(40, len(whole), max(1, len(whole) // 12)), len(whole) - 1}):
            self.bad(whole[:size], "")

    def test_files_that_are_not_there_or_not_files(self):
        self.fails(calling.NOT_FOUND, "/absent.wasm: no such file or directory", "/absent.wasm", "f")
        self.fails(calling.INVALID, "it is a folder; expected a file", "/", "f")

    def test_a_huge_file_of_nothing(self):
        self.bad(b"\0" * HUGE, "it has %d bytes of something else" % HUGE)

    def test_a_huge_module_cut_short(self):
        self.bad(b"\0asm\1\0\0\0" + b"\1" + leb(2 * HUGE) + b"\0" * HUGE, "longer than what is left of the module")

    def test_a_huge_module_of_empty_sections(self):
        path = self.file("bad.wasm", b"\0asm\1\0\0\0" + b"\0" * HUGE)
        self.assertIn(self.call(path, "f").code, (calling.INVALID, calling.NOT_FOUND))

    def test_a_huge_text(self):
        self.bad(b"y\n" * (HUGE // 2), "is neither WebAssembly nor a manifest")

    def test_a_huge_module_that_is_right_is_called(self):
        with open(self.guest("hello"), "rb") as file:
            whole = file.read()
        section = leb(4) + b"junk" + b"\0" * HUGE
        self.answers(b"Hello, Ada!", self.file("big.wasm", whole + b"\0" + leb(len(section)) + section), "hello", "-i", "Ada")


class Manifests(calling.Test):
    def bad(self, message, content, name="m.json", code=calling.INVALID):
        self.fails(code, message, self.file(name, content), "f")

    def test_malformed_text_is_told_with_its_place(self):
        self.bad("m.json:2:8: ", '{"wasm":\n [{"a":]}')
        self.bad("m.json:1:", '{"a": 1, "a": 2}')
        self.bad("m.json:1:", "{" + '"a":[' * 1000)
        self.bad("m.toml:2:8: ", 'x = 1\nwasm = = 2\n', "m.toml")

    def test_wrong_values_are_told_by_their_way(self):
        self.bad("m.json: No wasm files", "{}")
        self.bad("m.json: wasm[0] has no source", '{"wasm": [{}]}')
        self.bad("memory.max_pages is \"many\"; expected an integer from 1 to 65536",
                 '{"wasm": [{"data": ""}], "memory": {"max_pages": "many"}}')
        self.bad('unknown key timeot_ms; did you mean "timeout_ms"?', '{"wasm": [{"data": ""}], "timeot_ms": 1}')
        self.bad("No wasm files", '{"wasm": []}')
        self.bad("expected base64", '{"wasm": [{"data": {"ptr": 4096, "len": 8}}]}')

    def test_modules_that_are_not_there_are_named(self):
        self.bad("absent.wasm: no such file", '{"wasm": [{"path": "absent.wasm"}]}', code=calling.NOT_FOUND)
        self.bad("Hash mismatch", json.dumps({"wasm": [{"path": self.guest("hello"), "hash": "0" * 64}]}))


class Exports(calling.Test):
    def test_a_missing_export_names_the_nearest(self):
        self.fails(calling.NOT_FOUND, "Function not found: helo; did you mean hello?", self.guest("hello"), "helo")
        self.fails(calling.NOT_FOUND, "Function not found: f", self.guest("empty"), "f")

    def test_exports_of_another_type_are_told(self):
        for name, kind in (("takes_i32", "function (i32) -> i32"), ("takes_two", "function (i32, i64) -> i32"),
                           ("gives_two", "function () -> (i32, i32)"), ("table", "table"), ("global", "global"),
                           ("mutable_global", "global"), ("memory", "memory")):
            done = self.fails(calling.INVALID, "export %s is a %s" % (name, kind), self.guest("signatures"), name)
            self.assertIn("expected a function () -> i32", done.told)

    def test_missing_imports_are_listed_all_at_once(self):
        told = self.fails(calling.INVALID, "imports that nobody provides:", self.guest("missing_imports"), "never").told
        for name in ("teleport", "nobody_home", "extism_teleport", "some-lib"):
            self.assertIn(name, told)
        self.fails(calling.INVALID, "alloc (i32) -> i32: the kernel's has the type (i64) -> i64", self.guest("wrong_imports"),
                   "never")


class Guests(calling.Test):
    def test_starts_that_trap(self):
        self.fails(calling.TRAP, "unreachable code was reached", self.guest("start_trap"), "never")
        self.fails(calling.TRAP, "unreachable code was reached", self.guest("initialize_trap"), "never")
        self.fails(calling.TRAP, "out of bounds memory access", self.guest("data_outside"), "never")

    def test_starts_that_never_end(self):
        for guest in ("spin_start", "spin_initialize"):
            self.fails(calling.TIMEOUT, "longer than 100 ms", self.guest(guest), "never", "--timeout", "100ms")
            self.fails(calling.CPU_LIMIT, "ran out of fuel", self.guest(guest), "never", "--fuel", "100000")

    def test_functions_that_never_end(self):
        for function in ("spin", "spin_kernel", "spin_host"):
            self.fails(calling.TIMEOUT, "longer than 100 ms", self.guest("infinite"), function, "--timeout", "100ms")
            self.fails(calling.CPU_LIMIT, "ran out of fuel", self.guest("infinite"), function, "--fuel", "100000")
        self.fails(calling.TIMEOUT, "longer than 100 ms", self.guest("infinite"), "spin_log", "--timeout", "100ms",
                   "--log-level", "off")

    def test_offsets_and_lengths_that_are_no_blocks(self):
        for function in ("bad_free", "bad_length", "bad_length_unsafe", "bad_load", "bad_input_load", "bad_store"):
            self.answers(b"alive", self.guest("memory"), function, "-i", "abc")
        for function in ("nowhere", "negative", "past_end", "null", "overflow", "wraps", "empty"):
            self.answers(b"", self.guest("memory"), "output_" + function, "-i", "abc")
        for function in ("bad_store_low", "bad_store_everywhere", "bad_store_around", "output_freed", "output_inside",
                         "input_freed", "error_freed", "error_inside"):
            done = self.call(self.guest("memory"), function, "-i", "abc")
            self.assertIn(done.code, (0, calling.GUEST_ERROR, calling.TRAP), done.errors)

    def test_blocks_that_are_none_for_host_functions(self):
        for guest, function in (("config", "bad_key"), ("vars", "bad_key"), ("vars", "bad_value"), ("log", "bad_block"),
                                ("http", "bad_request"), ("http", "bad_body"), ("error", "error_bad_block")):
            done = self.call(self.guest(guest), function)
            self.assertIn(done.code, (0, calling.GUEST_ERROR, calling.TRAP, calling.INVALID), done.errors)

    def test_recursion_without_end(self):
        for function in ("recurse", "recurse_frames", "recurse_indirect"):
            self.fails(calling.TRAP, function + ": ", self.guest("recurse"), function)

    def test_memory_past_its_limit(self):
        for function in ("must_grow_module", "must_grow_kernel"):
            self.fails(calling.MEMORY_LIMIT, "out of memory", self.guest("grow"), function, "--memory-max", "16MiB")
        self.fails(calling.MEMORY_LIMIT, "1001 pages", self.guest("memory_1000_pages"), "nothing", "--memory-max", "1000")
        self.fails(calling.MEMORY_LIMIT, "the limit is 1000", self.guest("memory_4_gib"), "nothing", "--memory-max", "1000")

    def test_memory_has_an_end_also_without_a_limit(self):
        for function in ("grow_giant", "grow_kernel"):
            self.assertEqual(0, self.call(self.guest("grow"), function).code)

    def test_an_input_that_does_not_fit(self):
        self.fails(calling.MEMORY_LIMIT, "no room for an input of 1048576 bytes", self.guest("echo"), "echo",
                   "--memory-max", "4", input=b"x" * (1 << 20))

    def test_traps_of_every_kind(self):
        for guest, function in (("error", "trap_unreachable"), ("error", "trap_divide"), ("error", "trap_memory"),
                                ("tables", "call_other_type"), ("tables", "call_empty"), ("tables", "call_past_end")):
            self.fails(calling.TRAP, function + ": ", self.guest(guest), function)

    def test_panics_of_other_languages(self):
        self.fails(calling.TRAP, "", self.guest("rust_plugin"), "panic")
        done = self.call(self.guest("go_echo"), "panics", "--wasi")
        self.assertIn(done.code, (calling.TRAP, calling.GUEST_ERROR), done.errors)

    def test_an_error_that_is_no_text(self):
        self.fails(calling.GUEST_ERROR, "\\xff\\xfe", self.guest("error"), "error_binary")


class Machines(calling.Test):
    def test_no_home_for_the_cache_is_no_error(self):
        sanitizers = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        done = subprocess.run([support.UBIQ, "call", self.guest("hello"), "hello", "-i", "Ada"], env=sanitizers, timeout=support.PATIENCE,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((0, b"Hello, Ada!"), (done.returncode, done.stdout))


class Projects(support.Test):
    def test_a_bad_project_is_told_with_line_and_column(self):
        for place, text in (("ubiq.toml:2:10", '[functions.f]\nsource = = "x"\n'),
                            ("ubiq.toml:3:1", '[functions.f]\nsource = "a.c"\ntimeout = "soon"\n'),
                            ("ubiq.toml:1:", "x"), ("ubiq.toml:1:", "\0"), ("ubiq.toml:1:", "[" * 10000)):
            done = self.run_ubiq("serve", self.project(text=text), "--listen", "127.0.0.1:0")
            self.assertEqual((calling.INVALID, ""), (done.returncode, done.stdout), done.stderr)
            self.assertIn(place, done.stderr)


class Serving(calling.Test):
    def test_a_server_goes_on_whatever_its_guests_do(self):
        cases = {"spin_start": ("never", 504), "start_trap": ("never", 502), "initialize_trap": ("never", 502),
                 "data_outside": ("never", 502), "infinite": ("spin", 504), "recurse": ("recurse", 502),
                 "memory": ("bad_store_everywhere", 200), "error": ("fail", 500), "tables": ("call_past_end", 502)}
        text = '[functions.hello]\nwasm = "%s"\nroute = "/hello"\n' % self.guest("hello")
        for guest, (function, _) in cases.items():
            text += '[functions.%s]\nwasm = "%s"\nexport = "%s"\nroute = "/%s"\n' % (guest, self.guest(guest), function, guest)
            text += 'timeout = "300ms"\n' if cases[guest][1] == 504 else ""
        server = self.start(self.project(text=text), "--workers", "1")
        for guest, (_, status) in cases.items():
            self.assertEqual(status, server.post("/" + guest, b"abc")[0], guest)
            self.assertEqual((200, b"Hello, Ada!"), server.post("/hello", b"Ada"))
        self.assertEqual(0, server.stop())


if __name__ == "__main__":
    support.main()
