"""A server that is killed before each call by which a deploy changes the disk, in the middle of each write, on a full disk and
on one that fails: then it serves the release before or the one after, and takes the next."""

import contextlib
import http.client
import os
import shutil
import sqlite3
import sys

import deploying
import support

FAULTS = os.environ.get("UBIQ_FAULTS", "")
STEPS_MAX = 80


class Server(deploying.Server):
    """A server whose state can be made to fail."""

    def __init__(self, state, what=None, at=0):
        self.order_file, self.log = state + ".order", state + ".log"
        if what is not None:
            self.order(what, at)
        faults = {"LD_PRELOAD": FAULTS, "FAULTS_UNDER": state, "FAULTS_ORDER": self.order_file, "FAULTS_LOG": self.log}
        before = {name: os.environ.get(name) for name in faults}
        os.environ.update(faults)
        try:
            super().__init__(state, "--sandbox=off", ready=False)  # what is preloaded reads other files
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def order(self, what, at):
        with open(self.order_file + "~", "w", encoding="ascii") as file:
            file.write("%s %d" % (what, at))
        os.rename(self.order_file + "~", self.order_file)

    def calls(self):
        """What changed the folder since the log began."""
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            return [tuple(line.split()) for line in file]

    def try_to_deploy(self, bundle):
        """The answer's status; None when the server ended."""
        try:
            return self.deploy(bundle)[0]
        except (OSError, http.client.HTTPException):
            return None


class Test(deploying.Test):
    def setUp(self):
        self.place = self.folder()

    def state(self, name):
        return os.path.join(self.place, name)

    def faulty(self, name, *order):
        server = Server(self.state(name), *order)
        self.addCleanup(server.close)
        return server

    def state_with_one(self):
        """A folder whose current release is 1."""
        server = self.launch(self.state("base"))
        self.deployed(server, self.bundle("1"))
        self.assertEqual(0, server.stop())
        return server.state

    def after_the_kill(self, state, step):
        """Starts again; which version is served then."""
        server = self.launch(state)
        status, version = server.get("/a")
        self.assertEqual((200, True), (status, version in ("1", "2")), step)
        self.serves(server, version)
        self.assertEqual([], os.listdir(os.path.join(state, "incoming")))
        kept = {release["digest"] for release in server.ask("GET", "/v1/releases")[1]}
        self.assertEqual(kept, set(os.listdir(os.path.join(state, "bundles"))))
        return server, version

    def kill_at(self, what, at, base, bundles):
        """One deploy that is killed at a step; what is served after it, or None when it has no such step."""
        state = self.state("%s-%d" % (what, at))
        shutil.copytree(base, state)
        server = self.faulty("%s-%d" % (what, at))
        server.wait_until_ready()
        server.order(what, at)
        status = server.try_to_deploy(bundles[0])
        if status is not None:
            self.assertEqual(200, status)
            server.close()
            return None, server.calls()
        self.assertEqual(-9, server.wait())
        again, version = self.after_the_kill(state, at)
        self.deployed(again, bundles[1])
        self.serves(again, "3")
        self.assertEqual(0, again.stop())
        shutil.rmtree(state)
        return version, server.calls()


class Kill(Test):
    def test_the_release_before_or_after_is_served_wherever_a_deploy_is_killed(self):
        base, bundles = self.state_with_one(), (self.bundle("2"), self.bundle("3"))
        served = []
        for at in range(1, STEPS_MAX):
            version, calls = self.kill_at("kill", at, base, bundles)
            if version is None:
                break
            served.append(version)
        else:
            self.fail("a deploy does not end")
        self.assertEqual(sorted(served), served, "once it is written down it stays")
        self.assertEqual({"1", "2"}, set(served))
        kinds = {kind for kind, _ in calls}
        self.assertLessEqual({"create", "write", "sync", "rename", "unlink"}, kinds)
        # Of the many writes to the journal before it is valid, the first stands for all.
        journal = [at for at, call in enumerate(calls, 1) if call[0] == "write" and call[1].endswith("-journal")]
        writes = [at for at, call in enumerate(calls, 1) if call[0] == "write" and at not in journal[1:-1]]
        self.assertGreater(len(writes), 3)
        for at in writes:
            version, _ = self.kill_at("tear", at, base, bundles)
            self.assertEqual(served[at - 1], version, calls[at - 1])

    def test_a_server_that_is_killed_as_it_begins_begins_the_next_time(self):
        for at in range(1, STEPS_MAX):
            server = self.faulty("new-%d" % at, "kill", at)
            try:
                server.wait_until_ready()
                server.close()
                break
            except AssertionError:
                self.assertEqual(-9, server.wait())
            again = self.launch(server.state)
            self.assertEqual(200, again.ask("GET", "/v1/status")[0])
            self.assertEqual(0, again.stop())
        self.assertGreater(at, 1)


class Disk(Test):
    def written(self, server):
        """The version that the next start would serve."""
        database = sqlite3.connect("file:%s?mode=ro" % os.path.join(server.state, "state.db"), uri=True)
        with contextlib.closing(database):
            return database.execute("SELECT version FROM releases, choice WHERE digest = current").fetchone()[0]

    def test_a_full_disk_fails_the_deploy_and_nothing_else(self):
        base, bundle = self.state_with_one(), self.bundle("2")
        shutil.copytree(base, self.state("full"))
        server = self.faulty("full")
        server.wait_until_ready()
        refused = 0
        for at in range(1, STEPS_MAX):
            server.order("full", at)
            status, answer = server.deploy(bundle)
            os.remove(server.order_file)
            if status == 200:
                break
            refused += 1
            self.assertIn((status, answer["class"]), ((507, "quota"), (503, "unavailable")), answer)
            self.assertRegex(answer["detail"], "disk is full|no space left on device|room on the disk")
            self.serves(server, "1")
            self.assertEqual([], os.listdir(os.path.join(server.state, "incoming")))
        self.assertGreater(refused, 3)
        self.serves(server, "2")
        self.assertEqual(0, server.stop())
        self.serves(self.launch(server.state), "2")

    def test_a_disk_that_fails_leaves_what_was_served_or_what_is_told(self):
        base = self.state_with_one()
        shutil.copytree(base, self.state("error"))
        server = self.faulty("error")
        server.wait_until_ready()
        served = "1"
        for at in range(1, STEPS_MAX):
            version = str(at + 1)
            before = len(server.calls())
            server.order("error", at)
            status, answer = server.deploy(self.bundle(version))
            os.remove(server.order_file)
            if status == 200:
                served = version
                if len(server.calls()) - before < at:
                    break
            else:
                self.assertIn(status, (500, 503, 507), answer)
            self.serves(server, served)
            self.assertEqual(served, self.written(server))
        self.serves(server, served)
        self.deployed(server, self.bundle("last"))
        self.assertEqual(0, server.stop())
        self.serves(self.launch(server.state), "last")


if __name__ == "__main__":
    if os.environ.get("UBIQ_SANITIZE") or not FAULTS:
        print("skipped: the faults are preloaded into the ordinary build")
        sys.exit(77)
    support.main()
