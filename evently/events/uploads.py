"""Files with events that organizers upload: a file is read, its rows are tried, and written once they are confirmed.

A worker does all of that, see uploading.py. The row of the upload says what is to be done, so a message may be lost.
"""

import uuid
from collections.abc import Sequence
from pathlib import PurePath

from sqlalchemy import delete, func, select

from evently.accounts.models import User
from evently.accounts.policies import require_organizer
from evently.database import Page, on_commit, paginate, transaction
from evently.errors import Conflict, Invalid, NotFound
from evently.events import rules
from evently.events.importing import Fills, Outcome
from evently.events.imports.files import check_file
from evently.events.models import CHECKED, CHECKING, FAILED, IMPORTING, READING, Upload, UploadRow
from evently.events.tasks import work_on_upload
from evently.extensions import db
from evently.worker import publish

LONGEST_NAME = 200


def start_upload(*, by: User, filename: str, content: bytes, fills: Fills, upload_id: uuid.UUID | None = None) -> Upload:
    """Store a file as it is, to be read by a worker; what its owner uploaded before and did not confirm is deleted.

    With an `upload_id` that was used before, this is that upload. Raises NotAllowed, Invalid for fills, and UnreadableFile for
    what is plain without reading the file.
    """
    require_organizer(by)
    _refuse_unsound(fills)
    check_file(filename=filename, content=content)
    upload = Upload(
        id=upload_id or uuid.uuid4(),
        by_id=by.id,
        filename=_plain_name(filename),
        content=content,
        capacity=fills.capacity,
        price=fills.price,
        timezone=fills.timezone,
    )
    with transaction() as session:
        if (written := session.get(Upload, upload.id)) is not None:
            return written
        session.execute(delete(Upload).where(Upload.by_id == by.id, Upload.state.in_([READING, CHECKING, CHECKED, FAILED])))
        session.add(upload)
        _wake(upload.id)
    return upload


def confirm_upload(*, by: User, upload_id: uuid.UUID) -> Upload:
    """Write what was tried; once, however often it is asked for. Raises NotFound, Conflict ("not_checked") before it was tried."""
    with transaction() as session:
        session.execute(select(Upload.id).where(Upload.id == upload_id).with_for_update())
        upload = get_upload(by=by, upload_id=upload_id)
        if upload.state in {READING, CHECKING, FAILED}:
            raise Conflict("This file has not been checked yet.", code="not_checked")
        if upload.state == CHECKED:
            session.execute(delete(UploadRow).where(UploadRow.upload_id == upload_id))
            upload.state, upload.done = IMPORTING, 0
            _wake(upload_id)
    return upload


def discard_upload(*, by: User, upload_id: uuid.UUID) -> None:
    """Forget a file and its report. Raises NotFound, Conflict ("being_imported") while it is being written."""
    with transaction() as session:
        session.execute(select(Upload.id).where(Upload.id == upload_id).with_for_update())
        upload = get_upload(by=by, upload_id=upload_id)
        if upload.state == IMPORTING:
            raise Conflict("This file is being imported.", code="being_imported")
        session.execute(delete(Upload).where(Upload.id == upload_id))


def get_upload(*, by: User, upload_id: uuid.UUID) -> Upload:
    """Somebody's own. Raises NotFound, also for other people's, NotAllowed for people who do not organize."""
    require_organizer(by)
    query = select(Upload).where(Upload.id == upload_id, Upload.by_id == by.id)
    upload = db.session.scalar(query.execution_options(populate_existing=True))
    if upload is None:
        raise NotFound("There is no such file.")
    return upload


def list_uploads(*, by: User, limit: int = 5) -> Sequence[Upload]:
    """Somebody's latest."""
    return db.session.scalars(select(Upload).where(Upload.by_id == by.id).order_by(Upload.created_at.desc()).limit(limit)).all()


def count_outcomes(upload: Upload) -> dict[Outcome, int]:
    """How many rows had each outcome so far, those that had none left out."""
    query = select(UploadRow.outcome, func.count()).where(UploadRow.upload_id == upload.id).group_by(UploadRow.outcome)
    found = dict(db.session.execute(query).all())
    return {outcome: found[outcome] for outcome in Outcome if outcome in found}


def list_rows(upload: Upload, *, outcome: str = "", page: int = 1, size: int = 50) -> Page[UploadRow]:
    """The report in the order of the file, or only rows with this outcome."""
    query = select(UploadRow).where(UploadRow.upload_id == upload.id).order_by(UploadRow.number)
    return paginate(query.where(UploadRow.outcome == outcome) if outcome else query, number=page, size=size)


def _refuse_unsound(fills: Fills) -> None:
    values = {"capacity": fills.capacity or 0, "price_per_ticket": fills.price, "timezone": fills.timezone}
    if found := rules.problems(values):
        raise Invalid("Please correct the marked fields.", fields=found)


def _wake(upload_id: uuid.UUID) -> None:
    on_commit(lambda: publish(work_on_upload, args=[str(upload_id)]))


def _plain_name(filename: str) -> str:
    """The end of it, which says what kind of file it is."""
    name = "".join(character if character.isprintable() else "�" for character in PurePath(filename).name)
    return name[-LONGEST_NAME:]
