"""No account passes for another one by a name that looks the same."""
# ruff: noqa: RUF001 - letters that are taken for others are what this is about

import functools
from random import Random

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from evently.accounts.models import User
from evently.accounts.person_names import name_problem
from evently.accounts.services import create_staff, create_superuser, register, update_profile
from evently.accounts.usernames import is_reserved, skeleton, skeleton_of
from evently.bookings.manual_bookings import add_booking
from evently.demo.users import add_accounts
from evently.errors import Invalid
from evently.events.services import create_event, update_event
from evently.extensions import db
from evently.notifications.messages import preview_message, send_message
from tests.factories import auth, in_days, log_in, make_event, make_organizer, make_superuser, make_user
from tests.harness.concurrency import at_once
from tests.harness.site import fresh, on_sqlite
from tests.harness.visitor import Visitor

PASSWORD = "correct horse battery"
OVERRIDE, ISOLATE, POP = "\u202e", "\u2066", "\u2069"
REAL_NAMES = [
    "Łukasz", "Nguyễn Thị", "O'Brien", "O’Brien", "María-José", "Mª José", "李小龍 Bruce", "Jean-Luc", "Zoë", "Þórunn", "Ægir", "İlker",
    "Анна", "Анна-Мария", "Anna Анна", "Ελένη", "Ελένη Papadopoulou", "Бојан", "Дар'я", "Дар\u02bcя", "Հայկ", "ა ბ",
    "עמית", "יִצְחָק", "محمد", "محمّد", "مهدی\u200cزاده", "प्रिया", "क्\u200dष", "ประภาส", "ኃይለ",
    "김민준", "田中さくら", "ケイト", "佐々木", "Kレイ", "ジョン・スミス", "陳大文Peter", "葛\U000e0100城", "Ａｎｎａ",
    "Kʻaloni", "D'Arcy-Jones III", "X Æ A-12", "Mira 🎷", "Dr. Mira (Kira) Sandvoss", "",
]  # fmt: skip
FALSE_NAMES = {
    "Mirа": "alphabet",  # the last letter is Cyrillic
    "Рeter": "alphabet",
    "Αnna": "alphabet",  # the first is Greek
    "Αнна": "alphabet",
    "Mira Sаndvoss": "alphabet",
    "Anna-Аnna": "alphabet",
    "ᎪᏞa": "alphabet",  # Cherokee
    "աdmin": "alphabet",
    "Mir𝗮а": "alphabet",
    "μira": "alphabet",
    "µira": "alphabet",
    f"Mira{OVERRIDE}ssovdnaS": "seen",
    f"{ISOLATE}Mira{POP}": "seen",
    "Mira\u200e": "seen",
    "Mi\u200bra": "seen",
    "Mi\u200cra": "seen",
    "Mi\u200dra": "seen",
    "Mi\u00adra": "seen",
    "\ufeffMira": "seen",
    "Mi\u2060ra": "seen",
    "\u3164": "seen",
    "\u115f\u1160": "seen",
    "\u2800": "seen",
    "Mira\ue000": "seen",
    "Mira\U000f0000": "seen",
    "Mira\u2028": "seen",
    "Mira\U000e0041": "seen",
    "M\u0300\u0301\u0302\u0303\u0304ira": "accents",
    "Z" + "\u0351" * 40: "accents",
    "Mi\u20dd\u20dd\u20dd\u20dd\u20ddra": "accents",
}


def profile(**values: str) -> dict[str, str]:
    return {"email": f"person{db.session.query(User).count()}@talberg.example"} | values


def refusal_of(call, *args: object, **kwargs: object) -> dict[str, list[str]]:
    with pytest.raises(Invalid) as refusal:
        call(*args, **kwargs)
    return refusal.value.fields


@pytest.mark.parametrize("name", REAL_NAMES)
def test_real_names_pass(name: str):
    assert name_problem(name) is None


@pytest.mark.parametrize(("name", "words"), FALSE_NAMES.items())
def test_false_ones_do_not(name: str, words: str):
    assert words in (name_problem(name) or "")


@on_sqlite
def test_no_door_lets_a_false_name_in(visitor: Visitor, client: FlaskClient):
    user, superuser = make_user(first_name="Mira", last_name="Sandvoss"), make_superuser()
    name = "Sаndvoss"
    wish = profile(first_name="Mira", last_name=name)
    assert refusal_of(register, username="mira", password=PASSWORD, profile=wish).keys() == {"last_name"}
    assert refusal_of(create_staff, by=superuser, username="mira", password=PASSWORD, profile=wish).keys() == {"last_name"}
    assert refusal_of(update_profile, user=user, profile={"last_name": name}).keys() == {"last_name"}
    event = make_event()
    assert refusal_of(add_booking, by=event.organizer, event_id=event.id, tickets=1, **wish).keys() == {"last_name"}
    answer = client.post("/api/user/auth/register/", json={"username": "mira", "password": PASSWORD} | wish)
    assert (answer.status_code, answer.json["details"]["fields"].keys()) == (422, {"last_name"})
    answer = client.patch("/api/user/auth/me/", json={"last_name": name}, headers=auth(user))
    assert (answer.status_code, answer.json["details"]["fields"].keys()) == (422, {"last_name"})
    assert 'id="last_name-error"' in visitor.submit("/register", {"username": "mira", "password": PASSWORD} | wish).text
    log_in(visitor.client, user)
    assert 'id="last_name-error"' in visitor.submit("/account", {"last_name": name}).text
    fresh()
    assert db.session.scalars(sa.select(User.last_name).where(User.last_name != "")).all() == ["Sandvoss"]


