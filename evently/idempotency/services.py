"""Claim a key, store the response, delete it after a day. A response that holds a secret is not stored, only that there was one.

The rules are those of the IETF draft "The Idempotency-Key HTTP Header Field": same key and same request, the first
answer again; same key and another request, refused; still under way, a conflict.
"""

import base64
import datetime as dt
import hashlib
import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import Delete, Update, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from evently.database import single_statement, transaction, utc_now
from evently.errors import Conflict, Invalid
from evently.extensions import db
from evently.idempotency.models import IdempotentRequest

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

# Another process may take over a request whose lease was not extended (heartbeat.py) for this long.
LEASE = dt.timedelta(seconds=8)
# A lease that ends later than this was written by a clock that is ahead. The previous release gives leases of 30 seconds.
MAX_LEASE = dt.timedelta(seconds=60)
# Retry-After in seconds while the process that works on the request extends its lease
SOON = 1
RETENTION = dt.timedelta(hours=24)
KEY_LENGTH = range(1, 256)
_INSERT = {
    name: insert(IdempotentRequest).on_conflict_do_nothing(index_elements=[IdempotentRequest.key_sha256]).returning(IdempotentRequest.id)
    for name, insert in (("sqlite", sqlite_insert), ("postgresql", postgresql_insert))
}


_FIND = select(*IdempotentRequest.__table__.c).where(IdempotentRequest.key_sha256 == bindparam("key_sha256"))


class InFlight(Conflict):
    """The first request with this key has not been answered yet."""

    default_code = "request_in_flight"


@dataclass(frozen=True)
class Request:
    """What a request with a key is known by. `who` sends it: an account, or anonymous; `content`: everything its response depends on."""

    who: str
    key: str
    content: bytes

    @property
    def key_sha256(self) -> str:
        return _sha256(f"{self.who}\n{self.key}".encode())

    @property
    def request_sha256(self) -> str:
        return _sha256(self.content)


@dataclass(frozen=True)
class Claim:
    """The right to carry a request out, or (with `answer`) the answer it got the first time.

    An empty answer says that the request was carried out, and that its response held a secret and was not stored.
    """

    id: uuid.UUID
    key: str
    answer: dict[str, Any] | None = None


def find(request: Request) -> Claim | None:
    """The answer it got the first time, by reading alone; None where it has yet to be claimed.

    Raises InFlight; Invalid ("idempotency_key_reused") when the key came with another request before.
    """
    if len(request.key) not in KEY_LENGTH:
        raise Invalid(f"An idempotency key has {KEY_LENGTH.start} to {KEY_LENGTH.stop - 1} characters.", code="bad_idempotency_key")
    with single_statement(writes=False) as connection:
        row = connection.execute(_FIND, {"key_sha256": request.key_sha256}).one_or_none()
    return _stored_response(row, request) if row else None


def claim(request: Request) -> Claim:
    """Claim the key of a request that was not found. Raises InFlight, Invalid as `find` does."""
    claimed = None
    while claimed is None:
        claimed = _claim_first(request) or _claim_again(request)
    return claimed


def store_response(claimed: Claim, answer: dict[str, Any]) -> None:
    """Keep what was answered (JSON values), for whoever asks again."""
    sealed = _box(claimed.key).encrypt(json.dumps(answer).encode())
    _write(update(IdempotentRequest).where(IdempotentRequest.id == claimed.id).values(answer=sealed))


def delete(claimed: Claim) -> None:
    """As if the request had not been sent: it was not carried out, and costs no row that a limit would not count."""
    _write(sa.delete(IdempotentRequest).where(IdempotentRequest.id == claimed.id))


def release(claimed: Claim) -> None:
    """Let the request be tried again at once, with the same id: nobody knows how far it came."""
    _write(update(IdempotentRequest).where(IdempotentRequest.id == claimed.id).values(lease_until=utc_now()))


def extend(claim_ids: Sequence[uuid.UUID]) -> None:
    """Extend these leases, except those that were released or have expired."""
    now = utc_now()
    is_theirs = IdempotentRequest.id.in_(claim_ids) & (IdempotentRequest.lease_until > now)
    _write(update(IdempotentRequest).where(is_theirs).values(lease_until=now + LEASE))


def delete_old() -> int:
    """Forget keys older than a day; how many."""
    return _write(sa.delete(IdempotentRequest).where(IdempotentRequest.created_at < utc_now() - RETENTION))


def _claim_first(request: Request) -> Claim | None:
    now = utc_now()
    values: dict[str, Any] = {
        "id": uuid.uuid4(),
        "key_sha256": request.key_sha256,
        "request_sha256": request.request_sha256,
        "lease_until": now + LEASE,
        "created_at": now,
    }
    with single_statement() as connection:
        is_first = connection.scalar(_INSERT[connection.dialect.name], values) is not None
    return Claim(id=values["id"], key=request.key) if is_first else None


def _claim_again(request: Request) -> Claim | None:
    """None when the key has just been forgotten."""
    with transaction():
        query = select(IdempotentRequest).where(IdempotentRequest.key_sha256 == request.key_sha256).with_for_update()
        row = db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        if row is None:
            return None
        if answered := _stored_response(row, request):
            return answered
        row.lease_until = utc_now() + LEASE
        return Claim(id=row.id, key=request.key)


def _stored_response(row: Any, request: Request) -> Claim | None:
    """None when the process that worked on it is dead. Raises InFlight, Invalid."""
    if row.request_sha256 != request.request_sha256:
        raise Invalid("This idempotency key was used for another request.", code="idempotency_key_reused")
    if row.answer is not None:
        return Claim(id=row.id, key=request.key, answer=json.loads(_box(request.key).decrypt(row.answer)))
    now = utc_now()
    if now < row.lease_until <= now + MAX_LEASE:
        refusal = InFlight("The first request with this key is still being answered.")
        refusal.retry_after = _retry_after(row.lease_until - now)
        raise refusal
    return None


def _retry_after(remaining: dt.timedelta) -> int:
    """Soon while the lease is extended; otherwise when it expires."""
    return SOON if remaining > LEASE / 2 else math.ceil(remaining.total_seconds())


def _write(statement: Update | Delete) -> int:
    """How many rows it changed."""
    with single_statement() as connection:
        return connection.execute(statement).rowcount


def _box(key: str) -> "Fernet":
    from cryptography.fernet import Fernet  # noqa: PLC0415 - large, and not of workers

    secret = current_app.config["SECRET_KEY"]
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"{secret}\n{key}".encode()).digest()))


def _sha256(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
