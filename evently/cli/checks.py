"""What `flask doctor` looks at: each check says how a part of the site is, and what to do where it is not well."""

import datetime as dt
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from evently import config_checks, poison_messages
from evently.beat_scheduler import current_beat_host
from evently.extensions import db
from evently.http import schema_version
from evently.http.formatting import counted
from evently.http.health import masked
from evently.notifications.mail_worker import mail_server
from evently.notifications.queries import count_held_back
from evently.notifications.smtp import Unreachable
from evently.worker_heartbeats import alive_workers

# seconds by which clocks may differ, bytes that should be free, and how much of the server's connections may be taken
CLOCK, FREE_BYTES, FULL = 2.0, 1_000_000_000, 0.8


@dataclass(frozen=True)
class CheckResult:
    """`advice` is empty where all is well; `is_trouble`: people notice, or will soon."""

    says: str
    advice: str = ""
    is_trouble: bool = False


def problem(says: str, advice: str) -> CheckResult:
    return CheckResult(says, advice, is_trouble=True)


def check_configuration() -> CheckResult:
    config = current_app.config
    if config["EMBEDDED"]:
        return CheckResult("embedded: one process on an SQLite file, for trying out and for developing")
    if config["DEBUG"]:
        return CheckResult("DEBUG is on", "Set DEBUG=false where anybody else can come.")
    if "*" in config["ALLOWED_HOSTS"]:
        return CheckResult(
            "ALLOWED_HOSTS takes any name", "Name those of the site: whoever sends another may plant links in what the API answers."
        )
    if weakness := config_checks.secret_weakness(config["TICKET_SECRET"]):
        return CheckResult(f"TICKET_SECRET {weakness}", "Choose a long one before the next sale begins; it voids tickets sold before.")
    return CheckResult("production, with a strong SECRET_KEY")


def check_database() -> CheckResult:
    started = time.perf_counter()
    try:
        if message := schema_version.wrong_encoding(db.session.connection()):
            return problem(*message.split(". ", 1))
        words, taken, most = _ask_database()
    except SQLAlchemyError as error:
        return problem(_first_line(error), "Is it running, and are DATABASE_URL or DB_* right? `psql` with the same values tells more.")
    says = f"{words}, answers in {1000 * (time.perf_counter() - started):.1f} ms"
    if most and taken > FULL * most:
        return CheckResult(f"{says}; {taken} of {most} connections are taken", "Raise max_connections, or put PgBouncer in front of it.")
    return CheckResult(says + (f"; {taken} of {most} connections are taken" if most else ""))


def _ask_database() -> tuple[str, int, int]:
    """What it is, and how many connections are taken of how many; 0 where there is no such limit."""
    if db.engine.name == "sqlite":
        version = db.session.scalar(sa.text("SELECT sqlite_version()"))
        return f"SQLite {version}", 0, 0
    version, taken, most = db.session.execute(
        sa.text(
            "SELECT current_setting('server_version'), (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), "
            "current_setting('max_connections')::int"
        )
    ).one()
    return f"PostgreSQL {version}", taken, most


def check_migrations() -> CheckResult:
    if lacking := schema_version.pending_migrations():
        return problem(f"the database lacks {lacking}", "Run `flask --app wsgi db upgrade`.")
    return CheckResult("the database has them all")


def check_broker() -> CheckResult:
    url = current_app.config["REDIS_URL"]
    if not url:
        return CheckResult("in the memory of the one process")
    try:
        client = _redis(url)
        server, memory, poison = client.info("server"), client.info("memory"), poison_messages.count(client)
    except RedisError as error:
        return problem(
            f"{masked(url)}: {error}", "Is Redis running, and is REDIS_URL right? Until it is back each web process decides by itself."
        )
    version = server.get("valkey_version") or server["redis_version"]
    says = f"{server.get('server_name', 'redis').capitalize()} {version}, {memory['used_memory'] / 1e6:.0f} MB in use"
    if memory.get("maxmemory") and not str(memory["maxmemory_policy"]).startswith("volatile"):
        advice = (
            "Set maxmemory-policy to volatile-lru: then what is kept makes room, and neither tasks nor counters are thrown away or refused."
        )
        return CheckResult(f"{says}, and {memory['maxmemory_policy']} when its {memory['maxmemory'] / 1e6:.0f} MB are full", advice)
    if poison:
        advice = "`flask --app wsgi poison-messages list` names them; after an upgrade of one part only, upgrade the other, then `purge`."
        return CheckResult(
            f"{says}; {counted(poison, 'message was', 'messages were')} set aside, since no worker could carry them out", advice
        )
    return CheckResult(says)


def check_workers() -> CheckResult:
    if current_app.config["EMBEDDED"]:
        return CheckResult("threads of the process that serves pages")
    workers = alive_workers(current_app.config["CELERY_BROKER_URL"])
    if workers is None:
        return problem("unknown, for the broker does not answer", "Mend the broker first.")
    queues = {queue.name for queue in current_app.extensions["celery"].conf.task_queues}
    taken = {queue for worker in workers for queue in worker.queues}
    if missing := sorted(queues - taken):
        advice = f"Start one: `celery -A wsgi worker -Q {','.join(missing)}`."
        return problem(f"no worker takes tasks from {' and '.join(missing)}", advice)
    return CheckResult(f"{counted(len(workers), 'worker lives', 'workers live')}: {', '.join(worker.name for worker in workers)}")


