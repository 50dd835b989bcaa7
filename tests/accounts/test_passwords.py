"""Another password, known or forgotten, and what one may be."""

import datetime as dt
import re
import time

import pytest
import sqlalchemy as sa
from flask import Flask

from evently.accounts import forgotten, password_reset, passwords, tasks
from evently.accounts.models import BrowserSession, User
from evently.accounts.passwords import hash_password, is_correct
from evently.accounts.services import update_profile
from evently.accounts.sessions import create
from evently.accounts.signed_links import CONFIRM_ADDRESS, RESET_PASSWORD
from evently.accounts.validation import password_problems
from evently.database import transaction, utc_now
from evently.errors import Conflict, Invalid, NotFound
from evently.extensions import db
from evently.notifications.models import Mail
from evently.notifications.rendering import render_mail
from tests.factories import PASSWORD, make_user
from tests.harness.concurrency import at_once
from tests.harness.site import apart, fresh

NEW = "difference engine"
# Tests hash cheaply, see conftest.py; this was made before they do.
THE_SITES_OWN = passwords._HASHER


@pytest.fixture
def user(app: Flask) -> User:
    return make_user(username="mira", email="mira@talberg.example")


def sign_in(user: User, name: str) -> None:
    create(name, user_id=user.id, data={}, device="", is_remembered=False)


def sessions() -> list[str]:
    fresh()
    return sorted(db.session.scalars(sa.select(BrowserSession.id_sha256)))


def newest_mail(kind: str) -> Mail:
    fresh()
    return db.session.scalars(sa.select(Mail).where(Mail.kind == kind).order_by(Mail.id.desc())).first()


def link_in(mail: Mail) -> str:
    """What its link ends with."""
    return re.search(r"/password-reset/(\S+)", render_mail(mail).text)[1]


def reset_link(user: User) -> str:
    password_reset.send_reset_email(user.username)
    return link_in(newest_mail("reset_password"))


@pytest.mark.parametrize(
    "password", ["password1", "PASSWORD1", "qwertyuiop", "12345678", "mirabelle", "Mirabelle", "mirabelle@talberg.example"]
)
def test_common_passwords_are_rejected(password: str):
    assert list(password_problems(password, username="mirabelle", email="mirabelle@talberg.example")) == ["password"]


