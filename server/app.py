"""The Flask application: parse, call the engine, answer."""

import time
from collections.abc import Callable
from typing import Any

from flask import Response, request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from bandit import Engine
from bandit.actor import Actor, acting
from server.access import Access
from server.cors import allow_origins
from server.docs import page
from server.front import JSON, Authorise, Front
from server.logs import log_request
from server.metrics import Metrics
from server.ofrep import PREFIX, refuse_flag
from server.openapi import API, describe
from server.operations import Operations
from server.problems import PROBLEM, refuse
from server.requests import MOST_BODY_BYTES, RESPOND, STARTED, Environ, identify, read_body
from server.route import Reply, Route
from server.routes import table

PROBES = {"/healthz", "/readyz", "/metrics"}


def create_app(
    engine: Engine,
    *,
    front: bool = True,
    access_log: bool = False,
    authorise: Authorise | None = None,
    most_body_bytes: int = MOST_BODY_BYTES,
) -> API:
    """Makes the application around an engine, which stays the caller's to close.

    Args:
        engine: What decides.
        front: Whether choices and rewards are answered before Flask.
        access_log: Whether these are logged also when they succeed.
        authorise: Says who asks, by the WSGI environment and the scope of the route, and raises where that one lacks
            it; unset: by API keys, as for a server on loopback with one worker.
        most_body_bytes: Longer bodies are refused.
    """
    authorise = authorise or Access(engine)
    app = API("multiarm")
    app.url_map.merge_slashes = False  # a path has one spelling; a redirect would lose the body
    app.json.sort_keys = False  # type: ignore[attr-defined]
    metrics = Metrics()
    operations = Operations(engine, metrics)
    hot = operations.hot()
    routes = table(engine, operations, metrics)
    descriptions, app.schemas = describe(routes)
    short = Front(app.wsgi_app, hot, metrics=metrics, authorise=authorise, most=most_body_bytes, access_log=access_log)
    for route, description in zip(routes, descriptions, strict=True):
        hold = short.hold if route.path in hot else None
        _add(app, route, description, authorise, most_body_bytes, hold)
    _add_pages(app, metrics, authorise)
    _observe(app, metrics, PROBES if access_log else PROBES | set(hot))
    if front:
        app.wsgi_app = short  # type: ignore[method-assign]
    app.wsgi_app = allow_origins(app.wsgi_app, engine.settings)  # type: ignore[method-assign]
    return app


def _add(
    app: API,
    route: Route,
    description: dict[str, Any],
    authorise: Authorise,
    most: int,
    hold: Callable[[Environ, str], None] | None,
) -> None:
    def view(**keys: str) -> Response:
        environ = request.environ
        if hold is not None and RESPOND in environ:
            hold(environ, route.path)
        who = Actor() if route.scope == "public" else authorise(environ, route.scope, rechecked=route.rechecked)
        body = b"" if route.takes is None else read_body(environ, most)
        asked = {} if route.asks is None else dict(route.asks.model_validate(request.args.to_dict()))
        if route.conditional:
            asked["match"] = environ.get("HTTP_IF_NONE_MATCH")
        with acting(*who):
            answer = route.operation(body, environ.get("HTTP_IDEMPOTENCY_KEY"), **keys, **asked)
        if isinstance(answer, Reply):
            return Response(answer.body, answer.status, list(answer.headers), content_type=JSON)
        return Response(answer, route.status, content_type=JSON)

    add = {"GET": app.get, "POST": app.post, "PUT": app.put, "PATCH": app.patch, "DELETE": app.delete}[route.method]
    add(route.path, endpoint=route.name, strict_slashes=not route.conditional, **description)(view)
    app.view_functions[route.name] = view  # without the library's own, which looks for models to parse each time


def _add_pages(app: API, metrics: Metrics, authorise: Authorise) -> None:
    @app.route("/openapi.json")
    def openapi() -> Response:
        return app.make_response(app.api_doc)

    @app.route("/docs")
    def docs() -> Response:
        return Response(page(app.api_doc), content_type="text/html; charset=utf-8")

    @app.route("/metrics")
    def scrape() -> Response:
        authorise(request.environ, "read")
        return Response(generate_latest(metrics.registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _observe(app: API, metrics: Metrics, quiet: set[str]) -> None:
    """Gives every request its id, its place in the metrics and its line in the log, and every error its document.

    Routes in `quiet` are logged only when they fail.
    """

    @app.after_request
    def end(response: Response) -> Response:
        environ, rule, status = request.environ, request.url_rule, response.status_code
        request_id = identify(environ)
        response.headers["X-Request-Id"] = request_id
        method, route = environ["REQUEST_METHOD"], rule.rule if rule is not None else "unmatched"
        seconds = time.perf_counter() - environ[STARTED]
        metrics.request(method, route, status, seconds)
        if status >= 400 or route not in quiet:
            log_request(request_id, method, route, status, seconds)
        return response

    @app.errorhandler(Exception)
    def fail(error: Exception) -> Response:
        request_id = identify(request.environ)
        if request.path.startswith(PREFIX):
            status, headers, body = refuse_flag(error, request_id, (request.view_args or {}).get("key"))
            return Response(body, status, headers, content_type=JSON)
        status, headers, body = refuse(error, request_id)
        return Response(body, status, headers, content_type=PROBLEM)