def check_beat() -> CheckResult:
    if current_app.config["EMBEDDED"]:
        return CheckResult("a thread of the process that serves pages")
    if machine := current_beat_host(current_app.config["CELERY_BROKER_URL"]):
        return CheckResult(f"beats on {machine}")
    return problem(
        "none was heard for half a minute",
        "Start one, and only one: `celery -A wsgi beat`. Without it nobody looks for what a lost message left.",
    )


def check_mail() -> CheckResult:
    config = current_app.config
    if not config["EMAIL_HOST"]:
        says = "nothing leaves this machine; /dev/mailbox shows what would have"
        return CheckResult(says, "" if config["EMBEDDED"] else "Set EMAIL_HOST to send tickets by e-mail.")
    where = f"{config['EMAIL_HOST']}:{config['EMAIL_PORT']}"
    try:
        with mail_server() as server:
            server.connect()
    except Unreachable as error:
        return problem(
            str(error),
            "Are EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS, EMAIL_HOST_USER and EMAIL_HOST_PASSWORD right? Mails wait until they are.",
        )
    if config["EMAIL_HOST_USER"] and not config["EMAIL_USE_TLS"]:
        return CheckResult(f"{where} lets us in, by a line that others can read", "Set EMAIL_USE_TLS=true.")
    return CheckResult(f"{where} lets us in")


def check_email_budgets() -> CheckResult:
    """How many e-mails of the last day were not sent because too many went to one address."""
    try:
        held_back = count_held_back()
    except SQLAlchemyError:
        return CheckResult("not counted, because the database does not answer", "Fix the database connection first.")
    if held_back:
        says = f"{counted(held_back, 'e-mail was', 'e-mails were')} held back by a limit in the last 24 hours"
        return CheckResult(says, "See “Failed mail” in the dashboard; the limits are EMAIL_LIMIT_UNCONFIRMED and EMAIL_LIMIT_RECIPIENT.")
    return CheckResult("no e-mail was held back in the last 24 hours")


def check_clock() -> CheckResult:
    """Nothing in the order of bookings hangs on it, but links, sessions and the times that people read do."""
    try:
        if db.engine.name == "sqlite":
            return CheckResult("the database has this machine's")
        asked = dt.datetime.now(dt.UTC)
        theirs = db.session.scalar(sa.text("SELECT clock_timestamp()"))
    except SQLAlchemyError:
        return CheckResult("not compared, for the database does not answer", "Mend the database first.")
    apart = abs((theirs - asked).total_seconds())
    if apart > CLOCK:
        return problem(f"{apart:.0f} s beside the database's", "Let both machines ask a time server: `timedatectl set-ntp true`.")
    return CheckResult(f"{1000 * apart:.0f} ms beside the database's")


def check_disk() -> CheckResult:
    place = current_app.config["DATA_DIR"]
    while not place.exists():
        place = place.parent
    usage = shutil.disk_usage(place)
    says = f"{usage.free / 1e9:.1f} GB free at {place}"
    # In production nothing of weight lies there, and in containers it is memory of a few megabytes.
    needed = FREE_BYTES if current_app.config["EMBEDDED"] else min(FREE_BYTES, usage.total // 10)
    if usage.free < needed:
        return problem(says, "Make room: a database whose disk is full takes no bookings.")
    return CheckResult(says)


def check_proxies() -> CheckResult:
    """Whether the site is reached by the address that stands in its mails, and knows how."""
    config = current_app.config
    site = config["SITE_URL"]
    try:
        with urllib.request.urlopen(f"{site}/healthz", timeout=5) as answer:  # noqa: S310 - config.py lets http and https in
            has_hsts = "Strict-Transport-Security" in answer.headers
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return problem(f"{site} answers with a certificate that nobody trusts: {reason.verify_message}", "Put a real one in its place.")
        return problem(
            f"{site} does not answer: {reason}", "Is SITE_URL what people type, and does the proxy lead here? Links in mails begin with it."
        )
    if site.startswith("https://") and config["HSTS_SECONDS"] and not has_hsts:
        advice = (
            "Name the proxy's address in TRUSTED_PROXIES and let it send X-Forwarded-For and X-Forwarded-Proto; "
            "until then limits take all visitors for one."
        )
        return problem(f"{site} answers without knowing that it is reached by https", advice)
    if site.startswith("https://") or config["EMBEDDED"]:
        return CheckResult(f"{site} answers")
    return CheckResult(f"{site} answers, by http", "Put a proxy with TLS in front before anybody else comes.")


def _redis(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)


def _first_line(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]


CHECKS: dict[str, Callable[[], CheckResult]] = {
    "configuration": check_configuration,
    "database": check_database,
    "migrations": check_migrations,
    "broker": check_broker,
    "workers": check_workers,
    "beat": check_beat,
    "mail": check_mail,
    "budgets": check_email_budgets,
    "clock": check_clock,
    "disk": check_disk,
    "proxies": check_proxies,
}
