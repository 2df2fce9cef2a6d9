"""Every function of the examples that asks nothing of the platform, called by `ubiq call` on every engine that is present: the same answers
on each."""

import glob
import io
import json
import os
import re
import subprocess
import tarfile
import tomllib

import bundle_test
import calling
import support

EXAMPLES = os.path.join(os.environ["UBIQ_SOURCE"], "examples")
INPUTS = ["", "Ada", "日本", "long " * 20000]
REQUESTS = [json.dumps(request) for request in (
    {"method": "GET", "path": "/", "query": {"under": "1000"}}, {"params": {"id": "tea"}}, {"query": {"under": ["a", "b"]}},
    {"body": {"id": "tea", "quantity": 2}, "identity": {"name": "日本"}}, {"body": {"id": "tee"}}, {"body": 7}, {})]


def present_engines():
    done = subprocess.run([support.UBIQ, "engines", "--json"], stdout=subprocess.PIPE, check=True, text=True)
    return [engine["name"] for engine in json.loads(done.stdout) if engine["present"]]


class Examples(calling.Test):
    def functions(self, folder):
        """The functions of a project, as (name, module's file, export, inputs)."""
        with open(os.path.join(folder, "ubiq.toml"), "rb") as file:
            described = tomllib.load(file)["functions"]
        if any("build" in function for function in described.values()):
            module = self.guest(os.path.basename(folder).replace("-", "_"))  # the build of guests has built it
            return [(name, module, function["export"], self.inputs(function)) for name, function in described.items()]
        bundle = os.path.join(self.project(text=""), "bundle")
        done = self.run_ubiq("build", folder, "--output", bundle)
        self.assertEqual(0, done.returncode, done.stderr)
        with open(bundle, "rb") as file:
            tar = tarfile.open(fileobj=io.BytesIO(bundle_test.decompress(file.read())))
        described = tomllib.loads(tar.extractfile("ubiq.toml").read().decode())["functions"]
        return [(name, self.file("module.wasm", tar.extractfile(function["wasm"]).read()), function["export"],
                 self.inputs(function)) for name, function in described.items()]

    def needs_platform(self, folder):
        with open(os.path.join(folder, "ubiq.toml"), "rb") as file:
            return any("permissions" in function for function in tomllib.load(file)["functions"].values())

    def inputs(self, function):
        return REQUESTS if function.get("input") == "request" else INPUTS

    def outcome(self, engine, module, export, text):
        done = self.call(module, export, "--engine", engine, "--stdin", input=text.encode())
        return done.code, done.output, re.sub(r"^\S+Z ", "", done.errors, flags=re.MULTILINE)  # log lines begin with a time

    def test_every_function_answers_the_same_on_every_engine(self):
        engines = present_engines()
        self.assertGreater(len(engines), 0)
        folders = sorted(os.path.dirname(path) for path in glob.glob(os.path.join(EXAMPLES, "*", "ubiq.toml")))
        self.assertGreater(len(folders), 0)
        for folder in folders:
            if self.needs_platform(folder):  # orders_test.py
                continue
            for name, module, export, inputs in self.functions(folder):
                for text in inputs:
                    expected = self.outcome(engines[0], module, export, text)
                    if inputs is INPUTS and expected[0] == 0:
                        self.assertIn(text.encode(), expected[1])
                    for engine in engines[1:]:
                        with self.subTest(engine, function=name, bytes=len(text)):
                            self.assertEqual(expected, self.outcome(engine, module, export, text))


if __name__ == "__main__":
    support.main()
