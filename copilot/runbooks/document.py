"""Read a runbook's Markdown: front matter, title, sections and steps; tolerant of what Confluence and Notion export."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml
from markdown_it import MarkdownIt

from scoring.evidence import CauseKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markdown_it.token import Token

# A longer section is cut at a blank line: what is found is shown, and nobody reads a page in a thread.
SECTION_CHARACTERS = 1500
MOST_STEPS = 20
TITLE_CHARACTERS = 300

_FRONT_MATTER = re.compile(
    r"\A\ufeff?---[ \t]*\r?\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE
)
# Properties of a Notion page, and what people write by hand: `Services: checkout, cart` right below the title.
_PROPERTY = re.compile(
    r"^(?:[*_]{0,2})(?P<name>[A-Za-z][A-Za-z _-]{0,30}?)(?:[*_]{0,2}):(?:[*_]{0,2})[ \t]+(?P<value>\S.*)$"
)
# The tags with which Confluence and Notion speckle their Markdown; `<pod>` in a command is none of them.
_TAG = re.compile(
    r"</?(?:br|p|div|span|a|u|font|details|summary|table|tbody|thead|tr|td|th|colgroup|col|img|strong|em|aside|ac:[\w-]+|ri:[\w-]+)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# Notion puts its id behind the name of every file that it exports.
_NOTION_ID = re.compile(r"[ _-]+[0-9a-f]{32}$")
_STEPS = re.compile(
    r"\b(what to do|to do|fix|fixes|mitigat\w*|resol\w+|remed\w+|actions?|steps?|procedure|recover\w*|roll ?back|repair|restore|respon\w+|"
    r"solution|first aid|workaround)\b",
    re.IGNORECASE,
)
_MARKER = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")
_NAMES: Mapping[str, str] = {
    "service": "services",
    "services": "services",
    "applies to": "services",
    "cause": "causes",
    "causes": "causes",
    "cause kind": "causes",
    "cause kinds": "causes",
    "keyword": "keywords",
    "keywords": "keywords",
    "tags": "keywords",
    "labels": "keywords",
    "alerts": "keywords",
    "alert": "keywords",
    "aliases": "keywords",
    "title": "title",
    "url": "link",
    "link": "link",
    "source": "link",
    "date": "written",
    "updated": "written",
    "last updated": "written",
    "last edited": "written",
    "last edited time": "written",
    "last modified": "written",
    "modified": "written",
}


@dataclass(frozen=True, slots=True)
class Section:
    """Hold one section, or a part of a long one; `steps` are its list items, word for word, where it says what to do."""

    heading: str
    text: str
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """Hold a runbook as it was read; `notes` say what in it was not understood."""

    title: str
    services: tuple[str, ...]
    causes: tuple[str, ...]
    keywords: tuple[str, ...]
    link: str
    written_at: datetime | None
    sections: tuple[Section, ...]
    text: str
    notes: tuple[str, ...]


def read(text: str, *, name: str) -> Document:
    """Return the document of a Markdown text; `name` is its file's, and its title where it says none.

    Nothing is refused: front matter that is no YAML, or a kind of cause that does not
    exist, is told in `notes`.
    """
    text = text.replace("\r\n", "\n").replace("\x00", "")
    notes: list[str] = []
    said, body = _front_matter(text, notes)
    body = _TAG.sub("", _COMMENT.sub("", body))
    tokens = _parser().parse(body)
    lines = body.splitlines()
    title, begin = _title(tokens)
    for place, known in _properties(lines, begin):
        said.setdefault(known[0], known[1])
        lines[place] = ""
    sections = tuple(_sections(tokens, lines, skip_title=bool(title)))
    return Document(
        title=(_word(said.get("title")) or title or _name(name))[:TITLE_CHARACTERS],
        services=_listed(said.get("services")),
        causes=_causes(said.get("causes"), notes),
        keywords=_listed(said.get("keywords")),
        link=_link(said.get("link")),
        written_at=_moment(said.get("written")),
        sections=_with_steps(sections, tokens, lines),
        text=text,
        notes=tuple(notes),
    )


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark")


def _front_matter(text: str, notes: list[str]) -> tuple[dict[str, Any], str]:
    found = _FRONT_MATTER.match(text)
    if not found:
        return {}, text.lstrip("\ufeff")
    body = text[found.end() :]
    try:
        values = yaml.safe_load(found["yaml"])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # A date that does not exist is a ValueError, brackets without end a RecursionError.
        notes.append(f"its front matter is no YAML and was passed over: {str(error).splitlines()[0]}")
        return {}, body
    if values is None:
        return {}, body
    if not isinstance(values, dict):
        notes.append("its front matter is no list of `name: value` and was passed over")
        return {}, body
    known: dict[str, Any] = {}
    for name, value in values.items():
        meant = _NAMES.get(" ".join(str(name).casefold().replace("_", " ").replace("-", " ").split()))
        if meant and value is not None:
            known[meant] = value if meant not in known else [*_listed(known[meant]), *_listed(value)]
    return known, body


def _title(tokens: Sequence[Token]) -> tuple[str, int]:
    """Return the text of the first heading, and the line after it, where it opens the document; else nothing and 0."""
    if tokens and tokens[0].type == "heading_open" and tokens[0].map:
        return _plain(tokens[1]), tokens[0].map[1]
    return "", 0


def _plain(token: Token) -> str:
    """Return an inline token's text without its marks."""
    return " ".join("".join(child.content or " " for child in token.children or ()).split()) or token.content


