"""How a policy, an environment or a wrapper is written in one line: `gaussian:means=0/.5/1,sd=1`.

A name, then `:` and parameters separated by commas. A value is a number, `null`, `true`, `false`, a word,
or a list separated by `/` (a list of lists separates its rows by `;`).
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from bandit.errors import InvalidInput

WORDS = {"null": None, "none": None, "true": True, "false": False}
Named = TypeVar("Named", bound=BaseModel)


def parse(text: str) -> dict[str, Any]:
    """The name and parameters in `text`.

    Raises:
        ValueError: A parameter is not `name=value`, or is given twice.
    """
    name, _, rest = text.partition(":")
    found: dict[str, Any] = {"name": name.strip()}
    for part in rest.split(",") if rest.strip() else ():
        parameter, equals, written = part.partition("=")
        parameter = parameter.strip()
        if not equals or not parameter:
            raise ValueError(f"{part.strip()!r} given, parameters are written name=value with commas between them")
        if parameter in found:
            raise ValueError(f"{parameter}: given twice")
        found[parameter] = value(written.strip())
    return found


def value(text: str) -> Any:
    """A number, None, a word, or lists of these."""
    if ";" in text:
        return [row if isinstance(row, list) else [row] for row in map(value, text.split(";"))]
    if "/" in text:
        return [value(part) for part in text.split("/")]
    if text in WORDS:
        return WORDS[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def build(given: object, known: Mapping[str, type[Named]], what: str) -> Named:
    """An instance of one of the `known` classes from a spec, a dictionary with a `name`, or itself.

    Raises:
        InvalidInput: The name or a parameter is unknown or a value is not allowed; the message says what is.
    """
    if isinstance(given, BaseModel):
        return cast(Named, given)
    try:
        fields = parse(given) if isinstance(given, str) else given
    except ValueError as error:
        raise InvalidInput(f"{what} {given!r}: {error}") from error
    if not isinstance(fields, dict) or not isinstance(fields.get("name"), str):
        raise InvalidInput(f"{what}: {given!r} given, must be a text such as 'name:parameter=1' or a table with a name")
    name = fields["name"]
    if name not in known:
        raise InvalidInput(f"{what}: {name!r} is unknown, must be one of {', '.join(known)}")
    parameters = [field for field in known[name].model_fields if field != "name"]
    for field in fields:
        if field != "name" and field not in parameters:
            allowed = ", ".join(parameters) or "no parameters"
            raise InvalidInput(f"{what} {name}: {field!r} is not one of its parameters: {allowed}")
    lists = {field: listed(known[name], field, given) for field, given in fields.items()}
    try:
        return known[name].model_validate(lists)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)[0]
        if found["loc"]:
            raise InvalidInput(f"{what} {name}: {': '.join(InvalidInput.of(error).errors[0])}") from error
        raise InvalidInput(f"{what} {name}: {found['msg'].removeprefix('Value error, ')}") from error


def listed(owner: type[BaseModel], field: str, given: Any) -> Any:
    """`given` as a list where the field is one: `means=.5` has a single entry, `means=1/2` a single row."""
    annotation = str(owner.model_fields[field].annotation)
    if annotation.startswith("tuple[") and not isinstance(given, list | tuple):
        given = [given]
    if annotation.count("tuple[") > 1 and given and not isinstance(given[0], list | tuple):
        given = [given]
    return given


def label(named: BaseModel) -> str:
    """The spec of an instance, with the parameters that differ from their defaults."""
    name = getattr(named, "name", type(named).__name__)
    fields = type(named).model_fields
    changed = [
        f"{field}={written(given)}" for field, given in named if field != "name" and given != fields[field].default
    ]
    return f"{name}:{','.join(changed)}" if changed else name


def written(given: Any) -> str:
    """A value as `value` reads it."""
    if given is None or isinstance(given, bool):
        return json.dumps(given)
    if isinstance(given, list | tuple):
        rows = bool(given) and isinstance(given[0], list | tuple)
        return (";" if rows else "/").join(map(written, given))
    return f"{given:.12g}" if isinstance(given, float) else str(given)
