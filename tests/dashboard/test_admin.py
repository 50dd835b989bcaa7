"""Pages for superusers: people, failed mail, workers, and what was changed."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from evently.accounts import sessions
from evently.accounts.models import ApiToken, User
from evently.accounts.roles import set_role
from evently.database import transaction, utc_now
from evently.events.services import update_event
from evently.extensions import db
from evently.notifications.models import FAILED, QUEUED, Mail
from tests.factories import api_token, log_in, make_booking, make_event, make_organizer, make_superuser, make_user
from tests.harness.site import on_sqlite
from tests.harness.visitor import Visitor

ADMIN = "/dashboard/admin"
Statements = Callable[[FlaskClient, str], int]


@pytest.fixture
def robin(app: Flask) -> User:
    return make_superuser(first_name="Robin", last_name="Castellan")


@pytest.fixture
def office(app: Flask, robin: User) -> Visitor:
    """Robin's browser, logged in."""
    return Visitor(log_in(app.test_client(), robin))


def make_failed_mail(user: User, **values) -> Mail:
    mail = Mail(
        delivery_key=f"test:{user.id}",
        kind="booking_confirmed",
        to_address=user.email,
        user_id=user.id,
        status=FAILED,
        attempts=30,
        **values,
    )
    with transaction() as session:
        session.add(mail)
    return mail


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=ada", ["ada"]),
        ("q=lovel", ["ada"]),
        ("q=bo%40example", ["bo"]),
        ("role=organizer", ["mira"]),
        ("role=superuser", ["root"]),
        ("role=none&sort=username", ["ada", "bo"]),
        ("state=suspended", ["bo"]),
        ("state=closed", ["(deleted)"]),
        ("q=%00%27", []),
        ("role=king&state=odd&sort=age&page=x&sort=id", ["mira", "bo", "ada", "root"]),
    ],
)
def test_people_are_found(app, query: str, names: list[str]):
    root = make_superuser(username="root")
    make_user(username="ada", first_name="Ada", last_name="Lovelace", email_confirmed_at=utc_now())
    make_user(username="bo", email="bo@example.org", is_active=False)
    make_organizer(username="mira")
    make_user(username="(deleted)", anonymised_at=utc_now(), is_active=False)
    page = Visitor(log_in(app.test_client(), root)).get(f"{ADMIN}/users?{query}").text
    shown = [part.split("<")[0] for part in page.split('<span class="cut soft by">')[1:]]
    assert shown == names


@on_sqlite
def test_htmx_gets_the_table_alone(office: Visitor):
    answer = office.get(f"{ADMIN}/users?q=castel&role=&state=&sort=", htmx=True)
    assert answer.text.strip().startswith('<section class="stack" id="people-table"')
    assert (answer.headers["HX-Push-Url"], 'data-announce="1 person"' in answer.text) == (f"{ADMIN}/users?q=castel", True)


@on_sqlite
@pytest.mark.parametrize("htmx", [False, True])
def test_somebody_is_given_a_role_and_loses_it(office: Visitor, htmx: bool):
    user = make_user(first_name="Ada", last_name="Lovelace")
    address = f"{ADMIN}/users/{user.id}"
    answer = office.submit(address, {"role": "staff", "is_held": "yes"}, action=f"{address}/role", htmx=htmx, follow=not htmx)
    assert "Ada Lovelace is now staff." in answer.text
    assert (answer.text.strip().startswith('<div class="stack dash" id="person"'), user.is_staff) == (htmx, True)
    assert "No longer staff" in answer.text
    office.submit(address, {"role": "staff", "is_held": "no"}, action=f"{address}/role")
    assert not user.is_staff


@on_sqlite
def test_somebody_is_shut_out_and_let_in_again(office: Visitor, app: Flask):
    user = make_user()
    api_token(user)
    browser = Visitor(log_in(app.test_client(), user))
    address = f"{ADMIN}/users/{user.id}"
    page = office.get(address).text
    assert "End 1 session…" in page
    assert "Revoke 1 API token…" in page
    assert "1 token revoked." in office.submit(address, action=f"{address}/tokens/end", follow=True).text
    assert db.session.scalar(select(func.count()).select_from(ApiToken)) == 0
    assert "Signed out of 1 browser." in office.submit(address, action=f"{address}/sessions/end", follow=True).text
    assert browser.get("/account").status_code == 303
    assert "is suspended" in office.submit(address, action=f"{address}/suspension", follow=True).text
    assert not user.is_active
    assert "can sign in again" in office.submit(address, action=f"{address}/reinstatement", follow=True).text
    assert user.is_active


@on_sqlite
@pytest.mark.parametrize("deed", ["role", "suspension", "reinstatement", "sessions/end", "tokens/end"])
def test_nobody_does_anything_to_oneself(office: Visitor, robin: User, deed: str):
    address = f"{ADMIN}/users/{robin.id}"
    page = office.get(address).text
    assert "This is you" in page
    assert f"{address}/{deed}" not in page
    data = {"csrf_token": office.token("/account"), "role": "superuser", "is_held": "no"}
    assert office.client.post(f"{address}/{deed}", data=data).status_code == 409
    assert robin.is_superuser
    assert sessions.list_sessions(robin)


@on_sqlite
def test_whoever_closed_the_account_stays_closed(office: Visitor):
    user = make_user(anonymised_at=utc_now(), is_active=False)
    address = f"{ADMIN}/users/{user.id}"
    assert "closed for good" in office.get(address).text
    data = {"csrf_token": office.token("/account"), "role": "staff", "is_held": "yes"}
    for deed in ("role", "reinstatement"):
        assert office.client.post(f"{address}/{deed}", data=data).status_code == 409
    assert office.get(f"{ADMIN}/users/999999").status_code == 404


