"""Sends what the outbox holds, with nothing of the store held meanwhile."""

import contextlib
import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bandit import outbox, webhook
from bandit.channels import NotDelivered
from bandit.errors import Overloaded, StoreError
from bandit.journal import Journal
from bandit.outbox import Claim, identify
from bandit.rows import Alert, Delivery
from bandit.store import Reader

_log = logging.getLogger("multiarm.alerts")
_LEVELS = {"critical": logging.CRITICAL, "warning": logging.WARNING}
MOST_SAID = 300
MOST_AT_ONCE = 10
PAUSES = (0.2, 1.0, 3.0)


def deliver(
    journal: Journal, reading: Callable[[], AbstractContextManager[Reader]], now: float, *, commands: bool
) -> bool:
    """Sends alerts that are due; true where there may be more. See `Engine.deliver`."""
    with reading() as reader:
        if not reader.outbox(now, 1, outbox.CLAIM_SECONDS):
            return False
    claims = journal.run(outbox.claim, MOST_AT_ONCE)
    failures = send(claims, now, commands=commands)
    _note(journal, [(claim.delivery, failure) for claim, failure in zip(claims, failures, strict=True)])
    return len(claims) == MOST_AT_ONCE


def _note(journal: Journal, outcomes: list[tuple[Delivery, NotDelivered | None]]) -> None:
    """Notes what became of deliveries, and where the store is busy does so later: else they are sent again."""
    for seconds in (*PAUSES, None):
        try:
            journal.run(outbox.note, outcomes)
            journal.flush()
        except (StoreError, Overloaded):
            if seconds is None:
                raise
            time.sleep(seconds)
        else:
            return


def send(claims: list[Claim], now: float, *, commands: bool) -> list[NotDelivered | None]:
    """Sends alerts side by side, so that a slow receiver does not hold up the others.

    Args:
        claims: What to send.
        now: Seconds since 1970.
        commands: Whether commands are run.

    Returns:
        For each claim None, or why it has not arrived.
    """
    with ThreadPoolExecutor(max(1, len(claims)), thread_name_prefix="multiarm-alert") as pool:
        return list(pool.map(partial(_try, now=now, commands=commands), claims))


def _try(claim: Claim, *, now: float, commands: bool) -> NotDelivered | None:
    channel, alert = claim.channel, claim.alert
    identifier = identify(claim.delivery.alert, alert)
    body = json.dumps(message(identifier, alert)).encode()
    try:
        if channel.url is not None:
            headers = webhook.sign(channel.signing_key, identifier, int(now), body)
            webhook.post(channel.url, body, headers, timeout=channel.timeout, private=claim.private)
        elif channel.command is not None:
            if not commands:
                raise NotDelivered("this server runs no commands; start it with --alert-commands")
            run(channel.command, body, channel.timeout)
        else:
            extra = {"alert": identifier, "kind": alert.kind, "subject": alert.subject, "severity": alert.severity}
            _log.log(_LEVELS.get(alert.severity, logging.INFO), "%s", alert.message, extra=extra)
    except NotDelivered as error:
        return error
    except Exception as error:  # whatever it is, the others' deliveries are to be noted
        return NotDelivered(repr(error))
    return None


def message(identifier: str, alert: Alert) -> dict[str, Any]:
    """An alert as receivers get it."""
    return {
        "id": identifier,
        "type": alert.kind,
        "timestamp": datetime.fromtimestamp(alert.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {
            "subject": alert.subject,
            "severity": alert.severity,
            "message": alert.message,
            "detail": json.loads(alert.body),
        },
    }


def run(command: list[str], body: bytes, timeout: float) -> None:
    """Runs a program, without a shell, with an alert on its input; ends it and what it started at its time limit.

    Raises:
        NotDelivered: It cannot be run, takes too long, or ends with another status than 0.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - named by who set up the server, and no shell
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise NotDelivered(f"{command[0]}: {error.strerror}") from error
    with process:
        try:
            _, said = process.communicate(body, timeout)
        except subprocess.TimeoutExpired:
            raise NotDelivered(f"{command[0]}: no end within {timeout:g} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        last = said.decode(errors="replace").strip()[-MOST_SAID:]
        raise NotDelivered(f"{command[0]}: ended with status {process.returncode}{': ' if last else ''}{last}")