@on_sqlite
def test_names_are_kept_in_one_form(app):
    user = update_profile(user=make_user(), profile={"first_name": " Zoe\u0308 \t Ann\n", "last_name": "Nguye\u0302\u0303n"})
    assert (user.first_name, user.last_name) == ("Zo\u00eb Ann", "Nguy\u1ec5n")
    event = make_event()
    booking = add_booking(by=event.organizer, event_id=event.id, email="zoe@talberg.example", tickets=1, first_name="Zoe\u0308")
    assert booking.attendee_first_name == "Zo\u00eb"


USERNAMES = [
    ("gaswerk", "GASWERK."), ("gaswerk", "gaswerk-"), ("gaswerk", "gasvverk"), ("mira.l", "mira.I"), ("mira1", "miral"),
    ("paypal", "paypa1"), ("arnold", "amold"), ("bob0", "bobo"), ("ill", "1ll"), ("ill", "lil"), ("mira", "Mlra"), ("mira_", "mira__"),
]  # fmt: skip
APART = [("mira", "mirab"), ("user10", "user11"), ("anna.b", "annab"), ("gas-werk", "gas.werk"), ("mia", "mina"), ("bench-1", "bench-11")]


@pytest.mark.parametrize(("taken", "wanted"), USERNAMES)
def test_a_username_that_looks_like_another_is_refused(client: FlaskClient, taken: str, wanted: str):
    make_user(username=taken)
    answer = client.post("/api/user/auth/register/", json={"username": wanted, "password": PASSWORD} | profile())
    assert (answer.status_code, answer.json["details"]["code"]) == (422, "invalid")
    assert answer.json["details"]["fields"].keys() == {"username"}
    fields = refusal_of(create_staff, by=make_superuser(), username=wanted, password=PASSWORD, profile=profile())
    assert (
        fields.keys() == refusal_of(create_superuser, username=wanted, email="x@talberg.example", password=PASSWORD).keys() == {"username"}
    )


def test_of_two_that_look_alike_at_once_one_is_free(app: Flask):
    def register_as(number: int, username: str) -> str:
        return register(username=username, password=PASSWORD, profile={"email": f"person{number}@talberg.example"}).username

    wanted = ["gaswerk", "gasvverk", "GASWERK-", "gaswerk."]
    results = at_once(app, [functools.partial(register_as, number, username) for number, username in enumerate(wanted)])
    assert sum(isinstance(result, Invalid) for result in results) == 3
    assert db.session.query(User).count() == 1


@on_sqlite
@pytest.mark.parametrize(("taken", "wanted"), APART)
def test_one_that_does_not_is_free(app, taken: str, wanted: str):
    make_user(username=taken)
    assert register(username=wanted, password=PASSWORD, profile=profile()).username == wanted


def test_both_databases_see_what_python_sees(app):
    look = sa.select(skeleton_of(sa.bindparam("username", type_=sa.String)))
    random, letters = Random(7), "rnvvmwil10oILMabZ._+-"
    for username in ["a" + "".join(random.choices(letters, k=random.randint(0, 12))) for _ in range(200)]:
        assert db.session.scalar(look, {"username": username}) == skeleton(username), username


RESERVED = [
    "admin", "Admin", "ADMIN", "adm1n", "admin.", "a.d.m.i.n", "adrnin", "Support", "support-team", "evently", "eventIy", "event1y",
    "r00t", "no-reply",
]  # fmt: skip


@pytest.mark.parametrize("username", RESERVED)
def test_names_of_the_site_are_reserved(username: str):
    assert is_reserved(username)


@pytest.mark.parametrize(
    "username", ["mira", "administrata", "helga", "teamwork", "eventlyn", "ticketsandra", "organizer", "attendee", "1", "a"]
)
def test_other_names_are_not(username: str):
    assert not is_reserved(username)


@on_sqlite
def test_only_those_who_run_the_site_use_its_names(visitor: Visitor, client: FlaskClient):
    answer = client.post("/api/user/auth/register/", json={"username": "Support", "password": PASSWORD} | profile())
    assert answer.json["details"]["fields"] == {"username": ["This username is reserved. Choose another."]}
    assert "This username is reserved." in visitor.submit("/register", {"username": "support", "password": PASSWORD} | profile()).text
    assert create_staff(by=make_superuser(), username="support", password=PASSWORD, profile=profile()).username == "support"
    add_accounts()
    assert db.session.scalar(sa.select(User.is_superuser).where(User.username == "admin"))


@on_sqlite
@pytest.mark.parametrize("field", ["name", "venue", "summary"])
def test_a_title_turns_nothing_around(app, field: str):
    mira = make_organizer()
    values = {"name": "Nachtkonzert", "venue": "Gaswerk", "time": in_days(3), "capacity": 3, "summary": "Organ"}
    for character in (OVERRIDE, ISOLATE, POP, "\u202a", "\u202b", "\u202c", "\u202d", "\u2067", "\u2068", "\0"):
        assert refusal_of(create_event, by=mira, fields=values | {field: f"a{character}b"}).keys() == {field}
        assert refusal_of(update_event, by=mira, event_id=make_event(by=mira).id, fields={field: f"a{character}b"}).keys() == {field}
    for title in ("Чайка – The Seagull", "Ωmega ωорkshop", "\u200f" + "עברית Live", "東京Jazz祭", "Café del Mar 👩\u200d🎤"):
        assert getattr(create_event(by=mira, fields=values | {field: title}), field) == title


@on_sqlite
def test_a_subject_turns_nothing_around(app):
    mira = make_organizer()
    event = make_event(by=mira)
    wish = {"by": mira, "event_id": event.id, "body": "Doors open at seven.", "subject": f"Tonight{OVERRIDE}"}
    assert refusal_of(send_message, audience="confirmed", **wish).keys() == {"subject"}
    assert preview_message(**wish | {"subject": "Tonight"}).subject
