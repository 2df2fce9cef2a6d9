"""What tokens of the admin API may: of the platform's API, and what bundles that they deploy may ask for."""

import http.client
import json
import os
import signal
import sqlite3
import time

import deploying
import events_test
import support
from permissions_test import put, relay

JSON = {"Content-Type": "application/json"}


class Tokens(deploying.Test):
    def token(self, server, *options):
        done = self.run_ubiq("token", "new", "--state", server.state, *options)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout.strip()

    def ask(self, server, token, method, path, body=None):
        """An answer's status, and what is wrong in words."""
        status, answer = server.ask(method, path, body, JSON if body is not None else {}, token)
        return status, answer.get("detail", "") if isinstance(answer, dict) else ""

    def denied(self, server, token, words, *request):
        status, detail = self.ask(server, token, *request)
        self.assertEqual(403, status, detail)
        self.assertIn(words, detail)

    def deploy(self, server, token, bundle):
        status, answer = server.deploy(bundle, {"Authorization": "Bearer " + token})
        return status, answer.get("detail", "")

    def test_a_token_may_what_it_was_allowed_and_is_told_the_rest(self):
        server = self.launch()
        token = self.token(server, "orders", "--allow", "kv:read:order:*", "--allow", "kv:write:order:*")
        self.assertEqual(200, self.ask(server, token, "PUT", "/v1/kv/order:1", "1")[0])
        self.assertEqual(200, server.ask("GET", "/v1/kv/order:1", token=token)[0])
        self.denied(server, token, "`ubiq token new --allow 'kv:read:user:1'`", "GET", "/v1/kv/user:1")
        self.denied(server, token, "--allow 'kv:write:user:1'", "PUT", "/v1/kv/user:1", "1")
        self.denied(server, token, "--allow 'kv:write:user:1'", "PUT", "/v1/kv/%75ser%3a1", "1")
        self.denied(server, token, "--allow 'kv:list:*'", "GET", "/v1/kv")
        batch = [{"op": "put", "key": "order:2", "value": 1}, {"op": "put", "key": "user:1", "value": 1}]
        self.denied(server, token, "kv:write:user:1", "POST", "/v1/kv", json.dumps({"operations": batch}))
        self.assertEqual(404, server.ask("GET", "/v1/kv/order:2")[0])
        server.wait_for(r"the token \w{8} was denied kv:read:user:1")
        self.assertRegex(self.metrics(server), r"ubiq_token_denials_total 5\n")

    def metrics(self, server):
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/_ubiq/metrics", headers={"Authorization": "Bearer " + server.token})
        return connection.getresponse().read().decode()

    def test_a_token_that_looks_writes_nothing_and_reads_no_secret(self):
        server = self.launch()
        for options in (["--read-only"], ["--read-only", "--allow", "*"]):
            token = self.token(server, *options)
            self.assertEqual(200, server.ask("GET", "/v1/kv", token=token)[0])
            self.denied(server, token, "kv:write:a", "PUT", "/v1/kv/a", "1")
            self.denied(server, token, "kv:write:a", "DELETE", "/v1/kv/a")
            self.denied(server, token, "log:*", "POST", "/v1/log", '{"message":"x"}')
            put = [{"op": "put", "key": "a", "value": 1}]
            self.denied(server, token, "kv:*", "POST", "/v1/kv", json.dumps({"operations": put}))
            self.denied(server, token, "may look, but not change", "POST", "/v1/rollback")
        self.denied(server, self.token(server, "--read-only"), "secrets:read:key", "GET", "/v1/secrets/key")
        self.assertEqual(404, server.ask("GET", "/v1/kv/a")[0])

    def test_a_token_gets_no_further_by_a_function(self):
        server = self.launch()
        self.deployed(server, self.bundle("1"))
        token = self.token(server, "--allow", "functions:call:a")
        self.denied(server, token, "functions:call:b", "POST", "/v1/functions/b/runs")
        self.denied(server, token, "functions:list", "GET", "/v1/functions")
        self.assertNotEqual(403, self.ask(server, token, "POST", "/v1/functions/a/runs?wait=false")[0])

    def test_a_function_that_a_token_runs_may_no_more_than_the_token(self):
        made = os.path.join(self.folder(), "made.ubiq")
        done = self.run_ubiq("build", self.project(relay("strong", "kv:*"), files={"guest.c": support.RELAY}), "--output", made)
        self.assertEqual(0, done.returncode, done.stderr)
        server = self.launch()
        with open(made, "rb") as file:
            self.deployed(server, file.read())
        self.wait_for_function(server, "strong")
        token = self.token(server, "--allow", "functions:call:strong", "--allow", "kv:write:mine")
        for key, status in (("theirs", 403), ("mine", 200)):
            answer = server.ask("POST", "/v1/functions/strong/runs", json.dumps(put(key)), JSON, token)
            self.assertEqual((200, status), (answer[0], answer[1].get("status")), answer)
        unwaited = server.ask("POST", "/v1/functions/strong/runs?wait=false", json.dumps(put("theirs")), JSON, token)
        self.assertEqual(202, unwaited[0], unwaited)
        server.wait_for(r"the token \w{8} was denied kv:write:theirs \(2 denials")
        self.assertEqual(404, server.ask("GET", "/v1/kv/theirs")[0])

    def test_what_a_token_leaves_behind_may_no_more_than_the_token(self):
        made = os.path.join(self.folder(), "made.ubiq")
        functions = [support.function(name, "POST /" + name, export='"%s"' % export, permissions='["kv:*"]')
                     for name, export in (("note", "note"), ("other", "note"))]
        done = self.run_ubiq("build", self.project(*functions, files={"guest.c": events_test.GUEST}), "--output", made)
        self.assertEqual(0, done.returncode, done.stderr)
        server = self.launch()
        with open(made, "rb") as file:
            self.deployed(server, file.read())
        self.wait_for_function(server, "note")  # which notes 1
        rights = ("schedules:write", "events:manage", "functions:call:note", "functions:runs", "kv:read")
        token = self.token(server, *(word for right in rights for word in ("--allow", right)))
        able = self.token(server, *(word for right in (*rights, "kv") for word in ("--allow", right + (":*" if right == "kv" else ""))))
        for who, name in ((token, "weak"), (able, "strong")):
            schedule = json.dumps({"name": name, "function": "note", "cron": "@yearly", "input": name})
            self.assertEqual(201, self.ask(server, who, "POST", "/v1/schedules", schedule)[0])
            self.denied(server, who, "functions:call:other", "POST", "/v1/schedules", schedule.replace("note", "other"))
            body = json.dumps({"topic": name, "function": "note"})
            self.assertEqual(204, self.raw(server, who, "PUT", "/v1/subscriptions/" + name, body))
            self.denied(server, who, "functions:call:other", "PUT", "/v1/subscriptions/x", body.replace("note", "other"))
            self.assertNotIn("permissions", server.ask("GET", "/v1/schedules/" + name)[1])
        server.signal(signal.SIGKILL)  # what is kept is on the disk
        server.wait()
        server = self.launch(server.state)
        for name in ("weak", "strong"):
            self.assertEqual(202, server.ask("POST", "/v1/schedules/%s/run" % name)[0])
            self.assertEqual(202, server.ask("POST", "/v1/events", json.dumps({"type": name}), JSON)[0])
        self.wait_for_notes(server, 3)
        noted = [server.ask("GET", "/v1/kv/seen%%2F%d" % (i + 2))[1] for i in range(2)]
        self.assertEqual({"strong"}, {each if isinstance(each, str) else each["type"] for each in noted})
        server.wait_for(r"the token \w{8} was denied kv:write:count")
        # Who runs what others made may no more than both.
        self.assertEqual(202, server.ask("POST", "/v1/schedules/strong/run", token=token)[0])
        self.assertEqual(202, server.ask("POST", "/v1/schedules/strong/run")[0])
        self.wait_for_notes(server, 4)

    def raw(self, server, token, method, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        self.addCleanup(connection.close)
        connection.request(method, path, body, {"Authorization": "Bearer " + token, **JSON})
        return connection.getresponse().status

    def wait_for_notes(self, server, count):
        deadline = time.monotonic() + support.PATIENCE
        notes = ["/v1/kv/seen%%2F%d" % (i + 1) for i in range(count)]
        while any(server.ask("GET", note)[0] != 200 for note in notes) and time.monotonic() < deadline:
            pass
        self.assertEqual(count, server.ask("GET", "/v1/kv/count")[1])

    def wait_for_function(self, server, name):
        deadline = time.monotonic() + support.PATIENCE
        while self.raw(server, server.token, "POST", "/v1/functions/%s/runs" % name, "{}") == 404 and time.monotonic() < deadline:
            pass  # the workers get it a moment later

    def test_a_token_for_the_platforms_api_deploys_nothing(self):
        server = self.launch()
        token = self.token(server, "--allow", "kv:*")
        status, detail = self.deploy(server, token, self.bundle("1"))
        self.assertEqual(403, status)
        self.assertIn("--grant", detail)
        for path in ("/v1/rollback", "/v1/promote"):
            self.denied(server, token, "deploys nothing", "POST", path)
        both = self.token(server, "--allow", "kv:*", "--grant", "kv:*")
        self.assertEqual(200, self.deploy(server, both, self.bundle("1"))[0])

    def test_a_bundle_asks_for_no_more_than_its_token_grants(self):
        http = 'permissions = ["http:get:api.example.com/v1/*"]\n'
        server = self.launch(None, "--allow", "http:*", "--allow-host", "api.example.com")
        token = self.token(server, "ci", "--grant", "kv:*", "--grant", "http:get:api.example.com/v1/public/*")
        status, detail = self.deploy(server, token, self.bundle("1", http))
        self.assertEqual(403, status)
        self.assertIn("--grant 'http:get:api.example.com/v1/*'", detail)
        for more in ('permissions = ["*"]\n', 'permissions = ["cache:read"]\n', 'permissions = ["http:*"]\n',
                     'allowed_hosts = ["api.example.com"]\n'):
            self.assertEqual(403, self.deploy(server, token, self.bundle("1", more))[0], more)
        self.assertEqual(404, server.get("/a")[0])
        public = 'permissions = ["kv:read:x", "http:get:api.example.com/v1/public/a"]\n'
        self.assertEqual(200, self.deploy(server, token, self.bundle("1", public))[0])
        self.serves(server, "1")
        self.assertEqual(200, server.deploy(self.bundle("2", http))[0])
        narrow = self.launch()
        granted = self.token(narrow, "--grant", "*")
        status, detail = self.deploy(narrow, granted, self.bundle("1", http))
        self.assertEqual((403, True), (status, "--allow 'http:get" in detail), detail)  # the operator's ceiling holds

    def test_a_release_keeps_what_its_token_granted(self):
        server = self.launch(None, "--allow", "http:*")
        http = self.bundle("1", 'permissions = ["http:get:a.example.com"]\n')
        token = self.token(server, "--grant", "http:get:a.example.com")
        self.assertEqual(200, self.deploy(server, token, http)[0])
        self.deployed(server, self.bundle("2"))
        listed = self.run_ubiq("token", "list", "--json", "--state", server.state)
        for made in json.loads(listed.stdout):
            self.run_ubiq("token", "revoke", made["id"], "--state", server.state)
        server.signal(signal.SIGKILL)
        server.wait()
        rows = sqlite3.connect(os.path.join(server.state, "state.db"))
        self.addCleanup(rows.close)
        self.assertEqual([("1", "http:get:a.example.com\n"), ("2", None)],
                         rows.execute("SELECT version, granted FROM releases ORDER BY version").fetchall())
        # A token that granted less would have been refused: what is loaded again is held against it, too.
        rows.execute("UPDATE releases SET granted = 'kv:*' WHERE version = '1'")
        rows.commit()
        again = self.launch(server.state, "--allow", "http:*")
        status, answer = again.ask("POST", "/v1/rollback")
        self.assertEqual(403, status, answer)
        self.assertIn("http:get:a.example.com", answer["detail"])
        self.serves(again, "2")

    def test_a_token_goes_back_to_nothing_that_it_could_not_deploy(self):
        server = self.launch(None, "--allow", "http:*", "--allow-host", "a.example.com")
        wide = 'permissions = ["http:get:a.example.com"]\n'
        token = self.token(server, "ci", "--grant", "kv:*")
        may = self.token(server, "--grant", "kv:*", "--grant", "http:get:a.example.com")
        first = self.deployed(server, self.bundle("1", wide))["digest"]
        hosts = self.deployed(server, self.bundle("2", 'allowed_hosts = ["a.example.com"]\n'))["digest"]
        narrow = self.deployed(server, self.bundle("3", 'permissions = ["kv:read:x"]\n'))["digest"]
        self.assertEqual(200, self.deploy(server, token, self.bundle("4"))[0])
        for digest in (first, hosts):
            self.denied(server, token, "which the token may not grant", "POST", "/v1/rollback?to=" + digest)
        self.serves(server, "4")
        self.assertEqual(200, self.ask(server, token, "POST", "/v1/rollback?to=" + narrow)[0])
        self.serves(server, "3")
        self.assertEqual(200, self.ask(server, may, "POST", "/v1/rollback?to=" + first)[0])
        self.serves(server, "1")
        self.assertEqual(200, server.ask("POST", "/v1/rollback?to=" + narrow)[0])
        self.deployed(server, self.bundle("5", wide), canary=10)
        self.denied(server, token, "http:get:a.example.com", "POST", "/v1/promote")
        self.assertEqual(200, self.ask(server, token, "POST", "/v1/rollback")[0])  # of the canary
        self.serves(server, "3")
        self.deployed(server, self.bundle("5", wide), canary=10)
        self.assertEqual(200, self.ask(server, may, "POST", "/v1/promote")[0])
        self.serves(server, "5")

    def test_what_a_token_may_is_listed_and_the_token_is_not(self):
        server = self.launch()
        token = self.token(server, "ci", "--allow", "kv:read", "--grant", "kv:*", "--grant", "cache:*")
        shown = self.run_ubiq("token", "list", "--state", server.state).stdout
        self.assertRegex(shown, r"change +kv:read +kv:\* cache:\* .* ci\n")
        self.assertNotIn(token.split("_")[2], shown)
        listed = json.loads(self.run_ubiq("token", "list", "--json", "--state", server.state).stdout)
        self.assertIn((["kv:read"], ["kv:*", "cache:*"]), [(each["allowed"], each["granted"]) for each in listed])
        self.assertIn((None, None), [(each["allowed"], each["granted"]) for each in listed])

    def test_to_look_for_tokens_makes_no_state(self):
        none = os.path.join(self.folder(), "none")
        for arguments in (["list"], ["revoke", "12345678"]):
            done = self.run_ubiq("token", *arguments, "--state", none)
            self.assertEqual(66, done.returncode, done.stderr)
            self.assertIn("no such folder; expected the state of a server", done.stderr)
        self.assertFalse(os.path.exists(none))
        refused = self.run_ubiq("token", "new", "--state", none, b"\xff")
        self.assertEqual((65, "ubiq: the name is no UTF-8; expected text\n"), (refused.returncode, refused.stderr))

    def test_what_is_no_permission_makes_no_token(self):
        server = self.launch()
        for options, words in ((["--allow", "kv:wirte:*"], "wirte"), (["--grant", "kv"], "kv"), (["--allow", ""], "permission"),
                               (["--allow", "kv:read:a\nkv:*"], "lines"), (["--read-only", "--grant", "*"], "--read-only")):
            done = self.run_ubiq("token", "new", "--state", server.state, *options)
            self.assertNotEqual(0, done.returncode, options)
            self.assertIn(words, done.stderr)
        listed = json.loads(self.run_ubiq("token", "list", "--json", "--state", server.state).stdout)
        self.assertEqual(1, len(listed))


if __name__ == "__main__":
    support.main()
