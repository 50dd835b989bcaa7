"""Writing down what was changed, in the transaction that changes it."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from evently.audit.models import AuditEntry
from evently.database import transaction

# What no change may name: nobody should find it in a log.
SECRETS = {"password", "password_hash", "token", "token_sha256", "secret"}


def record(
    *, actor_id: int | None, action: str, subject: str, subject_id: uuid.UUID | int | str, changes: Mapping[str, Sequence[Any]]
) -> None:
    """Note that somebody did this; `changes` are {field: (before, after)}, and `actor_id` None is an operator's command.

    Within the transaction of the change, so that there is never one without the other.
    """
    plain = {name: [_plain(value) for value in values] for name, values in changes.items()}
    if SECRETS & plain.keys():
        raise ValueError(f"a secret among the changes: {sorted(plain)}")
    with transaction() as session:
        session.add(AuditEntry(actor_id=actor_id, action=action, subject=subject, subject_id=str(subject_id), changes=plain))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What `record` takes: the fields of `after` that were something else before."""
    return {name: (before[name], value) for name, value in after.items() if before[name] != value}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    return str(value) if isinstance(value, Decimal | uuid.UUID) else value