def test_login_takes_as_long_without_an_account(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(passwords, "_HASHER", THE_SITES_OWN)

    def seconds(password_hash: str | None) -> float:
        start = time.process_time()
        assert not is_correct(password_hash, "wrong")
        return time.process_time() - start

    somebody = hash_password(PASSWORD)
    times = {kind: sorted(seconds(kind) for _ in range(9))[4] for kind in (somebody, None, "!")}
    assert max(times.values()) < 2 * min(times.values())


@pytest.mark.parametrize("password", ["correct horse", "x8-Fünf?!", "        ", "a" * 128, "evently-demo"])
def test_whatever_else_is_long_enough_will_do(password: str):
    assert password_problems(password, username="mira", email="mira@talberg.example") == {}


def test_a_new_password_signs_out_everywhere_else(user: User):
    sign_in(user, "here"), sign_in(user, "there"), sign_in(make_user(), "somebody else's")
    password_reset.change_password(user=user, password=PASSWORD, new_password=NEW, session="here")
    assert sessions() == ["here", "somebody else's"]
    assert is_correct(user.password_hash, NEW)
    assert newest_mail("password_changed").to_address == "mira@talberg.example"


@pytest.mark.parametrize(
    ("password", "new_password", "field"),
    [("wrong", NEW, "password"), (PASSWORD, "short", "new_password"), (PASSWORD, "12345678", "new_password")],
)
def test_what_is_wrong_is_said_by_field_and_changes_nothing(user: User, password: str, new_password: str, field: str):
    sign_in(user, "there")
    with pytest.raises(Invalid) as refusal:
        password_reset.change_password(user=user, password=password, new_password=new_password, session="here")
    assert list(refusal.value.fields) == [field]
    assert sessions() == ["there"]
    assert is_correct(user.password_hash, PASSWORD)


def test_of_two_who_change_it_at_once_one_does(user: User, app: Flask):
    def change(new_password: str):
        return lambda: password_reset.change_password(
            user=db.session.get(User, user.id), password=PASSWORD, new_password=new_password, session=""
        )

    results = at_once(app, [change(f"{NEW} {number}") for number in range(3)])
    assert [type(result) for result in results].count(type(None)) == 1
    assert {type(result) for result in results} <= {type(None), Conflict, Invalid}


def test_a_link_sets_a_new_password_once_and_confirms_the_address(user: User):
    token = reset_link(user)
    sign_in(user, "there")
    password_reset.reset_password(token=token, new_password=NEW)
    fresh()
    assert is_correct(user.password_hash, NEW)
    assert user.email_confirmed_at is not None
    assert sessions() == []
    with pytest.raises(NotFound) as refusal:
        password_reset.reset_password(token=token, new_password="something else")
    assert refusal.value.code == "dead_link"


def test_a_link_that_is_refused_for_its_password_still_works(user: User):
    token = reset_link(user)
    with pytest.raises(Invalid):
        password_reset.reset_password(token=token, new_password="short")
    password_reset.reset_password(token=token, new_password=NEW)


def test_of_two_who_use_a_link_at_once_one_does(user: User, app: Flask):
    token = reset_link(user)
    calls = [lambda number=number: password_reset.reset_password(token=token, new_password=f"{NEW} {number}") for number in range(3)]
    results = at_once(app, calls)
    assert sorted(type(result).__name__ for result in results) == ["NotFound", "NotFound", "User"]


def test_one_used_link_ends_the_others_and_looking_at_the_mail_again_makes_none(user: User):
    first, second = reset_link(user), reset_link(user)
    password_reset.reset_password(token=second, new_password=NEW)
    for token in (first, link_in(newest_mail("reset_password"))):
        with pytest.raises(NotFound):
            RESET_PASSWORD.open(token)


@pytest.mark.parametrize(("minutes", "works"), [(59, True), (61, False)])
def test_a_link_works_for_an_hour(user: User, minutes: int, works: bool):
    password_reset.send_reset_email(user.email)
    with transaction():
        newest_mail("reset_password").created_at = utc_now() - dt.timedelta(minutes=minutes)
    token = link_in(newest_mail("reset_password"))
    if works:
        assert RESET_PASSWORD.open(token) == user
    else:
        with pytest.raises(NotFound):
            RESET_PASSWORD.open(token)


def test_a_link_ends_with_the_address_it_went_to(user: User):
    token = reset_link(user)
    update_profile(user=user, profile={"email": "other@talberg.example"})
    with pytest.raises(NotFound):
        RESET_PASSWORD.open(token)


def test_a_link_is_one_persons_and_for_one_purpose(user: User):
    token = reset_link(user)
    other = make_user()
    for changed in (
        token.replace(f"{user.id}.", f"{other.id}.", 1),
        token[:-9] + ("A" if token[-9] != "A" else "B") + token[-8:],
        token + "x",
        "",
        "1",
        "1.2.3",
        "x.y.z",
        "²." + token,
        f"{user.id}.99999999999.",
        "\ud800",
    ):
        with pytest.raises(NotFound):
            RESET_PASSWORD.open(changed)
    with pytest.raises(NotFound):
        CONFIRM_ADDRESS.open(token)


def test_the_suspended_get_no_link_and_theirs_stop_working(user: User):
    token = reset_link(user)
    with transaction():
        user.is_active = False
    with pytest.raises(NotFound):
        RESET_PASSWORD.open(token)
    before = db.session.query(Mail).count()
    password_reset.send_reset_email(user.username)
    assert db.session.query(Mail).count() == before


@pytest.mark.parametrize("login", ["mira", "MIRA@talberg.example", " mira "])
def test_a_link_goes_to_whoever_has_the_name_or_address(user: User, login: str):
    apart(tasks.mail_reset_link, login)
    assert newest_mail("reset_password").to_address == "mira@talberg.example"


@pytest.mark.parametrize("login", ["", "nobody", "nobody@talberg.example", "mi\0ra", "\ud800"])
def test_nobody_is_written_to_for_what_nobody_has(user: User, login: str):
    apart(tasks.mail_reset_link, login)
    assert db.session.query(Mail).count() == 0


def test_password_reset_request_looks_up_no_account(user: User, monkeypatch: pytest.MonkeyPatch):
    sent = []
    monkeypatch.setattr(forgotten, "publish", lambda task, args: sent.append((task.name, args)) or True)
    statements = []
    sa.event.listen(db.engine, "before_cursor_execute", note := lambda *args: statements.append(args[2]))
    for login in ("mira", "nobody"):
        forgotten.request_reset(login=login)
    sa.event.remove(db.engine, "before_cursor_execute", note)
    assert sent == [("accounts.mail_reset_link", ["mira"]), ("accounts.mail_reset_link", ["nobody"])]
    assert statements == []


def test_without_a_broker_the_link_is_sent_all_the_same(user: User, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(forgotten, "publish", lambda *_, **__: False)
    forgotten.request_reset(login="mira")
    assert newest_mail("reset_password")
