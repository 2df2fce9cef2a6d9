"""Keys and values as functions reach them: they outlive restarts and kill -9, and `ubiq test` begins with none."""

import json
import os
import random
import shutil
import signal
import tempfile
import threading
import unittest
import urllib.parse

import support
from support import function


KILLS = 4 if os.environ.get("UBIQ_SANITIZE") else 12


def path_of(key):
    return "/v1/kv/" + urllib.parse.quote(key, safe="")


class Kv(support.Relaying):
    def make(self):
        return self.project(function("relay", "POST /relay", permissions='["kv:*"]'), files={"guest.c": support.RELAY})

    def test_a_value_outlives_the_server(self):
        project = self.make()
        server = self.start(project)
        answer = self.ask(server, "PUT", path_of("users/42"), body={"name": "Ada"})
        self.assertEqual((200, {"version": 1}), (answer["status"], answer["body"]))
        self.assertEqual('"1"', answer["headers"]["etag"])
        server.signal(signal.SIGKILL)
        server.wait()
        server = self.start(project)
        answer = self.ask(server, "GET", path_of("users/42"))
        self.assertEqual((200, {"name": "Ada"}), (answer["status"], answer["body"]))

    def test_conditions_counting_listing_and_batches_work_from_a_guest(self):
        server = self.start(self.make())
        self.assertEqual(412, self.ask(server, "PUT", path_of("a"), query={"if_version": "3"}, body=1)["status"])
        self.assertEqual({"value": 5, "version": 1},
                         self.ask(server, "POST", path_of("n") + "/increment", body={"by": 5})["body"])
        operations = [{"op": "put", "key": "a/%d" % i, "value": i} for i in range(3)]
        self.assertEqual(200, self.ask(server, "POST", "/v1/kv", body={"operations": operations})["status"])
        page = self.ask(server, "GET", "/v1/kv", query={"prefix": "a/", "limit": "2"})["body"]
        self.assertEqual(["a/0", "a/1"], [item["key"] for item in page["items"]])
        page = self.ask(server, "GET", "/v1/kv", query={"prefix": "a/", "cursor": page["cursor"]})["body"]
        self.assertEqual(["a/2"], [item["key"] for item in page["items"]])
        self.assertNotIn("cursor", page)
        self.assertEqual(204, self.ask(server, "DELETE", path_of("a/0"))["status"])
        self.assertEqual(404, self.ask(server, "GET", path_of("a/0"))["status"])

    def test_a_private_function_keeps_what_is_its_own(self):
        own = function("own", "POST /own", export='"relay"', private="true", permissions='["kv:*", "cache:*"]')
        server = self.start(self.project(function("relay", "POST /relay", permissions='["kv:*", "cache:*"]'), own, files={"guest.c": support.RELAY}))
        for path in (path_of("a"), "/v1/cache/a"):
            self.assertIn(self.ask(server, "PUT", path, "/own", body="mine")["status"], (200, 204))
            self.assertEqual("mine", self.ask(server, "GET", path, "/own")["body"])
            self.assertEqual(404, self.ask(server, "GET", path)["status"])
        self.assertEqual([], self.ask(server, "GET", "/v1/kv")["body"]["items"])

    def test_what_is_stored_is_no_file_of_the_project(self):
        project = self.make()
        self.start(project)
        folder = os.path.join(project, ".ubiq")
        self.assertEqual("*\n", open(os.path.join(folder, ".gitignore")).read())
        self.assertEqual(0o700, os.stat(folder).st_mode & 0o777)
        self.assertTrue(os.path.exists(os.path.join(folder, "services.db")))

    def test_a_copy_of_a_running_server_is_served_with_what_it_held(self):
        project = self.make()
        server = self.start(project)
        self.ask(server, "PUT", path_of("a"), body="before")
        copy = os.path.join(self.project(text=""), "copy")
        done = self.run_ubiq("backup", copy, "--state", os.path.join(project, ".ubiq"))
        self.assertIn("holds what functions stored", done.stderr)
        self.ask(server, "PUT", path_of("a"), body="after")
        self.assertEqual(0, server.stop())
        other = self.run_ubiq("backup", copy + "2", "--state", os.path.join(project, ".ubiq"), "--json")
        self.assertEqual({"path": copy + "2", "has_releases": False, "has_stored": True}, json.loads(other.stdout))
        again = self.run_ubiq("backup", copy, "--state", os.path.join(project, ".ubiq"))
        self.assertEqual(65, again.returncode)
        self.assertIn("is there already", again.stderr)
        os.replace(os.path.join(copy, "services.db"), os.path.join(project, ".ubiq", "services.db"))
        self.assertEqual("before", self.ask(self.start(project), "GET", path_of("a"))["body"])

    def test_where_nothing_is_kept_there_is_nothing_to_copy(self):
        folder = self.project(text="")
        done = self.run_ubiq("backup", os.path.join(folder, "copy"), "--state", folder)
        self.assertEqual(66, done.returncode)
        self.assertIn("has nothing to copy", done.stderr)
        self.assertFalse(os.path.exists(os.path.join(folder, "copy")))

    def test_a_bundle_keeps_nothing_and_says_so_unless_it_is_told_where(self):
        place = tempfile.mkdtemp(prefix="ubiq-e2e-")
        self.addCleanup(shutil.rmtree, place)
        bundle, keep = os.path.join(place, "made.ubiq"), os.path.join(place, "kept")
        self.assertEqual(0, self.run_ubiq("build", self.make(), "--output", bundle).returncode)
        server = self.start(bundle)
        server.wait_for("functions can store nothing here.*expected --keep DIR")
        self.assertEqual(503, self.ask(server, "PUT", "/v1/kv/a", body=1)["status"])
        self.assertEqual(0, server.stop())
        server = self.start(bundle, "--keep", keep)
        self.assertEqual(200, self.ask(server, "PUT", "/v1/kv/a", body=1)["status"])
        self.assertEqual(0, server.stop())
        self.assertFalse(any("store nothing" in line for line in server.lines))
        server = self.start(bundle, "--keep", keep)
        self.assertEqual(1, self.ask(server, "GET", "/v1/kv/a")["body"])
        self.assertEqual(0, server.stop())
        project = self.make()
        self.assertEqual(1, self.ask(self.start(project, "--keep", keep), "GET", "/v1/kv/a")["body"])
        self.assertFalse(os.path.exists(os.path.join(project, ".ubiq")))

    def test_where_nothing_can_be_kept_that_was_to_be_is_an_error(self):
        refused = self.run_ubiq("serve", self.make(), "--listen", "127.0.0.1:0", "--keep", "/proc/none")
        self.assertNotEqual(0, refused.returncode)
        self.assertIn("/proc/none", refused.stderr)
        refused = self.run_ubiq("serve", "--state", "x", "--keep", "y")
        self.assertIn("--keep stands beside --state", refused.stderr)

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_project_that_cannot_be_written_is_served_without_kv(self):
        project = self.make()
        os.chmod(project, 0o500)
        self.addCleanup(os.chmod, project, 0o700)
        server = self.start(project)
        server.wait_for("functions can store nothing")
        self.assertEqual(503, self.ask(server, "GET", path_of("a"))["status"])

    def test_nothing_acknowledged_is_lost_when_the_server_is_killed(self):
        project = self.make()
        chance = random.Random(7)
        kept = {}
        for round_ in range(KILLS):
            server = self.start(project)
            for key, value in chance.sample(sorted(kept.items()), min(5, len(kept))):
                self.assertEqual(value, self.ask(server, "GET", path_of(key))["body"], key)
            enough = threading.Semaphore(0)
            writers = [threading.Thread(target=self.put_on, args=(server, "%d-%d" % (round_, i), kept, enough)) for i in range(4)]
            for writer in writers:
                writer.start()
            for _ in range(chance.randrange(1, 60)):
                enough.acquire(timeout=support.PATIENCE)
            server.signal(signal.SIGKILL)
            for writer in writers:
                writer.join()
            server.wait()
        server = self.start(project)
        self.assertGreater(len(kept), KILLS)
        for key, value in kept.items():
            self.assertEqual(value, self.ask(server, "GET", path_of(key))["body"], key)

    def put_on(self, server, name, kept, enough):
        """Puts until nobody answers, and notes what was acknowledged."""
        number = 0
        while True:
            key, number = "%s-%d" % (name, number), number + 1
            try:
                answer = self.ask(server, "PUT", path_of(key), body=number)
            except (OSError, support.http.client.HTTPException):
                enough.release()  # whoever waits for more has waited long enough
                return
            if answer["status"] == 200:
                kept[key] = number
            enough.release()


if __name__ == "__main__":
    support.main()
