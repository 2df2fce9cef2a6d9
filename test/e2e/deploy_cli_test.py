"""`ubiq deploy` and the other commands that ask a server's admin API, `ubiq token`, and signatures."""

import http.server
import json
import os
import pty
import subprocess
import threading

import deploying
import support
from support import UBIQ
from tls_test import make_certificate


class Test(deploying.Test):
    def ubiq(self, server, *arguments, token=None, **environment):
        """A command for a server: its exit code, standard output, standard error."""
        environment = {**os.environ, "UBIQ_ADMIN": server.admin, "UBIQ_TOKEN": token or server.token, **environment}
        environment = {name: value for name, value in environment.items() if value is not None}
        done = subprocess.run([UBIQ, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=support.PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def says(self, server, *arguments, **environment):
        code, output, errors = self.ubiq(server, *arguments, **environment)
        self.assertEqual((0, ""), (code, errors))
        return output

    def file(self, version):
        path = os.path.join(self.folder(), version + ".ubiq")
        with open(path, "wb") as file:
            file.write(self.bundle(version))
        return path


class Commands(Test):
    def test_a_folder_is_built_and_served(self):
        server = self.launch()
        project = self.project(support.function("hello", "POST /hello"))
        self.assertRegex(self.says(server, "deploy", project), r"^test 0\.1\.0 \([0-9a-f]{12}\) is served\n$")
        self.assertEqual((200, b"Hello, Ada!"), server.post("/hello", b"Ada"))
        answer = json.loads(self.says(server, "deploy", project, "--json"))
        self.assertEqual("current", answer["state"])

    def test_what_is_served_is_told_before_and_after(self):
        server = self.launch()
        self.assertIn("nothing is deployed yet", self.says(server, "status"))
        self.assertEqual(1, len(self.says(server, "releases").splitlines()))
        self.says(server, "deploy", self.file("1"))
        self.says(server, "deploy", self.file("2"))
        self.serves(server, "2")
        lines = self.says(server, "status").splitlines()
        self.assertIn("kv has 0 of 100000 keys, 0 B of 100.0 MiB; storage 0 B of 100.0 MiB; 0 of 2000000 wait, 0 B of 1.0 GiB", lines)
        self.assertEqual(["current", "shop", "2", "100", "%", "2", "0"], [w for i, w in enumerate(lines[2].split()) if i != 1])
        self.assertEqual([["2", "current"], ["1", "previous"]],
                         [[line.split()[3], line.split()[1]] for line in self.says(server, "releases").splitlines()[1:]])
        self.assertEqual(["%s 30s 5s 64MiB" % route for route in ("a GET /a", "b GET /b", "busy GET /busy")],
                         sorted(" ".join(line.split()) for line in self.says(server, "functions").splitlines()[1:]))
        self.assertEqual(["2", "1"], [r["version"] for r in json.loads(self.says(server, "releases", "--json"))])
        self.assertEqual(3, len(json.loads(self.says(server, "functions", "--json"))))
        self.assertEqual("2", json.loads(self.says(server, "status", "--json"))["current"]["version"])

    def test_a_rollback_and_a_way_back(self):
        server = self.launch()
        for version in "123":
            self.says(server, "deploy", self.file(version))
        self.assertRegex(self.says(server, "rollback"), r"^shop 2 \(\w{12}\) is served\n")
        self.serves(server, "2")
        first = self.says(server, "releases").splitlines()[3].split()
        self.assertEqual("1", first[3])
        self.assertEqual("1", json.loads(self.says(server, "rollback", "--to", first[0], "--json"))["version"])
        self.serves(server, "1")
        self.assertEqual(64, self.ubiq(server, "rollback", "--to", "1&x=y")[0])
        self.assertEqual(66, self.ubiq(server, "rollback", "--to", "0000000")[0])

    def test_a_canary_is_told_and_promoted(self):
        server = self.launch()
        self.says(server, "deploy", self.file("1"))
        said = self.says(server, "deploy", self.file("2"), "--canary", "10", "--rollback-above", "2.5%", "--window", "30s")
        self.assertIn("gets 10 % of the requests; `ubiq promote` gives it all", said)
        status = self.says(server, "status")
        self.assertRegex(status, r"canary +\w+ +shop +2 +10 %")
        self.assertIn("more than 2.5 % of 20 or more requests fail; within the last 30 s 0 of 0 did", status)
        self.assertRegex(self.says(server, "promote"), r"^shop 2 \(\w{12}\) is served\n")
        self.serves(server, "2")

    def test_what_the_server_refuses_is_an_error_of_its_class(self):
        server = self.launch()
        self.says(server, "deploy", self.file("1"))
        path = self.file("2")
        with open(path, "ab") as file:
            file.write(b"more")
        code, output, errors = self.ubiq(server, "deploy", path)
        self.assertEqual((65, ""), (code, output), errors)
        self.assertRegex(errors, "^ubiq: ")
        code, output, errors = self.ubiq(server, "promote", "--json")
        self.assertEqual((66, "not_found"), (code, json.loads(output)["error"]["class"]))
        self.serves(server, "1")

    def test_options_that_do_not_go_together(self):
        server = self.launch()
        path = self.file("1")
        for options in (("--rollback-above", "5"), ("--canary", "0"), ("--canary", "100"), ("--canary", "5", "--rollback-above", "x"),
                        ("--canary", "5", "--window", "10ms")):
            self.assertEqual(64, self.ubiq(server, "deploy", path, *options)[0], options)

    def test_a_terminal_sees_how_far_it_is(self):
        server = self.launch()
        project = self.project(support.function("hello", "POST /hello"))
        leader, follower = pty.openpty()
        environment = {**os.environ, "UBIQ_ADMIN": server.admin, "UBIQ_TOKEN": server.token, "TERM": "xterm"}
        with open(leader, "rb", buffering=0) as terminal:
            process = subprocess.Popen([UBIQ, "deploy", project], env=environment, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=follower)
            os.close(follower)
            seen = b""
            while True:
                try:
                    more = terminal.read(4096)
                except OSError:  # the other end is closed
                    break
                if not more:
                    break
                seen += more
            self.assertIn(b"is served", process.stdout.read())
            process.stdout.close()
            self.assertEqual(0, process.wait(support.PATIENCE))
        self.assertRegex(seen, rb"sending \[[.#]{30}\] \d+ of \d+ KiB|the server checks and compiles it")
        self.assertTrue(seen.endswith(b"\r\033[K"), seen)


class Where(Test):
    def test_there_is_no_server(self):
        server = self.launch()
        server.stop()
        code, _, errors = self.ubiq(server, "status")
        self.assertEqual(69, code, errors)

    def test_what_is_no_admin_api_is_told(self):
        server = self.launch()
        self.says(server, "deploy", self.file("1"))
        code, _, errors = self.ubiq(server, "status", "--server", server.url)
        self.assertEqual(66, code, errors)

    def test_a_token_is_not_sent_on_where_a_server_sends_it(self):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass
        with http.server.HTTPServer(("127.0.0.1", 0), Handler) as other:
            thread = threading.Thread(target=other.serve_forever, daemon=True)
            thread.start()
            server = self.launch()
            code, _, errors = self.ubiq(server, "status", "--server", "http://127.0.0.1:%d" % other.server_port)
            other.shutdown()
            thread.join()
        self.assertEqual((69, ["/v1/status"]), (code, asked), errors)

    def test_the_first_token_of_this_machine_is_for_this_machine_alone(self):
        state = self.folder()
        server = self.launch(os.path.join(state, "ubiq"))
        home = {"UBIQ_TOKEN": None, "XDG_STATE_HOME": state}
        environment = {name: value for name, value in {**os.environ, **home, "UBIQ_ADMIN": server.admin}.items() if value}

        def status(*options):
            return subprocess.run([UBIQ, "status", *options], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  stdin=subprocess.DEVNULL, text=True, timeout=support.PATIENCE)
        self.assertEqual(0, status().returncode)
        self.assertIn('--server is "ftp://127.0.0.1:1"', status("--server", "ftp://127.0.0.1:1").stderr)
        for url in ("http://ubiq.example", "http://127.0.0.1.ubiq.example:80", "http://127.0.0.1:80@ubiq.example/"):
            done = status("--server", url)
            self.assertEqual(77, done.returncode, done.stderr)
            self.assertIn("there is no token for " + url, done.stderr)
        token = os.path.join(server.state, "token")
        os.rename(token, token + "-elsewhere")
        done = status()
        self.assertEqual(77, done.returncode)
        self.assertIn("expected --token-file, UBIQ_TOKEN or " + token, done.stderr)
        self.assertEqual(0, status("--token-file", token + "-elsewhere").returncode)


class Tls(Test):
    def test_a_server_with_a_certificate_is_deployed_to_with_tls(self):
        folder = self.folder()
        make_certificate(folder, "admin")
        certificate = os.path.join(folder, "certificate.pem")
        server = self.launch(None, "--tls-certificate", certificate, "--tls-key", os.path.join(folder, "key.pem"))
        self.assertTrue(server.admin.startswith("https://127.0.0.1:"))
        self.assertIn("is served", self.says(server, "deploy", self.file("1"), SSL_CERT_FILE=certificate))
        self.assertIn("current", self.says(server, "status", SSL_CERT_FILE=certificate))
        code, _, errors = self.ubiq(server, "status")
        self.assertEqual((69, True), (code, "certificate" in errors), errors)
        code, _, errors = self.ubiq(server, "status", "--server", server.admin.replace("https", "http"))
        self.assertEqual(69, code, errors)


class Tokens(Test):
    def tokens(self, server, *arguments):
        return self.says(server, "token", *arguments, "--state", server.state)

    def test_a_token_is_made_listed_and_revoked_while_the_server_runs(self):
        server = self.launch()
        made = self.tokens(server, "new", "--name", "build machine").strip()
        self.assertRegex(made, r"^ubiq_[0-9a-f]{8}_[0-9a-f]{64}$")
        self.says(server, "deploy", self.file("1"), token=made)
        rows = json.loads(self.tokens(server, "list", "--json"))
        self.assertEqual([("first", None), ("build machine", None)], [(r["name"], r["expires_at"]) for r in rows])
        self.assertIn("build machine", self.tokens(server, "list"))
        self.assertNotIn(made.rpartition("_")[2][:16], self.tokens(server, "list"))
        self.tokens(server, "revoke", rows[1]["id"])
        code, _, errors = self.ubiq(server, "status", token=made)
        self.assertEqual(77, code, errors)
        self.assertEqual(66, self.ubiq(server, "token", "revoke", rows[1]["id"], "--state", server.state)[0])
        self.says(server, "status")

    def test_where_nobody_listens_is_told_who_would(self):
        server = self.launch()
        self.assertEqual(0, server.stop())
        code, _, errors = self.ubiq(server, "status")
        self.assertEqual(69, code)
        self.assertIn("no server answers there (`ubiq serve --state DIR` runs one, --server says where)", errors)

    def test_what_is_no_address_is_told_with_its_option(self):
        done = self.run_ubiq("status", "--server", "localhost:8081")
        self.assertEqual(65, done.returncode)
        self.assertIn('--server is "localhost:8081"; expected http://HOST:PORT', done.stderr)

    def test_a_token_to_look_changes_nothing(self):
        server = self.launch()
        self.says(server, "deploy", self.file("1"))
        token = self.tokens(server, "new", "--read-only").strip()
        for command in ("status", "releases", "functions"):
            self.says(server, command, token=token)
        for command in (("deploy", self.file("2")), ("rollback",), ("promote",)):
            code, _, errors = self.ubiq(server, *command, token=token)
            self.assertEqual((77, True), (code, "may look, but not change" in errors))
        self.serves(server, "1")

    def test_a_token_expires(self):
        server = self.launch()
        token = json.loads(self.tokens(server, "new", "--expires", "1ms", "--json"))["token"]
        code, _, errors = self.ubiq(server, "status", token=token)
        self.assertEqual((77, True), (code, "has expired" in errors), errors)

    def test_wrong_arguments(self):
        server = self.launch()
        for arguments in ((), ("make",), ("revoke",), ("new", "one", "more"), ("list", "more")):
            self.assertEqual(64, self.ubiq(server, "token", *arguments, "--state", server.state)[0])


class Signatures(Test):
    def keys(self):
        """A folder with the keys `a` and `b`, and their public halves."""
        folder = self.folder()
        for name in ("a", "b"):
            done = self.run_ubiq("key", "new", os.path.join(folder, name))
            self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(0o600, os.stat(os.path.join(folder, "a")).st_mode & 0o777)
        return folder

    def refused(self, server, part, *arguments):
        code, _, errors = self.ubiq(server, "deploy", *arguments)
        self.assertEqual(77, code, errors)
        self.assertIn(part, errors)

    def test_only_what_a_known_key_signed_is_served(self):
        keys = self.keys()
        server = self.launch(None, "--require-signature", os.path.join(keys, "a.pub"))
        project = self.project(support.function("hello", "POST /hello"))
        self.refused(server, "the bundle is not signed", project)
        self.refused(server, "is of none of the keys", project, "--sign", os.path.join(keys, "b"))
        self.assertEqual(404, server.post("/hello")[0])
        self.says(server, "deploy", project, "--sign", os.path.join(keys, "a"))
        self.assertEqual(200, server.post("/hello")[0])
        self.assertEqual([True], [r["signed"] for r in json.loads(self.says(server, "releases", "--json"))])

    def test_a_signature_lies_beside_its_bundle(self):
        keys = self.keys()
        server = self.launch(None, "--require-signature", os.path.join(keys, "b.pub"), "--require-signature",
                             os.path.join(keys, "a.pub"))
        bundle = os.path.join(self.folder(), "b.ubiq")
        done = self.run_ubiq("build", self.project(support.function("hello", "POST /hello")), "--output", bundle, "--sign",
                             os.path.join(keys, "a"))
        self.assertEqual(0, done.returncode, done.stderr)
        self.says(server, "deploy", bundle)
        other = self.file("1")
        os.rename(bundle + ".sig", other + ".sig")  # of other bytes
        self.refused(server, "is of none of the keys", other)
        with open(other + ".sig", "w", encoding="ascii") as file:
            file.write("nonsense\n")
        code, _, errors = self.ubiq(server, "deploy", other)
        self.assertEqual((65, True), (code, 'expected one line "ubiq-signature:BASE64"' in errors), errors)

    def test_what_is_kept_is_checked_again_when_a_server_starts(self):
        keys = self.keys()
        server = self.launch()
        self.says(server, "deploy", self.file("1"))
        server.stop()
        options = ("--state", server.state, "--admin", "127.0.0.1:0", "--listen", "127.0.0.1:0")
        done = self.run_ubiq("serve", *options, "--require-signature", os.path.join(keys, "a.pub"))
        self.assertEqual((77, True), (done.returncode, "the bundle is not signed" in done.stderr), done.stderr)

    def test_keys_are_told_as_json(self):
        path = os.path.join(self.folder(), "c")
        done = self.run_ubiq("key", "new", path, "--json")
        self.assertEqual((0, {"secret_key": path, "public_key": path + ".pub"}, ""),
                         (done.returncode, json.loads(done.stdout), done.stderr))

    def test_what_is_no_key_is_refused(self):
        keys = self.keys()
        done = self.run_ubiq("serve", "--state", os.path.join(keys, "state"), "--require-signature", os.path.join(keys, "a"))
        self.assertEqual((65, True), (done.returncode, 'expected one line "ubiq-public-key:BASE64"' in done.stderr))
        done = self.run_ubiq("key", "new", os.path.join(keys, "a"))
        self.assertEqual((65, True), (done.returncode, "is there already" in done.stderr))
        self.assertEqual(64, self.run_ubiq("key", "new").returncode)


if __name__ == "__main__":
    support.main()
