"""docs/api.md, made of api/openapi.yaml: each operation on half a screen, then the shapes that they share."""

import json
import os
import re
import sys

try:
    import yaml
except ImportError:  # a Python beside Debian's, which has the package python3-yaml
    if sys.executable != "/usr/bin/python3":
        os.execv("/usr/bin/python3", ["/usr/bin/python3", "-B"] + sys.argv)
    raise

METHODS = ("get", "put", "post", "delete", "head", "patch")
EVERYWHERE = {400, 401, 403, 413, 414, 429, 500, 503, 504}
HEAD = """# The platform API

What functions ask of the platform, and people and programs over HTTP. Made of `api/openapi.yaml` by `scripts/api`; change
`api/*.tsp`.

A function asks by the host function `InvokeHost`: a request as a value, in JSON or MessagePack.

```json
{"method": "PUT", "path": "/v1/kv/users%2F42", "query": {"ttl": "30s"}, "body": {"name": "Ada"}}
```

The answer is a value, too: `{"status": 200, "headers": {"etag": "\\"7\\""}, "body": {"version": 7}}`. `encoding` says what `body` is: `json`
(any value, which it is unless said), `utf8` (a string sent as it is) or `base64`; in MessagePack a `bin` needs none. Over HTTP it
is an ordinary request with the header `Authorization: Bearer TOKEN`.

What stands in a path is one segment, percent-encoded. Durations are `500ms`, `30s`, `5m`, `1h`, or milliseconds as a number. Failures
are RFC 9457 problems whose `class` says what it is and whose `detail` says what would be right. Any operation may answer """


class Document:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.root = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def resolve(self, value):
        while "$ref" in value:
            at = self.root
            for step in value["$ref"].removeprefix("#/").split("/"):
                at = at[step]
            value = {**at, **{k: v for k, v in value.items() if k != "$ref"}}
        return value

    def flat(self, schema):
        schema = self.resolve(schema)
        for part in schema.get("allOf", []):
            schema = {**self.flat(part), **{k: v for k, v in schema.items() if k != "allOf"}}
        return schema


def name_of(schema):
    """The name of the shape that a schema refers to, if it does."""
    parts = [schema] + schema.get("allOf", [])
    found = [part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part]
    return found[0] if found else None


def limits(schema):
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("type") in ("integer", "number") and (low is not None or high is not None):
        if high is None or abs(high) >= 2 ** 53 - 1:
            return "" if low is None or abs(low) >= 2 ** 53 - 1 else " from %s" % low
        return " to %s" % high if low is None else " from %s to %s" % (low, high)
    sizes = [("minLength", "maxLength", "bytes" if schema.get("x-ubiq-bytes") else "characters"),
             ("minItems", "maxItems", "items"), ("minProperties", "maxProperties", "fields")]
    for least, most, unit in sizes:
        if most in schema:
            first = "%d to " % schema[least] if least in schema else "at most "
            return ", %s%d %s" % (first, schema[most], unit)
    return ""


def kind(document, schema):
    """A schema in a few words."""
    name, flat = name_of(schema), document.flat(schema)
    if name and flat.get("type") == "object":
        return "[%s](#%s)" % (name, name.lower())
    if name == "Duration":
        return "duration"
    if "enum" in flat:
        return ", ".join("`%s`" % word for word in flat["enum"])
    if "anyOf" in flat:
        return " or ".join(kind(document, part) for part in flat["anyOf"])
    if flat.get("type") == "array":
        return "array of %s%s" % (kind(document, flat.get("items", {})), limits(flat))
    further = flat.get("additionalProperties", flat.get("unevaluatedProperties"))
    if flat.get("type") == "object" and not flat.get("properties") and isinstance(further, dict) and further != {"not": {}}:
        return "object of %s%s" % (kind(document, further), limits(flat))
    if flat.get("format") == "date-time":
        return "time"
    return flat.get("type", "any value") + limits(flat)


def cell(text):
    return " ".join(text.split()).replace("|", "\\|")


def default(schema):
    if "default" not in schema:
        return ""
    value = schema["default"]
    return " (`%s`)" % (value if isinstance(value, str) and value else json.dumps(value))


def rows(document, fields):
    """Lines of a table: name, where it stands or whether it must, kind, meaning."""
    for name, note, schema in fields:
        flat = document.flat(schema)
        said = schema.get("description") or (flat.get("description", "") if name_of(schema) and flat.get("type") != "object" else "")
        yield "| `%s` | %s | %s%s | %s |" % (name, note, cell(kind(document, schema)), default(flat), cell(said))


def example_value(document, schema, depth=0):
    flat = document.flat(schema)
    if "examples" in flat:
        return flat["examples"][0]
    if "enum" in flat:
        return flat["enum"][0]
    if flat.get("type") == "object":
        required = flat.get("required", []) or (list(flat.get("properties", {}))[:1] if depth == 0 else [])
        return {name: example_value(document, flat["properties"][name], depth + 1) for name in required}
    if flat.get("type") == "array":
        return [example_value(document, flat.get("items", {}), depth + 1)]
    return {"integer": flat.get("default", flat.get("minimum", 1)), "number": 0.5, "boolean": True, "string": "text"}.get(flat.get("type"), {"name": "Ada"})


