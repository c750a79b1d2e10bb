"""What flags, cohorts and experiments demand of each other: checked before one is written, or removed."""

from collections.abc import Iterator, Mapping

from bandit.cohort import Cohort, named, unknown
from bandit.conditions import Condition
from bandit.documents import Kind, all_of
from bandit.errors import InvalidInput, NotFound, WrongState
from bandit.experiment import StoredExperiment
from bandit.flag import Flag
from bandit.memory import Memory
from bandit.running import parse

LONGEST_CHAIN = 20
DECIDING = ("draft", "running", "paused")
"""What an experiment is that decides, or still may."""


def check(memory: Memory, flag: Flag) -> None:
    """Checks that what a flag names exists, that what others need of it is still there, and that nothing goes round.

    Raises:
        InvalidInput: It does not; the message names the flags.
    """
    flags = {**all_of(memory, FLAG), flag.key: flag}
    for place, needed in enumerate(flag.prerequisites):
        field = f"prerequisites[{place}]"
        other = flags.get(needed.flag)
        if other is None:
            raise InvalidInput.field(f"{field}.flag", f"{needed.flag!r} is not a flag")
        if needed.variant not in other.variants:
            known = ", ".join(map(repr, list(other.variants)[:20]))
            raise InvalidInput.field(f"{field}.variant", f"{needed.variant!r} is not one of {needed.flag!r}: {known}")
        if other.experiment is not None:
            raise InvalidInput.field(f"{field}.flag", f"{needed.flag!r} is decided by an experiment, flag by flag")
    for other in _needing(flags, flag.key):
        wanted = [needed.variant for needed in other.prerequisites if needed.flag == flag.key]
        if missing := [variant for variant in wanted if variant not in flag.variants]:
            raise InvalidInput.field("variants", f"{missing[0]!r} is missing, and flag {other.key!r} needs it")
        if flag.experiment is not None:
            raise InvalidInput.field("experiment", f"flag {other.key!r} needs this one, which so must decide by itself")
    if flag.prerequisites:
        _check_chain(flags, flag)
    if flag.experiment is not None:
        _check_experiment(memory, flag, flag.experiment)
    before = all_of(memory, FLAG).get(flag.key)
    check_cohorts(memory, flag.conditions, before.conditions if before else {})


def check_cohorts(memory: Memory, conditions: Mapping[str, Condition], before: Mapping[str, Condition]) -> None:
    """Checks that the cohorts exist which conditions name that are new.

    Args:
        memory: Where they are.
        conditions: By the field in which each was given.
        before: What they were, so that what names a cohort that is gone can still be changed, and turned off.

    Raises:
        InvalidInput: A cohort does not exist; every field that names one is named.
    """
    known, old = all_of(memory, COHORT), {key for _, key in named(before)}
    if errors := unknown(conditions, lambda key: key in known or key in old):
        raise InvalidInput("; ".join(f"{field}: {message}" for field, message in errors), errors)


def release_cohort(memory: Memory, cohort: Cohort) -> None:
    """Checks that neither a flag nor an experiment which decides, or still may, names a cohort.

    Raises:
        WrongState: One does.
    """
    users = [f"flag {flag.key!r}" for flag in all_of(memory, FLAG).values() if _names(flag.conditions, cohort)]
    users += [f"experiment {one.key!r}" for one in _targeting(memory) if _names(one.conditions, cohort)]
    if users:
        raise WrongState(f"cohort {cohort.key!r} is named by {', '.join(users[:20])}")


def _names(conditions: Mapping[str, Condition], cohort: Cohort) -> bool:
    return any(key == cohort.key for _, key in named(conditions))


def _targeting(memory: Memory) -> Iterator[StoredExperiment]:
    """The experiments that decide, or still may, and name a cohort, the uncommitted included."""
    fresh = memory.batch.experiments
    for row, standing in memory.store.reader().experiments():
        if row.id not in fresh and row.status in DECIDING and '"in_cohort"' in row.definition:
            yield parse(row, standing)
    yield from (memory.by_id[number].experiment for number, row in fresh.items() if row.status in DECIDING)


def release(memory: Memory, flag: Flag) -> None:
    """Checks that no other flag needs one.

    Raises:
        WrongState: One does.
    """
    if needing := _needing(all_of(memory, FLAG), flag.key):
        names = ", ".join(repr(other.key) for other in needing[:20])
        raise WrongState(f"flag {flag.key!r} is a prerequisite of {names}")


def _needing(flags: Mapping[str, Flag], key: str) -> list[Flag]:
    return [
        other
        for other in flags.values()
        if other.prerequisites and key in [needed.flag for needed in other.prerequisites]
    ]


def _check_chain(flags: Mapping[str, Flag], flag: Flag) -> None:
    needs = {
        key: [needed.flag for needed in other.prerequisites] for key, other in flags.items() if other.prerequisites
    }
    needing: dict[str, list[str]] = {}
    for key, keys in needs.items():
        for needed in keys:
            needing.setdefault(needed, []).append(key)
    below = _furthest(needs, flag.key)
    chain = [*reversed(_furthest(needing, flag.key)), *below[1:]]
    if len(chain) > LONGEST_CHAIN:
        raise InvalidInput.field(
            "prerequisites", f"at most {LONGEST_CHAIN} flags that need each other, given {' -> '.join(chain)}"
        )


def _furthest(edges: Mapping[str, list[str]], key: str) -> list[str]:
    """The longest way from a flag, as far as it matters.

    Raises:
        InvalidInput: A way leads back to the flag.
    """
    level = {key: [key]}
    for _ in range(LONGEST_CHAIN):
        reached: dict[str, list[str]] = {}
        for path in level.values():
            for other in edges.get(path[-1], ()):
                if other == key:
                    raise InvalidInput.field("prerequisites", f"go round in a circle: {' -> '.join([*path, other])}")
                reached.setdefault(other, [*path, other])
        if not reached:
            break
        level = reached
    return next(iter(level.values()))


def _check_experiment(memory: Memory, flag: Flag, key: str) -> None:
    try:
        variants = memory.experiment(key).keys
    except NotFound:
        raise InvalidInput.field("experiment", f"{key!r} is not an experiment") from None
    if unknown := [variant for variant in variants if variant not in flag.variants]:
        raise InvalidInput.field(
            "variants",
            f"the experiment {key!r} has {', '.join(map(repr, unknown[:20]))}, and the flag has no such value",
        )


FLAG = Kind("flag", Flag, check, release)
COHORT = Kind("cohort", Cohort, release=release_cohort)
