"""The routes that every kind of document has."""

from collections.abc import Callable
from types import GenericAlias
from typing import Any

from pydantic import BaseModel, JsonValue, TypeAdapter, create_model

from bandit.documents import Body
from bandit.model import Model
from bandit.shelf import Shelf
from server.operations import idempotency_key
from server.route import TAKES_BODY, Operation, Route, Scope, changes_of

_CHANGES: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, JsonValue])


class Removed(Model):
    """That it is gone."""

    removed: bool = True


def routes(
    shelf: Shelf[Body],
    path: str,
    *,
    reads: Scope = "read",
    writes: Scope = "manage",
    shows: type[BaseModel] | None = None,
    show: Callable[[Body], BaseModel] = lambda body: body,
) -> list[Route]:
    """Create, list, read, change and remove, under a path.

    Args:
        shelf: All of a kind.
        path: As `/v1/flags`; its last part names the list.
        reads: Who may read.
        writes: Who may change.
        shows: The model of what is answered; by default the kind's own.
        show: Makes it.
    """
    kind, plural = shelf.kind, path.rpartition("/")[2]
    model = shows or kind.model
    fields: dict[str, Any] = {plural: (GenericAlias(list, (model,)), ...)}
    several = create_model(f"{kind.model.__name__}List", __base__=Model, __doc__=f"All {plural}.", **fields)

    def create(body: bytes, token: str | None) -> bytes:
        given = kind.model.model_validate_json(body)
        return _written(show(shelf.create(given, idempotency_key=_key(token))))

    def every(body: bytes, token: str | None) -> bytes:  # noqa: ARG001 - every operation has both
        shown = b",".join(_written(show(each)) for each in shelf.list())
        return b'{"%b":[%b]}' % (plural.encode(), shown)

    def get(body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG001
        return _written(show(shelf.get(key)))

    def update(body: bytes, token: str | None, key: str) -> bytes:
        changes = _CHANGES.validate_json(body, strict=True)
        return _written(show(shelf.update(key, changes, idempotency_key=_key(token))))

    def remove(body: bytes, token: str | None, key: str) -> bytes:  # noqa: ARG001
        shelf.remove(key, idempotency_key=_key(token))
        return _written(Removed())

    def named(operation: Operation, name: str, summary: str) -> Operation:
        operation.__name__, operation.__doc__ = name, summary
        return operation

    one, name = f"{path}/<key>", kind.name
    changes = changes_of(kind.model)
    return [
        Route(
            "POST",
            path,
            writes,
            named(create, f"create_{name}", f"Enter a new {name}."),
            kind.model,
            model,
            (*TAKES_BODY, 409, 503),
            status=201,
        ),
        Route("GET", path, reads, named(every, f"list_{plural}", f"List all {plural}."), None, several, (503,)),
        Route("GET", one, reads, named(get, f"get_{name}", f"Read a {name}."), None, model, (404, 503)),
        Route(
            "PATCH",
            one,
            writes,
            named(update, f"update_{name}", f"Change fields of a {name}."),
            changes,
            model,
            (*TAKES_BODY, 404, 409, 503),
        ),
        Route(
            "DELETE",
            one,
            writes,
            named(remove, f"remove_{name}", f"Remove a {name}."),
            None,
            Removed,
            (404, 409, 422, 503),
        ),
    ]


def _key(token: str | None) -> str | None:
    return None if token is None else idempotency_key(token)


def _written(answer: BaseModel) -> bytes:
    return answer.model_dump_json().encode()
