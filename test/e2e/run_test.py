"""`ubiq run`, `ubiq config` and `ubiq completion`."""

import contextlib
import json
import os
import pty
import shutil
import subprocess
import unittest

import support
from support import UBIQ, function


class Test(support.Test):
    def ubiq(self, *arguments, input=b"", code=0):
        done = subprocess.run([UBIQ, *arguments], input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=support.PATIENCE)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        self.assertNotIn(b"Sanitizer", done.stderr)
        return (done.stdout if code == 0 else done.stderr).decode(errors="replace")


class Run(Test):
    def test_the_output_is_written_as_it_is(self):
        directory = self.project(function("hello", "POST /hello"))
        self.assertEqual("Hello, Ada!", self.ubiq("run", "hello", directory, "--input", "Ada"))
        self.assertEqual("Hello, Bob!", self.ubiq("run", "hello", directory, input=b"Bob"))
        self.write(directory, "name", "Eve")
        self.assertEqual("Hello, Eve!", self.ubiq("run", "hello", directory, "--input-file", os.path.join(directory, "name")))

    def test_a_function_without_a_route_is_run_with_its_configuration(self):
        text = '[functions.mine]\nsource = "guest.c"\nexport = "configured"\nconfig = { greeting = "Moin" }\n'
        self.assertEqual("Moin", self.ubiq("run", "mine", self.project(text=text)))

    def test_limits_hold(self):
        directory = self.project(function("spin", "/s", cpu='"20ms"'), function("large", "/l", response_max='"1KiB"'),
                                 function("hello", "/h", body_max='"4B"'), function("grow", "/g", memory='"1MiB"'))
        self.assertIn("cpu", self.ubiq("run", "spin", directory, code=152).lower())
        self.assertIn("its response_max", self.ubiq("run", "large", directory, code=76))
        self.assertIn("the body_max of hello", self.ubiq("run", "hello", directory, "--input", "12345", code=79))
        self.ubiq("run", "hello", directory, input=b"12345", code=79)
        self.ubiq("run", "grow", directory, code=137)

    def test_json_tells_what_came_of_it(self):
        directory = self.project(function("hello", "POST /hello"), function("fail", "/fail"))
        told = json.loads(self.ubiq("run", "hello", directory, "--json", "-i", "Ada"))
        self.assertEqual("Hello, Ada!", told["output"])
        self.assertGreater(told["memory_bytes"], 0)
        done = subprocess.run([UBIQ, "run", "fail", directory, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        self.assertEqual((1, "guest_error"), (done.returncode, json.loads(done.stdout)["error"]["class"]))

    def test_a_function_that_is_not_there_is_told_with_the_nearest(self):
        directory = self.project(function("hello", "POST /hello"))
        self.assertIn('did you mean "hello"?', self.ubiq("run", "helo", directory, code=66))
        self.assertIn("FUNCTION is missing", self.ubiq("run", code=64))


class Config(Test):
    TEXT = """[project]
name = "shop"
version = "1.2.3"
pool = { min = 1, idle = "5s" }
[cors]
origins = ["https://a.example"]
[functions.a]
source = "guest.c"
route = "GET api.example.com/a/{id}"
timeout = "90s"
pool = { min = 3 }
config = { k = "v" }
allowed_hosts = ["x.example", "y.example"]
"""

    def test_what_holds_is_shown_with_where_it_comes_from(self):
        lines = [line.split() for line in self.ubiq("config", self.project(text=self.TEXT)).splitlines()]
        for line in ("shop 1.2.3", "a", "route GET api.example.com/a/{id}", "timeout 90s", "cpu 5s default", "memory 64MiB default",
                     "pool.min 3", "pool.idle 5s project", "pool.max 1000 default", "queue_timeout none default",
                     "config k=v", "cors https://a.example project", "allowed_hosts x.example, y.example", "instance request default"):
            self.assertIn(line.split(), lines)

    def test_quotas_are_shown_as_the_projects(self):
        text = self.TEXT + "[project.quotas]\nkv_value = '2MiB'\n"
        lines = [line.split() for line in self.ubiq("config", self.project(text=text)).splitlines()]
        for line in ("[project]", "quotas.kv_value 2MiB", "quotas.kv 100MiB default", "quotas.kv_keys 100000 default",
                     "quotas.waiting 2000000 default", "quotas.waiting_size 1GiB default", "quotas.log 1MiB default"):
            self.assertIn(line.split(), lines)
        told = json.loads(self.ubiq("config", self.project(text=text), "--json"))["quotas"]
        self.assertEqual({"value": 2 << 20, "from": "project"}, told["kv_value"])
        self.assertEqual({"value": 100 << 20, "from": "default"}, told["storage"])

    def test_settings_of_the_project_and_of_environments_are_shown(self):
        text = self.TEXT + '[config]\nk = "p"\nl = ""\n[environments.staging.config]\nk = "s"\n'
        lines = [line.split() for line in self.ubiq("config", self.project(text=text)).splitlines()]
        for line in ("config k=p, l=", "environments.staging k=s", "config k=v"):
            self.assertIn(line.split(), lines)
        told = json.loads(self.ubiq("config", self.project(text=text), "--json"))
        self.assertEqual(({"k": "p", "l": ""}, {"staging": {"k": "s"}}), (told["config"], told["environments"]))
        told = json.loads(self.ubiq("config", self.project(text=self.TEXT), "--json"))
        self.assertEqual(({}, {}), (told["config"], told["environments"]))

    def test_json_has_numbers_and_lists(self):
        told = json.loads(self.ubiq("config", self.project(text=self.TEXT), "--json"))
        self.assertEqual(("shop", "1.2.3"), (told["name"], told["version"]))
        settings = told["functions"]["a"]
        self.assertEqual({"value": 90000, "from": "function"}, settings["timeout"])
        self.assertEqual({"value": 67108864, "from": "default"}, settings["memory"])
        self.assertEqual({"value": 5000, "from": "project"}, settings["pool.idle"])
        self.assertEqual({"value": None, "from": "default"}, settings["queue_timeout"])
        self.assertEqual({"k": "v"}, settings["config"]["value"])
        self.assertEqual(["x.example", "y.example"], settings["allowed_hosts"]["value"])

    def test_every_key_of_a_function_is_shown(self):
        with open(os.path.join(os.environ["UBIQ_SOURCE"], "src/runtime/project/project_function.c"), encoding="utf-8") as file:
            table = file.read().split("function_keys[] = {")[1].split("};")[0]
        keys = {line.split('"')[1] for line in table.splitlines() if '{"' in line}
        self.assertGreater(len(keys), 20)
        shown = json.loads(self.ubiq("config", self.project(text=self.TEXT), "--json"))["functions"]["a"]
        self.assertEqual(set(), keys - {key.split(".")[0] for key in shown} - {"wasm", "manifest"})

    def test_a_mistake_in_it_is_told(self):
        self.assertIn("unknown key", self.ubiq("config", self.project(text="[functions.a]\nsorce = 1\n"), code=65))


# What a zsh at a terminal is told: it writes what a tab would add or list to $OUT instead of showing it.
ZSH_SETUP = r"""
autoload -Uz compinit && compinit -u -D
source $SCRIPT
compadd() {
  local word
  for word in "$@"; do  # the helpers of completion ask so which words there would be
    [[ $word == -- ]] && break
    [[ $word == -[OAD]* ]] && { builtin compadd "$@"; return }
  done
  local -a found
  builtin compadd -O found "$@"
  print -l -- $found >> $OUT
  builtin compadd "$@"
}
bindkey '^I' complete-word
zle-line-init() { print -n 'listens' > /dev/tty }
zle -N zle-line-init
"""


class Completion(Test):
    def script(self, shell):
        path = os.path.join(self.project(text=""), "completion")
        with open(path, "w") as file:
            file.write(self.ubiq("completion", shell))
        return path

    def complete(self, *words):
        """What bash completes the last word to."""
        line = " ".join("'%s'" % word for word in words)
        script = ('source "$0"; COMP_WORDS=(%s); COMP_CWORD=%d; _ubiq; printf "%%s\\n" "${COMPREPLY[@]}"'
                  % (line, len(words) - 1))
        done = subprocess.run(["bash", "-c", script, self.script("bash")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=True)
        return sorted(done.stdout.split())

    def test_bash_finds_nothing_wrong_with_it(self):
        subprocess.run(["bash", "-n", self.script("bash")], check=True)

    def test_bash_completes_commands_options_and_values(self):
        self.assertEqual(["compile", "completion"], self.complete("ubiq", "comp"))
        self.assertIn("--version", self.complete("ubiq", "--"))
        self.assertEqual(["--timeout"], self.complete("ubiq", "call", "--ti"))
        self.assertEqual(["--junit"], self.complete("ubiq", "test", "--ju"))
        self.assertEqual(["warn"], self.complete("ubiq", "serve", "--log-level", "w"))
        self.assertEqual(["list"], self.complete("ubiq", "token", "l"))
        self.assertEqual([], self.complete("ubiq", "build", "--output", "--"))

    def test_every_option_of_every_command_is_completed(self):
        commands = self.complete("ubiq", "")
        self.assertGreater(len(commands), 15)
        for command in commands:
            if command.startswith("--"):
                continue
            printed = [line for line in self.ubiq(command, "--help").splitlines() if line.startswith("  ")]
            options = {word.rstrip(",") for line in printed for word in line.split()[:2] if word.startswith("--")}
            self.assertEqual(set(), options - set(self.complete("ubiq", command, "--")), command)

    def test_zsh_and_fish_find_nothing_wrong_with_theirs(self):
        for shell in ("zsh", "fish"):
            script = self.script(shell)
            with open(script, encoding="utf-8") as file:
                self.assertIn("rollback-above", file.read())
            if shutil.which(shell):
                subprocess.run([shell, "-n", script], check=True)

    def complete_in_fish(self, line):
        """What fish offers in the place of the last word, without the descriptions."""
        home = self.project(text="")
        done = subprocess.run(["fish", "--no-config", "-c", "source %s; complete -C '%s'" % (self.script("fish"), line)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True,
                              env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home})
        return sorted({offered.partition("\t")[0] for offered in done.stdout.splitlines()})

    def complete_in_zsh(self, line):
        """What zsh offers after a tab at a terminal."""
        folder = self.project(text="")
        out, setup = os.path.join(folder, "out"), os.path.join(folder, "setup")
        with open(setup, "w", encoding="utf-8") as file:
            file.write(ZSH_SETUP)
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {"PATH": os.environ["PATH"], "HOME": folder, "TERM": "xterm", "OUT": out,
                                                    "SCRIPT": self.script("zsh")})
        said, typed = b"", False
        os.write(terminal, ("source %s\n" % setup).encode())
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(terminal, 65536):
                said += part
                if b"listens" in said and not typed:
                    os.write(terminal, (line + "\t\x15exit\n").encode())  # Ctrl-U takes back what the tab made of the line
                    typed = True
        os.close(terminal)
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said)
        if not os.path.exists(out):
            return []
        with open(out, encoding="utf-8") as file:
            return sorted(set(file.read().split()))

    def check_completion(self, complete):
        self.assertEqual(["deploy"], complete("ubiq dep"))
        self.assertEqual(["compile", "completion"], complete("ubiq comp"))
        self.assertEqual(["warn"], complete("ubiq serve --log-level w"))
        self.assertEqual(["zsh"], complete("ubiq completion z"))
        self.assertEqual(["--otlp"], [word.rstrip("=") for word in complete("ubiq serve --otl")])
        every = complete("ubiq ")
        self.assertLessEqual({"build", "call", "deploy", "dev", "logs", "new", "rollback", "serve", "status", "test"}, set(every))

    @unittest.skipUnless(shutil.which("fish"), "there is no fish")
    def test_fish_completes_commands_options_and_values(self):
        self.check_completion(self.complete_in_fish)

    @unittest.skipUnless(shutil.which("zsh"), "there is no zsh")
    def test_zsh_completes_commands_options_and_values(self):
        self.check_completion(self.complete_in_zsh)

    def test_another_shell_is_a_wrong_command_line(self):
        self.assertIn("expected the name of a shell", self.ubiq("completion", "tcsh", code=64))


if __name__ == "__main__":
    support.main()
