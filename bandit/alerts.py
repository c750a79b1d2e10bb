"""Alerts as people see them: what happened, and whether they were told."""

import json
from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from pydantic import Field, JsonValue, ValidationError

from bandit.audit import NEWEST
from bandit.errors import InvalidInput
from bandit.listing import place
from bandit.model import Model
from bandit.outbox import identify
from bandit.remote import Ask
from bandit.rows import Alert, Delivery
from bandit.shelf import Host


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
    limit: int = Field(default=100, strict=False, ge=1, le=1000, description="At most so many.")
    cursor: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description="`next` of the page before; unset: from the newest."
    )


class AlertPage(Model):
    """Alerts, the newest first. `next` is where the next page begins; null at the end."""

    alerts: list[AlertAnswer]
    next: str | None


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
        limit: int = 100,
        cursor: str | None = None,
    ) -> AlertPage:
        """A page of alerts, the newest first.

        Args:
            kind: Only those of a kind.
            subject: Only those about what has this key.
            severity: Only those.
            limit: How many at most, up to 1,000.
            cursor: `next` of the page before; None for the newest.

        Raises:
            InvalidInput: `limit` is out of range, or the cursor none that a page has given.
        """
        query = asked(kind, subject, severity, limit, cursor)
        before = place("cursor", cursor, NEWEST)
        with self._host.reading() as reader:
            found = reader.alerts(kind, subject, severity, before, query.limit + 1)
            page = found[: query.limit]
            deliveries: dict[int, list[Delivery]] = {number: [] for number, _ in page}
            for kept in reader.deliveries(list(deliveries)):
                deliveries[kept.alert].append(kept)
        alerts = [_answer(number, alert, deliveries[number]) for number, alert in page]
        return AlertPage(alerts=alerts, next=str(page[-1][0]) if len(found) > len(page) else None)


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
        limit: int = 100,
        cursor: str | None = None,
    ) -> AlertPage:
        """See `Alerts.list`."""
        query = asked(kind, subject, severity, limit, cursor).model_dump(exclude_none=True)
        return AlertPage.model_validate_json(self._ask("GET", f"/v1/alerts?{urlencode(query)}"))


def asked(kind: str | None, subject: str | None, severity: str | None, limit: int, cursor: str | None) -> AlertQuery:
    """The query for a page of alerts.

    Raises:
        InvalidInput: It is none.
    """
    try:
        return AlertQuery(kind=kind, subject=subject, severity=severity, limit=limit, cursor=cursor)
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
