"""Which queries are taken apart, and into what."""

from hypothesis import given
from hypothesis import strategies as st

from copilot.replay.promql import Part, parts
from integrations.prometheus.pack import builtin


def marked(query: str, value: str, label: str = "mark") -> str:
    return f'label_replace({query}, "{label}", "{value}", "", "")'


def test_a_plain_query_is_itself() -> None:
    assert parts('  sum(rate(x{job="a"}[2m])) ') == (Part('sum(rate(x{job="a"}[2m]))'),)


def test_a_union_of_marked_queries_is_its_parts() -> None:
    query = f"{marked('a{}', '0')} or {marked('sum by (le) (b{})', '1')}"

    assert parts(query) == (Part("a{}", "mark", "0"), Part("sum by (le) (b{})", "mark", "1"))


def test_an_or_inside_of_a_part_stays_there() -> None:
    query = f"{marked('(a or 0 * b) / c', '0')} or {marked('d / (e > 0) or 0 * f', '1')}"

    assert [part.query for part in parts(query)] == ["(a or 0 * b) / c", "d / (e > 0) or 0 * f"]


def test_a_union_without_marks_is_one_query() -> None:
    assert parts("a or b") == (Part("a or b"),)


def test_two_equal_marks_keep_the_union_together() -> None:
    query = f"{marked('a', '0')} or {marked('b', '0')}"

    assert parts(query) == (Part(query),)


def test_a_label_replace_that_reads_a_label_is_no_mark() -> None:
    query = 'label_replace(a, "x", "$1", "pod", "(.+)") or label_replace(b, "x", "1", "", "")'

    assert parts(query) == (Part(query),)


def test_words_in_quotes_do_not_part() -> None:
    query = marked('x{path="a or b, c) or (d", quote="\\" or "}', "7")

    assert parts(query) == (Part('x{path="a or b, c) or (d", quote="\\" or "}', "mark", "7"),)


def test_a_metric_that_ends_in_or_does_not_part() -> None:
    assert parts("collector or_total") == (Part("collector or_total"),)


EXPRESSIONS = [query for indicator in builtin().indicators for query in indicator.queries]


@given(st.lists(st.sampled_from(EXPRESSIONS), min_size=1, max_size=24))
def test_what_the_product_puts_together_comes_apart_again(expressions: list[str]) -> None:
    together = " or ".join(marked(query, str(number)) for number, query in enumerate(expressions))

    assert [part.query for part in parts(together)] == [query.strip() for query in expressions]
