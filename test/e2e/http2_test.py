"""Requests of functions to a real server with TLS and HTTP/2 (node's), on the loopback: one connection for many, and who may use it."""

import json
import os
import shutil
import subprocess

import support
from http_service_test import RELAY
from support import function
from tls_test import make_certificate

NODE = next((path for path in (os.path.join(os.environ.get("UBIQ_DEPS", ""), "node", "bin", "node"), shutil.which("node"))
             if path and os.path.exists(path)), None)
ZSTD_BLOCK = 128 << 10

# Says what came over which protocol, on how many connections, and how many requests were there at once at most.
SERVER = r"""
const http2 = require("http2"), fs = require("fs"), zlib = require("zlib");
const options = {key: fs.readFileSync(process.argv[2] + "/key.pem"), cert: fs.readFileSync(process.argv[2] + "/certificate.pem"),
                 allowHTTP1: true};
let connections = 0, now = 0, most = 0, held = [];
const bomb = Buffer.from(process.argv[3], "hex");
const server = http2.createSecureServer(options, (request, answer) => {
  most = Math.max(most, ++now);
  answer.on("close", () => now--);
  const path = request.url;
  if (path === "/stats") return answer.end(JSON.stringify({connections, most}));
  if (path === "/hold") { // until five are there
    held.push(answer);
    if (held.length === 5) held.splice(0).forEach(one => one.end("held"));
    return;
  }
  if (path === "/gzip") { answer.setHeader("content-encoding", "gzip"); return answer.end(zlib.gzipSync("hello gzip")); }
  if (path === "/bomb") { answer.setHeader("content-encoding", "zstd"); return answer.end(bomb); }
  if (path === "/reset") return request.stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  if (path === "/away") { answer.writeHead(302, {location: "/echo"}); return answer.end(); }
  let size = 0;
  request.on("data", data => size += data.length);
  request.on("end", () => {
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify({version: request.httpVersion, method: request.method, size}));
  });
});
server.on("secureConnection", () => connections++);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


def zstd_bomb(blocks):
    """A frame of blocks that each say one byte 128 KiB times."""
    block = ZSTD_BLOCK << 3 | 1 << 1
    frame = bytes([0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3])  # no size said, a window of 128 KiB
    for i in range(blocks):
        frame += (block | (i == blocks - 1)).to_bytes(3, "little") + b"\0"
    return frame


@support.unittest.skipIf(NODE is None, "node is not there")
class Http2(support.Test):
    def setUp(self):
        super().setUp()
        self.folder = self.project(text="")
        make_certificate(self.folder, "localhost")
        with open(os.path.join(self.folder, "server.js"), "w", encoding="ascii") as file:
            file.write(SERVER)
        bomb = zstd_bomb((10 << 20) // ZSTD_BLOCK + 1)
        process = subprocess.Popen([NODE, file.name, self.folder, bomb.hex()], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.port = int(process.stdout.readline())
        self.url = "https://127.0.0.1:%d" % self.port

    def launch(self):
        """`relay` may ask this host; `any` may ask hosts, of which none is named."""
        mine, all_ = '["http:*:127.0.0.1:%d/*"]' % self.port, '["http:*"]'
        functions = [function("relay", "POST /relay", permissions=mine, memory='"128MiB"'),
                     function("any", "POST /any", export='"relay"', permissions=all_)]
        os.environ["SSL_CERT_FILE"] = os.path.join(self.folder, "certificate.pem")
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE", None)
        return self.start(self.project(*functions, files={"guest.c": RELAY}), "--workers", "1")

    def ask(self, server, path, route="/relay", **more):
        value = {"method": "POST", "path": "/v1/http", "body": {"url": self.url + path, **more}}
        status, _, answer = server.request("POST", route, json.dumps(value).encode())
        self.assertEqual(200, status, answer)
        return json.loads(answer)

    def stats(self, server):
        return json.loads(self.ask(server, "/stats")["body"]["body"])

    def test_http_2_is_spoken_where_it_is_offered(self):
        server = self.launch()
        for more in ({}, {"method": "PUT", "body": "x" * 300000, "encoding": "utf8"}, {"method": "DELETE"}):
            answer = self.ask(server, "/echo", **more)["body"]
            self.assertEqual({"version": "2.0", "method": more.get("method", "GET"), "size": len(more.get("body", ""))}, answer["body"])
        self.assertEqual("hello gzip", self.ask(server, "/gzip")["body"]["body"])
        answer = self.ask(server, "/away")["body"]
        self.assertEqual((200, self.url + "/echo"), (answer["status"], answer["url"]))
        self.assertEqual(1, self.stats(server)["connections"])

    def test_requests_at_once_share_a_connection(self):
        server = self.launch()
        self.ask(server, "/echo")
        asking = [support.in_thread(self.ask, server, "/hold") for _ in range(5)]
        for one in asking:
            one.join(support.PATIENCE)
            self.assertEqual("held", one.result["body"]["body"])
        self.assertEqual({"connections": 1, "most": 5}, self.stats(server))

    def test_requests_at_once_share_a_connection_that_is_only_being_made(self):
        server = self.launch()
        asking = [support.in_thread(self.ask, server, "/hold") for _ in range(5)]
        for one in asking:
            one.join(support.PATIENCE)
            self.assertEqual("held", one.result["body"]["body"])
        self.assertEqual(1, self.stats(server)["connections"])

    def test_a_shared_connection_is_not_for_who_may_not_reach_its_address(self):
        server = self.launch()
        self.assertEqual(200, self.ask(server, "/echo")["status"])
        answer = self.ask(server, "/echo", "/any")
        self.assertEqual(403, answer["status"], answer)
        self.assertIn("a loopback address", answer["body"]["detail"])
        self.assertEqual(200, self.ask(server, "/echo")["status"])

    def test_a_stream_that_is_refused_is_asked_again_and_a_bomb_is_not_unpacked(self):
        server = self.launch()
        self.assertEqual(503, self.ask(server, "/reset")["status"])
        answer = self.ask(server, "/bomb")
        self.assertEqual(413, answer["status"], answer)
        self.assertEqual(200, self.ask(server, "/echo")["status"])

    def test_a_certificate_that_nobody_vouches_for_is_refused(self):
        self.assertEqual(200, self.ask(self.launch(), "/echo")["status"])
        make_certificate(self.folder, "other")
        self.assertEqual(503, self.ask(self.launch(), "/echo")["status"])


if __name__ == "__main__":
    support.main()
