"""The manual pages ubiq(1) and libubiq(3): all of the program's help and of the public headers is in them, and neither
mandoc nor groff finds anything to warn of."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

OUT = os.environ["UBIQ_OUT"]
PROGRAM = os.path.join(OUT, "bin", "ubiq")
PAGES = [os.path.join(OUT, "share", "man", page) for page in ("man1/ubiq.1", "man3/libubiq.3")]


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=300)
    assert done.returncode == 0, "%s: exit code %d\n%s" % (" ".join(command), done.returncode, done.stdout)
    return done.stdout


def words(text):
    """What a page says, however its lines are cut and filled."""
    return " ".join(text.replace("`", "").split())


def plain(page):
    """The page's text without its macros."""
    with open(page, encoding="utf-8") as file:
        text = re.sub(r"\\f[BIR]|\\&", "", file.read())
    text = re.sub(r'^\.It "(.*)"$', r"\1", text, flags=re.MULTILINE)
    text = "\n".join(line for line in text.split("\n") if not line.startswith("."))
    escapes = {"\\-": "-", "\\(aq": "'", "\\(ga": "`", "\\(ha": "^", "\\(ti": "~", "\\e": "\\"}
    for escape, character in escapes.items():
        text = text.replace(escape, character)
    return words(text)


class Pages(unittest.TestCase):
    def test_the_page_of_the_program_has_every_line_of_its_help(self):
        page = plain(PAGES[0])
        commands = re.findall(r"^  (\w+)  ", run(PROGRAM, "--help").split("Options:")[0], re.MULTILINE)
        self.assertGreater(len(commands), 2)
        for command in commands:
            usage, help_text = run(PROGRAM, command, "--help").split("\n", 1)
            self.assertIn(words(usage.replace("Usage: ubiq ", "")), page)
            for line in help_text[:help_text.index("\nExit codes")].split("\n")[3:]:
                line = re.sub(r" {2,}", " ", line.strip())
                self.assertIn(words(line) if line != "Options:" else line, page, command)
        for code, name, meaning in re.findall(r"^ +(\d+)  (\w+) +(.*)$", run(PROGRAM, "--help"), re.MULTILINE):
            self.assertIn("%s %s: %s." % (code, name, meaning), page)

    def test_the_page_of_the_library_has_every_function_and_what_is_said_of_it(self):
        page = plain(PAGES[1])
        folder = os.path.join(OUT, "include", "ubiq")
        functions = 0
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                text = file.read()
            for comment, function in re.findall(r"((?:^///[^\n]*\n)+)UBIQ_API[^;]*?\b(ubiq_\w+)\(", text, re.MULTILINE):
                functions += 1
                self.assertRegex(page, r"\b%s\(" % function)
                self.assertIn(words(re.sub(r"^/// ?", "", comment, flags=re.MULTILINE)), page)
        self.assertGreater(functions, 50)

    def test_mandoc_has_nothing_to_warn_of(self):
        if not shutil.which("mandoc"):
            self.skipTest("mandoc is not installed")
        for page in PAGES:
            self.assertEqual("", run("mandoc", "-T", "lint", "-W", "warning", page))

    def test_groff_has_nothing_to_warn_of(self):
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        for page in PAGES:
            self.assertEqual("", run("groff", "-mdoc", "-ww", "-z", page))

    def test_an_option_that_is_not_understood_ends_the_build(self):
        with tempfile.TemporaryDirectory() as work:
            program = os.path.join(work, "ubiq")
            with open(program, "w", encoding="utf-8") as file:
                file.write('#!/bin/sh\nprintf "Usage: ubiq c\\n\\nabout\\n\\nRuns.\\n\\nCommands:\\n  c  about\\n\\n'
                           'Options:\\n  -x\\n\\nExit codes:\\n    0  ok  fine\\n"\n')
            os.chmod(program, 0o755)
            source = os.environ["UBIQ_SOURCE"]
            command = [sys.executable, os.path.join(source, "scripts/man"), "ubiq", program,
                       os.path.join(source, "docs/cli.md"), "1.0.0", "2026-01-01", os.path.join(work, "page")]
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
            self.assertNotEqual(0, done.returncode)
            self.assertIn("is not understood", done.stderr)


if __name__ == "__main__":
    if os.environ.get("UBIQ_SANITIZE"):
        print("skipped: the pages are made by the ordinary build")
        sys.exit(77)
    unittest.main()
