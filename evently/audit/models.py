"""What was done by those who may do more than others."""

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from evently.database import Base, utc_now


class AuditEntry(Base):
    """One change. Rows are added and never touched again.

    Nothing here tells who somebody was: people are numbers, and whoever leaves stays one.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "actor_id", "id"), Index(None, "subject", "subject_id", "id"), Index(None, "created_at"))

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    # None: an operator, by a command.
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    # such as "event.cancelled"; what comes before the dot is what `subject` says
    action: Mapped[str] = mapped_column(String(50))
    subject: Mapped[str] = mapped_column(String(20))
    # "": many at once
    subject_id: Mapped[str] = mapped_column(String(40))
    # by field: what it was before, and after
    changes: Mapped[dict[str, list[Any]]] = mapped_column(JSON)
    created_at: Mapped[dt.datetime] = mapped_column(default=utc_now)
