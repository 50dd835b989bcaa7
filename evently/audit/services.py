"""Writing down what was changed, in the transaction that changes it."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

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
    record_all(actor_id=actor_id, action=action, subject=subject, changes={subject_id: changes})


def record_all(*, actor_id: int | None, action: str, subject: str, changes: Mapping[Any, Mapping[str, Sequence[Any]]]) -> None:
    """The same done to many: the changes of each, by its id; in one statement."""
    common = {"actor_id": actor_id, "action": action, "subject": subject}
    rows = [{**common, "subject_id": str(subject_id), "changes": _plain_changes(changed)} for subject_id, changed in changes.items()]
    with transaction() as session:
        session.execute(insert(AuditEntry), rows)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What `record` takes: the fields of `after` that were something else before."""
    return {name: (before[name], value) for name, value in after.items() if before[name] != value}


def _plain_changes(changes: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    if secrets := SECRETS & changes.keys():
        raise ValueError(f"a secret among the changes: {sorted(secrets)}")
    return {name: [_plain(value) for value in values] for name, values in changes.items()}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    return str(value) if isinstance(value, Decimal | uuid.UUID) else value
