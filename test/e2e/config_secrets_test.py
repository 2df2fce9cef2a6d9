"""Settings and secrets as functions read them, and where a secret's value is not to be found."""

import http.client
import json
import os
import subprocess

import deploying
import support
from support import UBIQ, function

VALUE = "hunter2-is-no-password"
SETTINGS = """
[config]
greeting = "Hello"
place = "here"
[environments.staging.config]
greeting = "Hello, staging"
"""


def holding(folder, value):
    """The files below a folder in which the value stands."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                if value.encode() in file.read():
                    found.append(name)
    return found


class ConfigAndSecrets(support.Test):
    def make(self, more=SETTINGS):
        text = '[project]\nname = "shop"\n' + more + function("relay", "POST /relay", config='{ place = "there" }',
                                                                      permissions='["config:*", "secrets:*"]')
        return self.project(text=text, files={"guest.c": support.RELAY})

    def ask(self, server, method, path, **more):
        status, _, answer = server.request("POST", "/relay", json.dumps(dict(method=method, path=path, **more)))
        self.assertEqual(200, status, answer)
        return json.loads(answer)

    def setting(self, server, name):
        answer = self.ask(server, "GET", "/v1/config/" + name)
        return answer["body"]["value"] if answer["status"] == 200 else answer["status"]

    def secret(self, project, *arguments, value=""):
        return subprocess.run([UBIQ, "secret", *arguments], input=value, cwd=project, text=True, capture_output=True,
                              timeout=support.PATIENCE)

    def test_settings_come_from_the_function_the_environment_the_project_and_the_process(self):
        os.environ["UBIQ_CONFIG_ONLY_HERE"] = "process"
        os.environ["UBIQ_CONFIG_GREETING"] = "never"
        self.addCleanup(os.environ.pop, "UBIQ_CONFIG_ONLY_HERE")
        self.addCleanup(os.environ.pop, "UBIQ_CONFIG_GREETING")
        project = self.make()
        server = self.start(project)
        self.assertEqual(["there", "Hello", "process", 404],
                         [self.setting(server, name) for name in ("place", "greeting", "only-here", "none")])
        server.stop()
        server = self.start(project, "--environment", "staging")
        self.assertEqual("Hello, staging", self.setting(server, "greeting"))
        server.stop()
        server = self.start(project, "--environment", "stagin")
        server.wait_for(r"has no \[environments.stagin\]")
        self.assertEqual("Hello", self.setting(server, "greeting"))

    def test_dev_reads_a_file_of_settings(self):
        project = self.make()
        self.write(project, ".env", "# mine\nONLY_HERE = 'a b'\n\ngreeting=never\n")
        server = self.start(project, command="dev")
        self.assertEqual(["a b", "Hello"], [self.setting(server, name) for name in ("only_here", "greeting")])
        server.stop()
        self.write(project, ".env", "A=1\nwhat " + VALUE)
        done = self.run_ubiq("dev", project, "--listen", "127.0.0.1:0")
        self.assertEqual(65, done.returncode, done.stderr)
        self.assertIn(".env:2: expected NAME=VALUE", done.stderr)
        self.assertNotIn(VALUE, done.stderr)

    def test_a_secret_reaches_functions_and_nothing_else(self):
        project = self.make()
        log = os.path.join(project, "runs.log")
        done = self.secret(project, "set", "token", value=VALUE + "\n")
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))
        server = self.start(project, "--run-log", log, "--log-level", "trace")
        answer = self.ask(server, "GET", "/v1/secrets/token")
        self.assertEqual((200, {"name": "token", "value": VALUE}), (answer["status"], answer["body"]))
        other = self.secret(project, "set", "other", value=VALUE)  # beside the server
        self.assertEqual(0, other.returncode, other.stderr)
        self.assertEqual(200, self.ask(server, "GET", "/v1/secrets/other")["status"])
        self.assertEqual("other\ntoken\n", self.secret(project, "list").stdout)
        self.assertEqual(0, self.secret(project, "delete", "token").returncode)
        self.assertEqual(404, self.ask(server, "GET", "/v1/secrets/token")["status"])
        self.assertEqual(403, self.ask(server, "PUT", "/v1/secrets/token", body={"value": VALUE})["status"])
        self.assertEqual(400, self.ask(server, "PUT", "/v1/secrets/token", body={"value": 7, "x": VALUE})["status"])
        self.assertEqual(0, server.stop())
        self.assertEqual([], holding(project, VALUE))
        self.assertNotIn(VALUE, "".join(server.lines))
        self.assertEqual(0o600, os.stat(os.path.join(project, ".ubiq", "secrets.key")).st_mode & 0o777)

    def test_a_value_is_no_argument_and_has_to_be_text(self):
        project = self.make()
        done = self.secret(project, "set", "token", VALUE)
        self.assertEqual(64, done.returncode)
        self.assertNotIn(VALUE, done.stderr)
        self.assertEqual(65, self.secret(project, "set", "token").returncode)
        self.assertEqual(65, self.secret(project, "set", "a\nb", value=VALUE).returncode)
        self.assertEqual(79, self.secret(project, "set", "token", value="x" * 65537).returncode)
        self.assertEqual("", self.secret(project, "list").stdout)


class SecretsOverHttp(deploying.Test):
    def raw(self, server, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", server.admin_port, timeout=support.PATIENCE)
        try:
            headers = {"Authorization": "Bearer " + server.token}
            connection.request(method, path, body, {**headers, "Content-Type": "application/json"} if body else headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def test_a_token_sets_lists_and_deletes_but_reads_none(self):
        server = deploying.Server(self.folder())
        self.addCleanup(server.close)
        self.assertEqual(204, self.raw(server, "PUT", "/v1/secrets/token", json.dumps({"value": VALUE}))[0])
        status, body = self.raw(server, "GET", "/v1/secrets")
        self.assertEqual((200, [{"name": "token", "version": 1}]), (status, json.loads(body)["items"]))
        status, body = self.raw(server, "GET", "/v1/secrets/token")
        self.assertEqual(403, status)
        self.assertNotIn(VALUE, body)
        self.assertEqual(400, self.raw(server, "PUT", "/v1/secrets/token", json.dumps({"valu": VALUE}))[0])
        status, logs = self.raw(server, "GET", "/v1/logs")
        self.assertEqual(200, status)
        self.assertNotIn(VALUE, logs)
        self.assertEqual(204, self.raw(server, "DELETE", "/v1/secrets/token")[0])
        self.assertEqual([], json.loads(self.raw(server, "GET", "/v1/secrets")[1])["items"])
        self.assertEqual([], holding(server.state, VALUE))


if __name__ == "__main__":
    support.main()
