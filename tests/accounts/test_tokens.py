import datetime as dt
import re

import pytest

from evently.accounts.models import ApiToken
from evently.accounts.queries import find_token, token_sha256
from evently.accounts.tokens import issue_token, revoke_token, use_token
from evently.database import transaction
from evently.errors import NotAuthenticated
from evently.extensions import db
from tests.factories import make_user
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
    assert use_token(token).user.username == "ada"


@pytest.mark.parametrize("wrong", ["", "0" * 40, "\x00", "ü"])
def test_no_other_text_does(token, wrong):
    with pytest.raises(NotAuthenticated) as refusal:
        use_token(wrong)
    assert refusal.value.code == "invalid_token"


def test_a_revoked_token_opens_nothing(token):
    found = find_token(token)
    assert found is not None
    revoke_token(token=found)
    with pytest.raises(NotAuthenticated):
        use_token(token)


def test_the_tokens_of_the_suspended_open_nothing(token):
    with transaction():
        use_token(token).user.is_active = False
    with pytest.raises(NotAuthenticated):
        use_token(token)


def test_the_last_use_is_written_once_a_minute(token):
    def last_use() -> dt.datetime | None:
        use_token(token)
        fresh()
        return db.session.query(ApiToken).one().last_used_at

    first = last_use()
    assert first is not None
    assert last_use() == first
    with transaction():
        db.session.query(ApiToken).one().last_used_at = first - dt.timedelta(seconds=61)
    assert last_use() >= first
