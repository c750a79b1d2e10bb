"""Draws the README's picture: how a run of the engine moves traffic to the best variant.

`python benchmarks/picture.py [FILE]` writes the same bytes every time: the engine, its clock and the users are seeded.
"""

import random
import sys
from itertools import accumulate
from pathlib import Path

from bandit import Engine, Experiment, Metric, Variant
from policies import ThompsonBeta

RATES = {"short": 0.09, "friendly": 0.07, "control": 0.06, "urgent": 0.05}
COLOURS = {"short": "#1f9e89", "friendly": "#4c8bd6", "control": "#9a8fc7", "urgent": "#e0a04b"}
TEXT = "#737b85"  # readable on white and on black
USERS, STEP = 6000, 25
LEFT, TOP, WIDTH, HEIGHT, LABELS = 48, 40, 540, 240, 172
LINE = 18


def weights(seed: int) -> list[dict[str, float]]:
    """Each variant's probability of being drawn, every STEP users of one run."""
    world = random.Random(f"users of {seed}")  # other numbers than the engine draws
    path = []
    with Engine(seed=seed, clock=lambda: 0.0) as engine:
        engine.create(
            Experiment(
                key="checkout-copy",
                variants=[Variant(key=key) for key in RATES],
                metrics=[Metric(key="purchase")],
                policy=ThompsonBeta(),
            )
        )
        engine.start("checkout-copy")
        for user in range(USERS + 1):
            decision = engine.choose("checkout-copy", unit=f"user-{user}")
            if user % STEP == 0:
                path.append({variant.key: variant.weight for variant in engine.results("checkout-copy").variants})
            engine.reward(decision.id, float(world.random() < RATES[decision.variant]))
    return path


def spread(wanted: list[float], least: float, most: float) -> list[float]:
    """Heights in rising order, moved as little as keeps them a line apart and within the picture."""
    placed = list(accumulate(wanted, lambda above, own: max(above + LINE, own)))
    limits = reversed(range(len(placed)))
    return [max(least, min(y, most - LINE * left)) for y, left in zip(placed, limits, strict=True)]


def draw(path: list[dict[str, float]]) -> str:
    """The weights as stacked areas, labelled directly."""
    xs = [LEFT + WIDTH * index / (len(path) - 1) for index in range(len(path))]
    edges = [[TOP + HEIGHT * share for share in accumulate([0.0, *moment.values()])] for moment in path]
    right, bottom = LEFT + WIDTH, TOP + HEIGHT
    middles = [(above + below) / 2 for above, below in zip(edges[-1], edges[-1][1:], strict=False)]
    parts = [f'<text x="{LEFT}" y="20" class="title">Share of traffic, user by user: one run of thompson_beta</text>']
    for place, (key, middle, y) in enumerate(zip(RATES, middles, spread(middles, TOP, bottom), strict=True)):
        above = [f"{x:.1f},{edge[place]:.1f}" for x, edge in zip(xs, edges, strict=True)]
        below = [f"{x:.1f},{edge[place + 1]:.1f}" for x, edge in zip(xs, edges, strict=True)]
        parts += [
            f'<polygon fill="{COLOURS[key]}" points="{" ".join(above + below[::-1])}"/>',
            f'<path stroke="{COLOURS[key]}" d="M{right},{middle:.1f} L{right + 14},{y:.1f}"/>',
            f'<text x="{right + 19}" y="{y + 4:.1f}"><tspan fill="{COLOURS[key]}" class="title">{key}</tspan> '
            f"converts {RATES[key]:.0%}</text>",
        ]
    for share in (0, 50, 100):
        parts.append(f'<text x="{LEFT - 6}" y="{bottom - HEIGHT * share / 100 + 4:.0f}" class="end">{share}%</text>')
    for users in range(0, USERS + 1, 1000):
        parts.append(
            f'<text x="{LEFT + WIDTH * users / USERS:.0f}" y="{bottom + 18}" class="middle">'
            f"{users:,}{' users' if users == USERS else ''}</text>"
        )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right + LABELS} {bottom + 28}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="13" fill="{TEXT}" stroke-width="1.5">',
            "<title>Traffic moves to the variant that converts best</title>",
            "<style>.title{font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}path{fill:none}</style>",
            *parts,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "weights.svg")
    target.parent.mkdir(exist_ok=True)
    target.write_text(draw(weights(seed=1)), encoding="utf-8")
