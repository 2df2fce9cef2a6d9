"""A server is asked all that api/openapi.yaml allows, and much that it does not: no fault, and no answer that it does not tell of. The
same of what api/admin.yaml has to look at.

schemathesis (PyPI) makes the requests; scripts/setup brings it."""

import os
import re
import subprocess
import sys

import deploying
import support

SOURCE = os.environ.get("UBIQ_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
PLACE = os.path.join(os.environ.get("UBIQ_DEPS") or os.path.join(SOURCE, ".deps"), "schemathesis")
OPENAPI = os.path.join(SOURCE, "api", "openapi.yaml")
ADMIN = os.path.join(SOURCE, "api", "admin.yaml")
LOOKS = ("status.get", "releases.list", "served_functions.list", "permissions.get", "pool.get", "pool.get_inside", "metrics.get",
         "health.live", "health.ready")  # those that change nothing, but logs.get, which waits when it is asked to
EXAMPLES = 4 if os.environ.get("UBIQ_SANITIZE") else 15


def operations_answered():
    """The operations that this host answers: of others it says that it has no such service, which is a 503."""
    with open(OPENAPI, encoding="utf-8") as file:
        names = re.findall(r"operationId: (\S+)", file.read())
    with open(os.path.join(SOURCE, "src/api/handlers.c"), encoding="utf-8") as file:
        handled = set(re.findall(r"\[SERVICE_(\w+)\]", file.read()))
    return [name for name in names if name.upper().replace(".", "_") in handled]


class Schemathesis(deploying.Test):
    def hold_against(self, server, document, names):
        """Asks for all that the document says of these operations."""
        command = [sys.executable, "-m", "schemathesis.cli", "run", document, "--url", server.admin, "--header",
                   "Authorization: Bearer " + server.token, "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
                   "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", "1", "--workers", "1",
                   "--generation-database", "none", "--request-timeout", str(support.PATIENCE), "--no-color",
                   "--warnings", "off"]
        for name in names:
            command += ["--include-operation-id", name]
        environment = {**os.environ, "PYTHONPATH": PLACE, "PYTHONDONTWRITEBYTECODE": "1", "SCHEMATHESIS_HOOKS": ""}
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, cwd=self.folder(), timeout=10 * support.PATIENCE)
        self.assertEqual(0, done.returncode, done.stdout[-6000:])

    def setUp(self):
        super().setUp()
        if not os.path.isdir(PLACE):
            self.skipTest("schemathesis is missing; scripts/setup brings it")

    def test_no_fault_and_no_answer_that_the_api_does_not_tell_of(self):
        server = self.launch()
        names = operations_answered()
        self.assertGreater(len(names), 10)
        self.hold_against(server, OPENAPI, names)

    def test_what_the_admin_api_tells_is_what_its_document_says(self):
        server = self.launch(None)
        self.assertEqual(200, server.deploy(self.bundle("1"))[0])
        self.hold_against(server, ADMIN, LOOKS)


if __name__ == "__main__":
    support.main()
