"""Requests with a key, and the answers they got."""

import datetime as dt
import uuid

from sqlalchemy import Index, LargeBinary, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from evently.database import Base, utc_now


class IdempotentRequest(Base):
    """One request with a key. `id` is also the id of what the request makes, so that a second try after a crash
    finds the first one's row instead of making another.
    """

    __tablename__ = "idempotent_requests"
    __table_args__ = (Index(None, "created_at"),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    # SHA-256 of who asks and the key they chose
    key_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    # SHA-256 of method, path and body
    request_sha256: Mapped[str] = mapped_column(String(64))
    # While this is in the future somebody works on it; afterwards that process is taken for dead.
    lease_until: Mapped[dt.datetime]
    # The answer, encrypted with the key, which is not stored: answers can hold API tokens.
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
