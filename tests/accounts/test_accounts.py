"""Registering, logging in, the profile and roles."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from evently.accounts import passwords
from evently.accounts.models import User
from evently.accounts.policies import can_manage_every_event, can_manage_people, can_organize, require_organizer
from evently.accounts.queries import find_user_by_login, get_user, list_organizers
from evently.accounts.roles import set_role
from evently.accounts.services import authenticate, create_superuser, register, update_profile
from evently.database import transaction, utc_now
from evently.errors import Invalid, NotAllowed, NotAuthenticated, NotFound
from evently.extensions import db
from tests.factories import PASSWORD, make_organizer, make_staff, make_superuser, make_user
from tests.harness.concurrency import at_once
from tests.harness.site import fresh

ADA = {"username": "Ada", "password": "difference engine", "profile": {"email": "Ada@Example.org", "first_name": " Ada "}}


def problems_of(call, **arguments) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as refusal:
        call(**arguments)
    return refusal.value.fields


def test_who_registers_is_an_attendee(app):
    user = register(**ADA)
    assert (user.username, user.email, user.first_name, user.is_active) == ("Ada", "ada@example.org", "Ada", True)
    assert (user.is_organizer, user.is_staff, user.is_superuser) == (False, False, False)
    assert user.password_hash.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("username", "email", "field"),
    [("ada", "other@example.org", "username"), ("ADA", "other@example.org", "username"), ("other", "ADA@example.ORG", "email")],
)
def test_names_and_addresses_are_unique_without_regard_to_case(app, username, email, field):
    register(**ADA)
    found = problems_of(register, username=username, password="difference engine", profile={"email": email})
    assert list(found) == [field]
    assert db.session.query(User).count() == 1


@pytest.mark.parametrize("clash", ["username", "email"])
def test_of_two_who_register_the_same_at_once_one_does(app, clash):
    def call(number: int):
        name, host = ("ada", f"x{number}") if clash == "username" else (f"ada{number}", "x")
        return lambda: register(username=name, password="difference engine", profile={"email": f"ada@{host}.example"})

    results = at_once(app, [call(number) for number in range(4)])
    refused = [result for result in results if isinstance(result, Invalid)]
    assert (len(refused), [type(result) for result in results].count(User)) == (3, 1)
    assert all(list(result.fields) == [clash] for result in refused)
    assert db.session.query(User).count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "-ada"}, "username"),
        ({"username": "ada lovelace"}, "username"),
        ({"username": "ada@example.org"}, "username"),
        ({"username": "a" * 151}, "username"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"password": "eight\x00or more"}, "password"),
        ({"profile": {"email": "nobody"}}, "email"),
        ({"profile": {}}, "email"),
        ({"profile": {"email": "a@example.org", "phone_number": "+49 341 555010 12"}}, "phone_number"),
        ({"profile": {"email": "a@example.org", "phone_number": "call me"}}, "phone_number"),
        ({"profile": {"email": "a@example.org", "last_name": "x" * 151}}, "last_name"),
        ({"profile": {"email": "a@example.org", "address": "x" * 501}}, "address"),
        ({"profile": {"email": "a@example.org", "address": "nul\x00"}}, "address"),
        ({"profile": {"email": "a@example.org", "first_name": "\ud800"}}, "first_name"),
    ],
)
def test_what_cannot_be_registered_is_said_by_field(app, change, field):
    assert list(problems_of(register, **ADA | change)) == [field]
    assert db.session.query(User).count() == 0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30))
def test_any_text_is_taken_and_kept_or_refused(app, text):
    user = make_user()
    try:
        update_profile(user=user, profile={"first_name": text, "address": text})
    except Invalid:
        return
    user_id = user.id
    fresh()
    assert get_user(user_id).address == text.strip()


@pytest.mark.parametrize("login", ["ada", "Ada", "ADA@example.org", " ada "])
def test_one_logs_in_by_name_or_address(app, login):
    user = register(**ADA)
    assert authenticate(login=login, password="difference engine") == user


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("ada", "wrong password"),
        ("nobody", "difference engine"),
        ("", ""),
        ("ada", ""),
        ("a\x00da", "x"),
        ("ada", "\ud800"),
        ("\ud800", "x"),
    ],
)
def test_every_wrong_login_gets_the_same_answer(app, login, password):
    register(**ADA)
    with pytest.raises(NotAuthenticated, match="do not match") as refusal:
        authenticate(login=login, password=password)
    assert refusal.value.code == "wrong_credentials"


def test_the_suspended_cannot_log_in(app):
    user = make_user(is_active=False)
    with pytest.raises(NotAuthenticated):
        authenticate(login=user.username, password=PASSWORD)


def test_a_password_hashed_by_older_rules_is_hashed_anew_at_login(app, monkeypatch):
    user = make_user()
    before = user.password_hash
    monkeypatch.setattr(passwords, "_HASHER", passwords.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1))
    assert authenticate(login=user.username, password=PASSWORD).password_hash != before
    after = user.password_hash
    assert authenticate(login=user.username, password=PASSWORD).password_hash == after


def test_a_profile_changes_where_it_was_told_to(app):
    user = make_user(first_name="Ada", last_name="Byron")
    update_profile(user=user, profile={"last_name": " Lovelace "})
    fresh()
    assert (user.first_name, user.last_name, user.full_name) == ("Ada", "Lovelace", "Ada Lovelace")


def test_a_page_registers_a_taken_address_without_saying_so(app):
    owner = make_user(email="ada@example.org", email_confirmed_at=utc_now())
    profile = {"email": "Ada@example.org"}
    with pytest.raises(Invalid):
        register(username="ada2", password="difference engine", profile=dict(profile))
    other = register(username="ada2", password="difference engine", profile=dict(profile), reveals_taken=False)
    assert (other.email, other.email_confirmed_at) == (owner.email, None)
    assert find_user_by_login("ADA@example.org") == owner


def test_a_refused_profile_changes_nothing(app):
    user = make_user(first_name="Ada")
    problems_of(update_profile, user=user, profile={"first_name": "Countess", "phone_number": "1" * 16})
    fresh()
    assert user.first_name == "Ada"


def test_a_superuser_may_do_everything(app):
    user = create_superuser(username="root", email="root@example.org", password="difference engine")
    assert all((can_organize(user), can_manage_every_event(user), can_manage_people(user)))


@pytest.mark.parametrize(
    ("make", "organizes", "every_event", "people"),
    [
        (make_user, False, False, False),
        (make_organizer, True, False, False),
        (make_staff, True, True, False),
        (make_superuser, True, True, True),
    ],
)
def test_roles_add_up(app, make, organizes, every_event, people):
    user = make()
    assert (can_organize(user), can_manage_every_event(user), can_manage_people(user)) == (organizes, every_event, people)
    suspended = make(is_active=False)
    assert not any((can_organize(suspended), can_manage_every_event(suspended), can_manage_people(suspended)))


def test_roles_can_be_given(app):
    user = make_user()
    with pytest.raises(NotAllowed):
        require_organizer(user)
    require_organizer(set_role(user=user, role="organizer"))
    assert not user.is_staff


def test_nobody_is_found_who_is_not_there(app):
    assert find_user_by_login("nobody") is None
    with pytest.raises(NotFound):
        get_user(4711)


def test_organizers_are_those_who_may_create_events(app):
    make_user(username="attendee")
    make_organizer(username="gone", is_active=False)
    make_staff(username="b"), make_organizer(username="a"), make_superuser(username="c")
    assert [user.username for user in list_organizers(limit=10)] == ["a", "b", "c"]
    assert len(list_organizers(limit=2)) == 2


def test_the_database_keeps_names_unique_too(app):
    make_user(username="ada")
    with pytest.raises(IntegrityError), transaction() as session:
        session.add(User(username="ADA", email="a@b.example", password_hash="!"))
