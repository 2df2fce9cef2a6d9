"""Settings and secrets as functions read them, and where a secret's value is not to be found."""

import fcntl
import http.client
import json
import os
import pty
import signal
import subprocess
import termios

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


class ConfigAndSecrets(support.Relaying):
    def make(self, more=SETTINGS):
        text = '[project]\nname = "shop"\n' + more + function("relay", "POST /relay", config='{ place = "there" }',
                                                                      permissions='["config:*", "secrets:*"]')
        return self.project(text=text, files={"guest.c": support.RELAY})

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
        self.write(project, ".env", b'\xef\xbb\xbfA=1 # first\r\nexport A="2\\n2"\r\nUBIQ_CONFIG_KEY=\'one\ntwo\'\nHERE=never\n')
        os.environ["UBIQ_CONFIG_HERE"] = ""  # is set, to nothing
        self.addCleanup(os.environ.pop, "UBIQ_CONFIG_HERE")
        server = self.start(project, command="dev")
        self.assertEqual(["2\n2", "one\ntwo", ""], [self.setting(server, name) for name in ("a", "key", "here")])
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

    def typed(self, project, keys):
        """What the terminal shows, how it is left, and how the command ended, when it is asked for a value and gets these keys."""
        terminal, side = pty.openpty()
        process = subprocess.Popen([UBIQ, "secret", "set", "token"], cwd=project, stdin=side, stdout=side, stderr=side,
                                   preexec_fn=lambda: (os.setsid(), fcntl.ioctl(side, termios.TIOCSCTTY, 0)))
        shown = b""
        try:
            while not shown.endswith(b"value of token: "):
                shown += os.read(terminal, 1000)
            os.write(terminal, keys)
            process.wait(support.PATIENCE)
            echoes = bool(termios.tcgetattr(side)[3] & termios.ECHO)
            os.write(side, b"END")
            while not shown.endswith(b"END"):
                shown += os.read(terminal, 1000)
        finally:
            process.kill()
            os.close(terminal)
            os.close(side)
        return shown.decode(), echoes, process.returncode

    def test_the_key_of_secrets_is_no_file_of_the_project(self):
        project = self.make()
        self.assertEqual(0, self.secret(project, "set", "stripe-key", value=VALUE).returncode)
        with open(os.path.join(project, ".ubiq", ".gitignore"), encoding="ascii") as file:
            self.assertEqual("*\n", file.read())

    def test_a_value_that_is_typed_is_not_shown(self):
        project = self.make()
        shown, echoes, code = self.typed(project, VALUE.encode() + b"\n")
        self.assertEqual(("value of token: \r\nEND", True, 0), (shown, echoes, code))
        self.assertEqual(VALUE, self.ask(self.start(project), "GET", "/v1/secrets/token")["body"]["value"])

    def test_who_thinks_better_of_it_gets_the_terminal_back(self):
        project = self.make()
        shown, echoes, code = self.typed(project, VALUE.encode() + b"\x03")
        self.assertEqual((True, -signal.SIGINT), (echoes, code), shown)
        self.assertNotIn(VALUE, shown)
        self.assertEqual("", self.secret(project, "list").stdout)
        shown, echoes, code = self.typed(project, b"\x04")
        self.assertEqual((True, 65), (echoes, code), shown)

    def test_what_a_terminal_would_cut_is_refused(self):
        project = self.make()
        shown, echoes, code = self.typed(project, b"x" * 6000 + b"\n")
        self.assertEqual((True, 79), (echoes, code), shown)
        self.assertIn("more than the 4094 bytes that can be typed", shown)
        self.assertEqual("", self.secret(project, "list").stdout)
        shown, echoes, code = self.typed(project, b"y" * 4094 + b"\n")
        self.assertEqual((True, 0), (echoes, code), shown)
        self.assertEqual("y" * 4094, self.ask(self.start(project), "GET", "/v1/secrets/token")["body"]["value"])

    def test_of_all_layers_the_first_that_has_it_says(self):
        """One name in all of them, which are taken away one after the other."""
        layers = [("function", '[functions.relay.config]\ndeep = "%s"\n'), ("environment", '[environments.staging.config]\ndeep = "%s"\n'),
                  ("project", '[config]\ndeep = "%s"\n')]
        text = '[project]\nname = "shop"\n' + function("relay", "POST /relay", permissions='["config:*"]')
        os.environ["UBIQ_CONFIG_DEEP"] = "process"
        self.addCleanup(os.environ.pop, "UBIQ_CONFIG_DEEP", None)
        for i in range(len(layers) + 2):
            if i == len(layers) + 1:
                os.environ.pop("UBIQ_CONFIG_DEEP")
            said = text + "".join(layer % name for name, layer in layers[i:])
            said += "" if i <= 1 else '[environments.staging.config]\nother = "x"\n'
            project = self.project(text=said, files={"guest.c": support.RELAY, ".env": "DEEP=file\n"})
            expected = [name for name, _ in layers] + ["process", "file"]
            server = self.start(project, "--environment", "staging", command="dev")
            self.assertEqual(expected[i], self.setting(server, "deep"))
            server.stop()

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
        for wrong in ({"valu": VALUE}, VALUE, [VALUE], {VALUE: "value"}, {"value": [VALUE]}, {"value": VALUE * (1 + 65536 // len(VALUE))}):
            status, body = self.raw(server, "PUT", "/v1/secrets/token", json.dumps(wrong))
            self.assertEqual(400, status)
            self.assertNotIn(VALUE[:8], body)
        status, logs = self.raw(server, "GET", "/v1/logs")
        self.assertEqual(200, status)
        self.assertNotIn(VALUE, logs)
        self.assertEqual(204, self.raw(server, "DELETE", "/v1/secrets/token")[0])
        self.assertEqual([], json.loads(self.raw(server, "GET", "/v1/secrets")[1])["items"])
        self.assertEqual([], holding(server.state, VALUE))


if __name__ == "__main__":
    support.main()
