"""The code of a ticket, and what its QR code says.

Neither is stored. A code is the number of a booking and of a seat in it, permuted under a key and written in groups of
four: it leads back to both by calculation, costs the allocator nothing, and the next one cannot be guessed from it.
A QR code says which ticket of which event it is, signed with Ed25519, so that a door without network can tell a real
one; docs/tickets.md tells doors how.
"""

import base64
import hmac
import uuid
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from flask import current_app

from evently.bookings.models import CODE_ALPHABET

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

# Letters of a code and seats of a booking that it has room for: short ones while they last, long ones for crowds.
FORMS = ((8, 2**5), (12, 2**20))
GROUP = 4
# More than the eight that are known to do for a Feistel network with a sound function.
ROUNDS = 10
# The first part of what a QR code says; another number for another format.
FORMAT = "EV1"


def encode_code(seq: int, seat: int) -> str:
    """`7K4M29QD` for this seat, from 1, of the booking with this `seq`."""
    return _encoded(seq, seat, _code_key(_secret()))


# A mail and its calendar file, a page and its QR code name the same ticket.
@lru_cache(maxsize=1024)
def _encoded(seq: int, seat: int, key: bytes) -> str:
    length, seats = next((length, seats) for length, seats in FORMS if seat <= seats and (seq + 1) * seats <= len(CODE_ALPHABET) ** length)
    number, letters = _permute(seq * seats + seat - 1, _half_bits(length), key), []
    for _ in range(length):
        number, index = divmod(number, len(CODE_ALPHABET))
        letters.append(CODE_ALPHABET[index])
    return "".join(reversed(letters))


def decode_code(written: str) -> tuple[int, int] | None:
    """The `seq` and the seat that a code means, however it is written; None for what is no code.

    Whether there is such a booking with such a seat is another question.
    """
    code = "".join(written.split()).replace("-", "").upper()
    seats = dict(FORMS).get(len(code))
    if seats is None or not set(code) <= set(CODE_ALPHABET):
        return None
    number = 0
    for letter in code:
        number = number * len(CODE_ALPHABET) + CODE_ALPHABET.index(letter)
    seq, seat = divmod(_permute_back(number, _half_bits(len(code)), _code_key(_secret())), seats)
    # A short code and a long one never mean the same ticket.
    return (seq, seat + 1) if seq and encode_code(seq, seat + 1) == code else None


def spaced(code: str, separator: str = " ") -> str:
    """`7K4M 29QD`, to be read out."""
    return separator.join(code[start : start + GROUP] for start in range(0, len(code), GROUP))


def sign_ticket(code: str, event_id: uuid.UUID) -> str:
    """What the QR code says: `EV1.<code>.<event>.<signature>`, the signature over all before its dot.

    Capital letters, digits and dots only: that is a QR code's compact alphabet, and what hand scanners type on any keyboard.
    """
    said = f"{FORMAT}.{code}.{_base32(event_id.bytes)}"
    return f"{said}.{_base32(_private_key(_secret()).sign(said.encode()))}"


def read_signed(content: str) -> str | None:
    """The code in what a QR code says; None unless this site has signed it."""
    said = "".join(content.split()).upper()
    form, _, rest = said.partition(".")
    code, _, rest = rest.partition(".")
    try:
        event_id = uuid.UUID(bytes=base64.b32decode(rest.partition(".")[0] + "======"))
    except ValueError:
        return None
    is_ours = form == FORMAT and hmac.compare_digest(sign_ticket(code, event_id).encode(), said.encode())
    return code if is_ours else None


def public_key_pem() -> str:
    """What doors check signatures with."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - as below

    return _private_key(_secret()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _permute(number: int, side: int, key: bytes) -> int:
    """Another number below side², each for one: a Feistel network of two halves."""
    left, right = divmod(number, side)
    for turn in range(ROUNDS):
        left, right = right, (left + _round_function(turn, right, side, key)) % side
    return left * side + right


def _permute_back(number: int, side: int, key: bytes) -> int:
    left, right = divmod(number, side)
    for turn in reversed(range(ROUNDS)):
        left, right = (right - _round_function(turn, left, side, key)) % side, left
    return left * side + right


def _round_function(turn: int, half: int, side: int, key: bytes) -> int:
    return int.from_bytes(hmac.digest(key, f"{turn} {side} {half}".encode(), "sha256")) % side


def _half_bits(length: int) -> int:
    """How many words half of a code can be."""
    return int(len(CODE_ALPHABET) ** (length // 2))


def _secret() -> str:
    return str(current_app.config["TICKET_SECRET"])


@cache
def _code_key(secret: str) -> bytes:
    return hmac.digest(secret.encode(), b"codes of tickets", "sha256")


@cache
def _private_key(secret: str) -> "Ed25519PrivateKey":
    # Seven megabytes that workers, and sites that print no ticket, do without.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    return Ed25519PrivateKey.from_private_bytes(hmac.digest(secret.encode(), b"signatures of tickets", "sha256"))


def _base32(value: bytes) -> str:
    return base64.b32encode(value).decode().rstrip("=")
