import datetime as dt
import itertools
import re
import uuid
from xml.etree import ElementTree as ET

import pytest

from evently.events import posters
from evently.events.models import CATEGORIES

SVG = "{http://www.w3.org/2000/svg}"


def ids_by_look() -> dict[tuple[int, int], uuid.UUID]:
    """One event id for every layout and ground."""
    found: dict[tuple[int, int], uuid.UUID] = {}
    for number in itertools.count():
        event_id = uuid.UUID(int=number)
        key = posters.hashlib.sha256(str(event_id).encode()).digest()
        found.setdefault((key[0] % len(posters.LAYOUTS), key[1] % 3), event_id)
        if len(found) == len(posters.LAYOUTS) * 3:
            return found
    raise AssertionError


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_same_event_always_gets_the_same_poster():
    event_id, day = uuid.uuid4(), dt.date(2026, 11, 28)
    assert posters.poster(event_id, "music", day) == posters.poster(str(event_id), "music", day)
    assert posters.poster(event_id, "music", day) != posters.poster(uuid.uuid4(), "music", day)


@pytest.mark.parametrize("look", sorted(ids_by_look()))
def test_every_layout_on_every_ground_shows_every_day_inside_the_picture(look: tuple[int, int]):
    event_id = ids_by_look()[look]
    for number in range(31):
        drawn = ET.fromstring(posters.poster(event_id, "talk", dt.date(2026, 12, 1) + dt.timedelta(days=number)))
        words = drawn.findall(f".//{SVG}text")
        assert len(words) == 4
        for word in words:
            assert float(word.attrib["x"]) + float(word.attrib["textLength"]) <= 640 - posters.MARGIN / 2
            assert float(word.attrib["y"]) <= 800 - posters.MARGIN
        digits = drawn.findall(f".//{SVG}path[@transform]")
        assert len(digits) == 2 * len(str(number + 1))
        for digit in digits:
            x = float(re.search(r"translate\(([\d.]+)", digit.attrib["transform"])[1])
            assert x + posters.DIGIT_STEP * posters.DIGIT_SCALE <= 640


def test_every_month_and_weekday_fits_beside_two_digits():
    beside = posters.MARGIN + 2 * posters.DIGIT_STEP * posters.DIGIT_SCALE + 14
    for words, size in ((posters.MONTHS, 116), (posters.WEEKDAYS, 72)):
        for word in words:
            assert beside + sum(posters.LETTERS[letter] for letter in word) * size / 1000 <= 640 - posters.MARGIN / 2


def test_the_inks_of_every_category_can_be_read():
    assert set(posters.PALETTES) == set(CATEGORIES)
    for light, deep in posters.PALETTES.values():
        assert contrast(light, deep) >= 6.1
        assert contrast(deep, posters.PAPER) >= 9.6


def test_an_unknown_category_is_printed_like_other():
    event_id, day = uuid.uuid4(), dt.date(2026, 5, 1)
    hostile = '"><script>alert(1)</script>'
    assert posters.poster(event_id, hostile, day) == posters.poster(event_id, "other", day)
