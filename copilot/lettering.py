"""Text in pictures: what the typeface lacks is replaced, so that nothing is drawn as an empty box."""

from __future__ import annotations

from functools import cache


def drawable(words: str) -> str:
    """Return the words with a question mark for each character that the pictures' typeface lacks."""
    known = _typeface()
    return "".join(character if ord(character) in known else "?" for character in words)


@cache
def _typeface() -> frozenset[int]:
    """Return the code points that the pictures' typeface has; listing them takes longer than drawing a line."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())
