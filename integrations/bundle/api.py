"""Answers of the API server in a bundle: JSON and YAML of `kubectl get -o`, and what `kubectl cluster-info dump` writes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

Object = dict[str, Any]

# `cluster-info dump` prints logs between the objects.
_LOGS = re.compile(
    r"^==== START logs for container (?P<container>\S+) of pod (?P<namespace>[^/\s]+)/(?P<pod>\S+) ====\n(?P<lines>.*?)"
    r"^==== END logs for container .*?$",
    re.MULTILINE | re.DOTALL,
)


def logs(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a dump without its logs, and the logs by pod."""
    found = [(match["pod"], match["lines"]) for match in _LOGS.finditer(text)]
    return (_LOGS.sub("", text) if found else text), found


def documents(text: str) -> Iterator[Any]:
    """Yield the JSON or YAML documents of a text; nothing where it is neither."""
    bare = text.lstrip()
    if bare.startswith(("{", "[")):
        yield from _json(bare)
    elif re.search(r"^(apiVersion|kind|items):", text, re.MULTILINE):
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            yield from list(yaml.load_all(text, Loader=loader))
        except (yaml.YAMLError, RecursionError):
            return


def _json(text: str) -> Iterator[Any]:
    decoder, place = json.JSONDecoder(), 0
    while place < len(text):
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return
        yield value
        place = end
        while place < len(text) and text[place].isspace():
            place += 1


def objects(document: Any) -> Iterator[tuple[str, Object | None]]:
    """Yield kind and object of each of a document's; a list tells by a None that it is whole. Secrets come without their values."""
    if not isinstance(document, dict) or not isinstance(document.get("kind"), str):
        return
    kind: str = document["kind"]
    items = document.get("items")
    if not kind.endswith("List"):
        if isinstance(document.get("metadata"), dict):
            yield kind, _bare(kind, document)
        return
    of = kind.removesuffix("List")
    if of:
        yield of, None
    for one in items if isinstance(items, list) else ():
        if isinstance(one, dict) and isinstance(one.get("metadata"), dict):
            own = str(one.get("kind") or of)
            if own:
                yield own, _bare(own, one)


def _bare(kind: str, value: Object) -> Object:
    if kind == "Secret":
        # Which keys there are is compared, what they hold goes no further.
        keys = [*(value.get("data") or ()), *(value.get("stringData") or ())]
        # kubectl apply leaves the whole object, values and all, in an annotation.
        metadata = {key: word for key, word in value["metadata"].items() if key != "annotations"}
        return {"metadata": metadata, "type": value.get("type"), "data": dict.fromkeys(keys, "")}
    return value
