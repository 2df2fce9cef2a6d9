"""`scripts/setup` on a machine that lacks something: what it says, and that it says so before it changes anything."""

import os
import shutil
import subprocess
import sys
import tempfile

import support

SOURCE = os.environ.get("UBIQ_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))


class Cargo(support.Test):
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

    def refuses(self, *words):
        """A bare machine of this kind, with nothing but the programs of the test."""
        environment = {**os.environ, "PATH": os.path.join(self.root, "bin")}
        done = subprocess.run([sys.executable, os.path.join(self.root, "scripts/setup")], env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(1, done.returncode, done.stdout)
        for word in words:
            self.assertIn(word, done.stdout)
        self.assertNotIn("installing", done.stdout)
        self.assertFalse(os.path.exists(os.path.join(self.root, ".deps")))

    def test_an_old_cargo_is_told_before_packages_are_installed(self):
        self.program("cargo", "echo 'cargo 1.65.0'")
        self.refuses("cargo 1.65.0", "1.85 or later", "rustup")

    def test_a_missing_cargo_is_told_before_packages_are_installed(self):
        self.refuses("cargo is missing", "1.85 or later", "rustup")


if __name__ == "__main__":
    support.main()
