"""`ubiq doctor`: what is well, what is not, and what to do."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess

import support
from support import UBIQ


class Doctor(support.Test):
    def examine(self, *options, code=0, **environment):
        """What is told of each thing: its name, and the rest."""
        done = subprocess.run([UBIQ, "doctor", "--json", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options],
                              env={**os.environ, "XDG_STATE_HOME": self.cache + "/state", **environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=support.PATIENCE)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        self.assertEqual("", done.stderr)
        return {finding.pop("name"): finding for finding in json.loads(done.stdout)}

    def folder(self):
        return self.project(text="")

    def test_nothing_fails_where_all_is_there_and_nothing_is_made(self):
        place = os.path.join(self.folder(), "cache")
        told = self.examine(UBIQ_CACHE=place)
        self.assertEqual({"engine", "clang", "wasm-ld", "cargo", "go", "cache", "disk", "state", "stored", "objects", "memory maps", "descriptors",
                          "listen", "admin"}, set(told))
        self.assertNotIn("fail", [finding["state"] for finding in told.values()])
        self.assertEqual(("ok", place + " will be made"), (told["cache"]["state"], told["cache"]["message"]))
        self.assertFalse(os.path.exists(place))
        for finding in told.values():
            self.assertEqual(finding["state"] == "ok", "advice" not in finding, finding)

    def test_lines_say_the_same(self):
        done = self.run_ubiq("doctor")
        self.assertRegex(done.stdout, r"(?m)^(ok|warn|fail) +engine +\S+ [\d.]+")
        self.assertEqual(14, len([line for line in done.stdout.splitlines() if not line.startswith(" ")]))

    def test_what_functions_stored_is_looked_at(self):
        state = self.folder()
        os.chmod(state, 0o700)
        with sqlite3.connect(os.path.join(state, "state.db")) as database:
            database.execute("CREATE TABLE things (name TEXT)")
        database.close()
        project = self.project(support.function("hello", "POST /hello"))
        self.start(project).stop()
        shutil.copy(os.path.join(project, ".ubiq", "services.db"), state)
        told = self.examine("--state", state)
        self.assertEqual(("ok", "ok"), (told["stored"]["state"], told["objects"]["state"]))
        with open(os.path.join(state, "services.db"), "r+b") as file:
            file.seek(100)
            file.write(b"\xff" * 4000)
        told = self.examine("--state", state, code=69)
        self.assertEqual(("fail", "fail"), (told["stored"]["state"], told["objects"]["state"]))
        self.assertEqual("ok", told["state"]["state"])

    def test_a_database_of_another_version_is_not_taken_for_a_damaged_one(self):
        project = self.project(support.function("hello", "POST /hello"))
        self.start(project).stop()
        place = os.path.join(project, ".ubiq", "services.db")
        newest = self.version(place)
        for version, code, state, hint in ((newest - 1, 0, "warn", "start the server"), (newest + 1, 69, "fail", "the ubiq that wrote it")):
            folder = self.folder()
            os.chmod(folder, 0o700)
            with sqlite3.connect(os.path.join(folder, "state.db")) as database:
                database.execute("CREATE TABLE things (name TEXT)")
            database.close()
            copy = shutil.copy(place, folder)
            self.version(copy, version)
            told = self.examine("--state", folder, code=code)["objects"]
            self.assertEqual(state, told["state"], told)
            self.assertIn(hint, told["advice"])
            self.assertIn("version %d" % version, told["message"])

    def version(self, path, to=None):
        """Of a database; sets it, if that is said."""
        database = sqlite3.connect(path)
        if to is not None:
            database.execute("PRAGMA user_version = %d" % to)
        (found,) = database.execute("PRAGMA user_version").fetchone()
        database.close()
        return found

    def test_compilers_that_are_absent_are_told_with_how_to_get_them(self):
        told = self.examine(PATH=self.folder())
        for name, advice in (("clang", "clang and lld"), ("wasm-ld", "lld"), ("cargo", "install Rust"), ("go", "install Go")):
            self.assertEqual("warn", told[name]["state"])
            self.assertIn("not installed", told[name]["message"])
            self.assertIn(advice, told[name]["advice"])

    def test_a_cache_that_others_may_enter_fails(self):
        place = self.folder()
        os.chmod(place, 0o755)
        told = self.examine(code=69, UBIQ_CACHE=place)["cache"]
        self.assertEqual("fail", told["state"])
        self.assertIn("(mode 755)", told["message"])
        self.assertIn("chmod 700", told["advice"])

    def test_a_cache_that_is_turned_off_is_told(self):
        self.assertEqual("warn", self.examine(UBIQ_CACHE="")["cache"]["state"])

    def test_an_engine_that_is_absent_fails(self):
        self.assertEqual("fail", self.examine(code=69, UBIQ_ENGINE="none")["engine"]["state"])

    def test_a_state_that_is_whole_and_one_that_is_not_are_told_apart(self):
        place = self.folder()
        path = os.path.join(place, "state.db")
        self.assertEqual("fail", self.examine("--state", place, code=69)["state"]["state"])
        database = sqlite3.connect(path)
        database.execute("create table t (a text, b text)")
        database.executemany("insert into t values (?, ?)", [("x" * 500, str(i)) for i in range(200)])
        database.commit()
        database.close()
        self.assertEqual("ok", self.examine("--state", place)["state"]["state"])
        with open(path, "r+b") as file:
            file.seek(3 * 4096)
            file.write(b"\xff" * 4096)
        told = self.examine("--state", place, code=69)["state"]
        self.assertEqual("fail", told["state"])
        with open(path, "wb") as file:
            file.write(b"no database at all" * 100)
        self.assertIn("not a database", self.examine("--state", place, code=69)["state"]["message"])

    def test_a_port_that_is_taken_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            told = self.examine("--listen", "127.0.0.1:%d" % taken.getsockname()[1])["listen"]
        self.assertEqual("warn", told["state"])
        self.assertIn("--listen", told["advice"])


if __name__ == "__main__":
    support.main()
