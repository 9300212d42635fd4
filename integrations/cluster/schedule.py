"""Read cron schedules as Kubernetes does, and tell when one was last due."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_NAMES = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
# Lowest and highest value of each field, and the names that stand for values.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, tuple(_MONTHS)),
    ("day of week", 0, 7, tuple(_DAYS)),
)
_ENTRY = re.compile(r"(?P<from>\*|\?|[a-z0-9]+)(-(?P<to>[a-z0-9]+))?(/(?P<step>\d+))?")
_MOST_DAYS = 400


class BadSchedule(ValueError):
    """Say which part of a schedule cannot be read."""


class Schedule:
    """Hold a cron schedule of five fields, or one of the names such as `@daily`, in a time zone."""

    def __init__(self, text: str, zone: str = "") -> None:
        """Read a schedule.

        :raises BadSchedule: naming the field that cannot be read.
        """
        found = re.match(r"(?:CRON_)?TZ=(\S+)\s+(.*)", text.strip())
        if found:
            zone, text = found[1], found[2]
        try:
            self.zone: ZoneInfo | None = ZoneInfo(zone) if zone else None
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise BadSchedule(f"there is no time zone {zone!r}") from error
        text = _NAMES.get(text.strip().lower(), text)
        parts = text.lower().split()
        if len(parts) != len(_FIELDS):
            raise BadSchedule(f"a schedule has five fields, this one {len(parts)}")
        values = [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
        self.minutes, self.hours, self.days, self.months = values[:4]
        self.weekdays = {day % 7 for day in values[4]}
        # Where both days are restricted, either is enough.
        self.any_day, self.any_weekday = parts[2][0] in "*?", parts[4][0] in "*?"

    def last_due(self, at: float) -> float | None:
        """Return the last time at or before `at` when the schedule was due, None where it was not for a year."""
        now = datetime.fromtimestamp(at, self.zone or UTC).replace(second=0, microsecond=0)
        for back in range(_MOST_DAYS):
            day = (now - timedelta(days=back)).date()
            if not self._is_day(day.month, day.day, (day.weekday() + 1) % 7):
                continue
            for hour in sorted(self.hours, reverse=True):
                for minute in sorted(self.minutes, reverse=True):
                    due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=now.tzinfo)
                    if due <= now:
                        return due.timestamp()
        return None

    def _is_day(self, month: int, day: int, weekday: int) -> bool:
        if month not in self.months:
            return False
        if self.any_day or self.any_weekday:
            return day in self.days and weekday in self.weekdays
        return day in self.days or weekday in self.weekdays


def _values(text: str, field: str, low: int, high: int, names: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        entry = _ENTRY.fullmatch(part)
        if entry is None:
            raise BadSchedule(f"the {field} {part!r} cannot be read")
        step = int(entry["step"][:6]) if entry["step"] else 1
        first = low if entry["from"] in "*?" else _value(entry["from"], field, low, names)
        last = (
            _value(entry["to"], field, low, names)
            if entry["to"]
            else high
            if entry["from"] in "*?" or entry["step"]
            else first
        )
        if not low <= first <= last <= high or step < 1:
            raise BadSchedule(f"the {field} {part!r} is not within {low}–{high}")
        found |= set(range(first, last + 1, step))
    return found


def _value(word: str, field: str, low: int, names: tuple[str, ...]) -> int:
    if word in names:
        return names.index(word) + low
    if not word.isdigit() or len(word) > 4:
        raise BadSchedule(f"the {field} {word!r} is no number")
    return int(word)
