"""`ubiq call`: what goes in, what comes out, and where."""

import base64
import json
import os
import pty
import signal
import socket
import subprocess

import calling
import support


class Input(calling.Test):
    def test_it_is_the_option(self):
        self.answers(b"Hello, Ada!", self.guest("hello"), "hello", "--input", "Ada")
        self.answers(b"Hello, Ada!", self.guest("hello"), "hello", "-iAda", input=b"Bob")
        self.answers(b"Hello, !", self.guest("hello"), "hello", "--input=", input=b"Bob")

    def test_it_is_a_file_of_any_bytes(self):
        content = bytes(range(256)) * 5000
        self.answers(content, self.guest("echo"), "echo", "--input-file", self.file("input", content))

    def test_it_is_standard_input(self):
        content = b"\0\xff" * 1000000
        self.answers(content, self.guest("echo"), "echo", input=content)
        self.answers(content, self.guest("echo"), "echo", "--input-file", "-", input=content)
        self.answers(content, self.guest("echo"), "echo", "--stdin", input=content)

    def test_a_terminal_is_not_waited_for(self):
        terminal, there = pty.openpty()
        done = subprocess.run([support.UBIQ, "call", self.guest("hello"), "hello"], stdin=there, stdout=there,
                              stderr=subprocess.PIPE, timeout=support.PATIENCE)
        os.close(there)
        self.assertEqual((0, b""), (done.returncode, done.stderr))
        self.assertEqual(b"Hello, !\r\n", os.read(terminal, 100))
        os.close(terminal)

    def test_only_one_is_taken(self):
        for options in (["-i", "a", "--input-file", "b"], ["-i", "a", "--stdin"], ["--stdin", "--input-file", "-"]):
            self.fails(calling.USAGE, "expected one", self.guest("hello"), "hello", *options)
        self.fails(calling.USAGE, "both PLUGIN and the input are standard input", "-", "hello", "--stdin")

    def test_a_missing_file_is_named(self):
        self.fails(calling.NOT_FOUND, "/absent: no such file", self.guest("hello"), "hello", "--input-file", "/absent")


