"""Functions that ask who calls: API keys and signed tokens."""

import base64
import http.server
import json
import os
import subprocess
import tempfile
import threading
import time

import support
from support import function

CALLER = function("mirror", "GET /me", input='"request"', auth='"required"')


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


class Signer:
    """A key made and used by openssl, which is not what the server verifies with."""

    KINDS = {"RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
             "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "EdDSA": ["-algorithm", "ED25519"]}

    def __init__(self, folder, algorithm, name):
        self.algorithm, self.name, self.file = algorithm, name, os.path.join(folder, name + ".pem")
        openssl("genpkey", *self.KINDS[algorithm], "-out", self.file)

    def public(self):
        """The public half as a JWK, its numbers taken out of the DER that openssl writes."""
        der = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")
        key = {"kid": self.name, "use": "sig"}
        if self.algorithm == "RS256":
            modulus = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode().partition("=")[2].strip()
            return {**key, "kty": "RSA", "n": encode(bytes.fromhex(modulus)), "e": encode(b"\1\0\1")}
        if self.algorithm == "ES256":
            return {**key, "kty": "EC", "crv": "P-256", "x": encode(der[-64:-32]), "y": encode(der[-32:])}
        return {**key, "kty": "OKP", "crv": "Ed25519", "x": encode(der[-32:])}

    def signature(self, data):
        if self.algorithm == "EdDSA":
            with tempfile.NamedTemporaryFile() as file:
                file.write(data)
                file.flush()
                return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", file.name)
        der = openssl("dgst", "-sha256", "-sign", self.file, data=data)
        if self.algorithm == "RS256":
            return der
        first = der[4:4 + der[3]]
        second = der[6 + der[3]:]
        return first[-32:].rjust(32, b"\0") + second[-32:].rjust(32, b"\0")

    def token(self, **claims):
        claims = {"iss": "https://id", "aud": "shop", "exp": int(time.time()) + 60, "sub": "ada", **claims}
        signed = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": self.algorithm, "kid": self.name}, claims))
        return signed + "." + encode(self.signature(signed.encode()))


class Auth(support.Test):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())

    def table(self, keys):
        return '[auth]\nkeys = "%s"\nissuer = "https://id"\naudience = "shop"\n' % keys

    def publish(self, *signers):
        return json.dumps({"keys": [signer.public() for signer in signers]})

    def serve_keys(self, *signers):
        directory = self.project(self.table("keys.json"), CALLER, files={"keys.json": self.publish(*signers)})
        return self.start(directory, "--workers", "1")

    def me(self, server, token=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        status, headers, body = server.request("GET", "/me", headers=headers)
        return status, json.loads(body), headers

    def test_tokens_of_each_algorithm_tell_the_function_who_calls(self):
        signers = [Signer(self.folder, algorithm, algorithm.lower()) for algorithm in Signer.KINDS]
        server = self.serve_keys(*signers)
        for signer in signers:
            status, body, _ = self.me(server, signer.token(role="admin"))
            self.assertEqual((200, "token", "ada", "admin"), (status, body["identity"]["kind"], body["identity"]["claims"]["sub"],
                                                              body["identity"]["claims"]["role"]), signer.algorithm)

    def test_whoever_is_not_known_is_told_so(self):
        signer = Signer(self.folder, "ES256", "one")
        server = self.serve_keys(signer)
        good, other = signer.token(), Signer(self.folder, "ES256", "other").token()
        for headers, detail in (({}, "this function asks who calls"), ({"Authorization": "Basic YTpi"}, "does not count"),
                                ({"Authorization": "Bearer"}, "does not count"), ({"Authorization": "Bearer x"}, "is malformed"),
                                ({"Authorization": "Bearer " + good[:-2]}, "the token"), ({"X-API-Key": "x"}, "the API key is not known"),
                                ({"Authorization": "Bearer " + other}, "a key that is not known"),
                                ({"Authorization": "Bearer " + signer.token(exp=1)}, "has expired"),
                                ({"Authorization": "Bearer " + signer.token(aud="x")}, "another audience"),
                                ({"X-Identity": "ada", "Identity": "ada"}, "this function asks who calls")):
            status, answer, body = server.request("GET", "/me", headers=headers)
            self.assertEqual((401, "Bearer", "denied"), (status, answer["WWW-Authenticate"], json.loads(body)["class"]), headers)
            self.assertIn(detail, json.loads(body)["detail"])

    def test_an_api_key_is_made_used_and_taken_back(self):
        made = json.loads(self.run_ubiq("api-key", "ci", "--json").stdout)
        directory = self.project('[auth.api_keys]\nci = "%s"\n' % made["hash"], CALLER)
        server = self.start(directory, command="dev")
        status, body, _ = self.me(server, X_API_Key=made["key"])
        self.assertEqual((200, {"kind": "api_key", "name": "ci"}), (status, body["identity"]))
        self.assertEqual(401, self.me(server, X_API_Key=made["key"][:-1])[0])
        self.assertEqual(401, self.me(server, "a.b.c")[0])
        other = json.loads(self.run_ubiq("api-key", "ci", "--json").stdout)
        self.assertNotEqual(made["key"], other["key"])

    def test_a_function_may_do_without(self):
        signer = Signer(self.folder, "EdDSA", "one")
        directory = self.project(self.table("keys.json"), function("mirror", "GET /me", input='"request"', auth='"optional"'),
                                 function("echo", "POST /echo"), files={"keys.json": self.publish(signer)})
        server = self.start(directory)
        self.assertNotIn("identity", self.me(server)[1])
        self.assertEqual("ada", self.me(server, signer.token())[1]["identity"]["claims"]["sub"])
        self.assertEqual(401, self.me(server, "nonsense")[0])
        self.assertEqual(b"a", server.request("POST", "/echo", b"a", {"Authorization": "Bearer nonsense"})[2])

    def answers(self, expected, server, token):
        """Asks until that status comes: a file is looked at every few seconds."""
        end = time.monotonic() + support.PATIENCE
        while (status := self.me(server, token)[0]) != expected and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual(expected, status)

    def test_keys_of_a_file_are_read_again_when_it_changes(self):
        old, new, next_one = (Signer(self.folder, "ES256", name) for name in ("old", "new", "next"))
        where = self.enterContext(tempfile.TemporaryDirectory())  # not in the project: the sandbox lets other files of the folder through
        path = os.path.join(where, "keys.json")
        self.write(where, "keys.json", self.publish(old))
        server = self.start(self.project(self.table(path), CALLER), "--workers", "1")
        self.assertEqual(200, self.me(server, old.token())[0])
        self.assertEqual(401, self.me(server, new.token())[0])
        self.write(where, "other.json", self.publish(old, new))
        os.rename(os.path.join(where, "other.json"), path)
        self.assertEqual(200, self.me(server, new.token())[0])  # at once
        self.assertEqual(200, self.me(server, old.token())[0])
        self.write(where, "keys.json", '{"keys": [')
        self.assertEqual(401, self.me(server, next_one.token())[0])
        for _ in range(3):
            self.assertEqual([200, 200, 401], [self.me(server, each.token())[0] for each in (old, new, next_one)])
        os.unlink(path)
        self.assertEqual(401, self.me(server, next_one.token())[0])
        self.assertEqual(200, self.me(server, new.token())[0])
        os.mkdir(os.path.join(where, "a"))
        self.write(where, "a/keys.json", self.publish(new, next_one))
        os.symlink("a/keys.json", path)
        self.assertEqual(200, self.me(server, next_one.token())[0])
        self.assertEqual(401, self.me(server, old.token())[0])
        self.write(where, "keys.json", self.publish(next_one))  # in its place
        self.answers(401, server, new.token())
        told = [line for line in server.lines if "keys of tokens stay as they are" in line]
        self.assertEqual((2, 1), (len(told), len([line for line in server.lines if "its keys count again" in line])), told)

    def test_keys_of_a_url_are_fetched_again_when_a_new_one_signs(self):
        old, new = Signer(self.folder, "ES256", "old"), Signer(self.folder, "ES256", "new")
        published = {"text": self.publish(old), "asked": 0}

        class Provider(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                published["asked"] += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(published["text"].encode())

            def log_message(self, *arguments):
                pass

        provider = http.server.HTTPServer(("127.0.0.1", 0), Provider)
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        self.addCleanup(provider.server_close)
        self.addCleanup(provider.shutdown)
        server = self.start(self.project(self.table("http://127.0.0.1:%d/keys" % provider.server_port), CALLER))
        self.assertEqual(200, self.me(server, old.token())[0])
        self.assertEqual(401, self.me(server, new.token())[0])  # what is fresh is not fetched again for anybody who asks
        self.assertEqual(1, published["asked"])
        published["text"] = self.publish(new)
        end, seen = time.monotonic() + support.PATIENCE, set()
        while time.monotonic() < end:
            status, _, headers = self.me(server, new.token())
            seen.add(status)
            if status == 200:
                break
            if status == 503:
                self.assertEqual("1", headers["Retry-After"])
            time.sleep(0.2)
        self.assertEqual(200, status)
        self.assertIn(503, seen)
        self.assertEqual(2, published["asked"])
        self.assertEqual(401, self.me(server, old.token())[0])

    def test_a_provider_that_is_away_lets_nobody_in(self):
        server = self.start(self.project(self.table("http://127.0.0.1:1/keys"), CALLER, function("echo", "POST /echo")))
        server.wait_for("keys of tokens stay as they are")
        self.assertEqual(503, self.me(server, Signer(self.folder, "ES256", "one").token())[0])
        self.assertEqual(b"a", server.post("/echo", b"a")[1])

    def test_a_bundle_takes_its_keys_along_and_asks_for_those_of_others(self):
        signer = Signer(self.folder, "EdDSA", "one")
        directory = self.project(self.table("my/keys.json"), CALLER)
        os.mkdir(os.path.join(directory, "my"))
        self.write(directory, "my/keys.json", self.publish(signer))
        for text in (None, self.table("https://id.example.com/keys") + CALLER):
            if text is not None:
                self.write(directory, "ubiq.toml", text.replace('"guest.c"', '"%s/guest.c"' % self.cache))
            built = self.run_ubiq("build", directory, "--output", os.path.join(directory, "x.ubiq"))
            self.assertEqual(0, built.returncode, built.stderr)
            if text is None:
                self.assertEqual(200, self.me(self.start(os.path.join(directory, "x.ubiq")), signer.token())[0])
            else:
                refused = self.run_ubiq("serve", os.path.join(directory, "x.ubiq"), "--listen", "127.0.0.1:0")
                self.assertIn("asks for keys from id.example.com, which are not granted", refused.stderr)

    def test_nonsense_is_refused_with_its_place(self):
        for table, message in ((CALLER, "functions.mirror.auth stands without a table [auth]"),
                               ('[auth]\nissuer = "a"\n' + CALLER, 'auth does not say who is known'),
                               ('[auth]\nkeys = "k.json"\n' + CALLER, 'has "keys" without "issuer" and "audience"'),
                               (self.table("http://id.example.com/k") + CALLER, "a URL that begins with https://"),
                               ('[auth.api_keys]\nci = "abc"\n' + CALLER, "auth.api_keys.ci is no hash of an API key"),
                               (self.table("none.json") + CALLER, "none.json: no such file")):
            result = self.run_ubiq("serve", self.project(table))
            self.assertNotEqual(0, result.returncode)
            self.assertIn(message, result.stderr)


if __name__ == "__main__":
    support.main()
