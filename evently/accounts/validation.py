"""What makes a name, an address, a password and a profile acceptable. Each function gives messages by field, or none."""

import re
from functools import cache
from typing import TypedDict, TypeVar, cast

from email_validator import EmailNotValidError, validate_email

from evently.accounts.person_names import name_problem, normalize_name
from evently.errors import Invalid
from evently.text import has_control_characters

USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,149}")
PHONE_NUMBER = re.compile(r"\+?[0-9][0-9 ()/.-]{2,14}")
# characters; NIST SP 800-63B asks for at least 8, for no rules of composition, and that common ones are refused
PASSWORD_LENGTH = range(8, 129)
NAMES = ("first_name", "last_name")
LENGTHS = {"first_name": 150, "last_name": 150, "phone_number": 15, "address": 500}

Problems = dict[str, list[str]]


class ProfileChanges(TypedDict, total=False):
    """What people change about themselves at once; a changed e-mail address is confirmed first (email_changes.py)."""

    first_name: str
    last_name: str
    phone_number: str
    address: str


class ProfileFields(ProfileChanges, total=False):
    """What people give when they register."""

    email: str


Profile = TypeVar("Profile", ProfileChanges, ProfileFields)


def normalize(profile: Profile) -> Profile:
    values = cast("dict[str, str]", profile)
    return cast("Profile", {name: normalize_name(value) if name in NAMES else value.strip() for name, value in values.items()})


def canonical_email(email: str) -> str:
    """Lower case, since addresses are unique without regard to case; raises EmailNotValidError."""
    return validate_email(email, check_deliverability=False).normalized.lower()


def username_problems(username: str) -> Problems:
    if USERNAME.fullmatch(username):
        return {}
    return {"username": ["Use 1 to 150 letters, digits or . _ + - and begin with a letter or digit."]}


def password_problems(password: str, *, username: str, email: str) -> Problems:
    """`username` and `email` are those of whoever is to have this password, which must be neither."""
    if has_control_characters(password):
        message = "Remove the control characters."
    elif len(password) not in PASSWORD_LENGTH:
        message = f"Use {PASSWORD_LENGTH.start} to {PASSWORD_LENGTH.stop - 1} characters."
    elif password.lower() in {username.lower(), email.lower(), email.lower().partition("@")[0]}:
        message = "Your name or address is the first thing that anybody would try. Choose something else."
    elif password.lower() in _common_passwords():
        message = "This is one of the passwords that everybody tries first. Choose something else."
    else:
        return {}
    return {"password": [message]}


def profile_problems(profile: ProfileChanges | ProfileFields) -> Problems:
    problems = {name: [f"Use at most {length} characters."] for name, length in LENGTHS.items() if len(str(profile.get(name, ""))) > length}
    problems |= {name: ["Remove the control characters."] for name in LENGTHS if has_control_characters(str(profile.get(name, "")))}
    problems = {name: [problem] for name in NAMES if (problem := name_problem(str(profile.get(name, ""))))} | problems
    phone_number = profile.get("phone_number", "")
    if phone_number and "phone_number" not in problems and not PHONE_NUMBER.fullmatch(phone_number):
        problems["phone_number"] = ["Use digits, spaces and a leading +."]
    return problems


def email_problems(email: str) -> Problems:
    try:
        canonical_email(email)
    except EmailNotValidError:
        return {"email": ["Enter an e-mail address like name@example.org."]}
    return {}


def parse_email(email: str) -> str:
    """As `canonical_email`, without spaces around it. Raises Invalid."""
    if problems := email_problems(email.strip()):
        raise Invalid("Please correct the marked fields.", fields=problems)
    return canonical_email(email.strip())


@cache
def _common_passwords() -> frozenset[str]:
    """Those of the package's thirty thousand that are long enough to get this far."""
    # Late: a megabyte of words that only a new password needs.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415

    return frozenset(word for word in FREQUENCY_LISTS["passwords"] if len(word) in PASSWORD_LENGTH)
