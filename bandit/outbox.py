"""The outbox of alerts: what is still to be delivered is stored with the alert, so that a restart loses none.

A delivery is claimed before it is sent, by moving the time when it is due beyond the end of the try, in a transaction;
so no two workers send the same one at once, and one whose worker dies is sent again. A receiver may see an alert twice,
under the same id.
"""

import hashlib
import random
from typing import NamedTuple

from bandit import settings
from bandit.channels import CHANNEL, Channel, NotDelivered
from bandit.documents import all_of
from bandit.memory import Memory
from bandit.rows import Alert, Batch, Delivery

MOST_TRIES = 14
FIRST_PAUSE_SECONDS = 10.0
CLAIM_SECONDS = 60.0
"""Twice as long as a try may take, and longer than the pause after the first."""
MOST_ERROR_LETTERS = 500


class Claim(NamedTuple):
    """A delivery that this process may send now: which alert, through which channel.

    `private` is whether a webhook may go to an address that is not public.
    """

    delivery: Delivery
    alert: Alert
    channel: Channel
    private: bool


def take(memory: Memory) -> Batch:
    """The batch of a memory, complete, with a delivery of every alert through every channel that takes it."""
    alerts = memory.batch.alerts
    if alerts:
        channels = all_of(memory, CHANNEL).values()
        memory.batch.addressed += [
            (place, channel.key)
            for place, alert in enumerate(alerts)
            for channel in channels
            if channel.takes(alert.kind)
        ]
    return memory.take()


def claim(memory: Memory, most: int, now: float) -> list[Claim]:
    """Takes deliveries that are due, at most `most`; those that cannot be sent any more are given up."""
    channels = all_of(memory, CHANNEL)
    reader = memory.store.reader()
    claims = []
    for delivery in reader.outbox(now, most, CLAIM_SECONDS):
        channel, alert = channels.get(delivery.channel), reader.alert(delivery.alert)
        if channel is None or alert is None:
            _keep(memory, delivery._replace(due_at=None, error="given up: the channel was removed"))
        elif delivery.tries >= MOST_TRIES:
            _keep(memory, delivery._replace(due_at=None, error="given up: the last try was interrupted"))
        else:
            claimed = delivery._replace(tries=delivery.tries + 1, due_at=now + CLAIM_SECONDS)
            _keep(memory, claimed)
            claims.append(Claim(claimed, alert, channel, settings.current(memory).allow_private_webhooks))
    return claims


def note(memory: Memory, outcomes: list[tuple[Delivery, NotDelivered | None]], now: float) -> None:
    """Notes what has become of claimed deliveries: that they have arrived, or when they are tried again, if they are.

    What another process has done with one since, because this one took too long, stays.
    """
    for delivery, failure in outcomes:
        if failure is None:
            _keep(memory, delivery._replace(due_at=None, delivered_at=now, error=""))
        elif _current(memory, delivery):
            why = str(failure)[:MOST_ERROR_LETTERS]
            if failure.final or delivery.tries >= MOST_TRIES:
                tries = f"{delivery.tries} tries" if delivery.tries > 1 else "one try"
                _keep(memory, delivery._replace(due_at=None, error=f"given up after {tries}: {why}"))
            else:
                _keep(memory, delivery._replace(due_at=now + pause(delivery.tries), error=why))


def _current(memory: Memory, delivery: Delivery) -> bool:
    """Whether nobody has claimed or delivered it since it was claimed here."""
    stored = memory.store.reader().deliveries([delivery.alert])
    kept = next((found for found in stored if found.channel == delivery.channel), delivery)
    return (kept.tries, kept.delivered_at) in ((delivery.tries, None), (delivery.tries - 1, None))


def pause(tries: int) -> float:
    """Seconds until the next try: twice as long each time, and up to half as long again.

    Fourteen tries take about a day.
    """
    return FIRST_PAUSE_SECONDS * 2.0 ** (tries - 1) * (1.0 + random.random() / 2.0)  # noqa: S311 - not a secret


def identify(number: int, alert: Alert) -> str:
    """The id of an alert for those who receive it: the same at every try, and not that of another database's alert."""
    return "alert_" + hashlib.sha256(f"{number} {alert.at!r} {alert.kind}".encode()).hexdigest()[:32]


def _keep(memory: Memory, delivery: Delivery) -> None:
    memory.batch.deliveries[delivery.alert, delivery.channel] = delivery
