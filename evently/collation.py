"""Names in the order that people expect: without case, and Ö beside O.

By a key in place of a collation: what databases bring along differs, PostgreSQL may be built without ICU, and SQLite has
none. Both make the key for each row that is sorted.
"""

import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, String, event
from sqlalchemy.engine import Engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

# Letters that Unicode does not take for another one with a mark.
PLAIN = dict(zip("øłđħŧıð", "oldhtid", strict=True))
LIGATURES = {"æ": "ae", "œ": "oe", "ß": "ss", "þ": "th"}
# Accents, dots, rings: what is left of Ö when the O is taken away.
DIACRITICS = range(0x300, 0x370)
_TABLE = str.maketrans(dict.fromkeys(map(chr, DIACRITICS)) | PLAIN | LIGATURES)


class sort_key(GenericFunction[str]):  # noqa: N801 - a function of SQL
    """The key of a text column. SQLite calls `key_of` below; PostgreSQL does the same by what it has."""

    type = String()
    inherit_cache = True

    def __init__(self, text: ColumnElement[str]) -> None:
        super().__init__(text)


def key_of(text: str | None) -> str | None:
    return None if text is None else unicodedata.normalize("NFKD", text).lower().translate(_TABLE)


@compiles(sort_key, "postgresql")
def _in_postgresql(element: sort_key, compiler: SQLCompiler, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    marks = f"[{chr(DIACRITICS.start)}-{chr(DIACRITICS.stop - 1)}]"
    key = f"regexp_replace(lower(normalize({text}, NFKD)), '{marks}', '', 'g')"
    key = f"translate({key}, '{''.join(PLAIN)}', '{''.join(PLAIN.values())}')"
    for letter, spelt in LIGATURES.items():
        key = f"replace({key}, '{letter}', '{spelt}')"
    # By code point, which is quick, whatever the database's own order is.
    return f'{key} COLLATE "C"'


@event.listens_for(Engine, "connect")
def _teach_sqlite(connection: Any, _record: object) -> None:
    if type(connection).__module__.startswith("sqlite3"):
        connection.create_function("sort_key", 1, key_of, deterministic=True)
