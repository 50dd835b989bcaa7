"""No stored response holds a secret: no token of the API, no password, no link from an e-mail, no session.

Every write of the API and every form of the pages is sent with a key, and what is stored of it is decrypted. Pages hold a
token against forgery, which is of no use without the session that it was made for.
"""

import json
import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts.models import ApiToken, BrowserSession, User
from evently.accounts.passwords import hash_password
from evently.accounts.queries import token_sha256
from evently.accounts.signed_links import RESET_PASSWORD
from evently.database import transaction, utc_now
from evently.extensions import db
from evently.idempotency import services
from evently.idempotency.models import IdempotentRequest
from evently.idempotency.services import Claim
from evently.notifications import subscriptions
from tests.factories import PASSWORD, log_in, make_superuser, make_user
from tests.harness.visitor import Visitor
from tests.idempotency.conftest import Api, contents, is_replayed
from tests.idempotency.test_dashboard_forms import HANDLED
from tests.idempotency.test_every_write import ADA, WRITES
from tests.idempotency.test_forms import FORMS

KEY = "a key that a stranger knows"
REGISTER, LOGIN = "/user/auth/register/", "/user/auth/login/"


@pytest.fixture
def api(client: FlaskClient) -> Api:
    return Api(client)


def stored() -> list[dict[str, Any]]:
    """Every stored response, as its key opens it."""
    answers = db.session.scalars(sa.select(IdempotentRequest.answer)).all()
    return [json.loads(services._box(KEY).decrypt(answer)) for answer in answers if answer]


def require_no_secret(client: FlaskClient, *secrets: str) -> None:
    tokens, sessions = (set(db.session.scalars(sa.select(column))) for column in (ApiToken.token_sha256, BrowserSession.id_sha256))
    for answer in stored():
        text = json.dumps(answer)
        words = set(re.findall(r"[\w.-]{20,}", text))
        assert not {token_sha256(word) for word in words} & (tokens | sessions), "a token or a session"
        assert not [secret for secret in (PASSWORD, *secrets) if secret in text]
        cookie = client.get_cookie("session")
        assert cookie is None or cookie.value.partition(".")[0] not in text


@pytest.mark.parametrize("write", WRITES)
def test_of_the_api(write: str, api: Api, client: FlaskClient):
    method, path, body, by = WRITES[write]()
    assert api(method, path, body, by=by, key=KEY).status_code in {200, 201}
    require_no_secret(client)


def reset_link(user: User) -> str:
    return RESET_PASSWORD.token(user_id=user.id, address=user.email, written_at=utc_now(), state=RESET_PASSWORD.state(user))


def unsubscribe_link(user: User) -> str:
    token: str = subscriptions._signer().sign(f"{user.id}.{subscriptions.REMINDERS}").decode()
    return f"/unsubscribe/{token}"


# Forms whose own key does not count, sent with one all the same: page, path, fields.
OTHERS = {
    "dead confirmation": lambda _: ("/account", f"/account/confirmation/{'x' * 50}", {}),
    "undo address": lambda _: ("/account", f"/account/address/undo/{'x' * 50}", {"new_password": "difference engine"}),
    "new token": lambda _: ("/account/tokens", "/account/tokens", {"name": "laptop"}),
    "refused token": lambda _: ("/account/tokens", "/account/tokens", {"name": ""}),
    "close account": lambda _: ("/account/closing", "/account/closing", {"password": "wrong"}),
    "reset password": lambda user: (path := f"/password-reset/{reset_link(user)}", path, {"new_password": "difference engine"}),
    "refused reset": lambda user: (path := f"/password-reset/{reset_link(user)}", path, {"new_password": "short"}),
    "unsubscribe": lambda user: (path := unsubscribe_link(user), path, {}),
    "refused address": lambda _: ("/account/address", "/account/address", {"email": "nonsense", "password": PASSWORD}),
}
REFUSED = {"dead confirmation", "undo address", "refused token", "close account", "refused reset", "refused address"}


@pytest.mark.parametrize("name", [*FORMS, *HANDLED, *OTHERS])
@pytest.mark.parametrize("site", ["sqlite"], indirect=True)
def test_of_pages(name: str, app: Flask, client: FlaskClient):
    user = make_superuser(email_confirmed_at=utc_now())
    visitor = Visitor(log_in(client, user))
    address, action, fields = (FORMS | HANDLED | OTHERS)[name](user)
    # Some forms follow from another one; the fields of any form do for them.
    forms = [form for form in visitor.forms(address) if form.method == "post"]
    form = next((form for form in forms if form.action == action), forms[0])
    answer = client.post(action, data=dict(form.fields) | fields | {"idempotency_key": KEY})
    assert (answer.status_code in {404, 422}) == (name in REFUSED)
    [row] = db.session.scalars(sa.select(IdempotentRequest)).all() or [None]
    assert row is not None or name in REFUSED
    links = [part for part in action.split("/") if len(part) > 40]
    require_no_secret(client, *links)


