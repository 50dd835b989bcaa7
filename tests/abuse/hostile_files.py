"""Files for the import of events that are hard to read, as bytes by file name and what is said about them."""

HEAD, TAIL = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", b"END:VCALENDAR\r\n"
EVENT = b"BEGIN:VEVENT\r\nUID:%d\r\nSUMMARY:Event %d\r\nDTSTART:20310101T200000Z\r\nLOCATION:Hall\r\n"
END = b"END:VEVENT\r\n"


def calendar(inside: bytes) -> bytes:
    return HEAD + inside + TAIL


def event(more: bytes = b"", number: int = 1) -> bytes:
    return EVENT % (number, number) + more + END


def lines(line: bytes, size: int = 1024 * 1024) -> bytes:
    """As many of these lines as make up the size."""
    return line * (size // len(line))


def folded(line: bytes) -> bytes:
    """In lines of 74 bytes, as programs write them."""
    return b"\r\n ".join(line[start : start + 74] for start in range(0, len(line), 74)) + b"\r\n"


def zone(rule: bytes, name: bytes = b"Made/Up") -> bytes:
    inside = b"BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\n" + rule + b"END:STANDARD\r\n"
    return b"BEGIN:VTIMEZONE\r\nTZID:" + name + b"\r\n" + inside + b"END:VTIMEZONE\r\n"


FILES: dict[str, tuple[str, bytes, str]] = {
    "2,000,000 categories": ("a.ics", calendar(event(b"CATEGORIES:" + b"a," * 2_000_000 + b"a\r\n")), "longer than 100,000 characters"),
    "2,000,000 categories in folded lines": ("a.ics", calendar(event(folded(b"CATEGORIES:" + b"a," * 2_000_000))), "longer than 100,000"),
    "categories in lines of their own": ("a.ics", calendar(event(lines(b"CATEGORIES:a\r\n"))), "more than 100 properties in one VEVENT"),
    "300 categories": ("a.ics", calendar(event(b"CATEGORIES:" + b"a," * 300 + b"a\r\n")), "more than 200 categories"),
    "parameters": ("a.ics", calendar(event(b"SUMMARY" + b";X=1" * 20_000 + b":a\r\n")), "more than 50 parameters"),
    "events": ("a.ics", calendar(b"".join(event(number=number) for number in range(20_001))), "more than 20,000 events"),
    "components in components": ("a.ics", calendar(lines(b"BEGIN:VALARM\r\n")), "nested more than 10 levels deep"),
    "components that end nowhere": ("a.ics", calendar(lines(b"END:VEVENT\r\n")), "not an iCalendar file"),
    "calendars": ("a.ics", lines(calendar(b""), 400_000), "no events in this file"),
    "lines without a name": ("a.ics", calendar(lines(b"\n", 1_000_000)), "no events in this file"),
    "folded lines of nothing": ("a.ics", calendar(lines(b"\n \n", 1_000_000)), "no events in this file"),
    "the path of a file": ("a.ics", b"/etc/passwd", "not an iCalendar file"),
    "lists in lists": ("a.json", b"[" * 100_000, "too deep"),
    "objects in objects": ("a.json", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too deep"),
    "lists in lists that end": ("a.json", b'[{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "too deep"),
    "5,000,000 empty lists": ("a.json", b"[" + b"[]," * 3_400_000 + b"[]]", "more than 1,000,000 values"),
    "5,000,000 numbers": ("a.json", b"[" + b"1," * 5_000_000 + b"1]", "more than 1,000,000 values"),
    "entries": ("a.json", b"[" + b"{}," * 20_000 + b"{}]", "more than 20,000 events"),
    "a long number": ("a.json", b'[{"capacity":' + b"9" * 5_000_000 + b"}]", "number too long"),
    "columns": ("a.csv", b"a," * 400_000 + b"\n1", "more than 200 columns"),
    "1,000,000 columns": ("a.csv", b"a," * 1_000_000 + b"\n1", "longer than 1,000,000 characters"),
    "a cell of 4 MB": ("a.csv", b'name\n"' + b"x" * 900_000 + b'"\n', "longer than 131,072 characters"),
    "a cell over many lines": ("a.csv", b'name\n"' + lines(b"x\n") + b'"\n', "longer than 131,072 characters"),
    "a quote that never ends": ("a.csv", b'name\n"' + b"a\n" * 1000, "not CSV"),
    "long names of columns": (
        "a.csv",
        b",".join(b"%03d" % number + b"x" * 4000 for number in range(200)) + b"\n" + (b"1," * 199 + b"1\n") * 19_999,
        "too much text",
    ),
    "lines": ("a.csv", b"name\n" + b"\n" * 1_000_000, "no events in this file"),
    "rows": ("a.csv", b"name\n" + b"a\n" * 20_001, "more than 20,000 events"),
    "zeros": ("a.csv", b"\0" * 5_000_000, "not CSV|longer than|no events"),
}

# Large, and of use all the same: what is too much of it does not matter for events.
READABLE: dict[str, tuple[str, bytes, int]] = {
    "200,000 exceptions of an event": ("a.ics", calendar(event(folded(b"EXDATE:" + b"20310101T200000Z," * 200_000))), 1),
    "200,000 lines of exceptions": ("a.ics", calendar(event(lines(b"EXDATE:20310101T200000Z\r\n"))), 1),
    "a rule of repetition": ("a.ics", calendar(event(b"RRULE:FREQ=SECONDLY;BYSECOND=" + b"1," * 30_000 + b"1\r\n")), 1),
    "200,000 more dates": ("a.ics", calendar(event(b"RDATE:" + b"20310101T200000Z," * 5_000 + b"20310101T200000Z\r\n")), 1),
    "an attachment": ("a.ics", calendar(event(folded(b"ATTACH;ENCODING=BASE64;VALUE=BINARY:" + b"A" * 4_000_000))), 1),
    "alarms": ("a.ics", calendar(event(lines(b"BEGIN:VALARM\r\nACTION:AUDIO\r\nEND:VALARM\r\n"))), 1),
    "properties of other programs": ("a.ics", calendar(event(lines(b"X-NOTE:a\r\n"))), 1),
    "to-dos": ("a.ics", calendar(lines(b"BEGIN:VTODO\r\nSUMMARY:a\r\nEND:VTODO\r\n") + event()), 1),
    "rows of many cells": ("a.csv", b"name\n" + b"a," * 300_000 + b"a\n", 1),
    "an entry of many fields": ("a.json", b"[{" + b",".join(b'"%d":1' % number for number in range(300_000)) + b"}]", 1),
    "an entry of many tags": ("a.json", b'[{"tags":[' + b'"a",' * 500_000 + b'"a"]}]', 1),
    "a long text": ("a.json", b'[{"description":"' + b"x" * 9_000_000 + b'"}]', 1),
    "a number with many decimals": ("a.json", b'[{"price":1.' + b"1" * 5_000_000 + b"}]", 1),
}
