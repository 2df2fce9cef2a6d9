"""HTTPS: a server with a certificate, and with another one later."""

import os
import socket
import ssl
import subprocess
import tempfile

import support
from support import function


def make_certificate(folder, name):
    """A certificate that signs itself, with its key, in the place of those that are there. Tests have openssl from Debian."""
    new = [os.path.join(folder, "new-" + part) for part in ("certificate.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1", "-out", new[0], "-keyout", new[1]],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for path in reversed(new):
        os.replace(path, path.replace("new-", ""))


class Tls(support.Test):
    def serve_tls(self, *functions, options=()):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        make_certificate(self.folder, "first")
        self.server = self.start(self.project(*functions), "--tls-certificate", os.path.join(self.folder, "certificate.pem"),
                                 "--tls-key", os.path.join(self.folder, "key.pem"), *options)
        return self.server

    def connect(self):
        context = ssl.create_default_context(cafile=os.path.join(self.folder, "certificate.pem"))
        plain = socket.create_connection((self.server.host, self.server.port), support.PATIENCE)
        return context.wrap_socket(plain, server_hostname="127.0.0.1")

    def ask(self, client, path, body):
        client.sendall(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (path, len(body), body))
        return support.read_response(client.makefile("rb"))

    def name_shown(self):
        with self.connect() as client:
            return dict(pair[0] for pair in client.getpeercert()["subject"])["commonName"]

    def test_requests_and_answers_of_all_sizes_cross(self):
        server = self.serve_tls(function("echo", "POST /echo"))
        self.assertTrue(server.url.startswith("https://"))
        with self.connect() as client:
            for size in (0, 1, 20000, 1 << 20):
                status, _, body = self.ask(client, b"/echo", b"x" * size)
                self.assertEqual((200, size), (status, len(body)))

    def test_a_client_that_leaves_cancels_its_run(self):
        server = self.serve_tls(function("spin", "POST /spin", timeout='"60s"', cpu='"60s"'))
        client = self.connect()
        client.sendall(b"POST /spin HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        client.close()
        server.wait_for("spin: cancelled: the client has gone")

    def test_a_client_that_is_too_slow_is_told_so_over_tls(self):
        self.serve_tls(function("echo", "POST /echo"), options=("--body-timeout", "200ms", "--header-timeout", "10s"))
        with self.connect() as client:
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nAd")
            self.assertEqual(408, support.read_response(client.makefile("rb"))[0])

    def test_a_client_that_is_too_slow_to_shake_hands_is_not_answered(self):
        server = self.serve_tls(function("echo", "POST /echo"), options=("--header-timeout", "200ms"))
        with server.socket() as client:
            self.assertEqual(b"", client.recv(100))

    def test_a_new_certificate_counts_without_a_restart(self):
        server = self.serve_tls(function("echo", "POST /echo"))
        self.assertEqual("first", self.name_shown())
        with self.connect() as old:
            make_certificate(self.folder, "second")
            server.wait_for("TLS shows the new certificate")
            self.assertEqual("second", self.name_shown())
            self.assertEqual(b"a", self.ask(old, b"/echo", b"a")[2])

    def test_a_broken_certificate_leaves_the_old_one(self):
        server = self.serve_tls(function("echo", "POST /echo"))
        with self.connect() as client:
            with open(os.path.join(self.folder, "key.pem"), "w") as file:
                file.write("nonsense")
            server.wait_for("TLS goes on with the certificate that it has: .*key.pem")
            self.assertEqual("first", self.name_shown())
            self.assertEqual(b"a", self.ask(client, b"/echo", b"a")[2])

    def test_old_versions_are_not_spoken(self):
        server = self.serve_tls(function("echo", "POST /echo"))
        for version, code in (("-tls1", 1), ("-tls1_1", 1), ("-tls1_2", 0), ("-tls1_3", 0)):
            done = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % (server.host, server.port), version, "-cipher",
                                   "ALL:@SECLEVEL=0"], input=b"", capture_output=True, timeout=support.PATIENCE)
            self.assertEqual(code, done.returncode, version)

    def test_plain_http_is_not_answered(self):
        server = self.serve_tls(function("echo", "POST /echo"))
        with server.socket() as client:
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            self.assertNotIn(b"HTTP/1.1 200", client.recv(100))

    def test_what_is_wrong_at_the_beginning_is_an_error(self):
        folder = self.project(function("echo", "POST /echo"))
        for options, message in ((("--tls-key", "k"), "expected both"),
                                 (("--tls-key", "no-key", "--tls-certificate", "no-file"), "no-file: ")):
            process = subprocess.run([support.UBIQ, "serve", folder, "--listen", "127.0.0.1:0", *options],
                                     stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=support.PATIENCE)
            self.assertNotEqual(0, process.returncode)
            self.assertIn(message, process.stderr)


if __name__ == "__main__":
    support.main()
