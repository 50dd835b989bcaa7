"""Posters: one SVG per event, drawn from its id, its category and its date.

Nothing is random: the SHA-256 of the id picks the layout, the ground, the angle and the shapes, the category picks
the pair of inks, so the same event always gets the same poster. Only numbers and names from the tables below reach
the SVG, never a word that somebody typed. Units are those of the 640 x 800 view box.
"""

import datetime as dt
import hashlib
import math
import uuid
from collections.abc import Callable

from evently.events.models import Event

# Part of a poster's address: raise it when the drawing changes, so that nobody sees a cached old one.
POSTER_VERSION = 1
PAPER = "#FBF8F1"
# category: (light ink, deep ink). Deep on light is at least 6.1:1, deep on paper 9.6:1.
PALETTES = {
    "music": ("#FF7A59", "#191C55"),
    "theatre": ("#F5B731", "#5C0B33"),
    "talk": ("#86C9F4", "#0E2A5E"),
    "workshop": ("#F6A9BA", "#0A4236"),
    "sport": ("#C6E04F", "#16263B"),
    "food": ("#FFB480", "#561A10"),
    "family": ("#FFD64A", "#0A4660"),
    "conference": ("#B7A8FF", "#2B1160"),
    "other": ("#CFCBBF", "#22252B"),
}
# Digits on a 60 x 100 grid, drawn as strokes of width 20 so that no font decides how a date looks.
DIGITS = {
    "0": "M30 10A20 20 0 0 1 50 30V70A20 20 0 0 1 10 70V30A20 20 0 0 1 30 10Z",
    "1": "M8 32L37 17V100",
    "2": "M10 36V30A20 20 0 0 1 50 30C50 54 11 60 11 90H54",
    "3": "M10 30A20 20 0 1 1 30 49H24M30 49A20.5 20.5 0 1 1 9 70",
    "4": "M43 100V0M34 0L10 68H60",
    "5": "M51 10H13V45H29A22.5 22.5 0 0 1 29 90H7",
    "6": "M46 8C22 22 10 46 10 69A20 20 0 1 0 50 69A20 20 0 1 0 10 69",
    "7": "M6 10H47L20 101",
    "8": "M30 10A18 18 0 1 1 30 47A18 18 0 1 1 30 10ZM30 48A21 21 0 1 1 30 90A21 21 0 1 1 30 48Z",
    "9": "M14 92C38 78 50 54 50 31A20 20 0 1 0 10 31A20 20 0 1 0 50 31",
}
DIGIT_SCALE, DIGIT_STEP, MARGIN = 2.52, 64, 44
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
LABEL_FONT = "'Helvetica Neue','Bahnschrift','Arial Narrow','Roboto Condensed','Liberation Sans Narrow',sans-serif"
# Widths of the narrow bold face in thousandths of the size. Given to every word as its length, so that it keeps
# its place when a machine has only wide fonts.
LETTERS = {
    **dict.fromkeys("ABCDHKNRU", 592),
    **dict.fromkeys("EPSVXY", 547),
    **dict.fromkeys("FLTZ", 501),
    **dict.fromkeys("GOQ", 638),
    "I": 228,
    "J": 456,
    "M": 683,
    "W": 774,
}

Shapes = list[str]
Layers = tuple[Shapes, Shapes]


def event_poster(event: Event) -> str:
    """The poster of this event as an SVG document, dated in the event's own zone."""
    return poster(event.id, event.category, event.local_time.date())


def poster_version(event: Event) -> str:
    """Changes whenever the poster would: belongs into its address, which may then be cached for ever."""
    drawn_from = f"{POSTER_VERSION} {event.category} {event.local_time.date()}"
    return hashlib.sha256(drawn_from.encode()).hexdigest()[:8]


def poster_png(svg: str) -> bytes:
    """A poster for programs that draw no SVG. On a machine without fonts its words are missing, its day is not."""
    import resvg_py  # noqa: PLC0415 - of link previews only

    return bytes(resvg_py.svg_to_bytes(svg_string=svg))


def poster(event_id: uuid.UUID | str, category: str, day: dt.date) -> str:
    """One SVG document, the same bytes for the same input. An unknown category is printed in the inks of "other"."""
    key = hashlib.sha256(str(event_id).encode()).digest()
    light, deep = PALETTES.get(category, PALETTES["other"])
    layout = LAYOUTS[key[0] % len(LAYOUTS)]
    lower, upper = ("".join(shapes) for shapes in layout(key))
    ground, first, second, date, counter = (
        (light, PAPER, deep, deep, PAPER),
        (deep, light, PAPER, PAPER, deep),
        (PAPER, light, deep, deep, PAPER),
    )[key[1] % 3]
    # On a deep ground every shape is light, so the date turns deep on both layers.
    under = upper if ground != deep else lower + upper
    # Fine patterns stop above the date; large discs run on under it.
    floor = 800 if layout is _discs else 480
    words, name = _date(day), key.hex()[:6]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="800" viewBox="0 0 640 800" role="presentation">'
        f'<clipPath id="f{name}"><rect width="640" height="{floor}"/></clipPath>'
        f'<mask id="m{name}"><g fill="#fff" clip-path="url(#f{name})">{under}</g></mask>'
        f'<rect width="640" height="800" fill="{ground}"/>'
        f'<g clip-path="url(#f{name})"><g fill="{first}">{lower}</g><g fill="{second}">{upper}</g></g>'
        f'<g fill="{date}" stroke="{date}">{words}</g>'
        f'<g mask="url(#m{name})" fill="{counter}" stroke="{counter}">{words}</g>'
        "</svg>\n"
    )


