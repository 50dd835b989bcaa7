import pytest

from evently.accounts.models import ApiToken, User
from evently.extensions import db
from tests.factories import PASSWORD, api_token, log_in, make_user

NEW = {"username": "ada", "email": "Ada@Example.org", "password": "difference engine"}


def test_registering_answers_with_a_token_that_works(api):
    profile = {"first_name": "Ada", "last_name": "Lovelace", "phone_number": "+44 20 7946", "address": "12 St James's Square"}
    response = api("POST", "/user/auth/register/", NEW | profile)
    assert response.status_code == 201
    assert list(response.json) == ["id", "username", "email", "token", "expires_at"]
    assert response.json["email"] == "ada@example.org"
    me = api("GET", "/user/auth/me/", Authorization=f"Token {response.json['token']}")
    assert list(me.json) == [
        "id", "username", "email", "first_name", "last_name", "phone_number", "address", "is_staff", "is_superuser",
        "is_email_confirmed", "pending_email",
    ]  # fmt: skip
    assert me.json == profile | {
        "id": response.json["id"], "username": "ada", "email": "ada@example.org", "is_staff": False, "is_superuser": False,
        "is_email_confirmed": False, "pending_email": None,
    }  # fmt: skip


def test_everything_wrong_with_a_registration_is_said_at_once(api):
    make_user(username="taken")
    wrong = {"username": "no spaces", "email": "nowhere", "password": "short", "phone_number": "1" * 16, "first_name": "x" * 151}
    response = api("POST", "/user/auth/register/", wrong)
    assert response.status_code == 422
    assert response.json["details"]["fields"].keys() == wrong.keys()


@pytest.mark.parametrize(("field", "value"), [("username", "TAKEN"), ("email", "TAKEN@example.org")])
def test_names_and_addresses_are_unique_without_regard_to_case(api, field, value):
    make_user(username="taken", email="taken@example.org")
    response = api("POST", "/user/auth/register/", NEW | {field: value})
    assert response.status_code == 422
    assert list(response.json["details"]["fields"]) == [field]


def test_nobody_registers_as_somebody_who_may_do_more(api):
    api("POST", "/user/auth/register/", NEW | {"is_staff": True, "is_superuser": True, "is_organizer": True, "id": 1})
    ada = db.session.query(User).filter_by(username="ada").one()
    assert [ada.is_staff, ada.is_superuser, ada.is_organizer] == [False, False, False]


@pytest.mark.parametrize("name", ["username", "email"])
def test_logging_in_by_name_or_address(api, name):
    user = make_user()
    response = api("POST", "/user/auth/login/", {"username": getattr(user, name).upper(), "password": PASSWORD})
    assert (response.status_code, list(response.json)) == (200, ["token", "expires_at"])
    assert api("GET", "/user/auth/me/", Authorization=f"Bearer {response.json['token']}").json["id"] == user.id


def test_only_the_hash_of_a_token_is_kept(api):
    token = api("POST", "/user/auth/register/", NEW).json["token"]
    assert token not in str([vars(row) for row in db.session.query(ApiToken)])


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"username": "nobody"}, {"username": "gone"}])
def test_a_wrong_name_a_wrong_password_and_a_suspended_account_sound_the_same(api, change):
    make_user(username="here")
    make_user(username="gone", is_active=False)
    response = api("POST", "/user/auth/login/", {"username": "here", "password": PASSWORD} | change)
    assert response.status_code == 401
    assert response.json == {"error": "That username and password do not match.", "details": {"code": "wrong_credentials"}}
    assert response.headers["WWW-Authenticate"].startswith("Token")


def test_logging_out_ends_that_token_only(api):
    user = make_user()
    first, second = api_token(user), api_token(user)
    assert api("POST", "/user/auth/logout/", Authorization=f"Token {first}").json == {"status": "logged_out"}
    assert api("GET", "/user/auth/me/", Authorization=f"Token {first}").status_code == 401
    assert api("GET", "/user/auth/me/", Authorization=f"Token {second}").status_code == 200


