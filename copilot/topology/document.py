"""A topology file: services and what they need, in YAML or JSON, checked with the number of the line that is wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml
from django.core.exceptions import ValidationError
from rapidfuzz import fuzz, process
from yaml.reader import ReaderError

from copilot.models.service import MOST_PATHS, are_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

MOST_CHARACTERS = 2_000_000
MOST_SERVICES = 2000
MOST_NEEDS = 200
MOST_PROBLEMS = 20
KINDS = ("service", "database", "queue", "external")
# The lengths that the columns have.
_TEXTS = {"namespace": 63, "workload": 253, "selector": 500, "pagerduty_id": 40, "channel": 100, "repository": 200}
# Lists of words: how many at most, and how long each.
_LISTS = {"owners": (50, 200, "dana@example.org"), "paths": (MOST_PATHS, 300, "services/checkout")}
FIELDS = ("kind", *_TEXTS, *_LISTS, "user_facing", "needs")
_ALIKE = 60
_TOO_DEEP = "this is nested far too deeply for a topology"


class WrongTopology(ValueError):
    """Say all that is wrong in a topology file; `problems` has the line (0 where it is the whole) and the words of each."""

    def __init__(self, problems: list[tuple[int, str]]) -> None:
        self.problems = tuple(sorted(problems))
        shown = [f"line {line}: {text}" if line else text for line, text in self.problems[:MOST_PROBLEMS]]
        if len(problems) > MOST_PROBLEMS:
            shown.append(f"… and {len(problems) - MOST_PROBLEMS} more")
        super().__init__("\n".join(shown))


@dataclass(frozen=True, slots=True)
class Need:
    """Name a service that another needs, with the reason where one is given."""

    service: str
    why: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """Hold one service of a file: the values that it gives, and what it needs."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """Hold a checked file."""

    entries: tuple[Entry, ...]


def parse(text: str) -> Document:
    """Return what a file says.

    :raises WrongTopology: naming every line that is wrong, what was expected, and the nearest known word.
    """
    if len(text) > MOST_CHARACTERS:
        raise WrongTopology([(0, f"the file has {len(text):,} characters; {MOST_CHARACTERS:,} at most are read")])
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = "; indent with spaces, not tabs" if "\\t" in str(error.problem) else ""
        raise WrongTopology([((mark.line + 1) if mark else 0, f"this is not YAML: {error.problem}{hint}")]) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise WrongTopology([(line, f"this is not YAML: the character {error.character:#x} is not allowed")]) from None
    except yaml.YAMLError as error:
        raise WrongTopology([(0, f"this is not YAML: {str(error).splitlines()[0]}")]) from None
    except RecursionError:
        raise WrongTopology([(0, _TOO_DEEP)]) from None
    reader = _Reader()
    entries = tuple(reader.entries(root))
    if reader.problems:
        raise WrongTopology(reader.problems)
    return Document(entries)


def parse_json(text: str) -> Document:
    """Return what a file in JSON says; as `parse`, only that it has to be JSON.

    :raises WrongTopology: as `parse` does.
    """
    try:
        # Numbers are taken as they are written: Python refuses those of some thousand digits with another error.
        json.loads(text[: MOST_CHARACTERS + 1], parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise WrongTopology([(error.lineno, f"this is not JSON: {error.msg}")]) from None
    except RecursionError:
        raise WrongTopology([(0, _TOO_DEEP)]) from None
    # JSON is YAML but for its tabs, which stand between its words alone.
    return parse(text.replace("\t", " "))


def unknown(document: Document, known: Collection[str]) -> list[tuple[int, str]]:
    """Return the needs that name neither a service of the file nor one that is known."""
    names = {one.name for one in document.entries}
    everything = sorted({*names, *known})

    def told(entry: Entry, need: Need) -> str:
        said = f"{entry.name} needs {need.service!r}, which is neither in this file nor known{_meant(need.service, everything)}"
        return f"{said}; list it under services, with kind: external where it is not yours"

    return [
        (need.line, told(entry, need))
        for entry in document.entries
        for need in entry.needs
        if need.service not in names and need.service not in known
    ]


class _Reader:
    """Walk the file's nodes, which know their lines, and collect what is wrong."""

    def __init__(self) -> None:
        self.problems: list[tuple[int, str]] = []

    def _wrong(self, node: yaml.Node, text: str) -> None:
        self.problems.append((node.start_mark.line + 1, text))

    def entries(self, root: yaml.Node | None) -> Iterator[Entry]:
        if not isinstance(root, yaml.MappingNode):
            self.problems.append((1, "the file must be a mapping with the key services, e.g. services: {checkout: {}}"))
            return
        found = False
        for key, value in self._pairs(root, "the file"):
            if key != "services":
                self._wrong(
                    value, f"unknown key {key!r}{_meant(key, ['services'])}; the file has the key services alone"
                )
                continue
            found = True
            if not isinstance(value, yaml.MappingNode):
                self._wrong(
                    value, f"services must be a mapping of names, not {_sort(value)}; write name: on a line of its own"
                )
                continue
            if len(value.value) > MOST_SERVICES:
                self._wrong(value, f"there are {len(value.value)} services; {MOST_SERVICES} at most are read")
                continue
            for name, entry in self._pairs(value, "services"):
                if self._is_name(name, entry, "a service"):
                    yield self._entry(name, entry)
        if not found and not self.problems:
            self.problems.append((1, "the key services is missing; begin the file with services:"))

    def _pairs(self, mapping: yaml.MappingNode, where: str) -> Iterator[tuple[str, yaml.Node]]:
        """Yield keys and values; a key that is no word, or stands twice, is wrong."""
        lines: dict[str, int] = {}
        for key, value in mapping.value:
            if not isinstance(key, yaml.ScalarNode):
                self._wrong(key, f"{where}: a key must be a word, not {_sort(key)}")
                continue
            name = _text(key)
            if name in lines:
                self._wrong(key, f"{where}: {name!r} stands on line {lines[name]} already; put the two together")
                continue
            lines[name] = key.start_mark.line + 1
            yield name, value

    def _is_name(self, name: str, node: yaml.Node, what: str) -> bool:
        if not name or len(name) > 120 or "/" in name or not _can_be_kept(name):
            shown = name if len(name) <= 40 else f"{name[:40]}…"
            self._wrong(
                node, f"{shown!r} cannot be the name of {what}: 1 to 120 characters without a slash are expected"
            )
            return False
        return True

    def _entry(self, name: str, node: yaml.Node) -> Entry:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null":
            return Entry(name, line=line)
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{name} must be a mapping, not {_sort(node)}; e.g. {name}: {{needs: [payments]}}")
            return Entry(name, line=line)
        values: dict[str, Any] = {}
        needs: tuple[Need, ...] = ()
        for key, value in self._pairs(node, name):
            if key == "needs":
                needs = self._needs(name, value)
            elif key in _LISTS:
                values[key] = self._words(name, key, value)
            elif key == "user_facing":
                values["entrance"] = "file" if self._truth(name, key, value) else ""
            elif key == "kind":
                kind = self._word(name, key, value, 20)
                if kind and kind not in KINDS:
                    self._wrong(value, f"{name}: kind is {kind!r}{_meant(kind, KINDS)}; known are {', '.join(KINDS)}")
                values[key] = kind
            elif key in _TEXTS:
                values[key] = self._word(name, key, value, _TEXTS[key])
            else:
                others = {"depends_on": "needs", "depends": "needs", "dependencies": "needs", "calls": "needs"}
                nearest = f"; did you mean {others[key]}?" if key in others else _meant(key, FIELDS)
                self._wrong(value, f"{name}: unknown field {key!r}{nearest}; known are {', '.join(FIELDS)}")
        return Entry(name, values, needs, line)

    def _needs(self, name: str, node: yaml.Node) -> tuple[Need, ...]:
        if not isinstance(node, yaml.SequenceNode):
            self._wrong(node, f"{name}: needs must be a list, not {_sort(node)}; e.g. needs: [payments]")
            return ()
        if len(node.value) > MOST_NEEDS:
            self._wrong(node, f"{name}: needs has {len(node.value)} entries; {MOST_NEEDS} at most are read")
            return ()
        found: dict[str, Need] = {}
        for one in node.value:
            need = self._need(name, one)
            if need is None:
                continue
            if need.service == name:
                self._wrong(one, f"{name} needs itself; take that line out")
            elif need.service in found:
                self._wrong(one, f"{name}: needs {need.service!r} on line {found[need.service].line} already")
            else:
                found[need.service] = need
        return tuple(found.values())

    def _need(self, name: str, node: yaml.Node) -> Need | None:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            service = _text(node)
            return Need(service, line=line) if self._is_name(service, node, "a service") else None
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{name}: an entry of needs must be a name or {{service: …, why: …}}, not {_sort(node)}")
            return None
        found = {}
        for key, value in self._pairs(node, f"{name}: needs"):
            if key not in {"service", "why"}:
                self._wrong(value, f"{name}: needs: unknown field {key!r}; known are service, why")
                continue
            found[key] = self._word(name, f"needs: {key}", value, 300)
        if not found.get("service"):
            self._wrong(node, f"{name}: an entry of needs lacks service; write - payments, or - service: payments")
            return None
        if not self._is_name(found["service"], node, "a service"):
            return None
        return Need(found["service"], found.get("why", ""), line)

    def _words(self, name: str, key: str, node: yaml.Node) -> list[str]:
        most, longest, example = _LISTS[key]
        if not isinstance(node, yaml.SequenceNode) or len(node.value) > most:
            self._wrong(node, f"{name}: {key} must be a list of at most {most} words, e.g. {key}: [{example}]")
            return []
        words = [word for one in node.value if (word := self._word(name, key, one, longest))]
        if key == "paths":
            try:
                are_paths(words)
            except ValidationError as error:
                self._wrong(node, f"{name}: {key}: {error.message}")
        return words

    def _word(self, name: str, key: str, node: yaml.Node, longest: int) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
            self._wrong(node, f"{name}: {key} must be a text, not {_sort(node)}")
            return ""
        text = _text(node)
        if len(text) > longest:
            self._wrong(node, f"{name}: {key} has {len(text)} characters; {longest} at most are kept")
            return ""
        if not _can_be_kept(text):
            self._wrong(node, f"{name}: {key} has a NUL or half a character, which no database keeps")
            return ""
        return text

    def _truth(self, name: str, key: str, node: yaml.Node) -> bool:
        known: Callable[[str], bool | None] = {"true": True, "yes": True, "false": False, "no": False}.get
        found = known(str(node.value).lower()) if isinstance(node, yaml.ScalarNode) else None
        if found is None:
            self._wrong(node, f"{name}: {key} must be true or false, not {_sort(node)}")
        return bool(found)


def _text(node: yaml.ScalarNode) -> str:
    """Return what stands there; JSON writes a character beyond U+FFFF as two halves, which YAML leaves apart."""
    return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass").strip()


def _can_be_kept(text: str) -> bool:
    """Return whether PostgreSQL takes it."""
    return not any(one == "\x00" or "\ud800" <= one <= "\udfff" for one in text)


def _sort(node: yaml.Node) -> str:
    """Return in words what stands there."""
    if isinstance(node, yaml.ScalarNode):
        if node.tag == "tag:yaml.org,2002:null":
            return "nothing"
        shown = str(node.value)
        return repr(shown if len(shown) <= 40 else f"{shown[:40]}…")
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _meant(word: str, known: Collection[str]) -> str:
    closest = process.extractOne(word, list(known), scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return f"; did you mean {closest[0]}?" if closest else ""
