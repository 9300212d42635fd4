"""What the command line prints for people: tables that lose nothing in 80 columns, and text that cannot steer the terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table
    from rich.text import Text

_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return text from outside without what could steer the terminal or turn the direction of writing; its lines stay."""
    return _STEERING.sub("", text)


def on_one_line(text: str) -> str:
    """Return text from outside as one line."""
    return printable(" ".join(text.split()))


def line(text: str, style: str = "") -> Text:
    """Return text from outside as rich prints it: no markup in it counts, and nothing in it steers."""
    from rich.text import Text

    return Text(printable(text), style)


def table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, whole: Sequence[str] = ()) -> Table:
    """Return a table; the columns in `whole` are never wrapped (ids, times), in the others a word may be, but none is cut off."""
    from rich import box
    from rich.table import Column, Table

    made = Table(
        *(Column(name, no_wrap=name in whole, overflow="ignore" if name in whole else "fold") for name in headings),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    for row in rows:
        made.add_row(*(line(cell) if isinstance(cell, str) else cell for cell in row))
    return made
