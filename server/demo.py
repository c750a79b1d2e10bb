"""`multiarm demo`: a real server and simulated users, to watch a bandit learn."""

import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import NoReturn

import click

from bandit import Experiment, Metric, MultiarmError, Results, Variant
from bandit.client import Client
from policies import ThompsonBeta
from server.process import NotStarted, running

KEY = "checkout-copy"
RATES = {"control": 0.06, "friendly": 0.07, "short": 0.09, "urgent": 0.05}
COLOURS = dict(zip(RATES, ("cyan", "magenta", "green", "yellow"), strict=True))
BEST = max(RATES, key=lambda key: RATES[key])
TOGETHER = 20
"""Users that come at the same moment: one batch of choices, then one of rewards."""
PICTURES = 20
WIDTH = 60


@click.command()
@click.option("--users", default=20_000, show_default=True, type=click.IntRange(1, 1_000_000), help="How many.")
@click.option("--seed", default=0, show_default=True, help="Of the users; the server draws for itself.")
def demo(users: int, seed: int) -> None:
    """Watch a bandit learn from simulated users.

    Starts a server with a temporary database, asks it over HTTP which variant to show to each user, tells it what they
    did, and shows the traffic move to the best variant. Nothing is left behind.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _terminated)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="multiarm-demo-") as folder,
            running(Path(folder)) as url,
            Client(url) as client,
        ):
            _introduce(url)
            given = _serve(client, users, random.Random(seed))  # noqa: S311 - simulated users
            _summarise(client.results(KEY), given)
    except KeyboardInterrupt:
        click.echo("\nStopped; nothing is left behind.", err=True)
        sys.exit(128 + signal.SIGINT)
    except (NotStarted, MultiarmError) as error:
        raise click.ClickException(str(error)) from error


def _introduce(url: str) -> None:
    click.echo(f"A server at {url} does not know how well each text sells:\n")
    for key, rate in RATES.items():
        click.echo(f"  {_block(key, 3)}  {key:<9} sells to {rate:.0%} of users")
    click.echo(f"\n{'users':>7}  share of traffic{'to ' + BEST:>{WIDTH - 10}}")


def _serve(client: Client, users: int, world: random.Random) -> Counter[str]:
    """Asks for a variant for every user and tells what it earned; returns how many users got which."""
    client.create(
        Experiment(
            key=KEY,
            variants=[Variant(key=key, is_control=key == "control") for key in RATES],
            metrics=[Metric(key="purchase")],
            policy=ThompsonBeta(),
        )
    )
    client.start(KEY)
    given: Counter[str] = Counter()
    _picture(client.results(KEY), 0)
    shown = 0
    with _progress(users) as advance:
        for first in range(0, users, TOGETHER):
            units = [f"user-{number}" for number in range(first, min(first + TOGETHER, users))]
            rewards = []
            for decision in client.choose_batch([{"experiment": KEY, "unit": unit} for unit in units]):
                if isinstance(decision, MultiarmError):
                    raise decision
                given[decision.variant] += 1
                value = float(world.random() < RATES[decision.variant])
                rewards.append({"decision_id": decision.id, "value": value})
            for status in client.reward_batch(rewards):
                if isinstance(status, MultiarmError):
                    raise status
            served = first + len(units)
            if served * PICTURES // users > shown:
                shown = served * PICTURES // users
                _picture(client.results(KEY), served)
            advance(len(units))
    return given


@contextmanager
def _progress(users: int) -> Iterator[Callable[[int], None]]:
    """What to call with the number of users served: a progress bar, where there is a terminal to show one."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=users, label="Serving", file=sys.stderr, width=40) as bar:
        yield bar.update


def _picture(results: Results, users: int) -> None:
    """One line: the weights as parts of a bar."""
    weights = {variant.key: variant.weight for variant in results.variants}
    edges = [round(WIDTH * edge) for edge in accumulate(weights.values(), initial=0.0)]
    bar = "".join(_block(key, end - begin) for key, (begin, end) in zip(weights, pairwise(edges), strict=True))
    if sys.stderr.isatty():
        click.echo("\r\033[K", nl=False, err=True)  # the progress bar is on this line
    click.echo(f"{users:>7,}  {bar}  {weights[BEST]:4.0%}")


def _block(key: str, width: int) -> str:
    return click.style(key[0] * width, fg="black", bg=COLOURS[key])


def _summarise(results: Results, given: Counter[str]) -> None:
    """What was measured, and what it was worth by the true rates."""
    users = given.total()
    click.echo(f"\n{'variant':<11}{'sells to':>8}{'users':>9}{'sold':>7}{'measured':>10}{'P(best)':>9}")
    for variant in results.variants:
        measure = variant.metrics["purchase"]
        mean = "" if measure.mean is None else f"{measure.mean:.1%}"
        click.echo(
            f"{variant.key:<11}{RATES[variant.key]:>8.0%}{variant.units:>9,}{measure.sum:>7,.0f}{mean:>10}"
            f"{variant.p_best:>9.3f}"
        )
    best = users * RATES[BEST]
    bandit = sum(count * RATES[key] for key, count in given.items())
    split = users * sum(RATES.values()) / len(RATES)
    click.echo(f"\n{'expected of these users':<33}{'sold':>7}{'regret':>9}")
    for name, sold in (
        (f"all get {BEST!r}, had one known", best),
        ("this bandit", bandit),
        ("a fixed even split", split),
    ):
        click.echo(f"{name:<33}{sold:>7,.0f}{best - sold:>9,.0f}")
    if bandit > split:
        click.echo(
            f"\nThe bandit saved {bandit - split:,.0f} of the {best - split:,.0f} sales that a fixed split loses."
        )
    else:
        click.echo("\nToo few users to learn from: the bandit saved nothing yet.")


def _terminated(number: int, frame: object) -> NoReturn:  # noqa: ARG001
    """Ends the program by an exception, so that the server and the folder go too."""
    sys.exit(128 + number)
