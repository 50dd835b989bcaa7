"""Locks on what has no row yet: an address or a username that is about to be registered."""

import hashlib

from sqlalchemy import func, select

from evently.database import transaction


def lock_name(name: str) -> None:
    """Wait for other transactions that lock this name, and make later ones wait until the current one ends."""
    with transaction() as session:
        # SQLite has one writer at a time.
        if session.get_bind().dialect.name == "postgresql":
            key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
            session.execute(select(func.pg_advisory_xact_lock(key)))
