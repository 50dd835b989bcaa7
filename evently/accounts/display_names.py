"""People's names where other people read them: in e-mails."""

import re
import unicodedata

from evently.accounts.models import User

# `https://`, `www.`, `@`, and what a mail program may turn into a link: `spam.example`, also with other scripts' full stops.
_LINK = re.compile(r"://|\bwww\.|@|\w[.\u3002]\w{2,}", re.IGNORECASE)


def has_link(text: str) -> bool:
    return _LINK.search(unicodedata.normalize("NFKC", text)) is not None


def greeting_name(user: User) -> str:
    """How to greet an account's user by e-mail; "" where that is not known.

    Before the address is confirmed, its owner is perhaps not the person who typed the name.
    """
    name = (user.first_name or user.username).strip()
    return name if user.email_confirmed_at and user.has_password and not has_link(name) else ""


def recipient_name(user: User) -> str:
    """The full name of an account's user in the header of an e-mail to them; "" where the greeting is neutral too."""
    return user.full_name if greeting_name(user) and not has_link(user.full_name) else ""


def public_name(user: User) -> str:
    """The name of an organizer for readers of an e-mail; "" before the address is confirmed, or if it contains a link."""
    return user.full_name if user.email_confirmed_at and not has_link(user.full_name) else ""
