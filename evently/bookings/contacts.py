"""Which name and contact details of a booking the managers of its event see, in SQL. For one booking: `Booking.contact`.

Of a manual booking they see what was typed, until the attendee shares the account. Searching and sorting follow the same
rule, or they would tell what is hidden.
"""

import re
import uuid

from sqlalchemy import ColumnElement, CompoundSelect, case, false, func, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, aliased

from evently.accounts.models import User
from evently.accounts.search import find_users
from evently.bookings.models import Booking
from evently.text import search_terms, split_words

TELEPHONE = re.compile(r"\+?[0-9][0-9 ()/-]*")
MIN_DIGITS = 4


def _name(profile: ColumnElement[str], typed: ColumnElement[str]) -> ColumnElement[str]:
    """`profile` and `typed` are empty where there is no such name."""
    named = func.coalesce(func.nullif(profile, ""), func.nullif(typed, ""), User.username)
    return case((User.anonymised_at.is_not(None), "Former member"), (Booking.is_account_shared, named), else_=typed)


# Queries with these columns join `User`.
_TYPED_FIRST, _TYPED_LAST = func.coalesce(Booking.attendee_first_name, ""), func.coalesce(Booking.attendee_last_name, "")
NAME = _name(func.trim(User.first_name + " " + User.last_name), func.trim(_TYPED_FIRST + " " + _TYPED_LAST))
# The last name first, as people are looked up in a list.
LISTED_NAME = _name(func.trim(User.last_name + ", " + User.first_name, ", "), func.trim(_TYPED_LAST + ", " + _TYPED_FIRST, ", "))
EMAIL = case((Booking.is_account_shared, User.email), else_=func.coalesce(Booking.attendee_email, ""))
USERNAME = case((Booking.is_account_shared, User.username), else_="")
PHONE_NUMBER = case((Booking.is_account_shared, User.phone_number), else_="")


def find_contacts(event_id: uuid.UUID, searched: str) -> CompoundSelect[int]:
    """The `seq` of this event's bookings with these words, or this telephone number, among their visible details."""
    # Aliases, because the caller's query is of bookings too.
    account, typed = aliased(Booking), aliased(Booking)
    by_account = or_(find_users(searched, account.user_id), *_telephones(searched, account.user_id))
    by_words = [typed.attendee_search.contains(f" {word}", autoescape=True) for word in search_terms(searched)]
    return union_all(
        select(account.seq).where(account.event_id == event_id, account.is_account_shared, by_account),
        select(typed.seq).where(typed.event_id == event_id, typed.added_by_id.is_not(None), *by_words or [false()]),
    )


def search_text(*texts: str) -> str:
    """The value of `Booking.attendee_search`."""
    return "".join(f" {word}" for word in split_words(" ".join(texts)))


def _telephones(written: str, user_id: InstrumentedAttribute[int]) -> list[ColumnElement[bool]]:
    """The condition for a user with this telephone number, national or international; none for what is not a number."""
    if not TELEPHONE.fullmatch(written):
        return []
    # Without what comes before the number in a country or another one: 0, 00 and +.
    digits = "".join(filter(str.isdigit, written)).lstrip("0")
    stored = func.replace(User.phone_number, " ", "")
    return [select(User.id).where(User.id == user_id, stored.contains(digits)).exists()] if len(digits) >= MIN_DIGITS else []
