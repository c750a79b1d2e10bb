"""Three pictures of an outcome; needs the extra `research`.

Lines carry their names at their ends, so that nobody has to match colours with a legend; colours are those of Okabe and
Ito, which people who see colours differently can tell apart.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from policies.kernel import Array
from simulations import curves
from simulations.simulation import Outcome

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c564b")
AREAS = ("#4c9fd0", "#e08a4a", "#4db894", "#d99bc0", "#ecb84f", "#8fcdf2", "#bdbdbd", "#b08d83")
"""Light enough for black names."""
GREY = "#777777"
MOST_ARMS = 8
"""Arms with an area of their own; the rest share one."""
RESOLUTION = 150


def write(outcome: Outcome, folder: Path) -> None:
    """Writes `regret.png`, `allocation.png` and `final_regret.png`."""
    for name, draw in (("regret", regret), ("allocation", allocation), ("final_regret", final_regret)):
        draw(outcome).savefig(folder / f"{name}.png", dpi=RESOLUTION, metadata={"Software": None})


def regret(outcome: Outcome) -> Figure:
    """Mean cumulative regret with its 5-95% band, on linear and logarithmic decisions, with Lai and Robbins' line."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    low, high = np.quantile(outcome.regret, [0.05, 0.95], axis=1)
    mean = outcome.regret.mean(axis=1)
    constant = curves.lai_robbins(outcome.study.environment)
    bound = None if constant is None else constant * np.log(outcome.grid)
    top = max(float(mean.max()) * 1.25, min(float(high.max()) * 1.05, float(mean.max()) * 2.0), 1e-9)
    for axes, scale in ((left, "linear"), (right, "log")):
        axes.set_xscale(scale)
        for number, label in enumerate(outcome.study.labels):
            colour = COLOURS[number % len(COLOURS)]
            axes.fill_between(outcome.grid, low[number], high[number], color=colour, alpha=0.12, linewidth=0)
            axes.plot(outcome.grid, mean[number], color=colour, linewidth=1.8, label=label)
        if bound is not None:
            axes.plot(outcome.grid, bound, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.set_ylim(0.0, top)
        axes.set_xlim(1 if scale == "log" else 0, max(2, outcome.grid[-1]))
        axes.set_xlabel("decisions" if scale == "linear" else "decisions, logarithmic")
        _plain(axes)
    left.set_ylabel("cumulative regret")
    ends = [(mean[number, -1], label) for number, label in enumerate(outcome.study.labels)]
    colours = [COLOURS[number % len(COLOURS)] for number in range(len(ends))]
    if bound is not None and bound[-1] < top:
        ends.append((bound[-1], f"Lai-Robbins, {constant:.3g} ln T"))
        colours.append(GREY)
    for axes in (left, right):
        _name_ends(axes, ends, colours, top, write=axes is right)
    _title(figure, outcome, "Cumulative regret: mean and 5-95% of the replications")
    return figure


def allocation(outcome: Outcome) -> Figure:
    """The share of the decisions in each stretch that each arm got, a panel a policy."""
    study, grid = outcome.study, outcome.grid
    columns = min(3, len(study.policies))
    lines = math.ceil(len(study.policies) / columns)
    figure = Figure(figsize=(3.7 * columns + 0.6, 2.7 * lines + 0.7), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    # A quarter of the points: shares in short stretches are mostly noise.
    chosen = np.unique(np.r_[0, np.searchsorted(grid, np.linspace(0, grid[-1], 51)[1:])])
    stretch = np.diff(grid[chosen])
    for number, axes in enumerate(panels):
        if number >= len(study.policies):
            axes.set_visible(False)
            continue
        counts = np.diff(outcome.allocation[number, chosen], axis=0) if len(chosen) > 1 else outcome.allocation[number]
        shares = (counts / (stretch[:, None] if len(chosen) > 1 else grid[:, None])).T
        at = grid[chosen[1:]] if len(chosen) > 1 else grid
        names, shares = _grouped(shares)
        axes.stackplot(at, shares, colors=AREAS[: len(names)])
        _name_areas(axes, at.astype(np.float64), shares, names)
        axes.set_title(study.labels[number], fontsize=9, loc="left")
        axes.set_ylim(0, 1)
        axes.set_xlim(at[0], at[-1] if at[-1] > at[0] else at[0] + 1)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
        _plain(axes)
    for axes in panels[max(0, len(study.policies) - columns) : len(study.policies)]:
        axes.set_xlabel("decisions")
        axes.tick_params(labelbottom=True)
    _title(figure, outcome, "Share of the decisions that each arm gets")
    return figure


def final_regret(outcome: Outcome) -> Figure:
    """The regret of every replication at the end, a row a policy, with median and 5-95%."""
    study = outcome.study
    figure = Figure(figsize=(9, 1.1 + 0.62 * len(study.policies)), layout="constrained")
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    for number in range(len(study.policies)):
        colour = COLOURS[number % len(COLOURS)]
        final = outcome.regret[number, :, -1]
        shown = final if len(final) <= 2000 else rng.choice(final, 2000, replace=False)
        low, median, high = np.quantile(final, [0.05, 0.5, 0.95])
        axes.scatter(shown, number + rng.uniform(-0.22, 0.22, len(shown)), s=5, color=colour, alpha=0.25, linewidth=0)
        axes.plot([low, high], [number, number], color="black", linewidth=1)
        axes.plot([median, median], [number - 0.3, number + 0.3], color="black", linewidth=2)
        axes.annotate(
            f"{median:,.4g}", (median, number - 0.3), (0, 2), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_yticks(range(len(study.labels)), study.labels)
    axes.set_ylim(len(study.labels) - 0.4, -0.7)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=min(0.0, float(outcome.regret[:, :, -1].min())))
    axes.set_xlabel("regret at the end of a replication")
    _plain(axes)
    axes.spines["left"].set_visible(False)
    _title(figure, outcome, "Final regret: every replication, median, 5-95%")
    return figure


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)


def _title(figure: Figure, outcome: Outcome, title: str) -> None:
    from bandit.spec import label

    environment = label(outcome.study.environment)
    if len(environment) > 80:
        environment = environment[:77] + "..."
    wrappers = "".join(f", {label(each)}" for each in outcome.study.feedback)
    figure.suptitle(
        f"{title}\n{environment}{wrappers}, {len(outcome.replications):,} replications, seed {outcome.study.seed}",
        fontsize=10,
        x=0.01,
        ha="left",
    )


def _name_ends(axes: Axes, ends: Sequence[tuple[Any, str]], colours: Sequence[str], top: float, *, write: bool) -> None:
    """Puts the names right of the lines' ends, moved apart where they would overlap."""
    if not write:
        return
    gap = top / 18
    order = sorted(range(len(ends)), key=lambda each: float(ends[each][0]))
    heights = [min(float(ends[each][0]), top) for each in order]
    for place in range(1, len(heights)):
        heights[place] = max(heights[place], heights[place - 1] + gap)
    if heights[-1] > top:  # pushed out of the picture: come back down
        heights[-1] = top
        for place in range(len(heights) - 2, -1, -1):
            heights[place] = min(heights[place], heights[place + 1] - gap)
    for each, height in zip(order, heights, strict=True):
        axes.annotate(
            ends[each][1],
            (1.0, height / top),
            (6, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=colours[each],
            fontsize=8.5,
            va="center",
            annotation_clip=False,
        )


def _grouped(shares: Array) -> tuple[list[str], Array]:
    """The arms' names and shares; beyond `MOST_ARMS` the least chosen ones are one area."""
    names = [f"arm {arm + 1}" for arm in range(len(shares))]
    if len(shares) <= MOST_ARMS:
        return names, shares
    most = np.sort(np.argsort(-shares.sum(axis=1), kind="stable")[: MOST_ARMS - 1])
    rest = np.delete(shares, most, axis=0).sum(axis=0)
    return [names[arm] for arm in most] + [f"{len(shares) - len(most)} others"], np.vstack([shares[most], rest])


def _name_areas(axes: Axes, at: Array, shares: Array, names: Sequence[str]) -> None:
    """Writes each name where its area is high enough over the width of a word, if it is anywhere."""
    edges = np.concatenate([np.zeros((1, shares.shape[1])), np.cumsum(shares, axis=0)])
    word = max(1, round(0.16 * len(at)))
    for arm, name in enumerate(names):
        heights = [shares[arm, start : start + word].min() for start in range(len(at) - word + 1)]
        start = int(np.argmax(heights))
        if heights[start] >= 0.07:
            middle = start + word // 2
            height = (edges[arm, middle] + edges[arm + 1, middle]) / 2
            axes.text(at[middle], height, name, ha="center", va="center", fontsize=8)
