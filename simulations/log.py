"""A log of decisions, read from CSV and checked."""

import csv
import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bandit import InvalidInput

MOST_ARMS = 1000

Event = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Log:
    """Logged events in their order: the arm that was shown, as an index of `arms`, and its reward.

    Arms are sorted by length and then by text, which sorts whole numbers by value. `propensities` are the probabilities
    with which they were drawn, empty where the log was read without.
    """

    arms: tuple[str, ...]
    shown: "array[int]"
    rewards: "array[float]"
    propensities: "array[float]" = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.shown)

    def __iter__(self) -> Iterator[Event]:
        return zip(self.shown, self.rewards, strict=True)

    def uniformity(self) -> float:
        """The p-value of Pearson's chi-square test that all arms were shown equally often in expectation.

        A small value disproves uniform logging; a large one does not prove it: the test looks at how often arms were
        shown, not at whom they were shown to or in what order.
        """
        from scipy.special import chdtrc

        expected = len(self) / len(self.arms)
        statistic = sum((count - expected) ** 2 / expected for count in Counter(self.shown).values())
        return float(chdtrc(len(self.arms) - 1, statistic))


def read(path: str | Path, arm: str, reward: str, propensity: str | None = None, *, uniform: bool = True) -> Log:
    """Reads a log from a CSV file with a header, UTF-8.

    Args:
        path: The file.
        arm: The column of the arm that was shown, any text.
        reward: The column of what it earned, a finite number.
        propensity: The column of the probability with which the arm was drawn.
        uniform: Whether it must be the same everywhere, as replay needs it; the estimators of
            `bandit.statistics.off_policy` do not.

    Raises:
        InvalidInput: The file cannot be read, lacks a column, or has a value that is not allowed; the message names
            the line.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            return _parse(file, str(path), arm, reward, propensity, uniform)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from error


def _parse(file: Iterable[str], path: str, arm: str, reward: str, propensity: str | None, uniform: bool) -> Log:
    reader = csv.reader(file, strict=True)
    shown: list[str] = []
    rewards, propensities = array("d"), array("d")
    try:
        header = next(reader, None)
        if header is None:
            raise InvalidInput(f"{path}: the file is empty, a header and rows are needed")
        columns = {name: _place(path, header, name) for name in (arm, reward, propensity) if name is not None}
        for row in reader:
            if not row:
                continue
            here = f"{path}, line {reader.line_num}"
            if len(row) != len(header):
                raise InvalidInput(f"{here}: {len(row)} values given, the header has {len(header)}")
            if not row[columns[arm]]:
                raise InvalidInput(f"{here}: {arm} is empty, an arm is needed")
            shown.append(row[columns[arm]])
            rewards.append(_number(here, reward, row[columns[reward]], math.isfinite, "a finite number"))
            if propensity is not None:
                given = _number(here, propensity, row[columns[propensity]], _is_probability, "above 0 and at most 1")
                propensities.append(given)
                if uniform and not math.isclose(given, propensities[0], rel_tol=1e-6):
                    raise InvalidInput(
                        f"{here}: {propensity} is {given:g} and was {propensities[0]:g} before; replay is unbiased "
                        "only for a log whose arms were drawn uniformly"
                    )
    except csv.Error as error:
        raise InvalidInput(f"{path}, line {reader.line_num}: not CSV: {error}") from error
    return _log(path, arm, shown, rewards, propensities)


def _log(path: str, column: str, shown: list[str], rewards: "array[float]", propensities: "array[float]") -> Log:
    if not shown:
        raise InvalidInput(f"{path}: a header and no rows, at least one row is needed")
    arms = sorted(set(shown), key=lambda name: (len(name), name))
    if len(arms) == 1:
        raise InvalidInput(f"{path}: {column} is {arms[0][:100]!r} in every row, at least two arms are needed")
    if len(arms) > MOST_ARMS:
        raise InvalidInput(f"{path}: {column} has {len(arms)} different values, at most {MOST_ARMS} arms are allowed")
    place = {name: index for index, name in enumerate(arms)}
    return Log(tuple(arms), array("i", [place[name] for name in shown]), rewards, propensities)


def _place(path: str, header: list[str], name: str) -> int:
    if header.count(name) != 1:
        known = ", ".join(map(repr, header))
        fault = "given twice in" if name in header else "not one of"
        raise InvalidInput(f"{path}: column {name!r} is {fault} the columns: {known[:500]}")
    return header.index(name)


def _number(here: str, column: str, text: str, allowed: Callable[[float], bool], wanted: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not allowed(value):
        raise InvalidInput(f"{here}: {column} is {text[:100]!r}, must be {wanted}")
    return value


def _is_probability(value: float) -> bool:
    return 0.0 < value <= 1.0
