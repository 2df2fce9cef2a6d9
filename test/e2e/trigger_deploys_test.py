"""Schedules and events of ubiq.toml while releases change: those of the current release are there and no others, whatever happens."""

import io
import os
import re
import shutil
import tarfile
import time
import unittest

import deploy_fault_test
import deploying
import events_test
import support
from bundle_test import decompress, pack
from support import function

STEPS_MAX = 14  # at which a deploy is killed
# What `GET` shows of the triggers below.
FIRST = ({"daily": "0 6 * * *", "kept": "@yearly"}, {"note": "a"})
SECOND = ({"daily": "0 7 * * *", "kept": "@yearly", "more": "@monthly"}, {})


class Test(deploying.Test):
    module = None

    def noting(self, version, triggers):
        """A bundle whose function stores what it is given, with these schedules and topics."""
        if Test.module is None:
            made = os.path.join(self.folder(), "made.ubiq")
            project = self.project(function("note", "POST /note"), files={"guest.c": events_test.GUEST})
            done = self.run_ubiq("build", project, "--output", made)
            self.assertEqual(0, done.returncode, done.stderr)
            with open(made, "rb") as file, tarfile.open(fileobj=io.BytesIO(decompress(file.read()))) as tar:
                files = {entry.name: tar.extractfile(entry).read() for entry in tar}
            Test.module = next(item for item in files.items() if re.match("modules/", item[0]))
        schedules, topics = triggers
        toml = '[project]\nname = "shop"\nversion = "%s"\n[functions.note]\nwasm = "%s"\n' % (version, self.module[0])
        toml += 'export = "note"\nroute = "POST /note"\npermissions = ["kv:*"]\n'
        toml += "".join('[[functions.note.schedules]]\nname = "%s"\ncron = "%s"\n' % item for item in schedules.items())
        toml += "".join('[[functions.note.events]]\nname = "%s"\ntopic = "%s"\n' % item for item in topics.items())
        return pack(("ubiq.toml", toml), self.module)

    def shown(self, server):
        schedules = server.ask("GET", "/v1/schedules")[1]["schedules"]
        subscriptions = server.ask("GET", "/v1/subscriptions")[1]["subscriptions"]
        return {each["name"]: each["cron"] for each in schedules}, {each["name"]: each["topic"] for each in subscriptions}


class Changes(Test):
    def test_triggers_are_those_of_the_current_release(self):
        server = self.launch()
        first, second = self.noting("1", FIRST), self.noting("2", SECOND)
        self.deployed(server, first)
        self.assertEqual(FIRST, self.shown(server))
        kept = server.ask("GET", "/v1/schedules/kept")[1]
        self.deployed(server, second)
        self.assertEqual(SECOND, self.shown(server))
        self.assertEqual(kept, server.ask("GET", "/v1/schedules/kept")[1])
        self.assertEqual(200, server.ask("POST", "/v1/rollback")[0])
        self.assertEqual(FIRST, self.shown(server))
        self.deployed(server, second, canary=50)
        self.assertEqual(FIRST, self.shown(server))  # a canary has requests, and nothing by itself
        self.assertEqual(200, server.ask("POST", "/v1/rollback")[0])
        self.assertEqual(FIRST, self.shown(server))
        self.deployed(server, second, canary=50)
        self.assertEqual(200, server.ask("POST", "/v1/promote")[0])
        self.assertEqual(SECOND, self.shown(server))
        self.deployed(server, self.noting("3", ({}, {})))
        self.assertEqual(({}, {}), self.shown(server))

    def test_what_an_operator_has_rest_goes_on_resting(self):
        server = self.launch()
        self.deployed(server, self.noting("1", FIRST))
        for name in ("daily", "kept"):
            self.assertTrue(server.ask("POST", "/v1/schedules/%s/pause" % name)[1]["is_paused"])
        self.deployed(server, self.noting("1.1", FIRST))
        self.deployed(server, self.noting("2", SECOND))  # where `daily` is another
        resting = {each["name"]: each["is_paused"] for each in server.ask("GET", "/v1/schedules")[1]["schedules"]}
        self.assertEqual({"daily": True, "kept": True, "more": False}, resting)
        resumed = server.ask("POST", "/v1/schedules/daily/resume")[1]
        self.assertEqual((False, "T07:00:00.000Z"), (resumed["is_paused"], resumed["next_at"][10:]))
        self.assertEqual(0, server.stop())
        again = self.launch(server.state)
        resting = {each["name"]: each["is_paused"] for each in again.ask("GET", "/v1/schedules")[1]["schedules"]}
        self.assertEqual({"daily": False, "kept": True, "more": False}, resting)

    def test_an_event_is_delivered_once_beside_a_canary(self):
        server = self.launch()
        self.deployed(server, self.noting("1", FIRST))
        self.deployed(server, self.noting("2", FIRST), canary=50)
        for _ in range(20):
            self.assertEqual(202, server.ask("POST", "/v1/events", '{"type":"a"}', {"Content-Type": "application/json"})[0])
        deadline = time.monotonic() + support.PATIENCE
        while server.ask("GET", "/v1/subscriptions/note")[1]["lag"] > 0 and time.monotonic() < deadline:
            pass
        self.assertEqual((200, 20), server.ask("GET", "/v1/kv/count"))


@unittest.skipIf(os.environ.get("UBIQ_SANITIZE") or not deploy_fault_test.FAULTS, "the faults are preloaded into the ordinary build")
class Kills(Test):
    def begin(self, base, state):
        """A server on a copy of a state, which can be made to fail."""
        shutil.copytree(base, state)
        server = deploy_fault_test.Server(state)
        self.addCleanup(server.close)
        server.wait_until_ready()
        return server

    def steps(self, base, state, bundle):
        """The calls of a deploy from the transaction on that says what is served: what is before is deploy_fault_test's."""
        server = self.begin(base, state)
        server.order("none", 1000)  # the log begins
        self.assertEqual(200, server.try_to_deploy(bundle))
        paths = [path for _, path in server.calls()]
        self.assertTrue(any("services.db" in path for path in paths), "the triggers were not written")
        first = next(at for at, path in enumerate(paths, 1) if "state.db" in path)
        return range(first, len(paths) + 1, 1 + (len(paths) - first) // STEPS_MAX)

    def test_triggers_are_those_of_what_is_served_wherever_a_deploy_is_killed(self):
        place, second = self.folder(), self.noting("2", SECOND)
        base = self.launch(os.path.join(place, "base"))
        self.deployed(base, self.noting("1", FIRST))
        self.assertEqual(0, base.stop())
        served = []
        for at in self.steps(base.state, os.path.join(place, "steps"), second):
            state = os.path.join(place, str(at))
            server = self.begin(base.state, state)
            server.order("kill", at)
            if server.try_to_deploy(second) is not None:
                continue  # it had fewer steps this time
            self.assertEqual(-9, server.wait())
            again = self.launch(state)
            version = again.ask("GET", "/v1/status")[1]["current"]["version"]
            self.assertEqual(FIRST if version == "1" else SECOND, self.shown(again), (at, version))
            served.append(version)
            again.stop()
            shutil.rmtree(state)
        self.assertEqual({"1", "2"}, set(served))


if __name__ == "__main__":
    support.main()
