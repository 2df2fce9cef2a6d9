"""The command line and ubiq.toml: what is wrong is said once, with the place and what would be right."""

import os
import socket

import support
from support import function

GOOD = '[functions.hello]\nsource = "guest.c"\nroute = "POST /hello"\n'


class CommandLine(support.Test):
    def test_help_goes_to_standard_output(self):
        for arguments in (["--help"], ["help"], ["serve", "--help"], ["dev", "-h"]):
            done = self.run_ubiq(*arguments)
            self.assertEqual((0, ""), (done.returncode, done.stderr))
            self.assertTrue(done.stdout.startswith("Usage: ubiq "), done.stdout)

    def test_the_version_is_printed(self):
        self.assertRegex(self.run_ubiq("--version").stdout, r"^ubiq \d+\.\d+\.\d+\n$")

    def test_without_a_command_the_help_is_an_error(self):
        done = self.run_ubiq()
        self.assertEqual((64, ""), (done.returncode, done.stdout))
        self.assertIn("Usage: ubiq COMMAND", done.stderr)

    def wrong(self, message, *arguments):
        done = self.run_ubiq(*arguments)
        self.assertEqual((64, ""), (done.returncode, done.stdout))
        self.assertIn(message, done.stderr)

    def test_an_unknown_command_names_the_nearest(self):
        self.wrong('unknown command "srve"; did you mean "serve"?', "srve")
        self.wrong('unknown command "xyzzy"; see ubiq --help', "xyzzy")
        self.wrong("unknown option --verson; did you mean --version?", "--verson")

    def test_an_unknown_option_names_the_nearest(self):
        self.wrong("unknown option --lisen; did you mean --listen?", "serve", "--lisen", "x")
        self.wrong("unknown option --lisen; did you mean --listen?", "serve", "--lisen=x")
        self.wrong("unknown option -x", "serve", "-x")

    def test_a_wrong_value_says_what_is_expected(self):
        self.wrong('--workers is "0"; expected a number from 1 to 1024', "serve", "--workers", "0")
        self.wrong('--workers is "two"; expected a whole number', "serve", "--workers=two")
        self.wrong('--grace is "soon"; expected a duration', "serve", "--grace", "soon")
        self.wrong('--log-level is "loud"; expected trace', "serve", "--log-level", "loud")
        self.wrong("--listen needs a value", "serve", "--listen")
        self.wrong("--help takes no value", "serve", "--help=yes")
        self.wrong('unexpected argument "b"', "serve", "a", "b")


class Addresses(support.Test):
    def fails(self, code, message, *options):
        done = self.run_ubiq("serve", self.project(text=GOOD), *options)
        self.assertEqual((code, ""), (done.returncode, done.stdout), done.stderr)
        self.assertIn(message, done.stderr)

    def test_a_malformed_address_is_refused(self):
        for address in ("8080", ":8080", "localhost", "localhost:http", "127.0.0.1:65536", "::1:80", "[::1]", ""):
            self.fails(65, '--listen is "%s"; expected HOST:PORT' % address, "--listen", address)

    def test_a_port_in_use_is_refused(self):
        server = self.serve(function("hello", "POST /hello"))
        self.fails(69, "127.0.0.1:%d: is in use" % server.port, "--listen", "127.0.0.1:%d" % server.port)

    def test_ipv6_is_written_in_brackets(self):
        if not os.path.exists("/proc/sys/net/ipv6"):
            self.skipTest("no IPv6 here")
        server = self.start(self.project(text=GOOD), "--listen", "[::1]:0")
        self.assertEqual("[::1]", server.host)
        with socket.create_connection(("::1", server.port)) as client:
            client.sendall(b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nAda")
            self.assertEqual(b"Hello, Ada!", support.read_response(client.makefile("rb"))[2])


class Projects(support.Test):
    def fails(self, text, code, *messages, files={}):
        directory = self.project(text=text, files=files)
        done = self.run_ubiq("serve", directory, "--listen", "127.0.0.1:0")
        self.assertEqual((code, ""), (done.returncode, done.stdout), done.stderr)
        for message in messages:
            self.assertIn(message, done.stderr)
        return done.stderr

    def test_a_folder_without_a_project_is_refused(self):
        directory = self.project(text="")
        os.unlink(os.path.join(directory, "ubiq.toml"))
        done = self.run_ubiq("serve", directory)
        self.assertEqual(66, done.returncode)
        self.assertIn("has no ubiq.toml; expected a project's folder", done.stderr)
        self.assertEqual(66, self.run_ubiq("serve", directory + "/nowhere").returncode)

    def test_malformed_toml_is_told_with_line_and_column(self):
        self.fails('[functions.hello]\nsource = = "x"\n', 65, "ubiq.toml:2:10")

    def test_a_wrong_value_is_told_with_line_and_column(self):
        self.fails(GOOD + "timeout = true\n", 65, "ubiq.toml:4:1", "functions.hello.timeout is true; expected a duration")

    def test_an_unknown_key_names_the_nearest(self):
        self.fails(GOOD + "timout = 5\n", 65, "timout", 'did you mean "timeout"?')
        self.fails("[project]\nnam = 'x'\n" + GOOD, 65, 'did you mean "name"?')

    def test_routes_are_checked(self):
        for route in ("hello", "post /hello", "/a//b", "/{a}x", "/{rest...}/x", "/a b", "POST", "/{9}"):
            self.fails('[functions.hello]\nsource = "guest.c"\nroute = "%s"\n' % route, 65, "route is", "expected")

    def test_two_functions_on_one_route_are_refused(self):
        self.fails(GOOD + GOOD.replace("[functions.hello]", "[functions.echo]"), 65, "routes that match the same requests")

    def test_a_missing_export_is_named(self):
        self.fails(GOOD + 'export = "helo"\n', 66, "hello", "helo")

    def test_a_missing_source_is_named(self):
        self.fails(GOOD.replace("guest.c", "absent.c"), 66, "absent.c")

    def test_a_source_that_does_not_compile_is_shown(self):
        self.fails(GOOD.replace("guest.c", "bad.c"), 65, "bad.c: does not compile", "use of undeclared identifier 'nothing'",
                   files={"bad.c": "int main(void) { return nothing; }\n"})

    def test_modules_that_are_none_are_refused(self):
        for content in (b"", b"\0asm", b"\0asm\1\0\0\0\1", b"#!/bin/sh\n", b"\x7fELF" + b"\0" * 1000):
            error = self.fails('[functions.f]\nwasm = "f.wasm"\nroute = "/f"\n', 65, "f", files={"f.wasm": content})
            self.assertEqual(1, error.count("ubiq:"))

    def test_a_build_command_makes_a_module(self):
        text = '[functions.f]\nwasm = "made/f.wat"\nroute = "/f"\nexport = "f"\nbuild = "mkdir -p made && cp f.txt made/f.wat"\n'
        files = {"f.txt": '(module (func (export "f") (result i32) (i32.const 0)))'}
        server = self.start(self.project(text=text, files=files))
        self.assertEqual((200, b""), server.post("/f"))

    def test_a_build_command_that_fails_is_told(self):
        self.fails('[functions.f]\nwasm = "f.wasm"\nroute = "/f"\nbuild = "exit 3"\n', 65, "`exit 3` ended with exit code 3")
        self.fails('[functions.f]\nwasm = "f.wasm"\nroute = "/f"\nbuild = "true"\n', 66, "`true` did not make")


if __name__ == "__main__":
    support.main()
