#!/usr/bin/env python3
"""What a running server has given up, and that it still does its work: --user, --sandbox."""

import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

import deploying
import support
from support import UBIQ, function, main

IS_ROOT = os.geteuid() == 0
SANITIZED = bool(os.environ.get("UBIQ_SANITIZE"))  # leak checkers look into their own process from another one


def status_of(place):
    with open(place + "/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def threads_of(server):
    folder = "/proc/%d/task" % server.process.pid
    return [status_of(os.path.join(folder, name)) for name in os.listdir(folder)]


class Sandbox(deploying.Test):
    @unittest.skipIf(SANITIZED, "no sandbox with sanitizers")
    def test_every_thread_is_held(self):
        server = self.serve(function("hello", "/hello"), options=("--workers", "2", "--sandbox", "on"))
        self.assertEqual(200, server.post("/hello")[0])
        threads = threads_of(server)
        self.assertGreater(len(threads), 2)
        for status in threads:
            self.assertEqual(("1", "2"), (status["NoNewPrivs"].strip(), status["Seccomp"].strip()), status["Name"])
        server.wait_for(r"Landlock \(level \d+\) is on")

    def test_without_one_no_new_privileges_are_accepted_still(self):
        server = self.serve(function("hello", "/hello"), options=("--workers", "1", "--sandbox", "off"))
        for status in threads_of(server):
            self.assertEqual("1", status["NoNewPrivs"].strip())

    def test_a_server_takes_what_it_is_deployed_and_answers(self):
        server = self.launch(None, "--sandbox", "auto" if SANITIZED else "on")
        self.deployed(server, self.bundle("1"))
        self.assertEqual((200, "1"), server.get("/a"))
        self.deployed(server, self.bundle("2"))
        self.assertEqual((200, "2"), server.get("/a"))

    @unittest.skipIf(SANITIZED, "no sandbox with sanitizers")
    def test_folders_and_files_outside_of_the_project_are_reached_where_it_names_them(self):
        data, pages, modules = self.folder(), self.folder(), self.folder()
        for place in (data, pages):
            with open(os.path.join(place, "note"), "w", encoding="ascii") as file:
                file.write("a note")
        with open(os.path.join(os.environ["UBIQ_GUESTS"], "wasi_files.wasm"), "rb") as file:
            self.write(modules, "files.wasm", file.read())
        manifest = {"wasm": [{"path": modules + "/files.wasm"}], "allowed_paths": {data: "/data"}}
        self.write(modules, "plugin.json", json.dumps(manifest))
        text = "".join('[functions.%s]\nmanifest = "%s/plugin.json"\nexport = "%s_file"\nroute = "POST /%s"\n' %
                       (name, modules, name, name) for name in ("read", "write"))
        text += '[files."/pages"]\nfolder = "%s"\n' % pages
        server = self.start(self.project(text=text), "--workers", "1", "--sandbox", "on")
        self.assertEqual((200, b"a note"), server.post("/read", b"/data/note"))
        self.assertEqual(200, server.post("/write", b"/data/new\nanother")[0])
        self.assertEqual((200, b"another"), server.post("/read", b"/data/new"))
        self.assertEqual(b"a note", server.request("GET", "/pages/note")[2])
        with open(os.path.join(pages, "later"), "w", encoding="ascii") as file:
            file.write("later")
        self.assertEqual(b"later", server.request("GET", "/pages/later")[2])

    @unittest.skipIf(SANITIZED, "no sandbox with sanitizers")
    def test_a_run_log_is_opened_anew(self):
        folder = self.folder()
        path = os.path.join(folder, "runs.log")
        server = self.serve(function("hello", "/hello"), options=("--workers", "1", "--sandbox", "on", "--run-log", path))
        os.rename(path, path + ".1")
        server.signal(signal.SIGHUP)
        while not os.path.exists(path):
            self.assertIsNone(server.process.poll())
            server.post("/hello")

    def test_a_mode_that_there_is_not(self):
        done = self.run_ubiq("serve", self.folder(), "--sandbox", "some")
        self.assertEqual(64, done.returncode)
        self.assertIn('--sandbox is "some"; expected auto', done.stderr)

    def test_what_a_parent_left_open_is_closed(self):
        with tempfile.TemporaryFile() as secret:
            os.set_inheritable(secret.fileno(), True)
            inode = os.fstat(secret.fileno()).st_ino
            command = [UBIQ, "serve", self.project(function("hello", "/hello")), "--listen", "127.0.0.1:0",
                       "--sandbox=off"]
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, close_fds=False,
                                       stderr=subprocess.DEVNULL, text=True)
            try:
                self.assertIn("listening on", process.stdout.readline())
                folder = "/proc/%d/fd" % process.pid
                if os.access(folder, os.R_OK | os.X_OK):
                    self.assertNotIn(inode, [os.stat(os.path.join(folder, name)).st_ino for name in os.listdir(folder)])
            finally:
                process.terminate()
                process.wait(support.PATIENCE)
                process.stdout.close()