def _date(day: dt.date) -> str:
    """The large day of the month, and beside it weekday over month."""
    digits = str(day.day)
    advance = DIGIT_STEP * DIGIT_SCALE
    top = 800 - MARGIN - 100 * DIGIT_SCALE
    glyphs = "".join(
        f'<path transform="translate({MARGIN + index * advance:g} {top:g}) scale({DIGIT_SCALE})" d="{DIGITS[digit]}"/>'
        for index, digit in enumerate(digits)
    )
    x = MARGIN + len(digits) * advance + 14
    weekday = _word(WEEKDAYS[day.weekday()], x, 652, 72)
    month = _word(MONTHS[day.month - 1], x, 754, 116)
    return (
        f'<g fill="none" stroke-width="20" stroke-linejoin="miter">{glyphs}</g>'
        f'<g stroke="none" font-family="{LABEL_FONT}" font-weight="700" font-stretch="condensed">{weekday}{month}</g>'
    )


def _word(text: str, x: float, y: float, size: int) -> str:
    width = sum(LETTERS[letter] for letter in text) * size / 1000
    return f'<text x="{x:g}" y="{y:g}" font-size="{size}" textLength="{width:g}" lengthAdjust="spacingAndGlyphs">{text}</text>'


# The layouts. Each gives lower and upper shapes; the upper ones may run under the date, which then changes colour.


def _discs(key: bytes) -> Layers:
    radius, x = 190 + key[5] % 5 * 18, _side(key, 200, 440)
    return [_circle(640 - x, 250 + key[6] % 60, radius)], [_circle(x, 330 + key[7] % 90, radius * 0.82)]


def _arcs(key: bytes) -> Layers:
    x = _side(key, 0, 640)
    return [_circle(x, 480, 96)], [_ring(x, 480, radius, radius - 52) for radius in range(176, 900, 104)]


def _tiles(key: bytes) -> Layers:
    lower: Shapes = []
    upper: Shapes = []
    for index in range(12):
        tile = _quarter(index % 4 * 160, index // 4 * 160, 160, key[5 + index] % 4)
        (upper if key[17 + index] % 3 else lower).append(tile)
    return lower, upper


def _rays(key: bytes) -> Layers:
    x, turn = 120 + key[5] % 5 * 100, key[6] % 15
    rays = [_wedge(x, 470, 1100, angle, angle + 7.5) for angle in range(180 + turn, 360, 15)]
    return rays, [f'<path d="M{x - 150} 470a150 150 0 0 1 300 0z"/>']


def _scales(key: bytes) -> Layers:
    lower: Shapes = []
    upper: Shapes = []
    for row in range(-1, 4):
        for column in range(-1, 4):
            scale = f'<path d="M{column * 160 + row % 2 * 80} {row * 120}a80 80 0 0 0 160 0z"/>'
            lower.append(scale)
            if key[5 + (row * 5 + column) % 24] % 3 == 0:
                upper.append(scale)
    return lower, upper


def _stripes(key: bytes) -> Layers:
    turn = (-60, -45, -30, 30, 45, 60)[key[5] % 6]
    bars = [_rect(-300, y, 1240, 30, turn) for y in range(-320, 1120, 76)]
    return bars, [_circle(_side(key, 210, 430), 268, 196)]


def _steps(key: bytes) -> Layers:
    heights = sorted((70 + key[5 + step] % 9 * 40 for step in range(8)), reverse=bool(key[4] % 2))
    bars = [_rect(step * 80, 480 - height, 81, height) for step, height in enumerate(heights)]
    return bars[::2], [*bars[1::2], _circle(_side(key, 480, 160), 120, 72)]


def _rings(key: bytes) -> Layers:
    x = _side(key, 190, 450)
    return [_ring(x, 262, radius, radius - 28) for radius in range(208, 620, 58)], [_circle(x, 262, 150)]


LAYOUTS: tuple[Callable[[bytes], Layers], ...] = (
    _discs, _arcs, _tiles, _rays, _scales, _stripes, _steps, _rings,
)  # fmt: skip


def _side(key: bytes, left: int, right: int) -> int:
    return left if key[4] % 2 else right


def _circle(x: float, y: float, radius: float) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}"/>'


def _ring(x: float, y: float, outer: float, inner: float) -> str:
    circles = (
        f"M{x - radius:g} {y:g}a{radius:g} {radius:g} 0 1 0 {2 * radius:g} 0a{radius:g} {radius:g} 0 1 0 {-2 * radius:g} 0"
        for radius in (outer, inner)
    )
    return f'<path fill-rule="evenodd" d="{"".join(circles)}"/>'


def _rect(x: float, y: float, width: float, height: float, turn: float = 0) -> str:
    transform = f' transform="rotate({turn:g} 320 400)"' if turn else ""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{transform}/>'


def _wedge(x: float, y: float, radius: float, start: float, stop: float) -> str:
    corners = [(math.cos(angle), math.sin(angle)) for angle in (math.radians(start), math.radians(stop))]
    points = [f"{x:g},{y:g}", *(f"{x + radius * cosine:.0f},{y + radius * sine:.0f}" for cosine, sine in corners)]
    return f'<polygon points="{" ".join(points)}"/>'


def _quarter(x: int, y: int, side: int, corner: int) -> str:
    """A quarter disc that fills a square tile, its centre in one of the four corners."""
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
    (cx, cy), (ax, ay), (bx, by) = corners[corner], corners[(corner + 1) % 4], corners[(corner + 3) % 4]
    return f'<path d="M{cx} {cy}L{ax} {ay}A{side} {side} 0 0 1 {bx} {by}Z"/>'
