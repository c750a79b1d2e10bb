"""What only the log can tell of an experiment: its days, its segments, and what is odd about its data."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from bandit.errors import InvalidInput
from bandit.evidence import Evidence, ranges
from bandit.judgement import collected, findings, finite, result, sides
from bandit.results import FindingResult, Point, SegmentResult, Segments, Series
from bandit.rows import TRIALS, Cell, Grouping
from bandit.running import Running
from bandit.statistics import change_point, multiplicity, novelty, outliers, quality, segments, selection, starvation
from bandit.statistics import timeline as timelines
from bandit.statistics.comparison import Comparison, Refused
from bandit.statistics.finding import Finding
from bandit.statistics.sample import Sample
from bandit.statistics.selection import Data
from bandit.store import Reader

DAY = 86_400.0
MOST_SEGMENTS = 100
MOST_LETTERS = 200
MOST_POINTS = 1000
LENGTHS = (60.0, 300.0, 900.0, 3600.0, 6 * 3600.0, DAY, 7 * DAY)
BUCKETS = 14
"""Spans that checks over time have at least, where one of the lengths is short enough."""


def inspect(reader: Reader, running: Running, days: float, now: float) -> list[FindingResult]:
    """Everything that is odd about the data, those of the results first.

    Args:
        reader: Of one moment.
        running: The experiment.
        days: That it has run.
        now: Seconds since 1970.
    """
    found = [*findings(Evidence(reader, running), days), *_of_units(reader, running)]
    start = running.experiment.started_at
    if start is not None:
        ended = running.experiment.ended_at or now
        seconds = max((length for length in LENGTHS if length * BUCKETS <= ended - start), default=LENGTHS[0])
        cells = list(reader.cells(running.id, Grouping(seconds=seconds, start=start), ranges(running)))
        found += _of_values(reader, running, cells)
        found += _over_time(running, cells, seconds, (ended - start) / seconds)
        found += _missing(running, cells, (now - start - (running.experiment.primary.window or DAY)) / seconds)
    return [FindingResult.of(finding) for finding in found]


def by_segment(reader: Reader, running: Running, attribute: str, metric: str | None) -> Segments:
    """Every variant held against the control within each value of an attribute.

    Args:
        reader: Of one moment.
        running: The experiment.
        attribute: Its name; decisions without it are a segment of their own, null.
        metric: A key; None for the primary metric.

    Raises:
        InvalidInput: There is no such metric, its name is too long, or the attribute has too many values.
    """
    place = running.metric(metric)
    if not 0 < len(attribute) <= MOST_LETTERS:
        raise InvalidInput.field("attribute", f"must be 1 to {MOST_LETTERS} characters, given {len(attribute)}")
    if running.experiment.metrics[place].type == "ratio":
        raise InvalidInput.field("metric", "a ratio has no segments; ask for its numerator or denominator")
    groups: dict[str | float | None, list[Cell]] = defaultdict(list)
    for cell in reader.cells(running.id, Grouping(attribute=attribute), ranges(running)):
        groups[cell.group].append(cell)
    if len(groups) > MOST_SEGMENTS:
        raise InvalidInput.field(
            "attribute", f"{attribute!r} has {len(groups)} values, of which at most {MOST_SEGMENTS} can be told apart"
        )
    control, treatments = sides(running)
    parts = {_key(group): Evidence(reader, running, cells) for group, cells in sorted(groups.items(), key=_order)}
    alpha = running.experiment.analysis.alpha

    def compare(data: Data, _: Data) -> Comparison:
        return selection.compare(data, alpha)

    shown_segments, differences = [], {}
    for arm in treatments:
        # A comparison reads both arms from one place.
        data = {key: collected(part, place, arm, control) for key, part in parts.items()}
        pairs = {key: (both, both) for key, both in data.items()}
        for found in segments.by_segment(pairs, compare, multiplicity.holm):
            one = found.comparison or Refused("comparison", found.refused or "", "more trials")
            given = result(running.experiment.metrics[place], running.keys[arm], running.keys[control], alpha, one)
            significant = found.p_value is not None and found.p_value <= alpha
            shown_segments.append(
                SegmentResult(
                    value=found.key,
                    units=round(parts[found.key].trials[arm] + parts[found.key].trials[control]),
                    adjusted_p_value=finite(found.p_value),
                    comparison=given.model_copy(update={"significant": significant, "refused": found.refused}),
                )
            )
        samples = {key: (part.sample(arm, place), part.sample(control, place)) for key, part in parts.items()}
        if not next(iter(parts.values()), Evidence(reader, running)).moved:
            try:
                differences[running.keys[arm]] = finite(segments.heterogeneity(samples).p_value)
            except Refused:
                differences[running.keys[arm]] = None
    return Segments(
        attribute=attribute,
        metric=running.experiment.metrics[place].key,
        segments=shown_segments,
        differ=differences,
    )


def over_time(reader: Reader, running: Running, every: float, metric: str | None) -> Series:
    """What was known after each span of time: means, and every variant against the control.

    Args:
        reader: Of one moment.
        running: The experiment.
        every: Length of a span in seconds.
        metric: A key; None for the primary metric.

    Raises:
        InvalidInput: There is no such metric, or there would be too many points.
    """
    place = running.metric(metric)
    if running.experiment.metrics[place].type == "ratio":
        raise InvalidInput.field("metric", "a ratio has no series; ask for its numerator or denominator")
    start = running.experiment.started_at
    points: list[Point] = []
    if start is not None:
        cells: dict[int, list[Cell]] = defaultdict(list)
        for cell in reader.cells(running.id, Grouping(seconds=every, start=start), ranges(running)):
            cells[_span(cell)].append(cell)
        if len(cells) * len(running.keys) > MOST_POINTS:
            spans = f"{len(cells)} spans of {every:g} s for {len(running.keys)} variants"
            raise InvalidInput.field("every", f"{spans}, must be at most {MOST_POINTS} points; take longer spans")
        points = list(_points(reader, running, place, every, start, cells))
    return Series(metric=running.experiment.metrics[place].key, every=every, points=points)


def _points(
    reader: Reader, running: Running, place: int, every: float, start: float, cells: dict[int, list[Cell]]
) -> Iterable[Point]:
    control, treatments = sides(running)
    alpha = running.experiment.analysis.alpha / max(1, len(treatments))
    past: list[Cell] = []
    for span in sorted(cells):
        past += cells[span]
        so_far, own = Evidence(reader, running, past), Evidence(reader, running, cells[span])
        for arm in running.full:
            sample = so_far.sample(arm, place)
            now = own.sample(arm, place)
            point = Point(
                at=start + (span + 1) * every,
                variant=running.keys[arm],
                units=round(own.trials[arm]),
                value=finite(now.mean),
                count=sample.count,
                mean=finite(sample.mean),
            )
            if arm in treatments:
                try:
                    found = selection.compare(collected(so_far, place, arm, control), alpha)
                except Refused:
                    pass
                else:
                    lower, upper = found.interval
                    point = point.model_copy(
                        update={
                            "effect": finite(found.effect),
                            "interval": (finite(lower), finite(upper)),
                            "p_value": finite(found.p_value),
                            "method": found.method,
                        }
                    )
            yield point


def _of_units(reader: Reader, running: Running) -> Iterable[Finding]:
    experiment = running.experiment
    moved = experiment.rollout is not None or experiment.trips  # by design, and then for good
    one_each = experiment.sticky and experiment.type != "shadow" and not moved
    if one_each and (found := quality.crossed(*reader.crossed(running.id))):
        yield found


def _of_values(reader: Reader, running: Running, cells: Sequence[Cell]) -> Iterable[Finding]:
    evidence = Evidence(reader, running, cells)
    for place, metric in enumerate(running.experiment.metrics):
        if metric.type in ("continuous", "count"):
            for arm in running.full:
                sample = evidence.sample(arm, place)
                if sample.count > 1.0 and (found := outliers.of_sums(f"{running.keys[arm]} ({metric.key})", sample)):
                    yield found


def _over_time(running: Running, cells: Sequence[Cell], seconds: float, spans: float) -> Iterable[Finding]:
    """Checks of the primary metric over spans of time, without the last one, which is not over."""
    control, treatments = sides(running)
    length = math.floor(spans)
    sums = np.zeros((len(running.keys), length, 3))
    for cell in cells:
        if cell.metric == running.primary and 0 <= _span(cell) < length:
            sums[cell.variant, _span(cell)] += (cell.trials, cell.total, cell.squares)
    origin = running.origins[running.primary]
    history = {
        arm: [Sample.of_sums(count, total, squares, origin) for count, total, squares in sums[arm].tolist()]
        for arm in {control, *running.full}  # the control may be served no more
    }
    times = [(place + 0.5) * seconds / DAY for place in range(length)]
    for arm in running.full:
        if found := change_point.sudden_shift(
            f"the mean of {running.keys[arm]}", timelines.of_means(times, history[arm])
        ):
            yield found
    for arm in treatments:
        effects = timelines.of_effects(times, history[arm], history[control])
        if found := novelty.fading(running.keys[arm], effects):
            yield found
    named = {running.keys[arm]: history[arm] for arm in running.full}
    yield from starvation.stale_estimates(named, running.experiment.primary.goal)


def _missing(running: Running, cells: Sequence[Cell], closed: float) -> Iterable[Finding]:
    """Missing rewards among the trials whose window has closed, or that are a day old where there is no window."""
    metric = running.experiment.primary
    if metric.missing != "wait":
        return
    counts = {arm: [0.0, 0.0] for arm in running.full}
    for cell in cells:
        if cell.variant in counts and 0 <= _span(cell) < math.floor(closed):
            if cell.metric == TRIALS:
                counts[cell.variant][0] += cell.trials
            elif cell.metric == running.primary:
                counts[cell.variant][1] += cell.trials
    keys = [running.keys[arm] for arm in counts]
    trials, rewarded = zip(*counts.values(), strict=True)
    if found := quality.missing_rewards(keys, trials, rewarded):
        yield found


def _span(cell: Cell) -> int:
    """Which span of time a cell is of, from 0 on."""
    return -1 if cell.group is None else int(cell.group)


def _key(group: str | float | None) -> str:
    return "null" if group is None else group if isinstance(group, str) else f"{group:g}"


def _order(item: tuple[str | float | None, list[Cell]]) -> tuple[bool, str]:
    return item[0] is None, _key(item[0])