def test_of_a_registration_on_the_page(visitor: Visitor):
    form = {"username": "ada", "email": "ada@example.org", "password": PASSWORD, "csrf_token": visitor.token("/register")}
    assert visitor.client.post("/register", data=form | {"idempotency_key": KEY}).status_code == 303
    require_no_secret(visitor.client)
    assert stored() == [{}]


def test_a_registration_that_is_repeated_gets_a_token_of_its_own(api: Api):
    first, again = (api("POST", REGISTER, ADA, key=KEY) for _ in range(2))
    assert (first.status_code, again.status_code, is_replayed(again)) == (201, 201, True)
    own = {"token": "", "expires_at": ""}
    assert {**first.json, **own} == {**again.json, **own}
    assert first.json["token"] != again.json["token"]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(User)) == 1
    assert (api("POST", REGISTER, ADA | {"first_name": "Ada"}, key=KEY).json["details"]["code"]) == "idempotency_key_reused"


def test_after_a_new_password_it_opens_nothing_any_more(api: Api):
    """The attack: who knows key and body of a registration got its token for a day, whatever the owner did."""
    assert api("POST", REGISTER, ADA, key=KEY).status_code == 201
    set_password("another password")
    before = contents()
    again = api("POST", REGISTER, ADA, key=KEY)
    assert (again.status_code, "token" in again.json) == (422, False)
    assert contents() == before


def test_nor_does_the_form(app: Flask, visitor: Visitor):
    form = {"username": "ada", "email": "ada@example.org", "password": PASSWORD, "idempotency_key": KEY}
    assert visitor.client.post("/register", data=form | {"csrf_token": visitor.token("/register")}).status_code == 303
    set_password("another password")
    stranger = Visitor(app.test_client())
    answer = stranger.client.post("/register", data=form | {"csrf_token": stranger.token("/register")})
    assert answer.status_code == 422
    assert "Log out" not in stranger.get("/").text


def test_repeating_a_registration_is_no_way_to_guess_passwords(app: Flask, api: Api, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(app.config, "TAKEN_EMAIL_RATE_LIMIT", "1000 per hour")
    assert api("POST", REGISTER, ADA, key=KEY).status_code == 201
    set_password("another password")
    statuses = [api("POST", REGISTER, ADA, key=KEY).status_code for _ in range(8)]
    assert statuses == [422] * 5 + [429] * 3


def test_a_sign_in_that_is_repeated_is_a_new_one(api: Api):
    user = make_user()
    body = {"username": user.username, "password": PASSWORD}
    tokens = [api("POST", LOGIN, body, key=KEY).json["token"] for _ in range(2)]
    assert len(set(tokens)) == 2
    assert api("POST", LOGIN, body | {"password": "x"}, key=KEY).json["details"]["code"] == "idempotency_key_reused"
    set_password("another password")
    assert api("POST", LOGIN, body, key=KEY).status_code == 401


def test_a_new_token_is_shown_once_and_made_once(visitor: Visitor):
    log_in(visitor.client, make_user())
    form = {"name": "laptop", "csrf_token": visitor.token("/account/tokens"), "idempotency_key": KEY}
    first, again = (visitor.client.post("/account/tokens", data=form, follow_redirects=True) for _ in range(2))
    [token] = re.findall(r'<code id="token">(\w+)</code>', first.text)
    assert token not in again.text
    assert "was created already" in again.text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(ApiToken)) == 1


def test_what_the_release_before_stored_is_not_replayed(api: Api):
    """Its process may answer beside ours during an upgrade."""
    first = api("POST", REGISTER, ADA, key=KEY)
    [request_id] = db.session.scalars(sa.select(IdempotentRequest.id))
    answer = {"status": 201, "headers": {}, "body": first.text, "user_id": first.json["id"]}
    services.store_response(Claim(id=request_id, key=KEY), answer)
    set_password("another password")
    again = api("POST", REGISTER, ADA, key=KEY)
    assert (again.status_code, first.json["token"] in again.text) == (422, False)


def set_password(password: str) -> None:
    with transaction() as session:
        session.execute(sa.update(User).values(password_hash=hash_password(password)))
