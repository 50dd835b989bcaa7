"""The worker's side of uploaded files: rows are tried or written in turns of a few seconds.

How far it has come is kept with every batch of rows. Whoever is at it holds a lease, so that no two do the same rows;
when a worker dies, the sweep goes on where it ended.
"""

import datetime as dt
import itertools
import time
import uuid
from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, delete, insert, or_, select, update

from evently.accounts.queries import get_user
from evently.database import single_statement, transaction, utc_now
from evently.errors import DomainError
from evently.events.importing import BATCH, Fills, RowResult, import_events
from evently.events.imports.files import read_rows
from evently.events.imports.rows import Row
from evently.events.models import CHECKED, CHECKING, DONE, FAILED, IMPORTING, Upload, UploadRow
from evently.extensions import db

# seconds; how long a worker stays at one file
TURN = 5.0
# How long a worker may be silent before another one takes over.
LEASE = dt.timedelta(seconds=60)
# How often workers begin without getting as far as another row, before the file is taken to be at fault.
MOST_ATTEMPTS = 5
# How long a file is kept for its report.
KEPT = dt.timedelta(days=7)
LONGEST_NAME, LONGEST_REASON = 200, 500
NEXT = {CHECKING: CHECKED, IMPORTING: DONE}
# The rows of the file that this process was at last: a calendar takes seconds to read, as long as a turn.
_latest: dict[uuid.UUID, list[Row]] = {}


def work_on(upload_id: uuid.UUID, *, turn: float = TURN) -> bool:
    """Try or write the next rows for so many seconds; whether some are left. Nothing while somebody else is at it."""
    lease = utc_now() + LEASE
    upload = _claim(upload_id, lease)
    if upload is None:
        return False
    deadline = time.monotonic() + turn
    try:
        for batch in _results(upload):
            if not _keep(upload_id, lease, batch):
                _latest.pop(upload_id, None)
                return False
            if time.monotonic() > deadline:
                break
    except DomainError as error:
        _release(upload_id, lease, state=FAILED, reason=error.message[:LONGEST_REASON])
        _latest.pop(upload_id, None)
        return False
    return _release(upload_id, lease)


def list_unfinished() -> Sequence[uuid.UUID]:
    """Files that nobody is at work on, the oldest first."""
    query = select(Upload.id).where(Upload.state.in_([CHECKING, IMPORTING]), _is_free()).order_by(Upload.created_at)
    unfinished = db.session.scalars(query).all()
    if not unfinished:
        # Another process may have done the last row.
        _latest.clear()
    return unfinished


def forget_old() -> int:
    """Forget files and reports that were kept long enough; how many."""
    with single_statement() as connection:
        return connection.execute(delete(Upload).where(Upload.created_at < utc_now() - KEPT)).rowcount


def _claim(upload_id: uuid.UUID, lease: dt.datetime) -> Upload | None:
    """The upload with this lease on it, unless it is finished, gone or somebody else's; or was begun in vain too often."""
    with transaction() as session:
        query = select(Upload).where(Upload.id == upload_id, Upload.state.in_([CHECKING, IMPORTING]), _is_free())
        upload = session.scalar(query.with_for_update().execution_options(populate_existing=True))
        if upload and upload.attempts >= MOST_ATTEMPTS:
            upload.state = FAILED
            upload.reason = f"Nothing could be done after row {upload.done:,}. Split the file, or leave out what comes next."
            return None
        if upload:
            upload.lease_until, upload.attempts = lease, upload.attempts + 1
    return upload


def _results(upload: Upload) -> Iterator[list[RowResult]]:
    """What became of the next rows, in batches; each is committed when it comes. Raises NotAllowed, NotFound."""
    results = import_events(
        by=get_user(upload.by_id),
        rows=_rows(upload),
        fills=Fills(capacity=upload.capacity, price=upload.price, timezone=upload.timezone),
        start=upload.done,
        is_rehearsal=upload.state == CHECKING,
    )
    while batch := list(itertools.islice(results, BATCH)):
        yield batch


def _rows(upload: Upload) -> list[Row]:
    if upload.id not in _latest:
        _latest.clear()
        _latest[upload.id] = read_rows(filename=upload.filename, content=upload.content)
    return _latest[upload.id]


def _keep(upload_id: uuid.UUID, lease: dt.datetime, results: Sequence[RowResult]) -> bool:
    """Write down what became of these rows; False when that was all, or when somebody else has the file."""
    with transaction() as session:
        query = select(Upload).where(Upload.id == upload_id, Upload.lease_until == lease).with_for_update()
        upload = session.scalar(query.execution_options(populate_existing=True))
        if upload is None:
            return False
        session.execute(insert(UploadRow), [_row(upload, result) for result in results])
        upload.done, upload.attempts = upload.done + len(results), 0
        if upload.done < upload.total:
            return True
        if upload.state == IMPORTING:
            upload.content = b""
        upload.state, upload.lease_until = NEXT[upload.state], None
    return False


def _row(upload: Upload, result: RowResult) -> dict[str, object]:
    is_written = upload.state == IMPORTING
    return {
        "upload_id": upload.id,
        "number": result.number,
        "name": result.name[:LONGEST_NAME],
        "outcome": result.outcome,
        "event_id": result.event_id if is_written else None,
        "problems": result.problems,
    }


def _release(upload_id: uuid.UUID, lease: dt.datetime, **values: str) -> bool:
    """Let somebody else go on; whether it was ours."""
    with single_statement() as connection:
        is_mine = (Upload.id == upload_id, Upload.lease_until == lease)
        return connection.execute(update(Upload).where(*is_mine).values(lease_until=None, **values)).rowcount > 0


def _is_free() -> ColumnElement[bool]:
    return or_(Upload.lease_until.is_(None), Upload.lease_until < utc_now())
