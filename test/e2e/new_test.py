"""`ubiq new`: projects and functions that build and hold what their test cases say."""

import json
import os
import subprocess

import support
from support import UBIQ


class New(support.Test):
    def setUp(self):
        self.folder = self.project(text="")

    def ubiq(self, *arguments, code=0, within="."):
        done = subprocess.run([UBIQ, *arguments], cwd=os.path.join(self.folder, within), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=support.PATIENCE)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        self.assertNotIn("Sanitizer", done.stderr)
        return done.stdout if code == 0 else done.stderr

    def read(self, path):
        with open(os.path.join(self.folder, path), encoding="utf-8") as file:
            return file.read()

    def test_a_project_is_made_whose_test_cases_hold(self):
        for template in ("c", "cpp"):
            name = "shop-" + template
            made = self.ubiq("new", name, "--template", template).split()
            self.assertEqual([name + "/ubiq.toml", "%s/hello.%s" % (name, template), name + "/hello.test.toml"], made)
            self.assertIn("2 passed, 0 failed", self.ubiq("test", name))
            self.assertIn('name = "%s"\n' % name, self.read(name + "/ubiq.toml"))

    def test_c_is_what_is_made_when_nothing_else_is_said(self):
        self.ubiq("new", "shop")
        self.assertTrue(os.path.exists(os.path.join(self.folder, "shop/hello.c")))

    def test_a_function_more_is_built_and_tested_with_the_others(self):
        self.ubiq("new", "shop")
        before = self.read("shop/ubiq.toml")
        self.assertEqual(["ubiq.toml", "say-it.c", "say-it.test.toml"],
                         self.ubiq("new", "function", "say-it", within="shop").split())
        self.assertTrue(self.read("shop/ubiq.toml").startswith(before))
        self.assertIn("4 passed, 0 failed", self.ubiq("test", within="shop"))
        self.assertEqual("Hello, Ada!", self.ubiq("run", "say-it", "--input", "Ada", within="shop"))

    def test_projects_of_other_languages_say_how_they_are_built(self):
        for template, tool in (("rust", "cargo build"), ("go", "go build"), ("component", "wasm32-wasip2")):
            name = "in-" + template
            told = json.loads(self.ubiq("new", name, "-t", template, "--json"))
            self.assertEqual(name + "/ubiq.toml", told["project"])
            for path in told["files"]:
                self.assertNotIn("@", self.read(path).replace("//", ""), path)
            settings = json.loads(self.ubiq("config", name, "--json"))["functions"]["hello"]
            self.assertIn(tool, settings["build"]["value"])
            self.assertIn("hello/", settings["wasm"]["value"])

    def test_a_component_has_its_world_beside_it(self):
        self.ubiq("new", "shop", "--template", "component")
        with open(os.path.join(os.environ["UBIQ_SOURCE"], "wit", "wit-wire.wit"), encoding="utf-8") as file:
            self.assertEqual(file.read(), self.read("shop/hello/wit-wire.wit"))
        self.assertEqual("component", json.loads(self.ubiq("config", "shop", "--json"))["functions"]["hello"]["wire"]["value"])

    def test_nothing_that_is_there_is_written_over(self):
        self.ubiq("new", "shop")
        self.assertIn("is there already; nothing was written", self.ubiq("new", "shop", code=65))
        self.assertIn('has a function "hello" already', self.ubiq("new", "function", "hello", code=65, within="shop"))
        self.write(os.path.join(self.folder, "shop"), "more.test.toml", "mine")
        before = self.read("shop/ubiq.toml")
        self.assertIn("more.test.toml: is there already", self.ubiq("new", "function", "more", code=65, within="shop"))
        self.assertEqual(("mine", before), (self.read("shop/more.test.toml"), self.read("shop/ubiq.toml")))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "shop/more.c")))

    def test_a_function_is_for_a_project(self):
        os.mkdir(os.path.join(self.folder, "none"))
        self.assertIn("has no ubiq.toml", self.ubiq("new", "function", "say", code=66, within="none"))

    def test_names_and_templates_that_are_none_are_told(self):
        for arguments, told in ((["new"], "NAME is missing"), (["new", "function"], "NAME is missing"),
                                (["new", "Shop"], "is no good name"), (["new", "../x/9"], "is no good name"),
                                (["new", "shop", "--template", "cobol"], "expected c, cpp, rust, go or component"),
                                (["new", "shop", "more"], 'unexpected argument "more"')):
            with self.subTest(arguments):
                self.assertIn(told, self.ubiq(*arguments, code=64))


if __name__ == "__main__":
    support.main()
