"""The document as a page: plain HTML that asks nobody for anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape

from calotype.capture.survey import Schema

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
body { color: #222; background: #fff }
code, pre { font: 0.875em ui-monospace, monospace }
h2 { margin-top: 3rem; border-bottom: 1px solid #ccc }
summary { cursor: pointer; padding: 0.25rem 0 }
summary b { display: inline-block; min-width: 4.5rem }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 1rem }
td { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0 }
td { border-bottom: 1px solid #e5e5e5 }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #181818 }
  a { color: #8ab4f8 }
  h2, td { border-color: #444 }
}
"""
SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
"""Of the page: it has a style of its own, and needs nothing else."""


def page(document: Schema) -> str:
    """Return the HTML that tells document."""
    info = document["info"]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>",
            '<p>All of it for machines: <a href="openapi.json">openapi.json</a>. ',
            "A key goes into the header <code>Authorization: Bearer …</code>, or into the query as ",
            "<code>api_key</code>.</p>",
            *_by_tag(document),
            "<h2>Shapes</h2>",
            *(_shape(name, schema) for name, schema in document["components"]["schemas"].items()),
            "</body></html>",
        )
    )


def _by_tag(document: Schema) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>"
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if tag["name"] in operation["tags"] and method != "head":
                    yield _operation(method, path, operation)


def _operation(method: str, path: str, operation: Schema) -> str:
    parameters = "".join(
        _row(f"{parameter['name']}", parameter["in"], parameter.get("description", ""), parameter["schema"])
        for parameter in operation["parameters"]
    )
    replies = "".join(
        f"<tr><td>{status}</td><td>{escape(reply['description'])}</td><td>{_kinds(reply)}</td></tr>"
        for status, reply in operation["responses"].items()
    )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return "".join(
        (
            f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> ",
            f"{escape(operation['summary'])}</summary>",
            f"<p>Its body is a {_link(body)}.</p>" if body else "",
            f"<table>{parameters}</table>" if parameters else "",
            f"<table>{replies}</table></details>",
        )
    )


def _row(name: str, place: str, meaning: str, schema: Schema) -> str:
    where = f" ({place})" if place else ""
    return (
        f"<tr><td><code>{escape(name)}</code>{where}</td><td>{escape(meaning)}</td>"
        f"<td><code>{escape(_bounds(schema))}</code></td></tr>"
    )


def _bounds(schema: Schema) -> str:
    told = {name: value for name, value in schema.items() if name not in ("properties", "description")}
    if "$ref" in told:
        return str(told["$ref"]).rpartition("/")[2]
    return json.dumps(told)


def _kinds(reply: Schema) -> str:
    told = []
    for media, content in reply.get("content", {}).items():
        schema = content.get("schema", {})
        shapes = schema.get("anyOf", [schema])
        named = ", ".join(_link(shape.get("items", shape)) for shape in shapes if schema)
        told.append(f"{escape(media)}{f': {named}' if named else ''}")
    return "<br>".join(told)


def _link(schema: Schema) -> str:
    name = escape(str(schema.get("$ref", "")).rpartition("/")[2])
    return f'<a href="#{name}">{name}</a>'


def _shape(name: str, schema: Schema) -> str:
    fields = "".join(_fields("", schema))
    meaning = f"<p>{escape(schema.get('description', ''))}</p>"
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>{meaning}<table>{fields}</table>'


def _fields(prefix: str, schema: Schema) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield _row(prefix + name, "", field.get("description", ""), field)
        yield from _fields(f"{prefix}{name}.", field)
