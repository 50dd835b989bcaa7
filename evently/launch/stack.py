"""The production shape on one machine: database, broker, web server, workers and beat, each a process of its own.

The web server, the workers and the beat are started by the commands anybody would type.
"""

import secrets
import shlex
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from config import ROOT, Settings, environment, kept_secret, load_settings
from evently.config_urls import DATABASE_VARIABLES, is_embedded
from evently.launch.postgres import Postgres
from evently.launch.processes import LaunchError, log
from evently.launch.single_instance import single_instance
from evently.launch.supervisor import BROKER, DATABASE, WEB, Service, Supervisor
from evently.launch.valkey import Valkey
from evently.launch.webserver import LIBRARY, address, refuse_taken_port, wait_for_answer, web_processes, web_service

# What makes another process part of the same site.
VARIABLES = (*DATABASE_VARIABLES, "REDIS_URL", "REDIS_PASSWORD", "SECRET_KEY", "HOST", "PORT", "SITE_URL", "EVENTLY_DATA_DIR")

ANNOUNCEMENT = """
  Evently runs at {address}
  {mail}

  Commands for it, in another terminal:
    . {variables}
    {flask} create-superuser USERNAME EMAIL
    {flask} seed-demo --organizer USERNAME
    {flask} import-events FILE
  Data is in {places}. Ctrl-C stops everything.
"""


def stack(*, until: Callable[[], bool]) -> None:
    """Run until a signal, or `until`, ends it. Raises LaunchError when it cannot."""
    environ = environment()
    # Where and on which port: known before the database is.
    settings = load_settings({**environ, "SECRET_KEY": environ.get("SECRET_KEY") or secrets.token_hex(32)})
    with Supervisor() as supervisor, single_instance(settings.DATA_DIR, "stack"):
        refuse_taken_port(settings)
        environ["SECRET_KEY"] = environ.get("SECRET_KEY") or kept_secret(settings.DATA_DIR / "secret_key")
        places = [settings.DATA_DIR, *_start_servers(supervisor, environ, settings.DATA_DIR)]
        settings = load_settings(environ)
        variables = _write_variables(environ, settings.DATA_DIR)
        _migrate(environ)
        web = web_service(settings, "--respawn-failed-workers", "wsgi:app", environ=environ, workers=web_processes(), kill_after=2)
        for service in (*_celery_services(environ), web):
            supervisor.start(service)
        wait_for_answer(web, settings)
        _announce(settings, variables, places)
        supervisor.watch(until=until)
        log("Stopping.")


def _start_servers(supervisor: Supervisor, environ: dict[str, str], data_dir: Path) -> Iterable[Path]:
    """Those that no variable names; afterwards the variables name them. The places of their data outside `data_dir`."""
    places = []
    if is_embedded(environ):
        postgres = Postgres(data_dir / "postgres", tier=DATABASE)
        supervisor.start(postgres)
        environ["DATABASE_URL"] = postgres.url
        if not postgres.home.is_relative_to(data_dir):
            places.append(postgres.home)
    if not environ.get("REDIS_URL"):
        valkey = Valkey(tier=BROKER)
        supervisor.start(valkey)
        environ["REDIS_URL"] = valkey.url
    return places


def _write_variables(environ: dict[str, str], data_dir: Path) -> Path:
    """A file for the shell that holds what another terminal needs to talk to this site; its owner's alone."""
    path = data_dir / "stack.env"
    path.touch(mode=0o600)
    environ["EVENTLY_DATA_DIR"] = str(data_dir)
    path.write_text("".join(f"export {name}={shlex.quote(environ[name])}\n" for name in VARIABLES if environ.get(name)))
    return path


def _migrate(environ: dict[str, str]) -> None:
    command = Service("The migration", [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"], env=environ, cwd=ROOT)
    with Supervisor() as supervisor:
        supervisor.start(command)
        if code := command.wait_for_end(timeout=600):
            raise LaunchError(f"The database could not be migrated (exit code {code}); the messages above say why.")


def _celery_services(environ: dict[str, str]) -> Iterable[Service]:
    # Celery warns whoever is root, each process for itself; the web server beside it runs as the same user.
    warnings = ("-W", "ignore:You're running the worker with superuser privileges")
    celery = [sys.executable, *warnings, "-m", "celery", "--quiet", "-A", "wsgi"]
    options = ("--loglevel", "WARNING", "--without-gossip", "--without-mingle")
    for name, queues in (("bookings", "bookings"), ("rest", "mail,default")):
        command = [*celery, "worker", "-Q", queues, "-n", f"{name}@%h", *options]
        yield Service(f"The worker for {queues}", command, env={**LIBRARY, **environ}, cwd=ROOT)
    command = [*celery, "beat", "--pidfile=", "--loglevel", "WARNING"]
    # Stopped with the web server: nothing new is asked for while the workers finish.
    yield Service("The beat", command, env=environ, cwd=ROOT, tier=WEB)


def _announce(settings: Settings, variables: Path, places: Iterable[Path]) -> None:
    flask = f"{_shown(sys.executable)} -m flask --app wsgi"
    data = " and ".join(map(str, places))
    caught = f"Mail is caught at {address(settings)}/dev/mailbox, for staff to read; set EMAIL_HOST to send it."
    mail = f"Mail goes to {settings.EMAIL_HOST}:{settings.EMAIL_PORT}." if settings.EMAIL_HOST else caught
    log(ANNOUNCEMENT.format(address=address(settings), mail=mail, variables=_shown(variables), flask=flask, places=data))


def _shown(path: str | Path) -> str:
    """As one would type it in the checkout."""
    path = Path(path)
    return shlex.quote(str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path))
