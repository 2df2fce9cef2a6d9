"""`ubiq dev`: what changes is served soon, and no request is dropped for it."""

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest.mock

import support
from support import function

SOURCE = """#include <ubiq/pdk.h>
#include "words.h"
UBIQ_EXPORT(say) { return ubiq_output_string(WORDS); }
"""


def words(text):
    return '#define WORDS "%s"\n' % text


class Replaced(support.Test):
    """The program is built or installed anew while it runs."""

    def install(self):
        """A copy of the program, and links to what lies beside it."""
        place = self.enterContext(tempfile.TemporaryDirectory())
        beside = os.path.realpath(os.path.join(os.path.dirname(support.UBIQ), ".."))
        for name in ("lib", "share"):
            os.symlink(os.path.join(beside, name), os.path.join(place, name))
        os.mkdir(os.path.join(place, "bin"))
        return shutil.copy(support.UBIQ, os.path.join(place, "bin", "ubiq"))

    def test_changes_are_served_though_another_program_has_the_place_of_this_one_or_none(self):
        program = self.install()
        directory = self.project(text='[functions.say]\nsource = "say.c"\nroute = "POST /say"\n',
                                 files={"say.c": SOURCE, "words.h": words("one")})
        with unittest.mock.patch.object(support, "UBIQ", program):
            server = self.start(directory, command="dev")
        for number, change in enumerate((lambda: os.replace(shutil.copy(program, program + "~"), program), lambda: os.unlink(program))):
            change()
            self.assertTrue(os.readlink("/proc/%d/exe" % server.process.pid).endswith(" (deleted)"))
            seen = len(server.lines)
            self.write(directory, "words.h", words("new %d" % number))
            server.wait_for("reloaded in", seen)
            self.assertEqual((200, b"new %d" % number), server.post("/say"))


class Dev(support.Test):
    def setUp(self):
        text = '[functions.say]\nsource = "say.c"\nroute = "POST /say"\n'
        self.directory = self.project(text=text, files={"say.c": SOURCE, "words.h": words("one")})
        self.server = self.start(self.directory, "--workers", "2", command="dev")
        self.server.wait_for("  curl -d Ada http")

    def save(self, name, content):
        """Saves a file and waits until the release that comes of it is served."""
        seen = len(self.server.lines)
        self.write(self.directory, name, content)
        self.server.wait_for("reloaded in", seen)

    def test_routes_are_printed_with_a_line_to_try(self):
        self.server.wait_for("say +POST /say$")
        self.server.wait_for("curl -d Ada %s/say$" % self.server.url)

    def test_a_change_of_a_source_or_of_what_it_includes_is_served(self):
        self.assertEqual((200, b"one"), self.server.post("/say"))
        self.save("words.h", words("two"))
        self.assertEqual((200, b"two"), self.server.post("/say"))
        self.save("say.c", SOURCE.replace("WORDS", '"three"'))
        self.assertEqual((200, b"three"), self.server.post("/say"))

    def test_a_change_of_the_routes_is_served(self):
        self.save("ubiq.toml", '[functions.say]\nsource = "say.c"\nroute = "POST /tell"\n')
        self.assertEqual((200, b"one"), self.server.post("/tell"))
        self.assertEqual(404, self.server.post("/say")[0])

    def test_a_source_that_does_not_compile_changes_nothing(self):
        self.write(self.directory, "words.h", "#define WORDS nothing\n")
        self.server.wait_for("use of undeclared identifier 'nothing'")
        self.server.wait_for("the release before this change goes on serving")
        self.assertEqual((200, b"one"), self.server.post("/say"))
        self.save("words.h", words("two"))
        self.assertEqual((200, b"two"), self.server.post("/say"))

    def test_a_new_folder_is_watched(self):
        seen = len(self.server.lines)
        os.mkdir(os.path.join(self.directory, "more"))
        self.server.wait_for("reloaded in", seen)
        self.save("more/words.h", words("four"))
        self.save("say.c", SOURCE.replace("words.h", "more/words.h"))
        self.assertEqual((200, b"four"), self.server.post("/say"))
        self.save("more/words.h", words("five"))
        self.assertEqual((200, b"five"), self.server.post("/say"))

    def test_no_request_is_dropped_while_releases_change(self):
        done, wrong, served = threading.Event(), [], []

        def ask():
            connection = self.server.connect()
            count = 0
            while not done.is_set():
                connection.request("POST", "/say")
                response = connection.getresponse()
                if (response.status, response.read()[:4]) != (200, b"word"):
                    wrong.append(response.status)
                count += 1
            served.append(count)

        self.save("words.h", words("word"))
        clients = [threading.Thread(target=ask) for _ in range(3)]
        for client in clients:
            client.start()
        try:
            for i in range(5):
                self.save("words.h", words("word %d" % i))
        finally:
            done.set()
            for client in clients:
                client.join(support.PATIENCE)
        self.assertEqual([], wrong)
        self.assertEqual(3, len(served))
        self.assertGreater(min(served), 5)

    def test_it_stops_as_serve_does(self):
        self.assertEqual(0, self.server.stop())


