"""Events from a file: it is uploaded, tried row by row, looked over, and then written."""

import uuid
from decimal import Decimal
from typing import Any

from flask import Response, current_app, flash, request, url_for
from werkzeug.datastructures import CombinedMultiDict
from wtforms import FileField, SelectField
from wtforms.validators import InputRequired

from evently.dashboard import blueprint
from evently.dashboard.forms import AMOUNT, WHOLE, zone_choices
from evently.errors import Invalid
from evently.events import import_jobs
from evently.events.import_rows import ImportDefaults, RowStatus
from evently.events.imports.files import MAX_FILE_SIZE, UnreadableFile
from evently.events.models import ImportJob
from evently.events.queries import find_last_timezone
from evently.http.body_limits import accepts_upload
from evently.http.forms import AmountField, PlainForm, WholeNumberField
from evently.http.htmx import redirect_to, render
from evently.http.idempotency import claimed_id
from evently.http.login import signed_in_user
from evently.http.pagination import page_number
from evently.http.query_params import choice

# bytes; a file that is too large is better refused beside its field than with the whole form
MAX_FORM = MAX_FILE_SIZE + 5 * 1024**2
# What becomes of a row, in words, with the kind and the sign of its badge.
OUTCOMES: dict[str, tuple[str, str, str]] = {
    RowStatus.CREATED: ("Created", "confirmed", "check"),
    RowStatus.UPDATED: ("Updated", "soon", "pen"),
    RowStatus.CANCELLED: ("Cancelled", "cancelled", ""),
    RowStatus.UNCHANGED: ("Unchanged", "used", ""),
    RowStatus.DUPLICATE: ("Twice in the file", "draft", "copy"),
    RowStatus.REFUSED: ("Refused", "failed", "octagon"),
}
WRITTEN = (RowStatus.CREATED, RowStatus.UPDATED, RowStatus.CANCELLED)


class UploadForm(PlainForm):
    """The file, and what its rows may lack. Fields are named as in EventFields."""

    file = FileField("File")
    capacity = WholeNumberField("Seats", [InputRequired("Say how many seats there are.")], **WHOLE)
    price_per_ticket = AmountField("Price a ticket", [InputRequired("Enter a price; 0 is free.")], **AMOUNT)
    timezone = SelectField("Time zone", validate_choice=False)

    def __init__(self, formdata: Any, **defaults: Any) -> None:
        super().__init__(formdata, data=defaults)
        self.timezone.choices = zone_choices(self.timezone.data or "UTC")

    def fills(self) -> ImportDefaults:
        return ImportDefaults(capacity=self.capacity.data, price=self.price_per_ticket.data or Decimal(0), timezone=self.timezone.data)


@blueprint.get("/events/import")
def import_events() -> Response:
    timezone = find_last_timezone(by=signed_in_user())
    form = UploadForm(None, capacity=100, price_per_ticket=Decimal(0), timezone=timezone or current_app.config["DEFAULT_TIMEZONE"])
    return show_form(form, is_zone_open=timezone is None)


@blueprint.post("/events/import")
@accepts_upload(MAX_FORM)
def upload_events() -> Response:
    form = UploadForm(CombinedMultiDict([request.form, request.files]))
    file = request.files.get("file")
    if not form.validate() or not file or not file.filename:
        form.file.errors = [] if file and file.filename else ["Choose a file."]
        return show_form(form, status=422)
    try:
        # One byte more than is allowed tells a file that is too large, whatever it is.
        content = file.stream.read(MAX_FILE_SIZE + 1)
        upload = import_jobs.start_import(
            by=signed_in_user(), filename=file.filename, content=content, fills=form.fills(), upload_id=claimed_id()
        )
    except UnreadableFile as refusal:
        form.file.errors = [refusal.message]
    except Invalid as refusal:
        form.add_refusal(refusal)
    else:
        return redirect_to(report_address(upload))
    return show_form(form, status=422)


@blueprint.get("/events/import/<uuid:upload_id>")
def show_upload(upload_id: uuid.UUID) -> Response:
    """How far it has come, and then what became of each row, or would."""
    upload = import_jobs.get_import_job(by=signed_in_user(), upload_id=upload_id)
    counts = import_jobs.count_outcomes(upload)
    outcome = choice(OUTCOMES, request.args.get("outcome", ""))
    return render(
        "dashboard/import_job.html",
        "dashboard/_import_report.html",
        upload=upload,
        counts=counts,
        outcome=outcome,
        outcomes=OUTCOMES,
        written=sum(counts.get(name, 0) for name in WRITTEN),
        page=None if upload.is_busy else import_jobs.list_rows(upload, outcome=outcome, page=page_number(request.args)),
    )


@blueprint.post("/events/import/<uuid:upload_id>/confirmation")
def confirm_upload(upload_id: uuid.UUID) -> Response:
    return redirect_to(report_address(import_jobs.confirm_import(by=signed_in_user(), upload_id=upload_id)))


@blueprint.post("/events/import/<uuid:upload_id>/discard")
def discard_upload(upload_id: uuid.UUID) -> Response:
    import_jobs.discard_import(by=signed_in_user(), upload_id=upload_id)
    flash("The file is forgotten.")
    return redirect_to(url_for("dashboard.import_events"))


def show_form(form: UploadForm, *, status: int = 200, **more: Any) -> Response:
    return render("dashboard/import.html", form=form, latest=import_jobs.list_import_jobs(by=signed_in_user()), status=status, **more)


def report_address(upload: ImportJob) -> str:
    return url_for("dashboard.show_upload", upload_id=upload.id)
