"""Sessions on the server: what a cookie is worth, and for how long."""

import datetime as dt
import hashlib
import re

import pytest
import sqlalchemy as sa
from flask import Flask

from evently import circuit_breaker
from evently.accounts import sessions, tasks, user_agents
from evently.accounts.account_deletion import anonymize
from evently.accounts.models import BrowserSession, User
from evently.accounts.suspension import reinstate, suspend
from evently.accounts.tokens import authenticate_and_touch
from evently.database import transaction, utc_now
from evently.errors import Conflict, NotAllowed, NotAuthenticated, NotFound
from evently.extensions import cache, db
from tests.factories import PASSWORD, api_token, log_in, make_superuser, make_user
from tests.harness.site import Site, _clean_redis, apart, fresh
from tests.harness.visitor import Visitor

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0"


@pytest.fixture
def user(app: Flask) -> User:
    return make_user(username="mira")


def sign_in(visitor: Visitor, **fields: str) -> str:
    """The cookie."""
    answer = visitor.submit("/login", {"username": "mira", "password": PASSWORD, **fields})
    assert answer.status_code == 303
    return visitor.client.get_cookie("session").value


def is_signed_in(visitor: Visitor) -> bool:
    return "Log out" in visitor.get("/").text


def rows() -> list[BrowserSession]:
    fresh()
    return list(db.session.scalars(sa.select(BrowserSession).order_by(BrowserSession.id)))


def test_a_cookie_holds_a_random_id_and_only_its_hash_is_stored(user: User, visitor: Visitor):
    cookie = sign_in(visitor)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}\.1", cookie)
    [row] = rows()
    assert row.id_sha256 == hashlib.sha256(cookie[:43].encode()).hexdigest()
    assert (row.user_id, row.is_remembered) == (user.id, False)
    assert cookie[:43] not in str({column.key: getattr(row, column.key) for column in BrowserSession.__table__.columns})


def test_who_only_looks_around_costs_no_row(app: Flask, visitor: Visitor):
    for address in ("/", "/login", "/register"):
        visitor.get(address)
    assert rows() == []
    assert visitor.submit("/login", {"username": "nobody", "password": "nothing at all"}).status_code == 422
    assert rows() == []


def test_the_api_neither_looks_up_nor_writes_a_session(user: User, visitor: Visitor, monkeypatch: pytest.MonkeyPatch):
    log_in(visitor.client, user)
    with transaction() as session:
        session.execute(sa.update(BrowserSession).values(last_used_at=utc_now() - dt.timedelta(hours=1)))
    for name in ("find", "create", "update_data", "record_use", "revoke"):
        monkeypatch.delattr(sessions, name)
    answer = visitor.get("/api/user/events/")
    assert answer.status_code == 200
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_session_id_changes_at_sign_in_against_fixation(user: User, visitor: Visitor, app: Flask):
    visitor.get("/login")
    planted = visitor.client.get_cookie("session").value
    assert sign_in(visitor) != planted
    attacker = Visitor(app.test_client())
    attacker.client.set_cookie("session", f"{planted}.1")
    assert not is_signed_in(attacker)


def test_the_id_changes_at_signing_out_and_the_one_before_is_worth_nothing(user: User, visitor: Visitor, app: Flask):
    stolen = sign_in(visitor)
    visitor.submit("/", action="/logout")
    assert visitor.client.get_cookie("session").value != stolen
    thief = Visitor(app.test_client())
    thief.client.set_cookie("session", stolen)
    assert not is_signed_in(thief)
    assert user.id not in {row.user_id for row in rows()}


def test_signing_in_again_as_somebody_else_leaves_nothing_of_the_first(user: User, visitor: Visitor):
    sign_in(visitor)
    token = visitor.token("/account")
    adam = make_user(username="adam")
    visitor.client.post("/login", data={"username": "adam", "password": PASSWORD, "csrf_token": token})
    assert [row.user_id for row in rows()] == [adam.id]


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "x" * 43 + ".1", "é" * 43, "a" * 4000, "../../etc.1"])
def test_a_cookie_of_any_shape_is_nobody(app: Flask, visitor: Visitor, cookie: str):
    visitor.client.set_cookie("session", cookie)
    assert visitor.get("/").status_code == 200
    assert not is_signed_in(visitor)


@pytest.mark.parametrize(("remember", "lasts", "is_over"), [("", 11, 13), ("y", 29 * 24, 31 * 24)])
def test_a_session_ends_when_it_was_not_used_for_long(user: User, visitor: Visitor, remember: str, lasts: int, is_over: int):
    sign_in(visitor, **({"remember": remember} if remember else {}))

    def idle(hours: int) -> None:
        with transaction() as session:
            for row in session.scalars(sa.select(BrowserSession)):
                row.expires_at -= dt.timedelta(hours=hours)
                row.last_used_at -= dt.timedelta(hours=hours)
                sessions.invalidate(f"session:{row.id_sha256}")

    idle(lasts)
    assert is_signed_in(visitor)
    # It was used, and so lasts as long again.
    idle(lasts)
    assert is_signed_in(visitor)
    idle(is_over)
    assert not is_signed_in(visitor)
    assert apart(tasks.delete_expired_sessions) == 1
    assert rows() == []


