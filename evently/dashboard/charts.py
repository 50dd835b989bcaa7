"""Charts as shapes on a sheet of 720 by 250, which a template draws as SVG: no script, no style, colours by class.

The same points are a table beside it and a file to take away.
"""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from evently.reporting.exports import no_formula

WIDTH, LEFT, TOP, BOTTOM = 720, 56, 24, 220
# Lines across, and words below, that there is room for.
GRID, TICKS = 4, 12
GAP = 0.3
# Nobody knows how wide a letter is until it is drawn; hardly wider than this.
LETTER = 8.5


@dataclass(frozen=True)
class Point:
    """`key` in the file, `label` below the bar, `words` in the table."""

    key: str
    label: str
    words: str
    value: Decimal | int


@dataclass(frozen=True)
class Mark:
    """Words somewhere on the sheet."""

    at: float
    words: str


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


@dataclass
class Chart:
    """`name` in addresses; `heads`: of the table's two columns; `says`: in one sentence what is to be seen."""

    name: str
    title: str
    says: str
    heads: tuple[str, str]
    points: Sequence[Point]
    write: Callable[[Decimal | int], str] = "{:,}".format
    # A line across which the values cannot pass.
    limit: int | None = None
    is_line: bool = False
    # Between two lines of the grid, and what the highest stands for.
    step: int = field(init=False)
    top: int = field(init=False)

    def __post_init__(self) -> None:
        highest = max([float(point.value) for point in self.points] + [float(self.limit or 0)])
        self.step = _step(highest)
        self.top = self.step * max(1, math.ceil(highest / self.step))

    @property
    def is_empty(self) -> bool:
        return not any(point.value for point in self.points)

    @property
    def grid(self) -> list[Mark]:
        lines = round(self.top / self.step)
        return [Mark(self._y(n * self.step), self._short(n * self.step)) for n in range(1, lines + 1)]

    @property
    def ticks(self) -> list[Mark]:
        """From the last one back, so that the newest has its words."""
        every = math.ceil(len(self.points) / TICKS)
        places = range(len(self.points) - 1, -1, -every)
        return [Mark(self._within(self._x(place), self.points[place].label), self.points[place].label) for place in places]

    @property
    def bars(self) -> list[Bar]:
        width = self._slot * (1 - GAP)
        return [
            Bar(round(self._x(place) - width / 2, 1), self._y(point.value), round(width, 1), round(BOTTOM - self._y(point.value), 1))
            for place, point in enumerate(self.points)
        ]

    @property
    def line(self) -> str:
        """The line as points of a polyline."""
        return " ".join(f"{self._x(place)},{self._y(point.value)}" for place, point in enumerate(self.points))

    @property
    def area(self) -> str:
        return f"{self._x(0)},{BOTTOM} {self.line} {self._x(len(self.points) - 1)},{BOTTOM}"

    @property
    def limit_at(self) -> float:
        return self._y(self.limit or 0)

    @property
    def lead(self) -> int:
        """The place of what matters most: the highest bar, or where the line has come to."""
        values = [point.value for point in self.points]
        return len(values) - 1 if self.is_line else values.index(max(values))

    @property
    def lead_mark(self) -> tuple[float, float, str]:
        """Its value, above it."""
        words, value = self.write(self.points[self.lead].value), self.points[self.lead].value
        return self._within(self._x(self.lead), words), round(self._y(value) - 7, 1), words

    def file(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(self.heads)
        writer.writerows((no_formula(point.key), point.value) for point in self.points)
        return text.getvalue()

    @property
    def _slot(self) -> float:
        return (WIDTH - LEFT) / max(1, len(self.points))

    def _within(self, x: float, words: str) -> float:
        """So far left that words in the middle of which this is stay on the sheet."""
        return round(min(x, WIDTH - LETTER / 2 * len(words)), 1)

    def _x(self, place: int) -> float:
        return round(LEFT + self._slot * (place + 0.5), 1)

    def _y(self, value: Decimal | float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * float(value) / self.top, 1)

    def _short(self, value: float) -> str:
        if value >= 10_000:
            return self.write(round(value / 1000)).removesuffix(".00") + "k"
        return self.write(round(value)).removesuffix(".00")


def _step(highest: float) -> int:
    """Between two lines of the grid: 1, 2 or 5 with zeros, whole numbers only."""
    size = 1
    while True:
        for digit in (1, 2, 5):
            if highest <= GRID * digit * size:
                return digit * size
        size *= 10
