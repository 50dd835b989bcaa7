"""The people of the demo: three accounts one can log in with, and a public that only holds bookings."""

import datetime as dt
import itertools
import secrets
import unicodedata
from collections.abc import Iterator, Sequence

from sqlalchemy import insert
from sqlalchemy.orm import Session

from evently.accounts.models import User
from evently.accounts.passwords import hash_password
from evently.accounts.queries import find_user_by_login
from evently.accounts.roles import set_role
from evently.accounts.services import create_superuser, register, update_profile
from evently.accounts.validation import ProfileFields

ADMIN, ORGANIZER, ATTENDEE = "admin", "organizer", "attendee"
PASSWORD = "evently-demo"  # noqa: S105 - printed in the README; on this machine alone, see passwords.py
FIRST_NAMES = """
Ada Bo Carmen Dagny Élodie Farid Greta Hiroshi Ilse Jonas Kwabena Lucía Mateusz Nkechi Oskar Priya Quentin Runa Selim
Tomasz Ulrike Viggo Wilhelmina Xenia Yusuf Zoë Anselm Brigid Caspian Dilan Emeka Fenna Gideon Hanneke Ines Jarmila Kofi
Leontine Malachy Noor Olaf Paulina Rosalind Siobhán Teun Þórunn Valentina Wanja Agnieszka Benedikt Chiara Dorothea Eskil
""".split()  # noqa: SIM905 - a list would take a line for each name
LAST_NAMES = """
Quillfeather Ix Marchandeau Ehrenfeldt Hafsteinsbrekka Osterholt Brandhuber Wierzbinski Achterberg Bramblewick Castellano
Dreyschock Eisenlohr Fitzgibbon Grønvold Haverkamp Iwanowski Jessenius Kellerbühl Lindqvist Mandelbrook Nyholt Okonkwo
Petersdotter Quarrington Rautenberg Schattenbruck Thistlewood Underhill Vandewalle Wintermantel Yarborough Zimmerlein
Abendroth Bellweather Corrigan Düsterhöft Espinoza Feldhaus Gallagher Hummelbrunner
""".split()  # noqa: SIM905 - a list would take a line for each name
MAIL_HOSTS = ("post.example", "brief.example", "mailbox.example", "courrier.example")


def add_accounts() -> tuple[User, User]:
    """The superuser, the organizer and the attendee; the last two are handed back.

    A name that somebody has already stays theirs, with their password.
    """
    if not find_user_by_login(ADMIN):
        admin = create_superuser(username=ADMIN, email="admin@evently.example", password=PASSWORD)
        update_profile(user=admin, profile={"first_name": "Robin", "last_name": "Castellan"})
    organizer = _account(ORGANIZER, {"first_name": "Mira", "last_name": "Sandvoss"})
    home = "Am alten Kessel 9, 04129 Leipzig"
    attendee = _account(ATTENDEE, {"first_name": "Jonas", "last_name": "Ehrlicher", "phone_number": "+49 341 555010", "address": home})
    return set_role(user=organizer, role="organizer"), attendee


def _account(username: str, profile: ProfileFields) -> User:
    return find_user_by_login(username) or register(
        username=username, password=PASSWORD, profile={"email": f"{username}@evently.example", **profile}, is_confirmed=True
    )


def add_public(session: Session, count: int, *, joined: dt.datetime) -> Sequence[int]:
    """So many people who cannot log in, since nobody knows the one password they share; their ids."""
    password_hash = hash_password(secrets.token_urlsafe())
    rows = [
        {
            "username": (username := _ascii(f"{first}.{last}".lower())),
            "email": f"{username}@{host}",
            "first_name": first,
            "last_name": last,
            "password_hash": password_hash,
            "created_at": joined,
            "updated_at": joined,
        }
        for (first, last), host in zip(itertools.islice(_names(), count), itertools.cycle(MAIL_HOSTS), strict=False)
    ]
    return session.scalars(insert(User).returning(User.id, sort_by_parameter_order=True), rows).all()


def _names() -> Iterator[tuple[str, str]]:
    """Each pair once, without whole families in a row."""
    for shift in range(len(LAST_NAMES)):
        for index, first in enumerate(FIRST_NAMES):
            yield first, LAST_NAMES[(index + shift * 7) % len(LAST_NAMES)]


def _ascii(text: str) -> str:
    text = text.replace("ø", "o").replace("þ", "th").replace("ß", "ss")
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