class Output(calling.Test):
    def test_a_loop_calls_one_instance_and_ends_each_output_with_a_line_break(self):
        self.answers(b"1\n2\n3\n", self.guest("vars"), "count_static", "--loop", "3")
        self.answers(b"1", self.guest("vars"), "count_static", "--loop", "1")

    def test_log_lines_go_to_standard_error(self):
        done = self.call(self.guest("log"), "all")
        self.assertEqual((0, b""), (done.code, done.output))
        self.assertRegex(done.errors, r"INFO +log: an info message\n")
        self.assertNotIn("debug message", done.errors)
        self.assertIn("trace message", self.call(self.guest("log"), "all", "--log-level", "trace").errors)
        self.answers(b"", self.guest("log"), "all", "--log-level", "off")

    def test_what_a_guest_says_does_not_reach_the_terminal_as_it_is(self):
        self.assertNotIn("\x1b", self.call(self.guest("log"), "ugly").errors)
        self.assertNotIn("\x1b", self.call(self.guest("error"), "fail_with_input", "-i", "\x1b[31m").errors)

    def test_standard_output_that_nobody_reads_is_an_error(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = self.start_call(self.guest("hello"), "hello", stdin=subprocess.DEVNULL, stdout=writer)
        os.close(writer)
        errors = process.communicate(timeout=support.PATIENCE)[1]
        self.assertEqual(calling.UNAVAILABLE, process.returncode)
        self.assertIn(b"standard output: is closed", errors)

    def test_standard_output_on_a_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            process = self.start_call(self.guest("hello"), "hello", stdin=subprocess.DEVNULL, stdout=full)
        errors = process.communicate(timeout=support.PATIENCE)[1]
        self.assertEqual(calling.QUOTA, process.returncode)
        self.assertIn(b"standard output: no space left", errors)


class Json(calling.Test):
    def objects(self, code, *arguments, **more):
        done = self.call("--json", *arguments, **more)
        self.assertEqual(code, done.code, done.errors)
        return [json.loads(line) for line in done.output.splitlines()]

    def test_each_call_is_an_object(self):
        objects = self.objects(0, self.guest("vars"), "count_static", "--loop", "2")
        self.assertEqual(["1", "2"], [call["output"] for call in objects])
        for call in objects:
            self.assertEqual({"output", "duration_us", "memory_bytes"}, set(call))
            self.assertGreaterEqual(call["memory_bytes"], 65536)

    def test_fuel_is_told_when_it_is_counted(self):
        self.need_capability("fuel")
        few, = self.objects(0, self.guest("infinite"), "turns", "-i", "10", "--fuel", "10000000")
        many, = self.objects(0, self.guest("infinite"), "turns", "-i", "1000", "--fuel", "10000000")
        self.assertGreater(many["fuel"], few["fuel"])

    def test_output_that_is_no_text_is_base64(self):
        call, = self.objects(0, self.guest("echo"), "echo", input=b"\xff\0")
        self.assertEqual(b"\xff\0", base64.b64decode(call["output_base64"]))
        self.assertNotIn("output", call)

    def test_an_error_has_its_class_its_message_and_the_guests_code(self):
        call, = self.objects(1, self.guest("error"), "fail_silently")
        self.assertEqual({"class": "guest_error", "message": "fail_silently returned 7", "code": 7}, call["error"])
        call, = self.objects(calling.TRAP, self.guest("error"), "trap_unreachable")
        self.assertEqual({"class", "message"}, set(call["error"]))
        self.assertEqual("trap", call["error"]["class"])

    def test_a_plugin_that_cannot_be_called_is_an_object_too(self):
        done = self.call(self.guest("hello"), "helo", "--json")
        self.assertEqual({"error": {"class": "not_found", "message": self.guest("hello") +
                                    ": Function not found: helo; did you mean hello?"}}, json.loads(done.output))
        self.assertIn("did you mean hello?", done.told)

    def test_a_loop_ends_at_the_first_error(self):
        self.assertEqual(1, len(self.objects(1, self.guest("error"), "fail", "--loop", "5")))


class Plugins(calling.Test):
    def read(self, guest):
        with open(self.guest(guest), "rb") as file:
            return file.read()

    def test_a_module_comes_from_standard_input(self):
        self.answers(b"Hello, Ada!", "-", "hello", "-i", "Ada", input=self.read("hello"))

    def test_a_module_comes_from_a_url(self):
        site = self.site({"/hello.wasm": self.read("hello")})
        self.answers(b"Hello, Ada!", site + "/hello.wasm", "hello", "-i", "Ada")
        self.fails(calling.UNAVAILABLE, "the answer has status 404; expected 200", site + "/absent.wasm", "hello")

    def test_a_url_that_cannot_be_reached_is_named_once(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = "http://127.0.0.1:%d/hello.wasm" % server.getsockname()[1]
        done = self.fails(calling.UNAVAILABLE, "Unable to load Wasm from %s: Failed to connect" % url, url, "hello")
        self.assertEqual(1, done.told.count(url), done.told)

    def test_a_module_is_text(self):
        text = '(module (func (export "f") (result i32) (i32.const 3)))'
        self.fails(calling.GUEST_ERROR, "f returned 3", self.file("f.wat", text), "f")

    def test_a_manifest_is_json_or_toml_and_its_paths_start_beside_it(self):
        files = {"hello.wasm": self.read("hello"), "m.json": '{"wasm": [{"path": "hello.wasm"}]}',
                 "m.toml": '[[wasm]]\npath = "hello.wasm"\n'}
        directory = self.project(text="", files=files)
        for name in ("m.json", "m.toml"):
            path = os.path.join(directory, name)
            self.answers(b"Hello, Ada!", path, "hello", "-i", "Ada", cwd="/")
            self.answers(b"Hello, Ada!", path, "hello", "-i", "Ada", "--manifest")
        self.answers(b"Hello, Ada!", "m.json", "hello", "-i", "Ada", cwd=directory)
        self.answers(b"Hello, Ada!", "-", "hello", "-i", "Ada", input=files["m.toml"].encode(), cwd=directory)

    def test_a_manifest_links_modules(self):
        modules = [{"path": self.guest("lib"), "name": "lib"}, {"path": self.guest("main")}]
        manifest = self.file("two.json", json.dumps({"wasm": modules}))
        self.answers(b"42 1\n42 2\n", manifest, "sum", "--loop", "2")

    def test_a_module_is_no_manifest_when_one_is_asked_for(self):
        self.fails(calling.INVALID, "hello.wasm:1:1", self.guest("hello"), "hello", "--manifest")


class Options(calling.Test):
    def config(self, *options, more={}):
        path = self.file("m.json", json.dumps({"wasm": [{"path": self.guest("config")}], "config": {"key": "file"}, **more}))
        return self.call(path, "config", "-i", "key", *options).output

    def test_config_is_set_by_options_over_the_manifest(self):
        self.assertEqual(b"file", self.config())
        self.assertEqual(b"json", self.config("--set-config", '{"key": "json"}'))
        self.assertEqual(b"a=b", self.config("--set-config", '{"key": "json"}', "--config", "key=a=b"))
        self.assertEqual(b"", self.config("--config", "key=x", "-c", "key="))
        self.answers(b"v", self.guest("config"), "config", "-i", "key", "--config=key=v")

    def test_malformed_options_are_told(self):
        for message, *options in (
                ('--config is "key"; expected KEY=VALUE', "--config", "key"),
                ("--set-config:1:2:", "--set-config", "{x}"),
                ("--set-config: a is 1; expected a string", "--set-config", '{"a": 1}'),
                ('--memory-max is "65537"', "--memory-max", "65537"),
                ('--memory-max is "1B"', "--memory-max", "1B"),
                ('--timeout is "soon"', "--timeout", "soon"),
                ('--allow-path is ":/a"', "--allow-path", ":/a"),
                ('--env is "=a"', "--env", "=a"),
                ('--env is "NAME"', "--env", "NAME"),
                ('--loop is "0"', "--loop", "0"),
                ('--fuel is "-1"', "--fuel", "-1"),
                ('--log-level is "loud"', "--log-level", "loud"),
                ("unknown option --memory-mx; did you mean --memory-max?", "--memory-mx", "1"),
                ('unexpected argument "more"', "more")):
            self.fails(calling.USAGE, message, self.guest("hello"), "hello", *options)
        self.fails(calling.USAGE, "PLUGIN is missing")
        self.fails(calling.USAGE, "FUNCTION is missing", self.guest("hello"))

    def test_an_unknown_engine_is_told(self):
        self.fails(calling.NOT_FOUND, 'engine "wasm9" is not part of this build', self.guest("hello"), "hello",
                   "--engine", "wasm9")
        self.answers(b"Hello, a!", self.guest("hello"), "hello", "-ia", "--engine", "wasmtime")

    def test_hosts_are_denied_until_they_are_allowed(self):
        url = self.site({"/": b"there"}) + "/"
        self.assertIn("127.0.0.1", self.fails(77, "allowed", self.guest("http"), "get", "-i", url).told)
        self.answers(b"200\nthere", self.guest("http"), "get", "-i", url, "--allow-host", "127.0.0.1")

    def test_limits_of_options_stand_over_the_manifests(self):
        manifest = {"wasm": [{"path": self.guest("infinite")}], "timeout_ms": 3600000}
        self.fails(calling.TIMEOUT, "longer than 100 ms", self.file("m.json", json.dumps(manifest)), "spin",
                   "--timeout", "100")
        manifest["timeout_ms"] = 1
        self.answers(b"10", self.file("m.json", json.dumps(manifest)), "turns", "-i", "10", "--timeout", "1h")
        self.answers(b"", self.guest("vars"), "fill", "-i", "60000", "--var-max", "64KiB")
        self.fails(calling.QUOTA, "Variable store is full", self.guest("vars"), "fill", "-i", "70000", "--var-max", "64KiB")

    def test_folders_beside_a_manifest(self):
        manifest = {"wasm": [{"path": self.guest("wasi_files")}], "allowed_paths": {"ro:data": "/data"}}
        path = self.file("m.json", json.dumps(manifest))
        os.mkdir(os.path.join(os.path.dirname(path), "data"))
        with open(os.path.join(os.path.dirname(path), "data", "a"), "w") as file:
            file.write("beside")
        self.answers(b"beside", path, "read_file", "--wasi", "-i", "/data/a")
        self.fails(calling.GUEST_ERROR, "Operation not permitted", path, "write_file", "--wasi", "-i", "/data/a\nx")


class Folders(calling.Test):
    def setUp(self):
        super().setUp()
        self.folder = self.project(text="", files={"outside": "secret"})
        os.mkdir(os.path.join(self.folder, "inside"))
        self.write(self.folder, "inside/file", "content")
        self.files = self.guest("wasi_files")

    def test_a_guest_sees_the_folder_that_it_is_given(self):
        self.answers(b"content", self.files, "read_file", "-i", "/d/file", "--allow-path", "inside:/d", cwd=self.folder)
        self.answers(b"", self.files, "write_file", "-i", "/d/new\n1", "--allow-path", self.folder + "/inside:/d")
        with open(os.path.join(self.folder, "inside/new")) as file:
            self.assertEqual("1", file.read())

    def test_without_a_place_a_folder_is_where_it_is_on_the_host(self):
        inside = os.path.join(self.folder, "inside")
        self.answers(b"7", self.files, "size", "-i", inside + "/file", "--allow-path", inside)

    def test_a_folder_for_reading_is_not_written_to(self):
        given = "ro:%s/inside:/d" % self.folder
        self.answers(b"content", self.files, "read_file", "-i", "/d/file", "--allow-path", given)
        for export, text in (("write_file", "/d/file\nx"), ("write_file", "/d/new\nx"), ("remove_file", "/d/file")):
            self.fails(calling.GUEST_ERROR, "Operation not permitted", self.files, export, "-i", text, "--allow-path", given)
        self.assertEqual(["file"], os.listdir(os.path.join(self.folder, "inside")))

    def test_what_is_outside_stays_there(self):
        os.symlink("../outside", os.path.join(self.folder, "inside/link"))
        os.symlink(os.path.join(self.folder, "outside"), os.path.join(self.folder, "inside/absolute"))
        for path in ("/d/../outside", "/d/link", "/d/absolute", "/d/../inside/file"):
            self.fails(calling.GUEST_ERROR, "Operation not permitted", self.files, "read_file", "-i", path,
                       "--allow-path", self.folder + "/inside:/d")

    def test_folders_that_are_not_there_are_named(self):
        self.fails(calling.NOT_FOUND, "allowed_paths: /no/such/folder: no such file or directory", self.files, "list",
                   "-i", "/d", "--allow-path", "/no/such/folder:/d")
        self.fails(calling.NOT_FOUND, "not a directory", self.files, "list", "-i", "/d", "--allow-path",
                   self.folder + "/outside:/d")


class Programs(calling.Test):
    def run_program(self, *arguments, **more):
        done = self.call(self.guest("wasi_hello"), "_start", "--wasi", *arguments, **more)
        return done.code, done.output.decode().split("\n", 2), done

    def test_wasi_is_an_option(self):
        done = self.fails(calling.INVALID, "imports that nobody provides", self.guest("wasi_hello"), "_start")
        self.assertIn("--wasi provides wasi_snapshot_preview1", done.told)

    def test_arguments_stand_behind_two_dashes(self):
        done = self.call(self.guest("wasi_hello"), "_start", "--wasi", "--", "--input", "--", "b c")
        self.assertEqual(0, done.code)
        self.assertIn(b"arguments: 4\n", done.output)
        self.assertIn(b"  [1] --input\n  [2] --\n  [3] b c\n", done.output)

    def test_standard_streams_are_ours(self):
        done = self.call(self.guest("wasi_hello"), "_start", "--wasi", input=b"abc")
        self.assertTrue(done.output.endswith(b"input: 3 bytes\nabc\n"), done.output)
        self.assertEqual("wasi_hello is done\n", done.errors)

    def test_input_that_is_given_is_its_standard_input_each_time(self):
        done = self.call(self.guest("wasi_hello"), "_start", "--wasi", "-i", "abcd", "--loop", "2", input=b"x")
        self.assertEqual((0, 2), (done.code, done.output.count(b"input: 4 bytes\nabcd\n")))

    def test_an_exit_code_is_a_guest_error(self):
        done = self.call(self.guest("wasi_hello"), "_start", "--wasi", "--json", "--", "exit=3")
        call = json.loads(done.output)
        self.assertEqual((1, 3), (done.code, call["error"]["code"]))
        self.assertTrue(call["output"].startswith("arguments: 2\n"))
        self.assertEqual("_start exited with code 3", done.told)

    def test_programs_of_before_preview_1_run(self):
        self.answers(b"old\n", self.guest("wasi_unstable"), "_start", "--wasi")

    def test_variables_of_the_environment_are_given_one_by_one(self):
        done = self.call(self.guest("wasi_hello"), "_start", "--env", "NAME=a=b", "--env", "EMPTY=")
        self.assertIn(b"environment: 2\n  NAME=a=b\n  EMPTY=\n", done.output)

    def test_a_plugin_that_is_a_program_prints_and_answers(self):
        self.answers(b"the input has 1 bytes\nfrom _start", self.guest("wasi_plugin_command"), "_start", "--wasi", "-i", "x")

    def test_what_functions_print_is_logged(self):
        done = self.call(self.guest("wasi_reactor"), "print_lines", "--wasi")
        self.assertEqual((0, b""), (done.code, done.output))
        self.assertIn("INFO  wasi_reactor: ", done.errors)

    def test_a_wait_for_input_ends_with_the_call(self):
        process = self.start_call(self.guest("wasi_hello"), "_start", "--wasi", "--timeout", "200ms")
        self.assertEqual(calling.TIMEOUT, process.wait(support.PATIENCE), process.stderr.read())


class Interrupts(calling.Test):
    def interrupted(self, process, pipe):
        """Waits until it runs, interrupts it, and reads it to its end; its last line."""
        pipe.readline()
        process.send_signal(signal.SIGINT)
        lines = pipe.read().splitlines()
        self.assertEqual(calling.CANCELLED, process.wait(support.PATIENCE))
        return lines[-1] if lines else b""

    def test_a_call_is_cancelled(self):
        process = self.start_call(self.guest("infinite"), "spin_log", stdin=subprocess.DEVNULL)
        self.assertEqual(b"ubiq: spin_log: the call was cancelled", self.interrupted(process, process.stderr))

    def test_a_loop_of_calls_is_cancelled(self):
        process = self.start_call(self.guest("hello"), "hello", "--loop", "1000000000", stdin=subprocess.DEVNULL)
        self.interrupted(process, process.stdout)

    def test_a_program_that_reads_is_cancelled(self):
        process = self.start_call(self.guest("wasi_hello"), "_start", "--wasi")
        self.interrupted(process, process.stdout)
        self.assertIn(b"_start: the call was cancelled", process.stderr.read())

    def waiting_request(self, *options):
        """A call whose request is never answered."""
        site = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(site.close)
        url = "http://127.0.0.1:%d/" % site.getsockname()[1]
        process = self.start_call(self.guest("http"), "get", "-i", url, "--allow-host", "127.0.0.1", *options)
        site.settimeout(support.PATIENCE)
        client = site.accept()[0]
        self.addCleanup(client.close)
        client.recv(1000)
        return process

    def test_a_request_that_waits_is_cancelled(self):
        process = self.waiting_request()
        process.send_signal(signal.SIGINT)
        self.assertEqual(calling.CANCELLED, process.wait(support.PATIENCE))

    def test_a_request_that_waits_ends_with_the_call(self):
        process = self.waiting_request("--timeout", "1s")
        self.assertEqual(calling.TIMEOUT, process.wait(support.PATIENCE))

    def test_whoever_was_told_to_ignore_it_does(self):
        command = 'trap "" INT; exec "$0" call "$1" _start --wasi'
        process = subprocess.Popen(["sh", "-c", command, support.UBIQ, self.guest("wasi_hello")], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output = process.communicate(b"abc", timeout=support.PATIENCE)[0]
        self.assertEqual((0, True), (process.returncode, output.endswith(b"abc\n")))


if __name__ == "__main__":
    support.main()
