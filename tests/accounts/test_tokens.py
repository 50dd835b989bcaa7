import datetime as dt
import re

import pytest

from evently.accounts.models import ApiToken, User
from evently.accounts.queries import find_token, token_sha256
from evently.accounts.tokens import (
    authenticate_and_touch,
    authenticate_token,
    delete_expired,
    issue_named_token,
    issue_token,
    require_valid,
    revoke_token,
)
from evently.database import transaction, utc_now
from evently.errors import Conflict, NotAuthenticated
from evently.extensions import db
from tests.factories import make_user
from tests.harness.concurrency import at_once
from tests.harness.site import fresh


@pytest.fixture
def token(app) -> str:
    return issue_token(user=make_user(username="ada"), name="laptop").token


def test_only_the_hash_of_a_token_is_stored(token):
    assert re.fullmatch("[0-9a-f]{40}", token)
    row = db.session.query(ApiToken).one()
    assert (row.token_sha256, row.name, row.last_used_at) == (token_sha256(token), "laptop", None)
    assert token not in {str(getattr(row, column.key)) for column in ApiToken.__table__.columns}


def test_tokens_differ(app):
    user = make_user()
    assert issue_token(user=user).token != issue_token(user=user).token
    assert db.session.query(ApiToken).count() == 2


def test_a_token_opens_for_its_owner(token):
    assert authenticate_and_touch(token).user.username == "ada"


@pytest.mark.parametrize("wrong", ["", "0" * 40, "\x00", "ü"])
def test_no_other_text_does(token, wrong):
    with pytest.raises(NotAuthenticated) as refusal:
        authenticate_and_touch(wrong)
    assert refusal.value.code == "invalid_token"


def test_a_revoked_token_opens_nothing(token):
    found = find_token(token)
    assert found is not None
    revoke_token(token=found)
    with pytest.raises(NotAuthenticated):
        authenticate_and_touch(token)


def test_the_tokens_of_the_suspended_open_nothing(token):
    with transaction():
        authenticate_and_touch(token).user.is_active = False
    with pytest.raises(NotAuthenticated):
        authenticate_and_touch(token)


def test_the_last_use_is_written_once_a_minute(token):
    def last_use() -> dt.datetime | None:
        authenticate_and_touch(token)
        fresh()
        return db.session.query(ApiToken).one().last_used_at

    first = last_use()
    assert first is not None
    assert last_use() == first
    with transaction():
        db.session.query(ApiToken).one().last_used_at = first - dt.timedelta(seconds=61)
    assert last_use() >= first


def expire(**values: dt.timedelta) -> None:
    """Move these columns of the only token by so much."""
    with transaction():
        token = db.session.query(ApiToken).one()
        for name, change in values.items():
            setattr(token, name, getattr(token, name) + change)


def test_a_token_ends_ninety_days_after_its_last_use(app):
    issued = issue_token(user=make_user())
    assert issued.expires_at - utc_now() == pytest.approx(dt.timedelta(days=90), abs=dt.timedelta(minutes=1))
    expire(created_at=-dt.timedelta(days=10), expires_at=-dt.timedelta(days=10))
    authenticate_and_touch(issued.token)
    fresh()
    assert db.session.query(ApiToken).one().expires_at - utc_now() == pytest.approx(dt.timedelta(days=90), abs=dt.timedelta(minutes=1))


def test_a_token_ends_a_year_after_it_was_made_however_often_it_is_used(app):
    issued = issue_token(user=make_user())
    expire(created_at=-dt.timedelta(days=360))
    authenticate_and_touch(issued.token)
    fresh()
    assert db.session.query(ApiToken).one().expires_at - utc_now() == pytest.approx(dt.timedelta(days=5), abs=dt.timedelta(minutes=1))


def test_an_expired_token_opens_nothing_not_even_from_memory(app):
    issued = issue_token(user=make_user())
    known = authenticate_token(issued.token)
    expire(expires_at=-dt.timedelta(days=91))
    for use in (lambda: authenticate_and_touch(issued.token), lambda: require_valid(known.id)):
        with pytest.raises(NotAuthenticated):
            use()
    assert delete_expired() == 1


def test_a_token_of_the_release_before_works_and_gets_an_end(app):
    issued = issue_token(user=make_user())
    with transaction():
        db.session.query(ApiToken).one().expires_at = None
    assert authenticate_and_touch(issued.token)
    fresh()
    assert db.session.query(ApiToken).one().expires_at > utc_now()


def test_of_more_than_twenty_the_oldest_unnamed_one_ends(app):
    user = make_user()
    named = issue_named_token(user=user, name="display").token
    issued = [issue_token(user=user, name="login").token for _ in range(41)]
    assert db.session.query(ApiToken).count() == 20
    assert authenticate_and_touch(named)
    assert [find_token(token) is not None for token in issued] == [False] * 22 + [True] * 19


def test_one_place_is_kept_for_signing_in(app):
    user = make_user()
    for number in range(19):
        issue_named_token(user=user, name=f"display {number}")
    with pytest.raises(Conflict) as error:
        issue_named_token(user=user, name="one more")
    assert error.value.code == "too_many_tokens"
    first, second = (issue_token(user=user, name="login").token for _ in range(2))
    assert (find_token(first), db.session.query(ApiToken).count()) == (None, 20)
    assert authenticate_and_touch(second)


def test_many_who_sign_in_at_once_stay_within_the_limit(app):
    user = make_user()
    for _ in range(18):
        issue_token(user=user)
    at_once(app, [lambda: issue_token(user=db.session.get(User, user.id), name="login") for _ in range(6)])
    fresh()
    assert db.session.query(ApiToken).count() == 20