class Service(deploying.Test):
    def test_systemd_takes_the_unit(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd-analyze is not installed")
        with open(os.path.join(os.environ["UBIQ_SOURCE"], "packaging/ubiq.service"), encoding="ascii") as file:
            unit = file.read()
        command = re.search(r"^ExecStart=/usr/bin/ubiq (.*)$", unit, re.MULTILINE).group(1).split()
        help_text = self.run_ubiq(command[0], "--help").stdout
        for option in command[1:]:
            if option.startswith("--"):
                self.assertIn(option, help_text)
        place = os.path.join(self.folder(), "ubiq.service")
        with open(place, "w", encoding="ascii") as file:
            file.write(re.sub(r"^Documentation=.*\n", "", unit.replace("/usr/bin/ubiq", UBIQ), flags=re.MULTILINE))
        done = subprocess.run(["systemd-analyze", "verify", place], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=support.PATIENCE)
        told = [line for line in done.stdout.splitlines() if "ubiq.service" in line]
        self.assertEqual((0, []), (done.returncode, told), done.stdout)


@unittest.skipUnless(IS_ROOT, "only root becomes another user")
class User(deploying.Test):
    def setUp(self):
        self.who = pwd.getpwnam("nobody")

    def folder(self):
        directory = super().folder()
        os.chmod(directory, 0o755)
        return directory

    def assert_is_nobody(self, server):
        for status in threads_of(server):
            self.assertEqual([str(self.who.pw_uid)] * 4, status["Uid"].split())
            self.assertEqual([str(self.who.pw_gid)] * 4, status["Gid"].split())
            self.assertEqual(0, int(status["CapEff"], 16) | int(status["CapPrm"], 16))
            self.assertNotIn("0", status["Groups"].split())

    def test_a_server_listens_as_root_and_serves_as_another(self):
        state = os.path.join(self.folder(), "state")
        server = self.launch(state, "--user", "nobody")
        self.assert_is_nobody(server)
        self.assertEqual((self.who.pw_uid, 0o700), (os.stat(state).st_uid, os.stat(state).st_mode & 0o777))
        self.deployed(server, self.bundle("1"))
        self.assertEqual((200, "1"), server.get("/a"))
        self.assertEqual(0, server.stop())
        again = self.launch(state, "--user", "nobody")
        self.assertEqual((200, "1"), again.get("/a"))

    def test_a_port_that_is_root_s_alone_is_taken_first(self):
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            first = int(file.read())
        port = next((port for port in range(900, min(first, 1000)) if self.is_free(port)), None)
        if port is None:
            self.skipTest("no port is root's alone")
        server = self.launch(None, "--user", "nobody", "--listen", "127.0.0.1:%d" % port)
        self.assertEqual(port, server.port)
        self.assert_is_nobody(server)

    def is_free(self, port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    def test_a_state_of_root_is_not_used_by_another(self):
        state = os.path.join(self.folder(), "state")
        os.mkdir(state, 0o700)
        done = self.run_ubiq("serve", "--state", state, "--admin", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--user",
                             "nobody")
        self.assertEqual(77, done.returncode, done.stderr)
        self.assertIn("denied", done.stderr)

    def test_a_link_in_the_state_s_place_gives_nothing_away(self):
        target, place = self.folder(), self.folder()
        os.symlink(target, os.path.join(place, "state"))
        self.run_ubiq("serve", "--state", os.path.join(place, "state"), "--admin", "127.0.0.1:0", "--listen",
                      "127.0.0.1:0", "--user", "nobody")
        self.assertEqual(0, os.stat(target).st_uid)

    def test_root_is_no_user_to_become_and_others_must_be_there(self):
        for named, part in (("root", "which is root"), ("0:0", "which is root"), ("nobody:root", "which is root"),
                            ("who-is-this", "there is no user"), ("nobody:who-is-this", "there is no group")):
            done = self.run_ubiq("serve", self.folder(), "--user", named)
            self.assertEqual(64, done.returncode)
            self.assertIn(part, done.stderr)

    def test_root_that_goes_on_serving_is_warned(self):
        server = self.serve(function("hello", "/hello"))
        server.wait_for("WARN .*root serves")


if __name__ == "__main__":
    main()
