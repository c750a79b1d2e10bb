"""The page that people read: every route and every kind of problem, rendered from the OpenAPI description."""

from html import escape
from inspect import getdoc
from typing import Any

from bandit.errors import MultiarmError

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>multiarm API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2330}
code, pre {font: 14px/1.45 ui-monospace, monospace}
pre {background: #f3f4f7; padding: .8rem; overflow: auto; border-radius: 4px}
section {border-top: 1px solid #d5d9e2; padding: .3rem 0}
summary {cursor: pointer} .method {display: inline-block; width: 4rem; font-weight: 600}
@media (prefers-color-scheme: dark) {body {background: #14171e; color: #dfe3ec} pre {background: #1f2430}}
</style></head><body>
"""


def page(specification: dict[str, Any]) -> str:
    """The page, complete in itself."""
    info = specification["info"]
    parts = [
        _HEAD,
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info.get('description', ''))}",
        ' Its description for programs is <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p><h2>Routes</h2>',
    ]
    for path, methods in specification["paths"].items():
        parts += [_route(path, method, operation) for method, operation in methods.items()]
    parts.append("<h2>Schemas</h2>")
    for name, schema in sorted(specification["components"]["schemas"].items()):
        parts.append(f'<section id="schema-{escape(name)}"><details><summary><code>{escape(name)}</code> ')
        parts.append(f"{escape(schema.get('description', ''))}</summary><ul>{_fields(schema)}</ul></details></section>")
    parts.append(
        "<h2>Problems</h2><p>A refusal is a problem document (RFC 9457); its <code>type</code> leads here.</p>"
    )
    for kind in kinds():
        name, text = kind.__name__, escape(getdoc(kind) or "")
        parts.append(f'<section id="{name}"><h3>{name} ({kind.status})</h3><p>{text}</p></section>')
    return "".join([*parts, "</body></html>\n"])


def kinds() -> list[type[MultiarmError]]:
    """Every kind of error that multiarm raises on purpose."""
    found = [MultiarmError]
    for kind in found:
        found += kind.__subclasses__()
    return found[1:]


def _route(path: str, method: str, operation: dict[str, Any]) -> str:
    taken = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    lines = [] if taken is None else [f"<li>takes {_name(taken)}</li>"]
    for status, response in operation["responses"].items():
        lines += [
            f"<li>{escape(status)}: {_name(content['schema'])}</li>" for content in response.get("content", {}).values()
        ]
    return (
        f'<section id="{escape(operation["operationId"])}"><details><summary>'
        f'<span class="method">{method.upper()}</span>'
        f"<code>{escape(path)}</code> {escape(operation.get('summary', ''))}</summary>"
        f"<p>Scope: {escape(operation.get('x-scope', ''))}</p><ul>{''.join(lines)}</ul></details></section>"
    )


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    return "".join(
        f"<li><code>{escape(name)}</code>{'' if name in required else ' (optional)'}: {_name(field)}. "
        f"{escape(field.get('description', ''))}</li>"
        for name, field in schema.get("properties", {}).items()
    )


def _name(schema: dict[str, Any]) -> str:
    """A type in a few words, with links to the schemas it is made of."""
    if reference := schema.get("$ref"):
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(map(_name, choices))
    if schema.get("type") == "array":
        return f"array of {_name(schema.get('items', {}))}"
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    return (
        " or ".join(f"<code>{escape(str(value))}</code>" for value in values) if values else schema.get("type", "any")
    )
