#!/usr/bin/python3
#
# Validates an OpenAPI document, and answers against it: usage, openapi.py
# DOCUMENT < ANSWERS; an answer is a line of JSON,
#
#     {"method": "GET", "path": "/dead", "query": "limit=1", "status": 200,
#      "headers": {"content-type": "application/json"}, "body": BASE64}
#
# Tells "problem: ..." and, of each answer, "seen: METHOD PATH STATUS CODE"; of
# those that no operation has, PATH is "-".

import base64
import json
import re
import sys
import urllib.parse

import jsonschema

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# pages of nginx's own: what is no HTTP, and what guards and limits refuse

OWN = (400, 401, 403, 405, 408, 413, 414)


def problem(text):
    print("problem: " + text)


def once(pairs):
    keys = [k for k, v in pairs]
    for k in keys:
        if keys.count(k) > 1:
            raise ValueError("two members \"%s\"" % k)
    return dict(pairs)


def number(text):
    raise ValueError("%s is no JSON" % text)


def read(octets):
    return json.loads(octets.decode("utf-8", "strict"),
                      object_pairs_hook=once, parse_constant=number)


class Document:

    def __init__(self, document):
        self.document = document

    def resolve(self, ref):
        thing = self.document
        for name in ref.split("/")[1:]:
            thing = thing[name.replace("~1", "/")]
        return thing

    def get(self, thing):
        while isinstance(thing, dict) and "$ref" in thing:
            thing = self.resolve(thing["$ref"])
        return thing

    def errors(self, schema, value):
        v = jsonschema.Draft202012Validator(
            {"components": self.document["components"], "allOf": [schema]})
        return ["%s: %s" % ("/".join(map(str, e.absolute_path)),
                            e.message[:500]) for e in v.iter_errors(value)]

    # what stands for all of the document: schemas are schemas, examples are
    # of them, references are to something, nothing is left open or unused

    def validate(self):
        self.refs = set()
        self.walk(self.document, "#")

        for kind, named in self.document["components"].items():
            for name in named:
                if "#/components/%s/%s" % (kind, name) not in self.refs \
                   and (kind, name) not in (("responses", "NoSuchRoute"),
                                            ("responses", "MethodNotAllowed"),
                                            ("securitySchemes", "basic")):
                    problem("nobody uses %s %s" % (kind, name))

        ids = set()
        tags = [t["name"] for t in self.document["tags"]]

        for path, method, op, parameters in self.operations():
            where = "%s %s" % (method, path)

            if op["operationId"] in ids:
                problem("%s: a second %s" % (where, op["operationId"]))

            ids.add(op["operationId"])

            for t in op["tags"]:
                if t not in tags:
                    problem("%s: no tag %s" % (where, t))

            names = [(p["in"], p["name"]) for p in parameters]

            if len(set(names)) != len(names):
                problem("%s: a parameter is there twice" % where)

            if sorted(n for i, n in names if i == "path") \
               != sorted(re.findall(r"\{(\w+)\}", path)):
                problem("%s: parameters of the path" % where)

        for name, schema in self.document["components"]["schemas"].items():
            for example in schema.get("examples", []):
                for e in self.errors(schema, example):
                    problem("example of %s: %s" % (name, e))

    def walk(self, thing, where):
        if isinstance(thing, list):
            for i, t in enumerate(thing):
                self.walk(t, "%s/%d" % (where, i))

        if not isinstance(thing, dict):
            return

        if isinstance(thing.get("$ref"), str):
            self.refs.add(thing["$ref"])
            try:
                self.resolve(thing["$ref"])
            except KeyError:
                problem("%s: nothing is %s" % (where, thing["$ref"]))

        if "schema" in thing and where.split("/")[-1] != "properties":
            self.schema(thing["schema"], where)

        for name, t in thing.items():
            if where == "#/components/schemas":
                self.schema(t, where + "/" + name)

            self.walk(t, where + "/" + name.replace("/", "~1"))

    def schema(self, schema, where):
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as e:
            problem("%s: %s" % (where, e.message))
            return

        self.closed(schema, where)

    # parts of others are closed by them; a document is what it is

    def closed(self, schema, where):
        if isinstance(schema, list):
            for s in schema:
                self.closed(s, where)

        if not isinstance(schema, dict):
            return

        if schema.get("type") == "object" and "properties" in schema \
           and schema.get("additionalProperties",
                          schema.get("unevaluatedProperties")) is not False \
           and not where.endswith(("Fields", "Details")) \
           and "openapi.json" not in where:
            problem("%s: properties are left open" % where)

        for name, s in schema.items():
            self.closed(s, where)

    def operations(self):
        for path, item in self.document["paths"].items():
            for method, op in item.items():
                if method in METHODS:
                    parameters = [self.get(p) for p in
                                  item.get("parameters", [])
                                  + op.get("parameters", [])]
                    yield path, method, op, parameters

    # NAME of its parameter for "{name}"; what is literal goes first

    def find(self, method, path):
        found = None
        known = False

        for p in self.document["paths"]:
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(p))
            m = re.fullmatch(pattern, path, re.S)

            if m is None:
                continue

            known = True

            if method in self.document["paths"][p] \
               and (found is None or "{" not in p):
                found = p, m.groupdict()

        return found, known

    def answer(self, a):
        method = "get" if a["method"] == "HEAD" else a["method"].lower()
        status = a["status"]
        headers = a["headers"]
        body = base64.b64decode(a["body"])
        where = "%s %s?%s: %d" % (a["method"], a["path"], a["query"], status)

        kind = headers.get("content-type", "").split(";")[0]

        # as nginx reads it

        path = urllib.parse.unquote(a["path"], encoding="latin-1")
        path = re.sub("/+", "/", path)

        found, known = self.find(method, path)
        operation = None

        if found:
            item = self.document["paths"][found[0]]
            operation = item[method]
            response = operation["responses"].get(str(status))

        else:
            name = "MethodNotAllowed" if known else "NoSuchRoute"
            response = self.document["components"]["responses"][name]

            if status != (405 if known else 404) and kind != "text/html":
                problem("%s: it is no %s" % (where, name))
                return

        if kind == "text/html" and status in OWN \
           and (response is None or "text/html" not in
                self.get(response).get("content", {})):
            self.seen(a, found, method, "html")
            return

        if response is None:
            problem("%s: no answer has such a status: %s" % (where, body))
            return

        response = self.get(response)

        for name, header in response.get("headers", {}).items():
            value = headers.get(name.lower())

            if value is None:
                if header.get("required"):
                    problem("%s: no %s" % (where, name))
                continue

            for e in self.errors(header["schema"], value):
                problem("%s: %s: %s" % (where, name, e))

        code = "-"

        if a["method"] == "HEAD" or "content" not in response:
            if body:
                problem("%s: a body: %s" % (where, body))

        else:
            if kind not in response["content"]:
                problem("%s: it is \"%s\": %s" % (where, kind, body))
                return

            value = body.decode("utf-8", "replace")

            if kind == "application/json":
                try:
                    value = read(body)
                except ValueError as e:
                    problem("%s: %s: %s" % (where, e, body))
                    return

            for e in self.errors(response["content"][kind]["schema"], value):
                problem("%s: %s; it is %s" % (where, e, body[:2000]))

            if status >= 400 and kind == "application/json":
                try:
                    code = value["error"]["code"]
                except (KeyError, TypeError):
                    pass

        self.seen(a, found, method, code)

        if operation and status == 200:
            self.request(a, found, operation, item, where)

    # what was done was asked for as it is documented

    def request(self, a, found, operation, item, where):
        given = dict(urllib.parse.parse_qsl(
            a["query"], keep_blank_values=True, encoding="latin-1"))

        for p in item.get("parameters", []) + operation.get("parameters", []):
            p = self.get(p)

            if p["in"] == "header":
                continue

            value = (given.pop(p["name"], None) if p["in"] == "query"
                     else found[1][p["name"]])

            if value is None:
                if p.get("required"):
                    problem("%s: without %s" % (where, p["name"]))
                continue

            values = [value]

            if re.fullmatch("[0-9]+", value):
                values.append(int(value))

            if all(self.errors(p["schema"], v) for v in values):
                problem("%s: parameter %s" % (where, p["name"]))

        for name in given:
            problem("%s: no parameter is \"%s\"" % (where, name))

    def seen(self, a, found, method, code):
        print("seen: %s %s %d %s" % (a["method"], found[0] if found else "-",
                                     a["status"], code))


with open(sys.argv[1], "rb") as f:
    d = Document(read(f.read()))

d.validate()

for line in sys.stdin:
    d.answer(json.loads(line))
