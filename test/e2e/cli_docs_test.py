"""docs/cli.md says what the program does: options and exit codes are the program's own, examples give what they show.

What stands below a line `<!-- made: ... -->` is made by `python3 test/e2e/cli_docs_test.py --update`."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import calling
import support

SOURCE = os.environ.get("UBIQ_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
PAGE = os.path.join(SOURCE, "docs/cli.md")
MADE = re.compile(r"(<!-- made: ([^\n]*) -->\n)(?:\n```text\n.*?```\n|\n(?:\|[^\n]*\n)+)?", re.DOTALL)
CODE = re.compile(r'^  X\(\w+, "(\w+)", (\d+), (\d+), "(.*?)"\)', re.MULTILINE)


def help_of(command):
    done = subprocess.run([support.UBIQ, *command.split()[1:]], stdout=subprocess.PIPE, check=True, text=True)
    return "\n```text\n%s```\n" % done.stdout[done.stdout.index("Options:\n"):done.stdout.index("\nExit codes")]


def exit_codes():
    with open(os.path.join(SOURCE, "include/ubiq/error.h"), encoding="utf-8") as file:
        codes = CODE.findall(file.read())
    rows = [(0, "ok", 200, "all went well"), (64, "usage", "", "the command line is wrong")]
    rows += [(int(code), name, status, meaning) for name, status, code, meaning in codes]
    table = "\n| exit code | class | HTTP status | what it means |\n|---|---|---|---|\n"
    for row in sorted(rows):
        table += "| %s | `%s` | %s | %s |\n" % row
    return table


def make(match):
    return match.group(1) + (exit_codes() if match.group(2) == "exit codes" else help_of(match.group(2)))


def read_page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


class Page(calling.Test):
    def test_what_is_made_is_up_to_date(self):
        page = read_page()
        self.assertEqual(MADE.sub(make, page), page, "python3 test/e2e/cli_docs_test.py --update mends it")

    def test_the_help_has_the_same_exit_codes(self):
        printed = re.findall(r"^ +(\d+)  (\w+) +(.*)$", self.run_ubiq("--help").stdout, re.MULTILINE)
        table = re.findall(r"^\| (\d+) \| `(\w+)` \| \d* \| (.*) \|$", read_page(), re.MULTILINE)
        self.assertEqual(sorted(printed), sorted(table))

    def test_every_variable_of_the_environment_that_is_read_is_told(self):
        read = set()
        for folder, _, names in os.walk(os.path.join(SOURCE, "src")):
            for name in names:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    read.update(re.findall(r'(?:getenv|name_in_environment)\("(\w+)"\)', file.read()))
        self.assertIn("HOME", read)
        told = set(re.findall(r"`(\w+)`", read_page().split("\n## Environment\n")[1].split("\n## ")[0]))
        for_extism = {"EXTISM_MEMDUMP", "EXTISM_ENABLE_WASI_OUTPUT"}  # of the C ABI alone: docs/extism.md
        self.assertEqual(set(), read - told - for_extism)

    def folder_of_guests(self):
        """A folder where examples may leave things."""
        folder = tempfile.mkdtemp(prefix="ubiq-docs-")
        self.addCleanup(shutil.rmtree, folder)
        for name in os.listdir(calling.GUESTS):
            if name.endswith(".wasm"):
                os.symlink(os.path.abspath(os.path.join(calling.GUESTS, name)), os.path.join(folder, name))
        return folder

    def test_examples_give_what_they_show(self):
        folder = self.folder_of_guests()
        environment = {**os.environ, "PATH": os.path.dirname(os.path.abspath(support.UBIQ)) + os.pathsep + os.environ["PATH"]}
        examples = re.findall(r"^\$ (.*)\n((?:(?!\$ |```).*\n)*)", "".join(
            re.findall(r"^```console\n(.*?)^```$", read_page(), re.MULTILINE | re.DOTALL)), re.MULTILINE)
        self.assertGreater(len(examples), 5)
        for command, shown in examples:
            for guest in re.findall(r"(\w+)\.wasm", command):
                self.guest(guest)
            with tempfile.TemporaryFile() as both:
                code = subprocess.run(["sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                      stdout=both, stderr=both, timeout=support.PATIENCE).returncode
                both.seek(0)
                output = both.read().decode()
            if output and not output.endswith("\n"):
                output += "\n"
            self.assertEqual(shown, output + ("[exit code %d]\n" % code if code else ""), command)


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        made = MADE.sub(make, read_page())
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(made)
    else:
        support.main()