def test_a_profile_changes_where_it_is_told_to(api):
    user = make_user(first_name="Ada", address="Here")
    response = api("PATCH", "/user/auth/me/", {"address": "There", "username": "other", "is_staff": True}, by=user)
    assert response.status_code == 200
    assert (response.json["first_name"], response.json["address"]) == ("Ada", "There")
    assert (response.json["username"], response.json["is_staff"]) == (user.username, False)
    assert api("GET", "/user/auth/me/", by=user).json == response.json


def test_an_empty_change_changes_nothing(api):
    user = make_user(first_name="Ada")
    assert api("PATCH", "/user/auth/me/", {}, by=user).json["first_name"] == "Ada"


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "x"), ("email", None), ("phone_number", "1" * 16), ("first_name", 7), ("address", ["x"]), ("last_name", "a\0b")],
)
def test_a_profile_is_not_changed_to_nonsense(api, field, value):
    user = make_user()
    response = api("PATCH", "/user/auth/me/", {"first_name": "New"} | {field: value}, by=user)
    assert response.status_code == 422
    assert list(response.json["details"]["fields"]) == [field]
    assert db.session.get(User, user.id).first_name == ""


def test_another_address_needs_the_password_and_is_pending(api):
    user = make_user(email="ada@example.org")
    for sent, code in (({}, "password_required"), ({"current_password": "wrong"}, "invalid")):
        response = api("PATCH", "/user/auth/me/", {"email": "new@example.org", "first_name": "Ada"} | sent, by=user)
        assert (response.status_code, response.json["details"]["code"]) == (422, code)
        assert list(response.json["details"]["fields"]) == ["current_password"]
    response = api("PATCH", "/user/auth/me/", {"email": "New@Example.org", "current_password": PASSWORD}, by=user)
    assert (response.status_code, response.json["email"], response.json["pending_email"]) == (200, "ada@example.org", "new@example.org")
    assert api("GET", "/user/auth/me/", by=user).json == response.json
    # The address it has needs no password and cancels the change.
    assert api("PATCH", "/user/auth/me/", {"email": "Ada@example.org"}, by=user).json["email"] == "ada@example.org"


def test_a_taken_address_is_refused_with_the_rest_of_the_change(api):
    user = make_user()
    make_user(email="taken@example.org")
    change = {"email": "Taken@example.org", "current_password": PASSWORD, "first_name": "Ada"}
    response = api("PATCH", "/user/auth/me/", change, by=user)
    assert (response.status_code, list(response.json["details"]["fields"])) == (422, ["email"])
    assert api("GET", "/user/auth/me/", by=user).json["first_name"] == ""


def test_a_token_that_is_none_is_refused(api):
    for header in ("", "Token", "Token ", "Basic abc", "Token nonsense", "Bearer \xff", "nonsense"):
        response = api("GET", "/user/auth/me/", Authorization=header)
        assert response.status_code == 401
        assert response.json["details"]["code"] in {"not_authenticated", "invalid_token"}
        assert "WWW-Authenticate" in response.headers


def test_suspending_somebody_ends_their_tokens(api):
    user = make_user(is_active=False)
    response = api("GET", "/user/auth/me/", by=user)
    assert (response.status_code, response.json["details"]["code"]) == (401, "invalid_token")


def test_cookies_are_never_read(api, client):
    log_in(client, make_user(is_superuser=True))
    response = api("GET", "/user/auth/me/")
    assert response.status_code == 401
    assert "Cookie" not in response.headers.get("Vary", "")
    assert "Set-Cookie" not in response.headers


def test_no_cross_site_token_is_asked_for(api):
    # Flask-WTF guards pages in tests too.
    assert api("POST", "/user/auth/login/", {"username": make_user().username, "password": PASSWORD}).status_code == 200
