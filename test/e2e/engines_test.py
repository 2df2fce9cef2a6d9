"""`ubiq engines` and the ways to choose one; what an absent engine says."""

import json
import os
import subprocess

import calling
import support


def run(*arguments, **environment):
    done = subprocess.run([support.UBIQ, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=support.PATIENCE, text=True, check=False,
                          env=dict(os.environ, **environment))
    return done.returncode, done.stdout, done.stderr


def engines(**environment):
    code, output, errors = run("engines", "--json", **environment)
    assert code == 0, errors
    return {engine["name"]: engine for engine in json.loads(output)}


class Engines(calling.Test):
    def test_the_default_is_listed_with_what_it_can_do(self):
        default = engines()["wasmtime"]
        self.assertEqual((True, True, 1 << 32), (default["present"], default["default"], default["limits"]["memory_bytes"]))
        self.assertEqual({"suspends", "interrupts", "fuel", "serializes", "links_modules"}, set(default["capabilities"]))

    def test_every_engine_that_is_present_runs_a_plugin(self):
        for name, engine in engines().items():
            if not engine["present"]:
                continue
            with self.subTest(name):
                call = ("call", self.guest("hello"), "hello", "--input", "Ada")
                self.assertEqual((0, "Hello, Ada!", ""), run(*call, "--engine", name))
                self.assertEqual((0, "Hello, Ada!", ""), run(*call, UBIQ_ENGINE=name))

    def test_the_lines_name_the_same(self):
        lines = run("engines")[1].splitlines()
        self.assertEqual(list(engines()), [line.split()[0] for line in lines])

    def test_an_absent_engine_says_how_to_get_it(self):
        absent = {name: engine for name, engine in engines(UBIQ_ENGINE_PATH="/nowhere").items() if not engine["present"]}
        self.assertIn("wasm3", absent)
        self.assertIn("to get it, run scripts/setup", absent["wasm3"]["why"])
        code, _, errors = run("call", self.guest("hello"), "hello", "--engine", "wasm3", UBIQ_ENGINE_PATH="/nowhere")
        self.assertEqual(calling.NOT_FOUND, code)
        self.assertIn("to get it, run scripts/setup", errors)

    def test_an_unknown_engine_is_told_with_those_there_are(self):
        for code, _, errors in (run("call", self.guest("hello"), "hello", "--engine", "v8"),
                                run("call", self.guest("hello"), "hello", UBIQ_ENGINE="v8")):
            self.assertEqual(calling.NOT_FOUND, code)
            self.assertIn('engine "v8" is not part of this build; expected one of "wasmtime"', errors)

    def test_what_an_engine_cannot_do_is_refused(self):
        for name, engine in engines().items():
            if not engine["present"] or "fuel" in engine["capabilities"]:
                continue
            code, _, errors = run("call", self.guest("hello"), "hello", "--fuel", "1000", "--engine", name)
            self.assertEqual((calling.INVALID, True), (code, "does not count fuel" in errors), errors)


if __name__ == "__main__":
    support.main()
