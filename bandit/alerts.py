"""Alerts as people see them: what happened, and whether they were told."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import Field, JsonValue, ValidationError

from bandit.errors import InvalidInput
from bandit.model import Model
from bandit.outbox import identify
from bandit.remote import Ask
from bandit.shelf import Host
from bandit.store import Alert, Delivery

MOST_LISTED = 1000


class DeliveryAnswer(Model):
    """How far an alert is on its way through a channel. `due_at` is when it is tried next."""

    channel: str
    status: Literal["pending", "delivered", "given_up"]
    tries: int
    due_at: float | None
    delivered_at: float | None
    error: str = Field(description="What went wrong last.")


class AlertAnswer(Model):
    """Something that people want to know. Receivers know it by its `id`, at every try."""

    number: int
    id: str
    at: float
    kind: str
    subject: str = Field(description="The key of what it is about.")
    severity: str
    message: str
    detail: JsonValue
    deliveries: list[DeliveryAnswer]


class AlertQuery(Model):
    """Which alerts."""

    kind: Annotated[str, Field(max_length=100)] | None = Field(default=None, description="Unset: every kind.")
    subject: Annotated[str, Field(max_length=200)] | None = Field(default=None, description="Unset: of everything.")
    severity: Annotated[str, Field(max_length=100)] | None = Field(default=None, description="Unset: every one.")
    before: Annotated[int, Field(ge=1, le=sys.maxsize, strict=False)] | None = Field(
        default=None, description="Those with a smaller number: `next` of the page before."
    )
    most: Annotated[int, Field(ge=1, le=MOST_LISTED, strict=False)] = Field(default=100, description="At most so many.")


class AlertPage(Model):
    """Alerts, the newest first. `next` is where the next page begins; null at the end."""

    alerts: list[AlertAnswer]
    next: int | None


class Alerts:
    """The alerts of an engine."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def list(
        self,
        kind: str | None = None,
        subject: str | None = None,
        severity: str | None = None,
        *,
        before: int | None = None,
        most: int = 100,
    ) -> AlertPage:
        """A page of alerts, the newest first.

        Args:
            kind: Only those of a kind.
            subject: Only those about what has this key.
            severity: Only those.
            before: Only those with a smaller number: `next` of the page before.
            most: How many at most, up to 1,000.

        Raises:
            InvalidInput: `before` or `most` is out of range.
        """
        query = asked(kind, subject, severity, before, most)
        with self._host.reading() as reader:
            found = reader.alerts(kind, subject, severity, query.before or sys.maxsize, query.most + 1)
            page = found[: query.most]
            deliveries: dict[int, list[Delivery]] = {number: [] for number, _ in page}
            for kept in reader.deliveries(list(deliveries)):
                deliveries[kept.alert].append(kept)
        alerts = [_answer(number, alert, deliveries[number]) for number, alert in page]
        return AlertPage(alerts=alerts, next=page[-1][0] if len(found) > len(page) else None)


class RemoteAlerts:
    """What `Alerts` is in process, over HTTP."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def list(
        self,
        kind: str | None = None,
        subject: str | None = None,
        severity: str | None = None,
        *,
        before: int | None = None,
        most: int = 100,
    ) -> AlertPage:
        """See `Alerts.list`."""
        query = asked(kind, subject, severity, before, most).model_dump(exclude_none=True)
        return AlertPage.model_validate_json(self._ask("GET", f"/v1/alerts?{urlencode(query)}"))


def asked(kind: str | None, subject: str | None, severity: str | None, before: int | None, most: int) -> AlertQuery:
    """The query for a page of alerts.

    Raises:
        InvalidInput: It is none.
    """
    try:
        return AlertQuery(kind=kind, subject=subject, severity=severity, before=before, most=most)
    except ValidationError as error:
        raise InvalidInput.of(error) from error


def _answer(number: int, alert: Alert, deliveries: Sequence[Delivery]) -> AlertAnswer:
    return AlertAnswer(
        number=number,
        id=identify(number, alert),
        at=alert.at,
        kind=alert.kind,
        subject=alert.subject,
        severity=alert.severity,
        message=alert.message,
        detail=json.loads(alert.body),
        deliveries=[
            DeliveryAnswer(
                channel=kept.channel,
                status=_status(kept),
                tries=kept.tries,
                due_at=kept.due_at,
                delivered_at=kept.delivered_at,
                error=kept.error,
            )
            for kept in deliveries
        ],
    )


def _status(kept: Delivery) -> Literal["pending", "delivered", "given_up"]:
    if kept.delivered_at is not None:
        return "delivered"
    return "given_up" if kept.due_at is None else "pending"
