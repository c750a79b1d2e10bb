"""The description of the routes as OpenAPI 3.1, with pydantic's own schemas of the very models that validate."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from bandit.settings import GREATEST_BATCH
from server.operations import HEADER_KEY
from server.problems import PROBLEM, Problem
from server.requests import STARTED, Environ
from server.route import Changes, Route

JSON = "application/json"
_PARAMETERS = {
    "key": {
        "name": "key",
        "in": "path",
        "required": True,
        "description": "The key of what is asked for.",
        "schema": {"type": "string"},
    },
    "idempotency": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A repeat with the same key does nothing and gets the same answer.",
        "schema": HEADER_KEY.json_schema(),
    },
    "match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Tags of former answers: 304 where one is still right.",
        "schema": {"type": "string"},
    },
}


SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key. Without any, loopback needs none."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same."},
}
_REFUSED_BY_ACCESS = (401, 403, 429)


class API(OpenAPI):
    """A Flask application that describes itself.

    The library keeps the list of routes; it neither parses their bodies nor rewrites their schemas, because its models
    of JSON Schema know only a part of the keywords.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            name,
            info=Info(
                title="multiarm", version=version("multiarm"), description="A multi-armed bandit decisioning engine."
            ),
            doc_ui=False,
            static_folder=None,
            validation_error_status="default",
            validation_error_model=Problem,
        )
        self.schemas: dict[str, Any] = {}

    def wsgi_app(self, environ: Environ, start_response: Any) -> Any:
        """Answers a request, and notes when it came."""
        environ[STARTED] = time.perf_counter()
        return super().wsgi_app(environ, start_response)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none here is a coroutine, and Flask would find that out anew for every request."""
        return func

    def generate_spec_json(self) -> None:
        """Describes every route that was added."""
        super().generate_spec_json()  # type: ignore[no-untyped-call]
        self.spec_json["components"] = {"schemas": self.schemas, "securitySchemes": SECURITY_SCHEMES}


def describe(routes: list[Route]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The arguments by which each route is added to an `API`, and the schemas that they refer to."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for route in routes:
        models.append((route.gives, "serialization"))
        if route.refuses is not None:
            models.append((route.refuses, "serialization"))
        if route.takes is not None:
            models.append((route.takes, "validation"))
            if issubclass(route.takes, Changes):
                models.append((route.takes.of, "validation"))
    references, definitions = models_json_schema(
        list(dict.fromkeys(models)), ref_template="#/components/schemas/{model}"
    )
    schemas = definitions["$defs"]
    for taken in {route.takes for route in routes if route.takes is not None and issubclass(route.takes, Changes)}:
        fields = schemas[_name(references[taken.of, "validation"])]["properties"]
        schemas[_name(references[taken, "validation"])]["properties"] = {
            name: schema for name, schema in fields.items() if name != "key"
        }
    return [_operation(route, references) for route in routes], schemas


def _name(reference: dict[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _operation(route: Route, references: Mapping[Any, Any]) -> dict[str, Any]:
    refusal = references[route.refuses or Problem, "serialization"]
    form = JSON if route.refuses else PROBLEM
    given = references[route.gives, "serialization"]
    if route.many:
        given = {"type": "array", "items": {"anyOf": [given, refusal]}}
    responses = {str(route.status): {"description": "Done.", "content": {JSON: {"schema": given}}}}
    by_access = () if route.scope == "public" else _REFUSED_BY_ACCESS
    for status in sorted({*route.refusals, *by_access}):
        responses[str(status)] = {
            "description": f"{HTTPStatus(status).phrase}.",
            "content": {form: {"schema": refusal}},
        }
    if route.conditional:
        responses["304"] = {"description": "Nothing has changed since the answer that the header names."}
    responses["default"] = {
        "description": "Any other refusal, of the same form.",
        "content": {form: {"schema": refusal}},
    }
    parameters = [_PARAMETERS["key"]] if "<key>" in route.path else []
    # What only reads may be repeated anyway.
    if route.method != "GET" and route.scope != "read" and not route.conditional:
        parameters.append(_PARAMETERS["idempotency"])
    if route.conditional:
        parameters.append(_PARAMETERS["match"])
    if route.asks is not None:
        parameters += _query(route.asks)
    security: list[dict[str, list[str]]] = [] if route.scope == "public" else [{name: []} for name in SECURITY_SCHEMES]
    more: dict[str, Any] = {"x-scope": route.scope, "security": security, "parameters": parameters}
    if route.takes is not None:
        taken = references[route.takes, "validation"]
        if route.many:
            most = "At most as many as the setting batch_size says, 1000 unless set."
            taken = {"type": "array", "minItems": 1, "maxItems": GREATEST_BATCH, "items": taken, "description": most}
        more["requestBody"] = {"required": route.body_required, "content": {JSON: {"schema": taken}}}
    return {
        "operation_id": route.name,
        "summary": (route.operation.__doc__ or "").partition("\n")[0],
        "responses": responses,
        "openapi_extensions": more,
    }


def _query(asked: type[BaseModel]) -> list[dict[str, Any]]:
    schema = asked.model_json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": field.pop("description", ""),
            "schema": field,
        }
        for name, field in schema["properties"].items()
    ]
