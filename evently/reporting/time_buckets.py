"""Moments cut to days and quarters of an hour in UTC, by either database."""

import datetime as dt
from typing import Any

from sqlalchemy import Date
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from evently.database import UTCDateTime

BUCKET = dt.timedelta(minutes=15)


class utc_day(GenericFunction[dt.date]):  # noqa: N801 - it reads like the SQL function it is
    """The day on which a moment falls in UTC."""

    type = Date()
    inherit_cache = True


class utc_bucket(GenericFunction[dt.datetime]):  # noqa: N801
    """The beginning of the quarter of an hour in which a moment falls."""

    type = UTCDateTime()
    inherit_cache = True


def bucket_of(moment: dt.datetime) -> dt.datetime:
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


@compiles(utc_day)
def _utc_day(element: utc_day, compiler: SQLCompiler, **kwargs: Any) -> str:
    moment = compiler.process(element.clauses, **kwargs)
    # SQLite keeps moments in UTC; PostgreSQL turns them into the session's zone unless told otherwise.
    return f"date({moment})" if compiler.dialect.name == "sqlite" else f"date(timezone('UTC', {moment}))"


@compiles(utc_bucket)
def _utc_bucket(element: utc_bucket, compiler: SQLCompiler, **kwargs: Any) -> str:
    moment = compiler.process(element.clauses, **kwargs)
    if compiler.dialect.name == "sqlite":
        # As SQLAlchemy writes moments, so that the two are equal.
        return f"strftime('%Y-%m-%d %H:%M:%S.000000', strftime('%s', {moment}) / 900 * 900, 'unixepoch')"
    return f"to_timestamp(floor(extract(epoch FROM {moment}) / 900) * 900)"
