"""examples/links and examples/hello-python, components in Rust and Python: what their READMEs show, and their test cases."""

import os
import re
import shlex
import shutil
import signal
import subprocess

import calling
import support

EXAMPLES = os.path.join(os.environ["UBIQ_SOURCE"], "examples")


class ComponentExamples(calling.Test):
    def make(self, name):
        """The example with the module that the build of guests has made."""
        folder = os.path.join(EXAMPLES, name)
        with open(os.path.join(folder, "ubiq.toml"), encoding="utf-8") as file:
            text = re.sub(r"^build = .*\n", "", file.read(), flags=re.M)
        project = self.project(text=re.sub(r"^wasm = .*", 'wasm = "%s"' % self.guest(name.replace("-", "_")), text, flags=re.M))
        for cases in os.listdir(folder):
            if cases.endswith(".test.toml"):
                shutil.copy(os.path.join(folder, cases), project)
        return project

    def shown(self, name):
        """The commands of a README, as (path, body, what is printed)."""
        with open(os.path.join(EXAMPLES, name, "README.md"), encoding="utf-8") as file:
            for command, answer in re.findall(r"^    \$ curl (.*)\n    (.*)$", file.read(), re.M):
                words = shlex.split(command)
                body = words[words.index("--json") + 1] if "--json" in words else None
                yield words[-1].replace("http://127.0.0.1:8080", ""), body, answer

    def ask(self, server, path, body):
        headers = {"Content-Type": "application/json"} if body else {}
        status, headers, answer = server.request("POST" if body else "GET", path, body, headers)
        return headers["Location"] if status == 302 else answer.decode()

    def assert_cases_hold(self, project):
        """Python and what it brings take half a minute to compile, once: the server finds that in the cache."""
        done = subprocess.run([support.UBIQ, "test", project], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=20 * support.PATIENCE)
        self.assertEqual(0, done.returncode, done.stdout)

    def assert_holds(self, name, count):
        project = self.make(name)
        self.assert_cases_hold(project)
        server = self.start(project)
        shown = list(self.shown(name))
        self.assertEqual(count, len(shown))
        for path, body, answer in shown:
            self.assertEqual(answer, self.ask(server, path, body))
        return project, server

    def test_links_are_what_the_readme_shows_and_outlive_a_kill(self):
        project, server = self.assert_holds("links", 3)
        server.wait_for(r"INFO +shorten: a new link")
        server.signal(signal.SIGKILL)
        server.wait()
        server = self.start(project)
        self.assertEqual('{"link":"/2"}', self.ask(server, "/links", '{"url": "https://example.org/"}'))
        for path, where in (("/1", "https://example.com/a/long/way"), ("/2", "https://example.org/")):
            self.assertEqual(where, self.ask(server, path, None))
        self.assertEqual('{"followed":2,"url":"https://example.com/a/long/way"}', self.ask(server, "/links/1", None))

    def test_the_one_in_python_is_what_the_readme_shows(self):
        _, server = self.assert_holds("hello-python", 2)
        server.wait_for(r"INFO +hello: greeted Ada")


if __name__ == "__main__":
    support.main()
