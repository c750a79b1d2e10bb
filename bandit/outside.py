"""Settings from outside of the store: a TOML file, and variables of the environment that begin with MULTIARM_."""

import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bandit.configuration import PREFIX, check_names, variable
from bandit.errors import FieldError, InvalidInput
from bandit.memory import Outside
from bandit.settings import NAMES, Settings

CONFIG = "MULTIARM_CONFIG"
"""Names the file where none is given."""

_OTHERS = re.compile(r"MULTIARM_(CONFIG|SERVICE_.*|PORT(_.*)?)").fullmatch
"""Variables that are no settings: the file, and what Kubernetes adds for a service that is called multiarm."""


def read(path: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Outside:
    """What file and environment say.

    Args:
        path: The file; None for the one that MULTIARM_CONFIG names, if any.
        environ: The variables.

    Raises:
        InvalidInput: The file cannot be read; or a name is not a setting's, or a value is not allowed: each is named.
    """
    path = path if path is not None else environ.get(CONFIG) or None
    outside = Outside({} if path is None else from_file(Path(path)), from_environment(environ))
    _checked({**outside.file, **outside.environment}, "")
    return outside


def from_file(path: Path) -> dict[str, Any]:
    """The settings of a TOML file.

    Raises:
        InvalidInput: It cannot be read, or holds what is not allowed.
    """
    try:
        return from_toml(path.read_text(encoding="utf-8"), f"{path}: ")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidInput(f"{path}: cannot be read: {reason}") from error


def from_toml(text: str, where: str = "") -> dict[str, Any]:
    """The settings of a TOML document.

    Args:
        text: The document.
        where: Comes before every message.

    Raises:
        InvalidInput: It is not TOML, or holds what is not allowed.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{where}is not TOML: {error}") from error
    try:
        check_names(found)
    except InvalidInput as error:
        raise InvalidInput(f"{where}{error.detail}", error.errors) from error
    _checked(found, where)
    return found


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings among the variables.

    Raises:
        InvalidInput: A variable begins with MULTIARM_ and is no setting, or its value is not allowed.
    """
    names = {variable(name): name for name in NAMES}
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and not _OTHERS(name)}
    if unknown := sorted(set(ours) - set(names)):
        errors = [FieldError(name, "is not a setting") for name in unknown]
        raise InvalidInput(f"not a setting: {', '.join(unknown)}; the settings are {', '.join(sorted(names))}", errors)
    return {names[name]: parse(names[name], value, name) for name, value in ours.items()}


def parse(name: str, text: str, written: str | None = None) -> Any:
    """The value of a setting that is written as text: true or false, a number, a text, or a list as in TOML.

    Args:
        name: The setting.
        text: Its value.
        written: What the name is in a message.

    Raises:
        InvalidInput: It is not a value of the setting.
    """
    word = text.strip().lower()
    try:
        value = tomllib.loads(f"value = {word if word in ('true', 'false') else text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
        with suppress(ValueError):
            value = float(text)  # as .1, which is no number in TOML
    try:
        return _checked({name: value}, "")[name]
    except InvalidInput as error:
        with suppress(InvalidInput):  # a text that looks like a number
            return _checked({name: text}, "")[name]
        message = error.errors[0].message if error.errors else error.detail
        raise InvalidInput.field(written or name, message) from None


def _checked(values: dict[str, Any], where: str) -> dict[str, Any]:
    """The values, where they are allowed."""
    try:
        Settings.model_validate(values)
    except ValidationError as error:
        found = InvalidInput.of(error)
        raise InvalidInput(f"{where}{found.detail}", found.errors) from error
    return values