def body_schema(part):
    for media, content in part.get("content", {}).items():
        if media == "application/json":
            return content.get("schema", {})
    return None


def example(document, path, method, operation, parameters):
    for parameter in parameters:
        if parameter["in"] == "path":
            value = str(example_value(document, parameter["schema"]))
            path = path.replace("{%s}" % parameter["name"], re.sub(r"[^\w.~-]", lambda m: "%%%02X" % ord(m.group(0)), value))
    request = {"method": method.upper(), "path": path}
    query = {p["name"]: str(example_value(document, p["schema"])) for p in parameters if p["in"] == "query" and p.get("required")}
    headers = {p["name"]: str(example_value(document, p["schema"])) for p in parameters if p["in"] == "header" and p.get("required")}
    request.update({key: value for key, value in (("query", query), ("headers", headers)) if value})
    schema = body_schema(operation.get("requestBody", {}))
    if schema is not None:
        request["body"] = example_value(document, schema)
    return json.dumps(request)


def answers(document, operation):
    """One line for each status that not every operation may answer."""
    for status, answer in sorted(operation["responses"].items()):
        if int(status) in EVERYWHERE:
            continue
        schema = body_schema(answer)
        what = "" if schema is None else ": " + (kind(document, schema) if document.flat(schema) else "any JSON, or bytes")
        said = {"The request has succeeded.": "done", "The request has succeeded and a new resource has been created as a result.": "made",
                "The request has been accepted for processing, but processing has not yet completed.": "begun"}
        words = said.get(answer["description"], answer["description"].rstrip("."))
        heads = "".join(", `%s`" % name for name in answer.get("headers", {}))
        yield "- **%s** %s%s%s" % (status, words[0].lower() + words[1:], what, heads)


def permission(operation):
    one, several = operation.get("x-ubiq-permission"), operation.get("x-ubiq-permissions")
    if one is None and several is None:
        sys.exit("api: %s says no permission; expected x-ubiq-permission, or x-ubiq-permissions where its handler asks (`#[]`: none)"
                 % operation["operationId"])
    asked = [re.sub(r"\{([\w-]+)\}", lambda m: m.group(1).upper(), one)] if one else several
    return "none is needed" if not asked else ", ".join("`%s`" % a for a in asked)


def operation_text(document, path, method, operation):
    parameters = [document.resolve(p) for p in operation.get("parameters", [])]
    yield "### %s" % operation["operationId"]
    yield ""
    yield "`%s %s`: %s." % (method.upper(), path, operation["summary"][0].lower() + operation["summary"][1:])
    if operation.get("description"):
        yield " ".join(operation["description"].split())
    yield ""
    yield "Permission: %s" % permission(operation)
    yield ""
    schema = body_schema(operation.get("requestBody", {}))
    fields = [(p["name"], p["in"], {**p["schema"], **({"description": p["description"]} if "description" in p else {})}) for p in parameters]
    if schema is not None:
        named = name_of(schema)
        fields.append(("(body)", "body", schema if named else {**schema, "description": "any JSON, or bytes of another media type"}))
    if fields:
        yield "| parameter | in | is | |"
        yield "|---|---|---|---|"
        yield from (line.replace("`(body)`", "the body") for line in rows(document, fields))
        yield ""
    yield from answers(document, operation)
    yield ""
    yield "```json"
    yield example(document, path, method, operation, parameters)
    yield "```"
    yield ""


def shapes_text(document):
    yield "## Shapes"
    yield ""
    for name, schema in sorted(document.root["components"]["schemas"].items()):
        if schema.get("type") != "object" or not schema.get("properties"):
            continue
        yield "### %s" % name
        yield ""
        if schema.get("description"):
            yield " ".join(schema["description"].split())
            yield ""
        required = schema.get("required", [])
        yield "| field | | is | |"
        yield "|---|---|---|---|"
        yield from rows(document, [(field, "always" if field in required else "", value) for field, value in schema["properties"].items()])
        yield ""


def page(path):
    """The text of docs/api.md."""
    document = Document(path)
    common = sorted(EVERYWHERE)
    lines = [HEAD + ", ".join(map(str, common[:-1])) + " and %d." % common[-1], ""]
    services = {}
    for route, item in document.root["paths"].items():
        for method in METHODS:
            if method in item:
                services.setdefault(item[method]["tags"][0], []).append((route, method, item[method]))
    for tag in document.root["tags"]:
        lines += ["## %s" % tag["name"], "", tag["description"], ""]
        for operation in services.get(tag["name"], []):
            lines += operation_text(document, *operation)
    lines += shapes_text(document)
    return "\n".join(lines).rstrip("\n") + "\n"
