"""A topology file: what it may say, and in which words, on which line, it is told that it says something else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.topology.document import Document, Entry, Need, WrongTopology, parse, parse_json, unknown

FILE = """\
# Who needs whom in the shop
services:
  checkout:
    namespace: shop
    user_facing: true
    owners: [dana@example.org]
    needs:
      - payments
      - service: orders-db
        why: orders are kept there
  payments: {workload: payments-v2, needs: [stripe]}
  orders-db:
    kind: database
  stripe: {kind: external}
  idle:
"""
DO = "list it under services, with kind: external where it is not yours"
KNOWN = "known are kind, namespace, workload, selector, pagerduty_id, channel, repository, owners, paths, user_facing, needs"


def test_a_file_says_what_services_are_and_what_they_need_and_why() -> None:
    assert parse(FILE) == Document(
        (
            Entry(
                "checkout",
                {"namespace": "shop", "entrance": "file", "owners": ["dana@example.org"]},
                (Need("payments", "", 8), Need("orders-db", "orders are kept there", 9)),
                4,
            ),
            Entry("payments", {"workload": "payments-v2"}, (Need("stripe", "", 11),), 11),
            Entry("orders-db", {"kind": "database"}, (), 13),
            Entry("stripe", {"kind": "external"}, (), 14),
            Entry("idle", {}, (), 15),
        )
    )


def test_json_is_yaml_too() -> None:
    assert parse('{"services": {"a": {"needs": ["b"]}, "b": {}}}').entries[0].needs == (Need("b", "", 1),)


def test_json_is_read_with_its_tabs_and_its_characters_in_halves() -> None:
    told = parse_json('{\n\t"services": {\n\t\t"a": {"channel": "#\\ud83d\\ude00", "paths": ["src/a"]}\n\t}\n}')

    assert told == Document((Entry("a", {"channel": "#😀", "paths": ["src/a"]}, (), 3),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: {a: {}}", "line 1: this is not JSON: Expecting value"),
        ('{"services": {\n"a": {},\n}}', "line 3: this is not JSON: Expecting property name enclosed in double quotes"),
        ('{"services": {\n"a": {"needs": "b"}}}', "line 2: a: needs must be a list, not 'b'; e.g. needs: [payments]"),
        ("[" * 100_000, "this is nested far too deeply for a topology"),
        ('{"services": {"a": ' + "1" * 5_000 + "}}", f"line 1: a must be a mapping, not '{'1' * 40}…'; e.g. a: {{needs: [payments]}}"),
    ],
    ids=["YAML", "a comma too many", "a text for a list", "depth", "a number"],
)  # fmt: skip
def test_json_that_is_none_or_is_wrong_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(WrongTopology) as wrong:
        parse_json(text)

    assert str(wrong.value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the file must be a mapping with the key services, e.g. services: {checkout: {}}"),
        ("- checkout", "line 1: the file must be a mapping with the key services, e.g. services: {checkout: {}}"),
        ("{}", "line 1: the key services is missing; begin the file with services:"),
        ("service:\n  a: {}", "line 2: unknown key 'service'; did you mean services?; the file has the key services alone"),
        ("services: [a, b]", "line 1: services must be a mapping of names, not a list; write name: on a line of its own"),
        ("services:\n\ta: {}", "line 2: this is not YAML: found character '\\t' that cannot start any token; indent with spaces, not tabs"),
        ("services:\n  a: {needs: [b\n", "line 3: this is not YAML: expected ',' or ']', but got '<stream end>'"),
        ("services:\n  a: yes please", "line 2: a must be a mapping, not 'yes please'; e.g. a: {needs: [payments]}"),
        (
            "services:\n  a:\n    namespase: shop",
            f"line 3: a: unknown field 'namespase'; did you mean namespace?; {KNOWN}",
        ),
        (
            "services:\n  a:\n    depends_on: [b]",
            f"line 3: a: unknown field 'depends_on'; did you mean needs?; {KNOWN}",
        ),
        (
            "services:\n  a:\n    kind: databse",
            "line 3: a: kind is 'databse'; did you mean database?; known are service, database, queue, external",
        ),
        ("services:\n  a:\n    needs: b", "line 3: a: needs must be a list, not 'b'; e.g. needs: [payments]"),
        ("services:\n  a:\n    needs:\n      - a", "line 4: a needs itself; take that line out"),
        ("services:\n  a:\n    needs:\n      - b\n      - b", "line 5: a: needs 'b' on line 4 already"),
        (
            "services:\n  a:\n    needs:\n      - why: it is there",
            "line 4: a: an entry of needs lacks service; write - payments, or - service: payments",
        ),
        (
            "services:\n  a:\n    needs: [[b]]",
            "line 3: a: an entry of needs must be a name or {service: …, why: …}, not a list",
        ),
        ("services:\n  a:\n    user_facing: maybe", "line 3: a: user_facing must be true or false, not 'maybe'"),
        ("services:\n  a:\n    channel:", "line 3: a: channel must be a text, not nothing"),
        ("services:\n  a:\n    namespace: [x]", "line 3: a: namespace must be a text, not a list"),
        (f"services:\n  a:\n    namespace: {'n' * 64}", "line 3: a: namespace has 64 characters; 63 at most are kept"),
        ("services:\n  a: {}\n  b: {}\n  a: {}", "line 4: services: 'a' stands on line 2 already; put the two together"),
        ("services:\n  shop/a: {}", "line 2: 'shop/a' cannot be the name of a service: 1 to 120 characters without a slash are expected"),
        ("services:\n  [a]: {}", "line 2: services: a key must be a word, not a list"),
        (
            "services:\n  a:\n    paths:\n      - src\n      - ../b",
            "line 4: a: paths: '../b' is no folder of a repository: write it as services/checkout",
        ),
        ('services:\n  a:\n    channel: "#\\ud83d"', "line 3: a: channel has a NUL or half a character, which no database keeps"),
        ("services:\n  a:\n    channel: \x07", "line 3: this is not YAML: the character 0x7 is not allowed"),
        ("services:\n  a:\n    owners: dana", "line 3: a: owners must be a list of at most 50 words, e.g. owners: [dana@example.org]"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_what_to_do(text: str, said: str) -> None:
    with pytest.raises(WrongTopology) as wrong:
        parse(text)

    assert str(wrong.value) == said


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_lines() -> None:
    with pytest.raises(WrongTopology) as wrong:
        parse("services:\n  a: {kind: thing, user_facing: 3}\n  b:\n    needs: x\n")

    assert [line for line, _ in wrong.value.problems] == [2, 2, 4]


def test_needs_of_nobody_are_found_with_the_nearest_name() -> None:
    told = parse("services:\n  checkout:\n    needs:\n      - paymets\n      - cache\n")

    ((line, said),) = unknown(told, {"payments", "cache"})
    assert (line, said) == (
        4,
        f"checkout needs 'paymets', which is neither in this file nor known; did you mean payments?; {DO}",
    )


@given(st.text(max_size=200) | st.text(alphabet="services: \n-[]{}a&*!'\"#|>\t", max_size=120))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with suppress(WrongTopology):
        assert isinstance(parse(text), Document)


def test_a_file_nested_without_end_is_refused() -> None:
    with pytest.raises(WrongTopology, match="nested far too deeply"):
        parse("[" * 1_000)
