"""A benchmark's findings: printed as they come, written as a page of docs/benchmarks at the end."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from evently.database import utc_now


@dataclass
class Report:
    """`machine` says where; a line with a floor says whether it holds."""

    title: str
    file_name: str
    machine: str
    _page: list[str] = field(default_factory=list)
    _missed: list[str] = field(default_factory=list)

    def section(self, title: str) -> None:
        self._say("")
        self._say(f"## {title}")
        self._say("")
        self._say("| what | measured | floor |")
        self._say("|---|---|---|")

    def line(self, what: str, measured: str, *, floor: str = "", holds: bool = True) -> None:
        verdict = f"{floor} {'holds' if holds else '**missed**'}" if floor else ""
        if not holds:
            self._missed.append(what)
        self._say(f"| {what} | {measured} | {verdict} |")

    def write(self, directory: Path) -> None:
        """Exits with 1 when a floor was missed, so that nobody overlooks it."""
        directory.mkdir(parents=True, exist_ok=True)
        head = [
            f"# {self.title}, measured",
            "",
            f"{self.machine}",
            "",
            f"Measured on {utc_now():%d %B %Y}; client and server share the machine.",
        ]
        (directory / self.file_name).write_text("\n".join([*head, *self._page]) + "\n")
        if self._missed:
            sys.exit(f"Floors missed: {', '.join(self._missed)}")

    def _say(self, line: str) -> None:
        self._page.append(line)
        print(line, flush=True)  # noqa: T201 - a benchmark prints
