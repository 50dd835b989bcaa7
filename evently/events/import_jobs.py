"""Files with events that organizers upload: a file is read, its rows are tried, and written once they are confirmed.

A worker does all of that, see uploading.py. The row of the upload says what is to be done, so a message may be lost.
"""

import uuid
from collections.abc import Sequence
from pathlib import PurePath

from sqlalchemy import delete, func, select

from evently.accounts.models import User
from evently.accounts.policies import require_organizer
from evently.celery_app import publish
from evently.database import Page, on_commit, paginate, transaction
from evently.errors import Conflict, Invalid, NotFound
from evently.events import validation
from evently.events.import_rows import ImportDefaults, RowStatus
from evently.events.imports.files import check_file
from evently.events.models import CHECKED, CHECKING, FAILED, IMPORTING, READING, ImportJob, ImportRow
from evently.events.tasks import run_import_job
from evently.extensions import db

MAX_NAME_LENGTH = 200


def start_import(*, by: User, filename: str, content: bytes, fills: ImportDefaults, upload_id: uuid.UUID | None = None) -> ImportJob:
    """Store a file as it is, to be read by a worker; what its owner uploaded before and did not confirm is deleted.

    With an `upload_id` that was used before, this is that upload. Raises NotAllowed, Invalid for fills, and UnreadableFile for
    what is plain without reading the file.
    """
    require_organizer(by)
    _require_valid(fills)
    check_file(filename=filename, content=content)
    upload = ImportJob(
        id=upload_id or uuid.uuid4(),
        by_id=by.id,
        filename=_plain_name(filename),
        content=content,
        capacity=fills.capacity,
        price=fills.price,
        timezone=fills.timezone,
    )
    with transaction() as session:
        if (written := session.get(ImportJob, upload.id)) is not None:
            return written
        session.execute(delete(ImportJob).where(ImportJob.by_id == by.id, ImportJob.state.in_([READING, CHECKING, CHECKED, FAILED])))
        session.add(upload)
        _wake(upload.id)
    return upload


def confirm_import(*, by: User, upload_id: uuid.UUID) -> ImportJob:
    """Write what was tried; once, however often it is asked for. Raises NotFound, Conflict ("not_checked") before it was tried."""
    with transaction() as session:
        session.execute(select(ImportJob.id).where(ImportJob.id == upload_id).with_for_update())
        upload = get_import_job(by=by, upload_id=upload_id)
        if upload.state in {READING, CHECKING, FAILED}:
            raise Conflict("This file has not been checked yet.", code="not_checked")
        if upload.state == CHECKED:
            session.execute(delete(ImportRow).where(ImportRow.upload_id == upload_id))
            upload.state, upload.done = IMPORTING, 0
            _wake(upload_id)
    return upload


def discard_import(*, by: User, upload_id: uuid.UUID) -> None:
    """Forget a file and its report. Raises NotFound, Conflict ("being_imported") while it is being written."""
    with transaction() as session:
        session.execute(select(ImportJob.id).where(ImportJob.id == upload_id).with_for_update())
        upload = get_import_job(by=by, upload_id=upload_id)
        if upload.state == IMPORTING:
            raise Conflict("This file is being imported.", code="being_imported")
        session.execute(delete(ImportJob).where(ImportJob.id == upload_id))


def get_import_job(*, by: User, upload_id: uuid.UUID) -> ImportJob:
    """Somebody's own. Raises NotFound, also for other people's, NotAllowed for people who do not organize."""
    require_organizer(by)
    query = select(ImportJob).where(ImportJob.id == upload_id, ImportJob.by_id == by.id)
    upload = db.session.scalar(query.execution_options(populate_existing=True))
    if upload is None:
        raise NotFound("There is no such file.")
    return upload


def list_import_jobs(*, by: User, limit: int = 5) -> Sequence[ImportJob]:
    """Somebody's latest."""
    return db.session.scalars(select(ImportJob).where(ImportJob.by_id == by.id).order_by(ImportJob.created_at.desc()).limit(limit)).all()


def count_outcomes(upload: ImportJob) -> dict[RowStatus, int]:
    """How many rows had each outcome so far, those that had none left out."""
    query = select(ImportRow.outcome, func.count()).where(ImportRow.upload_id == upload.id).group_by(ImportRow.outcome)
    found = dict(db.session.execute(query).all())
    return {outcome: found[outcome] for outcome in RowStatus if outcome in found}


def list_rows(upload: ImportJob, *, outcome: str = "", page: int = 1, size: int = 50) -> Page[ImportRow]:
    """The report in the order of the file, or only rows with this outcome."""
    query = select(ImportRow).where(ImportRow.upload_id == upload.id).order_by(ImportRow.number)
    return paginate(query.where(ImportRow.outcome == outcome) if outcome else query, number=page, size=size)


def _require_valid(fills: ImportDefaults) -> None:
    values = {"capacity": fills.capacity or 0, "price_per_ticket": fills.price, "timezone": fills.timezone}
    if found := validation.validate(values):
        raise Invalid("Please correct the marked fields.", fields=found)


def _wake(upload_id: uuid.UUID) -> None:
    on_commit(lambda: publish(run_import_job, args=[str(upload_id)]))


def _plain_name(filename: str) -> str:
    """The end of it, which says what kind of file it is."""
    name = "".join(character if character.isprintable() else "�" for character in PurePath(filename).name)
    return name[-MAX_NAME_LENGTH:]
