"""Greets whoever the request's body names, and counts how often. Run `ubiq dev examples/hello-python`, then

    curl --json '{"name": "Ada"}' http://127.0.0.1:8080/hello-python

prints `{"greeting": "Hello, Ada!", "times": 1}`. What it imports is made by componentize-py, of wit/wit-wire.wit.
"""
import json
import urllib.parse

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.mat_wire import HandleErr_HandlerErr, HandleErr_InJsonErr, InitResponse
from wit_world.imports.typegate_wire import hostcall


def ask(method, path, **more):
    """Asks the platform; the answer's body. What it refuses ends the call, with its words."""
    answer = json.loads(hostcall("InvokeHost", json.dumps({"method": method, "path": path, **more})))
    if answer["status"] >= 400:
        raise Err(HandleErr_HandlerErr(answer["body"]["detail"]))
    return answer.get("body")


class MatWire(exports.MatWire):
    def init(self, args):
        return InitResponse(ok=True)

    def handle(self, req):
        try:
            name = json.loads(req.in_json)["name"]
        except (ValueError, KeyError, TypeError):
            raise Err(HandleErr_InJsonErr('expected {"name": ...}'))
        key = "greeted:" + urllib.parse.quote(str(name), safe="")
        times = ask("POST", "/v1/kv/%s/increment" % key, body={})["value"]
        ask("POST", "/v1/log", body={"message": "greeted %s" % name})
        return json.dumps({"greeting": "Hello, %s!" % name, "times": times})
