"""Password hashing: Argon2id with the parameters of the OWASP password storage cheat sheet (about 30 ms)."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# In place of a hash: no password matches it.
NO_PASSWORD = "!"  # noqa: S105 - what no password hashes to
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


def is_correct(password_hash: str | None, password: str) -> bool:
    """Whether this is the password; takes as long when there is no such account (None), so that nobody learns it."""
    try:
        if password_hash and password_hash.startswith("$argon2"):
            return _HASHER.verify(password_hash, password)
        _HASHER.hash(password)
    # UnicodeEncodeError: half a surrogate pair is nobody's password
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        pass
    return False


def needs_rehash(password_hash: str) -> bool:
    return _HASHER.check_needs_rehash(password_hash)
