"""The worker's side of uploaded files: a file is read once, its rows are tried or written in turns of a few seconds.

How far it has come is stored with every batch of rows. A worker holds a lease meanwhile, so that no two do the same rows; when
it dies, the sweep goes on where it ended.
"""

import datetime as dt
import itertools
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, insert, or_, select, update

from evently.accounts.queries import get_user
from evently.child_process import Cancelled
from evently.database import single_statement, transaction, utc_now
from evently.errors import DomainError
from evently.events.import_rows import BATCH, ImportDefaults, RowResult, import_events
from evently.events.imports.reading import TOO_COSTLY, StoredRows, read_file
from evently.events.models import CHECKED, CHECKING, DONE, FAILED, IMPORTING, READING, UNFINISHED, ImportJob, ImportRow
from evently.extensions import db

# seconds; how long a worker stays at one file
TIME_SLICE = 5.0
# How long a worker may be silent before another one takes over.
LEASE = dt.timedelta(seconds=60)
# How often workers begin without getting any further, before the file is taken to be at fault.
MAX_ATTEMPTS = 5
# How long a file is kept for its report.
RETENTION = dt.timedelta(days=7)
MAX_NAME_LENGTH, MAX_REASON_LENGTH = 200, 500
LEAVE_OUT = "Split the file, or leave out what comes next."
NEXT = {CHECKING: CHECKED, IMPORTING: DONE}
# The rows of the file that this process was at last.
_latest: dict[uuid.UUID, StoredRows] = {}


@dataclass
class _Lease:
    """One worker's right to a file. The time until which it holds is also what it is known by."""

    upload_id: uuid.UUID
    until: dt.datetime

    def update(self, **values: Any) -> bool:
        """Change the upload, where it is still ours."""
        with single_statement() as connection:
            is_ours = (ImportJob.id == self.upload_id, ImportJob.lease_until == self.until)
            # As parameters: a statement that holds the values is cached with them, whole files among them.
            return connection.execute(update(ImportJob).where(*is_ours), values).rowcount > 0

    def renew(self) -> bool:
        """False when the file was deleted meanwhile, or another worker has it."""
        until = utc_now() + LEASE
        if is_ours := self.update(lease_until=until):
            self.until = until
        return is_ours


def run(upload_id: uuid.UUID, *, turn: float = TIME_SLICE) -> bool:
    """Read the file, or try or write its next rows for so many seconds; whether some are left. Nothing while another worker is at it."""
    lease = _Lease(upload_id, utc_now() + LEASE)
    upload = _acquire_lease(lease)
    if upload is None:
        return False
    deadline = time.monotonic() + turn
    try:
        rows = _latest.get(upload_id) if upload.state != READING else None
        rows = rows or _load(upload, lease)
        for batch in _results(upload, rows):
            if not _store_rows(lease, batch):
                _latest.pop(upload_id, None)
                return False
            if time.monotonic() > deadline:
                break
    except Cancelled:
        return False
    except DomainError as error:
        lease.update(lease_until=None, state=FAILED, reason=error.message[:MAX_REASON_LENGTH], content=b"", rows=None)
        _latest.pop(upload_id, None)
        return False
    return lease.update(lease_until=None)


def list_unfinished() -> Sequence[uuid.UUID]:
    """Files that no worker is at, the oldest first."""
    query = select(ImportJob.id).where(ImportJob.state.in_(UNFINISHED), _is_lease_expired()).order_by(ImportJob.created_at)
    unfinished = db.session.scalars(query).all()
    if not unfinished:
        # Another process may have done the last row.
        _latest.clear()
    return unfinished


def delete_old() -> int:
    """Forget files and reports that were kept long enough; how many."""
    with single_statement() as connection:
        return connection.execute(delete(ImportJob).where(ImportJob.created_at < utc_now() - RETENTION)).rowcount


def _acquire_lease(lease: _Lease) -> ImportJob | None:
    """The upload with this lease on it, unless it is finished, deleted or another worker's; or was begun in vain too often."""
    with transaction() as session:
        query = select(ImportJob).where(ImportJob.id == lease.upload_id, ImportJob.state.in_(UNFINISHED), _is_lease_expired())
        upload = session.scalar(query.with_for_update().execution_options(populate_existing=True))
        if upload is None or (upload.state == READING and session.scalar(_is_another_being_read(upload))):
            return None
        if upload.attempts >= MAX_ATTEMPTS:
            upload.reason = TOO_COSTLY if upload.state == READING else f"Nothing could be done after row {upload.done:,}. {LEAVE_OUT}"
            upload.state, upload.content, upload.rows = FAILED, b"", None
            return None
        upload.lease_until, upload.attempts = lease.until, upload.attempts + 1
    return upload


def _is_another_being_read(upload: ImportJob) -> Select[tuple[bool]]:
    """One file at a time on the whole site: each may take as much memory as a worker."""
    return select(exists().where(ImportJob.state == READING, ImportJob.id != upload.id, ImportJob.lease_until >= utc_now()))


def _load(upload: ImportJob, lease: _Lease) -> StoredRows:
    """The rows of the file, which is read where it has none. Raises UnreadableFile, Cancelled."""
    stored, is_read = upload.rows, upload.rows is not None
    if stored is None:
        stored = read_file(filename=upload.filename, content=upload.content, keep_going=lease.renew)
    # As they may be large.
    db.session.expire(upload, ["content", "rows"])
    _latest.clear()
    _latest[upload.id] = rows = StoredRows(stored)
    if not is_read:
        # Uploads of the release before are past READING, and have no rows.
        state = CHECKING if upload.state == READING else upload.state
        if not lease.update(rows=stored, total=len(rows), state=state, attempts=0):
            raise Cancelled
        db.session.refresh(upload, ["state", "total"])
    return rows


def _results(upload: ImportJob, rows: StoredRows) -> Iterator[list[RowResult]]:
    """What became of the next rows, in batches; each is committed when it comes. Raises NotAllowed, NotFound."""
    results = import_events(
        by=get_user(upload.by_id),
        rows=rows,
        fills=ImportDefaults(capacity=upload.capacity, price=upload.price, timezone=upload.timezone),
        start=upload.done,
        is_rehearsal=upload.state == CHECKING,
    )
    while batch := list(itertools.islice(results, BATCH)):
        yield batch


def _store_rows(lease: _Lease, results: Sequence[RowResult]) -> bool:
    """Write down what became of these rows; False when that was all, or when another worker has the file."""
    with transaction() as session:
        query = select(ImportJob).where(ImportJob.id == lease.upload_id, ImportJob.lease_until == lease.until).with_for_update()
        upload = session.scalar(query.execution_options(populate_existing=True))
        if upload is None:
            return False
        session.execute(insert(ImportRow), [_row(upload, result) for result in results])
        upload.done, upload.attempts = upload.done + len(results), 0
        if upload.done < upload.total:
            return True
        if upload.state == IMPORTING:
            upload.content, upload.rows = b"", None
        upload.state, upload.lease_until = NEXT[upload.state], None
    return False


def _row(upload: ImportJob, result: RowResult) -> dict[str, object]:
    is_written = upload.state == IMPORTING
    return {
        "upload_id": upload.id,
        "number": result.number,
        "name": result.name[:MAX_NAME_LENGTH],
        "outcome": result.outcome,
        "event_id": result.event_id if is_written else None,
        "problems": result.problems,
    }


def _is_lease_expired() -> ColumnElement[bool]:
    return or_(ImportJob.lease_until.is_(None), ImportJob.lease_until < utc_now())
