"""Objects as functions reach them: whole or not at all, also when the server is killed, and never outside their folder."""

import base64
import http.client
import json
import os
import random
import re
import signal
import threading
import urllib.parse

import deploying
import support
from kv_test import GUEST
from support import function

KILLS = 3 if os.environ.get("UBIQ_SANITIZE") else 8
ID = re.compile(r"\.?[0-9a-f]{32}$")


def path_of(path):
    return "/v1/objects/" + urllib.parse.quote(path, safe="")


def files_of(project):
    return [name for name in os.listdir(os.path.join(project, ".ubiq", "objects")) if ID.match(name)]


class Storage(support.Test):
    def make(self):
        return self.project(function("relay", "POST /relay", permissions='["storage:*"]', body_max='"16MiB"', memory='"256MiB"',
                                     response_max='"64MiB"'), files={"guest.c": GUEST})

    def ask(self, server, method, path, **more):
        status, _, answer = server.request("POST", "/relay", json.dumps(dict(method=method, path=path, **more)))
        self.assertEqual(200, status, answer)
        return json.loads(answer)

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
        self.assertEqual(len(there), len(files_of(project)))

    def put_on(self, server, path, acknowledged, enough):
        number = acknowledged.get(path, 0)
        while True:
            number += 1
            try:
                answer = self.put(server, path, (b"%08d" % number) * 4096)
            except (OSError, http.client.HTTPException):
                enough.release()
                return
            if answer["status"] == 200:
                acknowledged[path] = number
            enough.release()


class StorageOverHttp(deploying.Test):
    def test_an_object_is_put_and_got_with_its_type(self):
        server = deploying.Server(self.folder())
        self.addCleanup(server.close)

        def raw(method, path, body=None, headers={}):
            connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
            try:
                connection.request(method, path, body, {"Authorization": "Bearer " + server.token, **headers})
                response = connection.getresponse()
                return response.status, response.headers, response.read()
            finally:
                connection.close()
        self.assertEqual(200, raw("PUT", path_of("a.png"), b"\0\xff", {"Content-Type": "image/png"})[0])
        status, headers, body = raw("GET", path_of("a.png"))
        self.assertEqual((200, "image/png", b"\0\xff"), (status, headers["content-type"], body))
        status, headers, body = raw("HEAD", path_of("a.png"))
        self.assertEqual((200, "2", b""), (status, headers["ubiq-size"], body))
        self.assertEqual(416, raw("GET", path_of("a.png"), headers={"Range": "bytes=2-"})[0])


if __name__ == "__main__":
    support.main()
