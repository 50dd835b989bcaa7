"""Somebody with an account, in one browser and in another."""

import pytest
from flask import Flask

from evently.accounts.models import User
from evently.database import utc_now
from tests.factories import log_in, make_user
from tests.harness.visitor import Visitor


@pytest.fixture
def user(visitor: Visitor) -> User:
    user = make_user(username="mira", email="mira@talberg.example", first_name="Mira", email_confirmed_at=utc_now())
    log_in(visitor.client, user)
    return user


@pytest.fixture
def other(user: User, app: Flask) -> Visitor:
    """The same person in another browser."""
    other = Visitor(app.test_client())
    log_in(other.client, user)
    return other