@on_sqlite
def test_a_staff_account_is_made_and_told_of(office: Visitor):
    fields = {"username": "desk", "email": "desk@example.org", "first_name": "Dagny", "password": "short"}
    refused = office.submit(f"{ADMIN}/users/new", fields)
    assert (refused.status_code, "8 to 128 characters" in refused.text) == (422, True)
    assert "short" not in refused.text
    answer = office.submit(f"{ADMIN}/users/new", fields | {"password": "correct horse"}, follow=True)
    assert "Dagny is on the staff. A mail is on its way to desk@example.org." in answer.text
    user = db.session.scalars(select(User).where(User.username == "desk")).one()
    assert user.is_staff
    assert [(mail.kind, mail.to_address) for mail in db.session.scalars(select(Mail))] == [("staff_account", "desk@example.org")]


@on_sqlite
def test_many_are_removed_only_as_announced(office: Visitor):
    for number in range(3):
        make_user(username=f"load-{number}")
    make_organizer(username="load-organizer")
    address = f"{ADMIN}/users/removal"
    page = office.get(f"{address}?prefix=LOAD-").text
    assert "3 people would go" in page
    assert db.session.scalar(select(func.count()).select_from(User)) == 5
    make_user(username="load-9")
    data = {"csrf_token": office.token("/account"), "prefix": "load-", "expected": "3"}
    changed = office.client.post(address, data=data)
    assert (changed.status_code, "4 people would go" in changed.text, "changed meanwhile" in changed.text) == (422, True, True)
    assert "4 people deleted." in office.client.post(address, data=data | {"expected": "4"}, follow_redirects=True).text
    assert db.session.scalars(select(User.username).where(User.username.startswith("load"))).all() == ["load-organizer"]
    assert "There is nothing to remove" in office.get(f"{address}?prefix=load-").text
    for prefix in ("lo", "", "x" * 151, "%00abc"):
        assert office.get(f"{address}?prefix={prefix}").status_code == 422


@on_sqlite
@pytest.mark.parametrize("htmx", [False, True])
def test_failed_mail_is_sent_again(office: Visitor, htmx: bool):
    one, other = make_failed_mail(make_user(), last_error="550 No such mailbox"), make_failed_mail(make_user())
    page = office.get(f"{ADMIN}/mail").text
    assert "2 e-mails given up" in page
    assert "550 No such mailbox" in page
    answer = office.submit(f"{ADMIN}/mail", action=f"{ADMIN}/mail/{one.id}/retry", htmx=htmx, follow=not htmx)
    assert f"The mail to {one.to_address} is on its way again." in answer.text
    assert (one.status, other.status) == (QUEUED, FAILED)
    token = office.token("/account")
    assert office.client.post(f"{ADMIN}/mail/{one.id}/retry", data={"csrf_token": token}).status_code == 409
    answer = office.client.post(f"{ADMIN}/mail/retry", data={"csrf_token": token}, follow_redirects=True)
    assert "1 mail is on the way again." in answer.text
    assert "Every mail got through" in answer.text


def test_workers_and_queues_are_shown(office: Visitor):
    make_booking(decided=False)
    page = office.get(f"{ADMIN}/workers").text
    assert "Nobody works" in page
    assert '1</dd><dd class="soft">the first for' in page
    assert 'data-label="Tasks waiting">1</td>' in page
    assert office.get(f"{ADMIN}/workers", htmx=True).text.strip().startswith('<div class="stack dash" id="workers"')


@on_sqlite
def test_a_broker_that_is_away_is_said_so(office: Visitor, monkeypatch: pytest.MonkeyPatch):
    for name in ("alive_workers", "count_tasks"):
        monkeypatch.setattr(f"evently.dashboard.workers.{name}", lambda *_: None)
    assert "The broker does not answer" in office.get(f"{ADMIN}/workers").text


def test_the_log_tells_who_changed_what(office: Visitor, robin: User):
    mira, user = make_organizer(username="mira", first_name="Mira"), make_user(first_name="Ada")
    event = make_event(by=mira, name="Organ night", capacity=10)
    update_event(by=robin, event_id=event.id, fields={"capacity": 1200})
    set_role(user=user, role="staff")
    page = office.get(f"{ADMIN}/audit").text
    assert "3 changes" in page
    assert "Organ night" in page
    assert 'capacity: <span class="soft">10</span> → 1,200' in page
    assert "an operator" in page
    assert 'staff: <span class="soft">no</span> → yes' in page
    for query, count in (
        ("who=mira", 1), ("who=nobody", 0), ("action=event.", 2), ("action=user.role_changed", 1), (f"subject=event&id={event.id}", 2),
        (f"subject=user&id={user.id}", 1), (f"since={utc_now().date()}", 3), ("until=2020-01-01", 0), ("since=never&subject=king&id=1", 3),
    ):  # fmt: skip
        found = office.get(f"{ADMIN}/audit?{query}", htmx=True).text
        assert (query, f'data-announce="{count} change{"s" if count > 1 else ""}"' in found or "No changes" in found) == (query, True)


@on_sqlite
def test_long_lists_need_no_more_statements(office: Visitor, robin: User, statements: Statements):
    def add() -> None:
        make_failed_mail(make_user())
        update_event(by=robin, event_id=make_event().id, fields={"capacity": 3})
        set_role(user=make_user(), role="staff")

    pages = {f"{ADMIN}/users": 6, f"{ADMIN}/mail": 9, f"{ADMIN}/audit": 7, f"{ADMIN}/workers": 6, f"{ADMIN}/users/{make_user().id}": 9}
    add()
    few = {page: statements(office.client, page) for page in pages}
    for _ in range(5):
        add()
    assert {page: statements(office.client, page) for page in pages} == few
    assert all(few[page] <= most for page, most in pages.items()), few