def test_a_session_ends_ninety_days_after_signing_in_however_often_it_is_used(user: User, visitor: Visitor):
    sign_in(visitor, remember="y")

    def use_for(days: int) -> None:
        """A visit a day."""
        for _ in range(days):
            with transaction():
                [row] = rows()
                for name in ("created_at", "last_used_at", "expires_at"):
                    setattr(row, name, getattr(row, name) - dt.timedelta(days=1))
            sessions.invalidate(f"session:{row.id_sha256}")
            visitor.get("/account")

    use_for(89)
    assert is_signed_in(visitor)
    use_for(1)
    assert not is_signed_in(visitor)


def test_a_remembered_cookie_is_told_anew_while_it_is_used(user: User, visitor: Visitor):
    sign_in(visitor, remember="y")
    assert "Set-Cookie" not in visitor.get("/account").headers
    [row] = rows()
    with transaction():
        row.last_used_at -= dt.timedelta(minutes=5)
        sessions.invalidate(f"session:{row.id_sha256}")
    assert "Max-Age=2592000" in visitor.get("/account").headers["Set-Cookie"]


def test_the_last_use_is_written_once_a_minute(user: User, visitor: Visitor):
    sign_in(visitor)
    before = rows()[0].last_used_at
    visitor.get("/account")
    assert rows()[0].last_used_at == before


def test_signing_out_elsewhere_works_at_once(user: User, visitor: Visitor, app: Flask):
    other = Visitor(app.test_client())
    for browser in (visitor, other):
        sign_in(browser)
        assert is_signed_in(browser)
    sessions.revoke_others(user=user, kept=rows()[0].id_sha256)
    assert (is_signed_in(visitor), is_signed_in(other)) == (True, False)


def test_a_request_that_was_under_way_brings_no_ended_session_back(user: User, visitor: Visitor):
    sign_in(visitor)
    [row] = rows()
    sessions.revoke(row.id_sha256)
    sessions.update_data(row.id_sha256, data={"late": True})
    assert rows() == []


def test_only_ones_own_sessions_can_be_ended(user: User, visitor: Visitor):
    sign_in(visitor)
    with pytest.raises(NotFound):
        sessions.revoke_by_id(user=make_user(), session_id=rows()[0].id)
    assert is_signed_in(visitor)


def test_who_is_suspended_loses_sessions_and_tokens_at_once(user: User, visitor: Visitor):
    sign_in(visitor)
    token = api_token(user)
    admin = make_superuser()
    suspend(by=admin, user_id=user.id)
    assert not is_signed_in(visitor)
    with pytest.raises(NotAuthenticated):
        authenticate_and_touch(token)
    # Let in again, they have to sign in again, and the token stays lost.
    reinstate(by=admin, user_id=user.id)
    assert not is_signed_in(visitor)
    with pytest.raises(NotAuthenticated):
        authenticate_and_touch(token)
    sign_in(visitor)
    assert is_signed_in(visitor)


def test_suspending_by_any_other_way_shuts_the_door_too(user: User, visitor: Visitor):
    sign_in(visitor)
    with db.engine.connect().execution_options(is_writer=True) as connection, connection.begin():
        connection.execute(sa.update(User.__table__).values(is_active=False))
    assert not is_signed_in(visitor)


def test_only_superusers_suspend_and_never_themselves(user: User):
    admin = make_superuser()
    for call in (suspend, reinstate):
        with pytest.raises(NotAllowed):
            call(by=user, user_id=admin.id)
        with pytest.raises(NotFound):
            call(by=admin, user_id=0)
    with pytest.raises(Conflict):
        suspend(by=admin, user_id=admin.id)


def test_nobody_comes_back_who_is_gone_for_good(user: User):
    anonymize([user])
    with pytest.raises(Conflict) as refusal:
        reinstate(by=make_superuser(), user_id=user.id)
    assert refusal.value.code == "account_closed"


def test_without_redis_people_stay_signed_in(user: User, visitor: Visitor, app: Flask, monkeypatch: pytest.MonkeyPatch):
    sign_in(visitor)
    monkeypatch.setattr(circuit_breaker, "_is_open", lambda: True)
    assert is_signed_in(visitor)
    # And go on doing what one does: this writes the session, and reads it again.
    assert "Your changes are saved." in visitor.submit("/account", {"first_name": "Mira"}, follow=True).text
    other = Visitor(app.test_client())
    sign_in(other)
    assert is_signed_in(other)


IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"


def test_when_redis_comes_back_empty_nobody_is_signed_out(user: User, visitor: Visitor, site: Site):
    sign_in(visitor)
    if url := site.environ.get("REDIS_URL"):
        _clean_redis(url)
    cache.clear()
    assert is_signed_in(visitor)


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        (f"{MAC} Chrome/129.0.0.0 Safari/537.36 Edg/129.0.0.0", "Edge on macOS"),
        (f"{ANDROID} Chrome/129.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown browser"),
        ("<script>", "Unknown browser"),
    ],
)
def test_browsers_are_told_in_words(user_agent: str, words: str):
    assert user_agents.describe(user_agent) == words


def test_the_device_is_noted_at_signing_in(user: User, visitor: Visitor):
    visitor.client.environ_base["HTTP_USER_AGENT"] = FIREFOX
    sign_in(visitor)
    assert rows()[0].device == "Firefox on Windows"