def _properties(lines: Sequence[str], begin: int) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield the lines right below the title that name a property we know: place, then name and value."""
    for place in range(begin, min(begin + 20, len(lines))):
        if not lines[place].strip():
            continue
        found = _PROPERTY.match(lines[place])
        if not found:
            return
        name = _NAMES.get(" ".join(found["name"].casefold().replace("_", " ").replace("-", " ").split()))
        if name and name != "title":
            yield place, (name, found["value"].strip().strip("*_"))


def _sections(tokens: Sequence[Token], lines: Sequence[str], *, skip_title: bool) -> Iterator[Section]:
    starts = [
        (token.map[0], token.map[1], _plain(tokens[place + 1]))
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0 and token.map
    ]
    heads = [("" if skip_title and not place else head, after) for place, (_, after, head) in enumerate(starts)]
    ends = [*(begin for begin, _, _ in starts), len(lines)]
    if starts and starts[0][0] == 0:
        del ends[0]
    else:
        # What stands before the first heading, or a text without any.
        heads.insert(0, ("", 0))
    for (head, begin), end in zip(heads, ends, strict=True):
        text = "\n".join(lines[begin:end]).strip()
        if not text and not head:
            continue
        for part in _cut(text):
            yield Section(head[:TITLE_CHARACTERS], part)


def _cut(text: str) -> Iterator[str]:
    """Yield a text in parts of bounded length, cut at blank lines, else at lines, else anywhere."""
    while len(text) > SECTION_CHARACTERS:
        at = max(text.rfind("\n\n", 0, SECTION_CHARACTERS), 0) or max(text.rfind("\n", 0, SECTION_CHARACTERS), 0)
        at = at or SECTION_CHARACTERS
        yield text[:at].strip()
        text = text[at:].strip()
    yield text


def _with_steps(sections: Sequence[Section], tokens: Sequence[Token], lines: Sequence[str]) -> tuple[Section, ...]:
    """Return the sections with the steps of those that say what to do; where none does, of the first numbered list."""
    by_heading = {one.heading for one in sections if _STEPS.search(one.heading)}
    found: dict[str, list[str]] = {}
    heading, is_first, numbered = "", True, ""
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            heading = "" if is_first and not place else _plain(tokens[place + 1])[:TITLE_CHARACTERS]
            is_first = False
        elif token.type == "ordered_list_open" and token.level == 0 and not numbered:
            numbered = heading or "\x00"
        elif token.type == "list_item_open" and token.level == 1 and token.map:
            item = "\n".join(lines[token.map[0] : token.map[1]]).strip()
            found.setdefault(heading, []).append(_MARKER.sub("", item, count=1).strip())
    wanted = {one for one in by_heading if found.get(one)}
    if not wanted and numbered:
        wanted = {numbered.strip("\x00")}
    told: set[str] = set()
    made = []
    for one in sections:
        steps = found.get(one.heading, []) if one.heading in wanted and one.heading not in told else []
        told.add(one.heading)
        made.append(Section(one.heading, one.text, tuple(filter(None, steps[:MOST_STEPS]))))
    return tuple(made)


def _listed(value: Any) -> tuple[str, ...]:
    """Return one or several words as they are written in YAML, or with commas between them; lists within lists say nothing.

    YAML's aliases make a few lines stand for a text of any length, so that nothing nested is written out.
    """
    if isinstance(value, dict | set):
        return ()
    given = value if isinstance(value, list | tuple) else str(value).split(",") if value is not None else []
    words = (str(one).strip()[:200] for one in given if not isinstance(one, list | tuple | dict | set))
    return tuple(dict.fromkeys(one for one in words if one))


def _word(value: Any) -> str:
    """Return one word or line of front matter, nothing for what is nested."""
    return "" if value is None or isinstance(value, list | tuple | dict | set) else str(value).strip()


def _causes(value: Any, notes: list[str]) -> tuple[str, ...]:
    known = {kind.value for kind in CauseKind}
    found = []
    for one in _listed(value):
        kind = " ".join(one.casefold().replace("_", " ").replace("-", " ").split())
        if kind in known:
            found.append(kind)
        else:
            notes.append(f"{one!r} is no kind of cause; they are: {', '.join(sorted(known))}")
    return tuple(dict.fromkeys(found))


def _link(value: Any) -> str:
    text = _word(value)
    return text if re.match(r"https?://\S+$", text) and len(text) <= 1000 else ""


def _moment(value: Any) -> datetime | None:
    """Return a date of front matter or of an export, which is taken as UTC where it names no zone."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    text = _word(value)
    for form in ("%B %d, %Y %I:%M %p", "%B %d, %Y", "%d %B %Y", "%b %d, %Y", "%d %b %Y", "%Y/%m/%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _name(name: str) -> str:
    """Return a title made from a file's name."""
    stem = name.replace("\\", "/").rsplit("/", 1)[-1]
    stem = stem.rsplit(".", 1)[0] if "." in stem else stem
    words = re.sub(r"[-_]+", " ", _NOTION_ID.sub("", stem)).strip()
    return (words[:1].upper() + words[1:]) or "Runbook"


__all__ = ["Document", "Section", "read"]
