"""People by the words of their names and addresses, found from the beginning of a word and without regard to case.

As with events (events/search.py) the index is the migrations', and both databases keep it themselves.
"""

from sqlalchemy import ColumnElement, Integer, column, false, func, literal_column, select, table
from sqlalchemy.orm import InstrumentedAttribute

from evently.accounts.models import User
from evently.extensions import db
from evently.text import search_terms


def find_users(searched: str, user_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """The condition for a column that says whose a row is: somebody with each of these words in a name or the address."""
    words = search_terms(searched)
    if not words:
        return false()
    if db.session.get_bind().dialect.name == "sqlite":
        query = " AND ".join(f'"{word}"*' for word in words)
        found = select(column("rowid", Integer)).select_from(table("users_search"))
        return user_id.in_(found.where(literal_column("users_search").op("MATCH")(query)))
    # A word holds no quote and no backslash, which are separators.
    query = " & ".join(f"'{word}':*" for word in words)
    return user_id.in_(select(User.id).where(literal_column("users.search").op("@@")(func.to_tsquery("simple", query))))
