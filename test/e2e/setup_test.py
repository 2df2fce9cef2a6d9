"""`scripts/setup` on a machine that lacks something: what it says, and that it says so before it changes anything."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import support

SOURCE = os.environ.get("UBIQ_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))


class Bare(support.Test):
    """A machine of this kind, with nothing but the programs of the test."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="ubiq-setup-")
        self.addCleanup(shutil.rmtree, self.root)
        os.makedirs(os.path.join(self.root, "scripts"))
        os.mkdir(os.path.join(self.root, "bin"))
        shutil.copy(os.path.join(SOURCE, "scripts/setup"), os.path.join(self.root, "scripts"))
        for name in ("apt-get", "sudo", "dpkg-query"):
            self.program(name, "echo %s ran" % name)

    def program(self, name, script):
        path = os.path.join(self.root, "bin", name)
        with open(path, "w") as file:
            file.write("#!/bin/sh\n%s\n" % script)
        os.chmod(path, 0o755)

    def failure(self, *arguments):
        """What setup says, which cannot go on."""
        environment = {**os.environ, "PATH": os.path.join(self.root, "bin")}
        done = subprocess.run([sys.executable, os.path.join(self.root, "scripts/setup"), *arguments], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertFalse(os.path.exists(os.path.join(self.root, ".deps")))
        return done.stdout


class Cargo(Bare):
    def refuses(self, *words):
        told = self.failure()
        for word in words:
            self.assertIn(word, told)
        self.assertNotIn("installing", told)

    def test_an_old_cargo_is_told_before_packages_are_installed(self):
        self.program("cargo", "echo 'cargo 1.65.0'")
        self.refuses("cargo 1.65.0", "1.85 or later", "rustup")

    def test_a_missing_cargo_is_told_before_packages_are_installed(self):
        self.refuses("cargo is missing", "1.85 or later", "rustup")


class Packages(Bare):
    def asked_for(self, *arguments):
        """The packages that an apt-get is told to install that installs nothing."""
        self.program("cargo", "echo 'cargo 1.85.0'")
        self.program("env", "exit 0")
        told = self.failure(*arguments)
        self.assertIn("apt-get did not install", told)
        return set(re.search(r"^setup: installing Debian packages: (.*)$", told, re.MULTILINE).group(1).split())

    def test_a_build_asks_for_nothing_that_only_tests_need(self):
        build, tests = self.asked_for("--build"), self.asked_for("--tests")
        self.assertLess({"clang", "cmake", "libmicrohttpd-dev"}, build)
        self.assertLess(build, tests)
        self.assertEqual({"libcmocka-dev", "clang-tidy"}, {"libcmocka-dev", "clang-tidy"} & tests - build)
        self.assertEqual(tests, self.asked_for())


if __name__ == "__main__":
    support.main()
