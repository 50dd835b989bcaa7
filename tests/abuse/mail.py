"""What the tests of e-mail budgets share."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from evently.accounts.models import User
from evently.database import utc_now
from tests.factories import make_user
from tests.harness.mail import SmtpServer
from tests.notifications.outbox_helpers import mails

ADVERT = "You won 500 EUR, see http://spam.example/win"
SPAM = ("spam.example", "500 EUR", "You won")
VICTIM = "victim@example.org"


@pytest.fixture
def limit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`limit(sender="2 per hour")` sets EMAIL_LIMIT_SENDER."""

    def set_limits(**limits: str) -> None:
        for name, value in limits.items():
            monkeypatch.setitem(app.config, f"EMAIL_LIMIT_{name.upper()}", value)

    return set_limits


def confirmed(**values: Any) -> User:
    return make_user(email_confirmed_at=utc_now(), **values)


def by_status() -> Counter[str]:
    return Counter(mail.status for mail in mails())


def sent_to(server: SmtpServer) -> Counter[str]:
    return Counter(message["To"].addresses[0].addr_spec for message in server.messages)