class Routes(support.Test):
    """The line to try that a route is printed with."""

    def test_lines_are_for_a_shell(self):
        routes = {
            "GET /plain/v1.json": "curl URL/plain/v1.json",
            "GET /{name}/{rest...}": "curl URL/name/rest",
            "HEAD /head": "curl -I URL/head",
            "DELETE /shelf": "curl -X DELETE URL/shelf",
            "PUT /a;b&c": "curl -X PUT -d Ada 'URL/a;b&c'",
            "POST /it's/{name}": "curl -d Ada 'URL/it'\\''s/name'",
        }
        tables = ['[functions.f%d]\nwasm = "f.wat"\nexport = "f"\nroute = "%s"\n' % item for item in enumerate(routes)]
        wat = '(module (func (export "f") (result i32) i32.const 0))'
        server = self.start(self.project(*tables, files={"f.wat": wat}), "--workers", "1", command="dev")
        for route, line in routes.items():
            server.wait_for(re.escape(route) + "$")
            server.wait_for("^    %s$" % re.escape(line.replace("URL", server.url)))


class FirstBuild(support.Test):
    """`ubiq dev` when there is nothing to serve at first."""

    TABLE = '[functions.say]\nsource = "say.c"\nroute = "POST /say"\n'
    WAITING = "nothing is served yet: waiting for a change to build again"

    def develop(self, text, **files):
        files = {name.replace("_", "."): content for name, content in files.items()}
        self.directory = self.project(text=text, files=files)
        self.server = self.start(self.directory, "--workers", "1", command="dev", ready=False)
        self.server.wait_for(self.WAITING)

    def is_served(self, answer=b"one"):
        self.server.wait_until_ready()
        self.server.wait_for("curl -d Ada %s/say$" % self.server.url)
        self.assertEqual((200, answer), self.server.post("/say"))

    def test_a_source_that_does_not_compile_is_served_once_it_does(self):
        self.develop(self.TABLE, say_c=SOURCE, words_h="#define WORDS nothing\n")
        self.server.wait_for("^ubiq: .*say.c")
        self.write(self.directory, "words.h", "#define WORDS still_nothing\n")
        self.server.wait_for("use of undeclared identifier 'still_nothing'")
        self.assertFalse(any("listening" in line for line in self.server.lines))
        self.write(self.directory, "words.h", words("one"))
        self.is_served()
        seen = len(self.server.lines)
        self.write(self.directory, "words.h", words("two"))
        self.server.wait_for("reloaded in", seen)
        self.assertEqual((200, b"two"), self.server.post("/say"))

    def test_a_ubiq_toml_that_cannot_be_read_is_served_once_it_can(self):
        self.develop("[functions.say\n", say_c=SOURCE, words_h=words("one"))
        self.server.wait_for("ubiq.toml:1:")
        self.write(self.directory, "ubiq.toml", self.TABLE)
        self.is_served()

    def test_a_module_that_is_missing_is_served_once_it_is_there(self):
        # Neither `target`, which no change of a source is looked for in, nor what is below it is there yet.
        self.develop('[functions.say]\nwasm = "target/wasm32/say.wasm"\nroute = "POST /say"\n')
        os.makedirs(os.path.join(self.directory, "target/wasm32"))
        self.write(self.directory, "target/wasm32/say.wasm",
                   '(module (func (export "say") (result i32) i32.const 0))')
        self.is_served(b"")

    def test_a_signal_ends_the_waiting(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.develop("[functions.say\n")
            self.server.signal(number)
            self.assertEqual(0, self.server.wait())

    def test_a_folder_without_a_ubiq_toml_is_an_error_at_once(self):
        done = self.run_ubiq("dev", self.cache)
        self.assertIn("ubiq.toml", done.stderr)
        self.assertEqual(66, done.returncode)

    def test_an_address_that_cannot_be_listened_at_is_an_error_before_anything_is_built(self):
        directory = self.project(text="[functions.say\n")
        self.assertIn("--listen", self.run_ubiq("dev", directory, "--listen", "nowhere").stderr)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = self.run_ubiq("dev", directory, "--listen", "127.0.0.1:%d" % taken.getsockname()[1])
        self.assertIn("is in use", done.stderr)


class Stops(support.Test):
    """A signal while a build runs."""

    HANGS = "echo building; sleep 1000; touch say.wasm"
    DEAF = "trap '' TERM; " + HANGS
    MODULE = '(module (func (export "say") (result i32) i32.const 0))'

    def develop(self, build, *options, ready=False, files={}):
        text = '[functions.say]\nwasm = "say.wasm"\nroute = "POST /say"\nbuild = %s\n' % json.dumps(build)
        self.directory = self.project(text=text, files=files)
        self.server = self.start(self.directory, "--workers", "1", *options, command="dev", ready=ready)

    def has_left_nothing(self):
        """No process works in the project's folder, where build commands do, once those that were killed have ended."""
        deadline = time.monotonic() + support.PATIENCE
        while self.directory in map(self.place_of, filter(str.isdigit, os.listdir("/proc"))):
            self.assertLess(time.monotonic(), deadline)

    def place_of(self, process):
        try:
            return os.readlink("/proc/%s/cwd" % process)
        except OSError:
            return None

    def test_a_signal_ends_a_first_build(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.develop(self.HANGS)
            self.server.wait_for("^building$")
            self.server.signal(number)
            self.assertEqual(0, self.server.wait())
            self.assertFalse(any("build command" in line for line in self.server.lines))
            self.has_left_nothing()

    def test_a_build_that_does_not_listen_has_the_time_to_finish(self):
        self.develop(self.DEAF, "--grace", "100ms")
        self.server.wait_for("^building$")
        self.assertEqual(0, self.server.stop())
        self.has_left_nothing()

    def test_a_second_signal_kills_a_build_that_does_not_listen(self):
        self.develop(self.DEAF)
        self.server.wait_for("^building$")
        self.server.signal()
        self.server.wait_for("once more to end at once")
        self.server.signal()
        self.assertEqual(130, self.server.wait())
        self.has_left_nothing()

    def test_a_build_beside_what_is_served_ends_too(self):
        script = "if test -e again; then %s; else cp ready.wat say.wasm; fi"
        for build, signals, code in ((self.HANGS, 1, 0), (self.DEAF, 2, 130)):
            self.develop(script % build, ready=True, files={"ready.wat": self.MODULE})
            self.server.wait_for("curl -d Ada")
            self.write(self.directory, "again", "")
            self.server.wait_for("^building$")
            self.assertEqual((200, b""), self.server.post("/say"))
            self.server.signal()
            self.server.wait_for("once more to end at once")
            if signals == 2:
                self.server.signal()
            self.assertEqual(code, self.server.wait())
            self.has_left_nothing()


class Page(support.Test):
    """What a browser sees while a project changes."""

    def state(self, server):
        return json.loads(server.request("GET", "/_ubiq/dev/state")[2])

    def test_the_page_tells_of_builds_and_of_what_does_not_compile(self):
        directory = self.project(function("hello", "POST /hello"), files={"guest.c": support.GUEST})
        server = self.start(directory, command="dev")
        status, headers, body = server.request("GET", "/_ubiq/dev")
        self.assertEqual((200, "text/html; charset=utf-8"), (status, headers["Content-Type"]))
        self.assertIn(b"/_ubiq/dev/state", body)
        self.assertEqual({"builds": 1, "error": None}, self.state(server))
        self.write(directory, "guest.c", support.GUEST + "\nint broken = ;\n")
        server.wait_for("goes on serving")
        state = self.state(server)
        self.assertEqual(1, state["builds"])
        self.assertIn("guest.c", state["error"])
        self.assertNotIn("\x1b", state["error"])
        self.assertEqual((200, b"Hello, a!"), server.post("/hello", b"a"))
        self.write(directory, "guest.c", support.GUEST + "\nint mended;\n")
        server.wait_for("reloaded in")
        self.assertEqual({"builds": 2, "error": None}, self.state(server))

    def test_only_dev_has_it(self):
        server = self.serve(function("hello", "POST /hello"))
        self.assertEqual(404, server.request("GET", "/_ubiq/dev")[0])

    def test_a_terminal_gets_a_box(self):
        directory = self.project(function("hello", "POST /hello"), files={"guest.c": "int broken = ;"})
        for colour in (True, False):
            environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
            if not colour:
                environment["NO_COLOR"] = "1"
            ours, theirs = pty.openpty()
            process = subprocess.Popen([support.UBIQ, "dev", directory, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
            os.close(theirs)
            seen = b""
            while "└──".encode() not in seen:
                seen += os.read(ours, 4096)
            process.terminate()
            self.assertEqual(0, process.wait(support.PATIENCE))
            os.close(ours)
            self.assertIn("│".encode(), seen)
            self.assertIn(b"guest.c", seen)
            self.assertEqual(colour, b"\x1b[1;31m\xe2\x94\x8c" in seen)


if __name__ == "__main__":
    support.main()
