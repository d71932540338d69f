"""Schedule expressions: rate and cron.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

import re
from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
FIELDS = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, MONTHS),
    ("day of week", 1, 7, DAYS),
    ("year", 1970, 2199, ()),
)
MINUTE = timedelta(minutes=1)


def parse(text, zone="UTC"):
    """A Rate or a Cron; ValueError for any other text."""
    rate = re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)", text)
    if rate:
        if (rate[1] == "1") == bool(rate[3]):
            raise ValueError(f"{text}: the unit is minute, hour or day for 1, and minutes, hours or days for other numbers")
        return Rate(int(rate[1]) * UNITS[rate[2]])
    cron = re.fullmatch(r"cron\(([^()]*)\)", text)
    if cron:
        return Cron(cron[1], timezone.utc if zone in ("UTC", "Etc/UTC") else ZoneInfo(zone))
    raise ValueError(f"{text}: the local EventBridge supports rate(number unit) and cron(six fields)")


class Rate:
    """A fixed interval, counted from a start time."""

    def __init__(self, interval):
        self.interval = interval

    def due(self, beginning, last, now):
        """Whether a time between last (excluded) and now is a multiple of the interval from the beginning."""
        return (now - beginning) // self.interval > (last - beginning) // self.interval


class Cron:
    """Minutes of the calendar in a time zone."""

    def __init__(self, text, zone):
        parts = text.split()
        if len(parts) != len(FIELDS):
            raise ValueError(f"cron({text}) has {len(parts)} fields instead of 6: minutes hours day-of-month month day-of-week year")
        if (parts[2] == "?") == (parts[4] == "?"):
            raise ValueError(f"cron({text}): exactly one of day-of-month and day-of-week must be ?")
        self.zone = zone
        self.allowed = [_values(part, *field) for part, field in zip(parts, FIELDS, strict=True)]

    def due(self, beginning, last, now):
        """Whether the expression matches a minute that begins after last, up to now, and within the last day."""
        minute = now.replace(second=0, microsecond=0)
        oldest = max(last, now - UNITS["day"])
        while minute > oldest:
            if self._matches(minute.astimezone(self.zone)):
                return True
            minute -= MINUTE
        return False

    def _matches(self, at):
        given = (at.minute, at.hour, at.day, at.month, at.isoweekday() % 7 + 1, at.year)
        return all(value in allowed for value, allowed in zip(given, self.allowed, strict=True))


def _values(text, name, lowest, highest, names):
    found = set()
    for part in text.upper().split(","):
        step = re.fullmatch(r"([^/]+)/(\d+)", part)
        span, by = (step[1], int(step[2])) if step else (part, 1)
        if span in ("*", "?"):
            first, last = lowest, highest
        else:
            ends = [_number(end, name, names, text) for end in span.split("-")]
            first, last = ends[0], highest if step and len(ends) == 1 else ends[-1]
        if not lowest <= first <= last <= highest or by < 1:
            raise ValueError(f"cron: {name} {text}: values are from {lowest} to {highest}, in ascending order")
        found.update(range(first, last + 1, by))
    return found


def _number(text, name, names, field):
    if text in names:
        return names.index(text) + 1
    if not text.isdecimal():
        raise ValueError(f"cron: {name} {field}: the local EventBridge supports numbers, names, *, ?, commas, ranges and steps")
    return int(text)
