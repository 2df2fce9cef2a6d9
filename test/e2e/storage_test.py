"""Objects as functions reach them: whole or not at all, also when the server is killed, and never outside their folder."""

import base64
import http.client
import json
import os
import random
import re
import signal
import subprocess
import threading
import time
import unittest
import urllib.parse

import deploying
import support
from support import function

KILLS = 3 if os.environ.get("UBIQ_SANITIZE") else 8
COPIES = 2 if os.environ.get("UBIQ_SANITIZE") else 4
ID = re.compile(r"\.?[0-9a-f]{32}$")
ROW_MAX = 64 << 10  # what is larger is a file


def path_of(path):
    return "/v1/objects/" + urllib.parse.quote(path, safe="")


def files_of(project):
    return [name for name in os.listdir(os.path.join(project, ".ubiq", "objects")) if ID.match(name)]


class Storage(support.Relaying):
    def make(self):
        return self.project(function("relay", "POST /relay", permissions='["storage:*"]', body_max='"16MiB"', memory='"256MiB"',
                                     response_max='"64MiB"'), files={"guest.c": support.RELAY})

    def put(self, server, path, content, **more):
        return self.ask(server, "PUT", path_of(path), body=base64.b64encode(content).decode(), encoding="base64", **more)

    def content(self, answer):
        body = answer["body"]
        return base64.b64decode(body) if answer["encoding"] == "base64" else body.encode()

    def test_an_object_outlives_the_server(self):
        project = self.make()
        server = self.start(project)
        content = bytes(range(256)) * 100
        answer = self.put(server, "invoices/2030/17.pdf", content,
                          headers={"content-type": "application/pdf", "ubiq-metadata": '{"author":"ada"}'})
        self.assertEqual((200, len(content)), (answer["status"], answer["body"]["size"]))
        server.signal(signal.SIGKILL)
        server.wait()
        server = self.start(project)
        got = self.ask(server, "GET", path_of("invoices/2030/17.pdf"))
        self.assertEqual((200, content), (got["status"], self.content(got)))
        self.assertEqual(('{"author":"ada"}', answer["body"]["etag"]),
                         (got["headers"]["ubiq-metadata"], got["headers"]["etag"]))
        part = self.ask(server, "GET", path_of("invoices/2030/17.pdf"), headers={"range": "bytes=256-259"})
        self.assertEqual((206, b"\0\1\2\3", "bytes 256-259/25600"),
                         (part["status"], self.content(part), part["headers"]["content-range"]))
        head = self.ask(server, "HEAD", path_of("invoices/2030/17.pdf"))
        self.assertEqual((200, "25600"), (head["status"], head["headers"]["ubiq-size"]))
        self.assertEqual(204, self.ask(server, "DELETE", path_of("invoices/2030/17.pdf"))["status"])
        self.assertEqual(404, self.ask(server, "GET", path_of("invoices/2030/17.pdf"))["status"])
        self.assertEqual([], files_of(project))

    def test_a_large_object_is_put_in_parts(self):
        project = self.make()
        server = self.start(project)
        part = random.Random(3).randbytes(5 << 20)
        begun = self.ask(server, "POST", "/v1/uploads", query={"path": "films/1", "media_type": "video/mp4"})
        self.assertEqual(201, begun["status"])
        upload = "/v1/uploads/" + begun["body"]["upload"]
        for i in range(2):
            added = self.ask(server, "PUT", upload, query={"offset": str(i * len(part))}, encoding="base64",
                             body=base64.b64encode(part).decode())
            self.assertEqual((200, (i + 1) * len(part)), (added["status"], added["body"]["size"]), added)
        self.assertEqual(404, self.ask(server, "GET", path_of("films/1"))["status"])
        self.assertEqual(200, self.ask(server, "POST", upload + "/finish")["status"])
        self.assertEqual(413, self.ask(server, "GET", path_of("films/1"))["status"])
        got = self.ask(server, "GET", path_of("films/1"), headers={"range": "bytes=%d-%d" % (len(part) - 2, len(part) + 1)})
        self.assertEqual((206, part[-2:] + part[:2]), (got["status"], self.content(got)))

    def test_what_is_hostile_stays_in_the_folder(self):
        project = self.make()
        server = self.start(project)
        for path in ("../../ubiq.toml", "..", "/etc/passwd", "a/../../b", "a//b", "a/", ".", "a\0b", "a\nb", "a/.."):
            self.assertEqual(400, self.put(server, path, b"x")["status"], path)
            self.assertEqual(400, self.ask(server, "GET", path_of(path))["status"], path)
        for path in ("%2e%2e", "..%2f..%2fubiq.toml", "%ff", "%", "a%00"):
            self.assertEqual(400, self.ask(server, "GET", "/v1/objects/" + path)["status"], path)
        for offset in ("-1", "9007199254740992", "x"):
            self.assertEqual(400, self.ask(server, "PUT", "/v1/uploads/x", query={"offset": offset}, body=1)["status"], offset)
        self.assertEqual(404, self.ask(server, "PUT", "/v1/uploads/..%2f..%2fx", query={"offset": "0"}, body=1)["status"])
        self.assertEqual(400, self.ask(server, "GET", "/v1/objects", query={"cursor": "../.."})["status"])
        self.assertEqual(400, self.put(server, "a", b"x", headers={"ubiq-metadata": '{"a":{}}'})["status"])
        self.assertEqual([], files_of(project))

    def test_a_list_has_what_is_there_in_order(self):
        server = self.start(self.make())
        for name in ("b", "a/2", "a/1"):
            self.assertEqual(200, self.put(server, name, name.encode())["status"])
        page = self.ask(server, "GET", "/v1/objects", query={"limit": "2"})["body"]
        self.assertEqual(["a/1", "a/2"], [item["path"] for item in page["items"]])
        page = self.ask(server, "GET", "/v1/objects", query={"cursor": page["cursor"]})["body"]
        self.assertEqual([("b", 1)], [(item["path"], item["size"]) for item in page["items"]])

    def test_a_copy_of_a_running_server_has_its_objects(self):
        project = self.make()
        server = self.start(project)
        self.put(server, "a", b"before")
        copy = os.path.join(self.project(text=""), "copy")
        done = self.run_ubiq("backup", copy, "--state", os.path.join(project, ".ubiq"))
        self.assertEqual(0, done.returncode, done.stderr)
        self.put(server, "a", b"after")
        self.assertEqual(0, server.stop())
        self.assertNotIn("secrets.key", os.listdir(copy))
        other = self.make()
        os.rename(copy, os.path.join(other, ".ubiq"))
        self.assertEqual(b"before", self.content(self.ask(self.start(other), "GET", path_of("a"))))

    def replace_on(self, server, name, ended):
        """Puts ever new bytes, whose first say how many there are; of every second object so many that it is a file."""
        number, least = 0, ROW_MAX if int(name[1:]) % 2 else 0
        while not ended.is_set():
            number += 1
            size = least + number % 500
            content = b"%d %s" % (size, b"x" * size)
            self.assertEqual(200, self.put(server, name, content)["status"])

    def test_a_copy_while_objects_are_replaced_has_each_whole(self):
        project = self.make()
        server = self.start(project, "--workers", "1")
        ended = threading.Event()
        names = ["o%d" % i for i in range(4)]
        for number, name in enumerate(names):
            size = ROW_MAX * (number % 2)
            self.put(server, name, b"%d %s" % (size, b"x" * size))
        writers = [threading.Thread(target=self.replace_on, args=(server, name, ended)) for name in names]
        for writer in writers:
            writer.start()
        copies = []
        try:
            for i in range(COPIES):
                copies.append(os.path.join(self.project(text=""), "copy"))
                done = self.run_ubiq("backup", copies[-1], "--state", os.path.join(project, ".ubiq"))
                self.assertEqual(0, done.returncode, done.stderr)
        finally:
            ended.set()
            for writer in writers:
                writer.join()
        for copy in copies:
            other = self.make()
            os.rename(copy, os.path.join(other, ".ubiq"))
            self.assertNotEqual("fail", self.objects_as_doctor_finds(other)["state"])
            restored = self.start(other)
            listed = self.ask(restored, "GET", "/v1/objects")["body"]["items"]
            self.assertEqual(names, [item["path"] for item in listed])
            for name in names:
                count, _, rest = self.content(self.ask(restored, "GET", path_of(name))).partition(b" ")
                self.assertEqual(int(count), len(rest))
            self.assertEqual(0, restored.stop())
            self.assertEqual(len(names) // 2, len(files_of(other)))  # what was left over is gone

    def objects_as_doctor_finds(self, project):
        done = self.run_ubiq("doctor", "--json", "--state", os.path.join(project, ".ubiq"))
        found, = [finding for finding in json.loads(done.stdout) if finding["name"] == "objects"]
        return found

    def test_the_doctor_compares_objects_with_their_files(self):
        project = self.make()
        server = self.start(project)
        for name in ("a", "b", "c"):
            self.put(server, name, b"1234" * ROW_MAX)
        self.put(server, "d", b"1234")
        found = self.objects_as_doctor_finds(project)  # while it runs
        self.assertEqual("ok", found["state"])
        self.assertIn("4 objects are whole", found["message"])
        self.assertEqual(0, server.stop())
        folder = os.path.join(project, ".ubiq", "objects")
        with open(os.path.join(folder, "0" * 32), "w", encoding="ascii"):
            pass
        found = self.objects_as_doctor_finds(project)
        self.assertEqual("warn", found["state"])
        self.assertIn("4 objects are whole; 1 files belong to none", found["message"])
        first, second, _ = sorted(name for name in files_of(project) if name != "0" * 32)
        os.remove(os.path.join(folder, first))
        os.truncate(os.path.join(folder, second), 3)
        found = self.objects_as_doctor_finds(project)
        self.assertEqual("fail", found["state"])
        self.assertIn("of 4 objects 1 have no file and 1 a file of another size, such as objects/", found["message"])

    def test_a_killed_server_leaves_whole_objects_and_no_others(self):
        project = self.make()
        chance = random.Random(11)
        acknowledged = {}
        for _ in range(KILLS):
            server = self.start(project)
            self.look(server, project, acknowledged)
            enough = threading.Semaphore(0)
            writers = [threading.Thread(target=self.put_on, args=(server, "o%d" % i, acknowledged, enough)) for i in range(3)]
            for writer in writers:
                writer.start()
            for _ in range(chance.randrange(1, 25)):
                enough.acquire(timeout=support.PATIENCE)
            server.signal(signal.SIGKILL)
            for writer in writers:
                writer.join()
            server.wait()
        server = self.start(project)
        self.assertEqual(3, len(acknowledged))
        self.look(server, project, acknowledged)

    def look(self, server, project, acknowledged):
        """Every object is one that was written whole, the last that was acknowledged or one after that; and files are objects."""
        there = self.ask(server, "GET", "/v1/objects")["body"]["items"]
        for path, number in acknowledged.items():
            content = self.content(self.ask(server, "GET", path_of(path)))
            self.assertEqual({content[:8]}, {content[i:i + 8] for i in range(0, len(content), 8)})
            self.assertGreaterEqual(int(content[:8]), number, path)
        self.assertEqual(sum(item["size"] > ROW_MAX for item in there), len(files_of(project)))

    def put_on(self, server, path, acknowledged, enough):
        number = acknowledged.get(path, 0)
        while True:
            number += 1
            try:
                answer = self.put(server, path, (b"%08d" % number) * (1 << 10 if path == "o0" else 1 << 14))
            except (OSError, http.client.HTTPException):
                enough.release()
                return
            if answer["status"] == 200:
                acknowledged[path] = number
            enough.release()


class StorageOverHttp(deploying.Test):
    def server(self, *options, state=None):
        server = deploying.Server(state or os.path.join(self.folder(), "state"), *options)
        self.addCleanup(server.close)
        return server

    def connect(self, server):
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def raw(self, server, method, path, body=None, headers={}, token=None, **more):
        connection = self.connect(server)
        connection.request(method, path, body, {"Authorization": "Bearer " + (token or server.token), **headers}, **more)
        response = connection.getresponse()
        return response.status, response.headers, response.read()

    def objects(self, server):
        return [name for name in os.listdir(os.path.join(server.state, "objects")) if ID.match(name)]

    def begin(self, server, path, length, part, headers={}):
        """A put of which only a part is sent."""
        connection = self.connect(server)
        connection.putrequest("PUT", path_of(path))
        for name, value in {"Authorization": "Bearer " + server.token, "Content-Length": str(length), "Content-Type": "a/b",
                            **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(part or None)
        return connection

    def wait_until(self, condition):
        deadline = time.monotonic() + support.PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it did not come about")
            time.sleep(0.02)

    def test_an_object_is_put_and_got_with_its_type(self):
        server = self.server()
        self.assertEqual(200, self.raw(server, "PUT", path_of("a.png"), b"\0\xff", {"Content-Type": "image/png"})[0])
        status, headers, body = self.raw(server, "GET", path_of("a.png"))
        self.assertEqual((200, "image/png", b"\0\xff"), (status, headers["content-type"], body))
        status, headers, body = self.raw(server, "HEAD", path_of("a.png"))
        self.assertEqual((200, "2", b""), (status, headers["ubiq-size"], body))
        self.assertEqual(("2", "image/png"), (headers["content-length"], headers["content-type"]))
        self.assertEqual(416, self.raw(server, "GET", path_of("a.png"), headers={"Range": "bytes=2-"})[0])
        status, headers, body = self.raw(server, "GET", path_of("a.png"), headers={"Range": "bytes=1-"})
        self.assertEqual((206, "bytes 1-1/2", b"\xff"), (status, headers["content-range"], body))
        self.assertEqual(200, self.raw(server, "PUT", path_of("b"), b"", {"Content-Type": "text/plain"})[0])
        self.assertEqual((200, b""), self.raw(server, "GET", path_of("b"))[::2])
        self.assertEqual("0", self.raw(server, "HEAD", path_of("b"))[1]["content-length"])
        self.assertEqual(200, self.raw(server, "PUT", path_of("c"), b'{"a": 1}', {"Content-Type": "application/json"})[0])
        status, headers, body = self.raw(server, "GET", path_of("c"))
        self.assertEqual((200, "application/json", b'{"a":1}'), (status, headers["content-type"], body))
        self.assertEqual(400, self.raw(server, "PUT", path_of("d"))[0])
        self.assertEqual(412, self.raw(server, "PUT", path_of("a.png") + "?if_absent=true", b"other")[0])
        self.assertEqual(400, self.raw(server, "PUT", path_of("../a"), b"other")[0])
        self.assertEqual(1, len(self.objects(server)))  # the empty one
        self.assertEqual(200, self.raw(server, "PUT", path_of("b"), b"x" * ROW_MAX)[0])
        self.assertEqual([], self.objects(server))
        self.assertEqual(200, self.raw(server, "PUT", path_of("b"), b"x" * (ROW_MAX + 1))[0])
        self.assertEqual(1, len(self.objects(server)))

    def test_a_large_object_goes_through_little_memory(self):
        server = self.server()
        block = random.Random(5).randbytes(1 << 20)
        parts = [block[i:] + block[:i] for i in range(64)]
        self.raw(server, "PUT", path_of("warm"), block)
        self.raw(server, "GET", path_of("warm"))
        memory = Peak(server.process.pid)
        for more in ({"headers": {"Content-Length": str(64 << 20)}}, {"encode_chunked": True}):
            headers = {"Content-Type": "video/mp4", **more.pop("headers", {"Transfer-Encoding": "chunked"})}
            status, _, body = self.raw(server, "PUT", path_of("film"), iter(parts), headers, **more)
            self.assertEqual((200, 64 << 20), (status, json.loads(body).get("size")), body)
        connection = self.connect(server)
        connection.request("GET", path_of("film"), headers={"Authorization": "Bearer " + server.token})
        response = connection.getresponse()
        self.assertEqual((200, "video/mp4", str(64 << 20)),
                         (response.status, response.headers["content-type"], response.headers["content-length"]))
        for part in parts:
            self.assertTrue(part == response.read(1 << 20))
        status, headers, body = self.raw(server, "GET", path_of("film"), headers={"Range": "bytes=-9437184"})
        self.assertEqual((206, True), (status, body == b"".join(parts[-9:])))
        if not os.environ.get("UBIQ_SANITIZE"):
            self.assertLess(memory.grown(), 16 << 20)
        self.assertEqual(2, len(self.objects(server)))

    def test_an_upload_that_is_cut_off_leaves_the_object_as_it_was(self):
        server = self.server()
        before = b"before" * ROW_MAX
        self.assertEqual(200, self.raw(server, "PUT", path_of("a"), before)[0])
        connection = self.begin(server, "a", 5 << 20, b"x" * (4 << 20))
        self.wait_until(lambda: len(self.objects(server)) == 2)
        self.assertEqual(before, self.raw(server, "GET", path_of("a"))[2])
        connection.close()
        self.wait_until(lambda: len(self.objects(server)) == 1)
        self.assertEqual(before, self.raw(server, "GET", path_of("a"))[2])
        connection = self.begin(server, "a", 100, b"x" * 99)  # collected for its row
        connection.close()
        connection = self.begin(server, "a", 5 << 20, b"x" * (4 << 20))
        self.wait_until(lambda: len(self.objects(server)) == 2)
        server.signal(signal.SIGKILL)
        server.wait()
        server = self.server(state=server.state)
        self.assertEqual(before, self.raw(server, "GET", path_of("a"))[2])
        self.assertEqual(1, len(self.objects(server)))
        self.assertEqual(200, self.raw(server, "PUT", path_of("a"), b"after")[0])
        self.assertEqual(b"after", self.raw(server, "GET", path_of("a"))[2])
        self.assertEqual([], self.objects(server))

    def test_a_server_stops_while_objects_come_and_go(self):
        server = self.server()
        self.assertEqual(200, self.raw(server, "PUT", path_of("a"), b"x" * (16 << 20))[0])
        getting = self.connect(server)
        getting.request("GET", path_of("a"), headers={"Authorization": "Bearer " + server.token})
        self.assertEqual(200, getting.getresponse().status)  # and the rest is not taken
        self.begin(server, "a", 5 << 20, b"x" * (4 << 20))
        self.wait_until(lambda: len(self.objects(server)) == 2)
        self.assertEqual(0, server.stop())
        self.assertEqual(1, len(self.objects(server)))

    def test_a_server_that_is_killed_while_objects_come_has_whole_ones(self):
        chance, acknowledged, server = random.Random(7), {}, self.server()
        for _ in range(max(2, KILLS // 2)):
            enough = threading.Semaphore(0)
            writers = [support.in_thread(self.put_on, server, "o%d" % i, acknowledged, enough) for i in range(3)]
            for _ in range(chance.randrange(1, 12)):
                enough.acquire(timeout=support.PATIENCE)
            server.signal(signal.SIGKILL)
            for writer in writers:
                writer.join(support.PATIENCE)
            server.wait()
            server = self.server(state=server.state)
            for path, number in acknowledged.items():
                content = self.raw(server, "GET", path_of(path))[2]
                self.assertEqual((1 << 20, {content[:8]}), (len(content), {content[i:i + 8] for i in range(0, len(content), 8)}))
                self.assertGreaterEqual(int(content[:8]), number, path)
            there = json.loads(self.raw(server, "GET", "/v1/objects")[2])["items"]
            self.assertEqual(len(there), len(self.objects(server)))

    def put_on(self, server, path, acknowledged, enough):
        """Replaces an object, part by part, until nobody answers."""
        number = acknowledged.get(path, 0)
        while True:
            number += 1
            try:
                part = (b"%08d" % number) * 4096
                status = self.raw(server, "PUT", path_of(path), iter([part] * 32), {"Content-Length": str(1 << 20)})[0]
            except (OSError, http.client.HTTPException):
                enough.release()
                return
            if status == 200:
                acknowledged[path] = number
            enough.release()

    def test_more_than_the_quota_is_refused_before_or_on_the_way(self):
        server = self.server()
        connection = self.begin(server, "a", 101 << 20, b"", {"Expect": "100-continue"})
        self.assertEqual(507, connection.getresponse().status)
        connection = self.begin(server, "a", 1 << 50, b"", {"Expect": "100-continue"})
        self.assertEqual(507, connection.getresponse().status)
        block = b"x" * (1 << 20)
        status, _, body = self.raw(server, "PUT", path_of("a"), iter([block] * 104), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
        self.assertEqual((507, "quota"), (status, json.loads(body)["class"]))
        self.assertEqual([], self.objects(server))
        self.assertEqual(200, self.raw(server, "PUT", path_of("a"), iter([block] * 100), {"Content-Length": str(100 << 20)})[0])
        self.assertEqual(507, self.raw(server, "PUT", path_of("b"), b"x")[0])
        self.assertEqual(200, self.raw(server, "PUT", path_of("a"), iter([block] * 100), {"Content-Length": str(100 << 20)})[0])

    def test_who_may_not_write_there_is_told_so_and_nothing_is_kept(self):
        server = self.server()
        done = self.run_ubiq("token", "new", "some", "--allow", "storage:write:mine/*", "--state", server.state)
        self.assertEqual(0, done.returncode, done.stderr)
        token = done.stdout.strip().splitlines()[-1].split()[-1]
        self.assertEqual(200, self.raw(server, "PUT", path_of("mine/a"), b"x", token=token)[0])
        status, _, body = self.raw(server, "PUT", path_of("others/a"), b"x" * (1 << 20), token=token)
        self.assertEqual(403, status)
        self.assertIn("storage:write:others/a", json.loads(body)["detail"])
        self.assertEqual([], self.objects(server))

    @unittest.skipIf(os.geteuid() != 0 or os.environ.get("UBIQ_SANITIZE"), "only root mounts a small disk")
    def test_a_full_disk_is_told_and_what_is_there_stays(self):
        state = os.path.join(self.folder(), "state")
        os.mkdir(state, 0o700)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "none", state], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", state])
        server = self.server(state=state)
        self.assertEqual(200, self.raw(server, "PUT", path_of("a"), b"before")[0])
        block = b"x" * (1 << 20)
        status, _, body = self.raw(server, "PUT", path_of("a"), iter([block] * 20), {"Content-Length": str(20 << 20)})
        self.assertEqual((507, "storage: the disk is full"), (status, json.loads(body)["detail"]))
        self.assertEqual(b"before", self.raw(server, "GET", path_of("a"))[2])
        self.assertEqual([], self.objects(server))
        self.assertEqual(200, self.raw(server, "PUT", path_of("b"), iter([block] * 4), {"Content-Length": str(4 << 20)})[0])
        connection, statuses = self.connect(server), set()
        for i in range(512):
            connection.request("PUT", path_of("row%d" % i), b"x" * ROW_MAX, {"Authorization": "Bearer " + server.token})
            response = connection.getresponse()
            response.read()
            statuses.add(response.status)
        self.assertEqual({200, 507}, statuses)
        self.assertEqual(b"before", self.raw(server, "GET", path_of("a"))[2])


class Peak:
    """How much memory a process has had at once, since this was made."""

    def __init__(self, process):
        self.process = process
        with open("/proc/%d/clear_refs" % process, "w", encoding="ascii") as file:
            file.write("5")
        self.began = self.read("VmRSS")

    def read(self, name):
        with open("/proc/%d/status" % self.process, encoding="ascii") as file:
            return int(re.search(name + r":\s+(\d+)", file.read()).group(1)) << 10

    def grown(self):
        return self.read("VmHWM") - self.began


if __name__ == "__main__":
    support.main()
