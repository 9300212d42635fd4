"""Match labels against selectors, as the API server does, and say a selector in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integrations.cluster import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from integrations.cluster.fields import Object


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Return whether labels meet a LabelSelector (`matchLabels`, `matchExpressions`); an empty one takes everything."""
    if any(labels.get(key) != word for key, word in fields.words(selector, "matchLabels").items()):
        return False
    return all(meets(one, labels) for one in fields.parts(selector, "matchExpressions"))


def meets(expression: Object, labels: Mapping[str, str]) -> bool:
    """Return whether labels meet one requirement of a selector or of a node's affinity."""
    key, operator, wanted = fields.text(expression, "key"), fields.text(expression, "operator"), _values(expression)
    have = labels.get(key)
    match operator:
        case "In":
            return have in wanted
        case "NotIn":
            return have not in wanted
        case "Exists":
            return have is not None
        case "DoesNotExist":
            return have is None
        case "Gt" | "Lt":
            try:
                number, bound = int(have or ""), int(wanted[0])
            except (ValueError, IndexError):
                return False
            return number > bound if operator == "Gt" else number < bound
    return True


def is_empty(selector: Object) -> bool:
    """Return whether a LabelSelector takes everything."""
    return not fields.part(selector, "matchLabels") and not any(
        True for _ in fields.parts(selector, "matchExpressions")
    )


def said(labels: Mapping[str, str]) -> str:
    """Return labels as kubectl writes them, e.g. `app=payments,tier=web`."""
    return ",".join(f"{key}={word}" for key, word in sorted(labels.items()))


def told(selector: Object) -> str:
    """Return a LabelSelector in words."""
    plain = said(fields.words(selector, "matchLabels"))
    expressions = (told_expression(one) for one in fields.parts(selector, "matchExpressions"))
    return ", ".join(word for word in (plain, *expressions) if word) or "everything"


def told_expression(expression: Object) -> str:
    """Return one requirement in words, e.g. `disk in (ssd, nvme)`."""
    key, operator, wanted = fields.text(expression, "key"), fields.text(expression, "operator"), _values(expression)
    values = ", ".join(wanted)
    shapes = {
        "In": f"{key} in ({values})", "NotIn": f"{key} not in ({values})", "Exists": f"{key} is set",
        "DoesNotExist": f"{key} is not set", "Gt": f"{key} > {values}", "Lt": f"{key} < {values}",
    }  # fmt: skip
    return shapes.get(operator, f"{key} {operator} {values}".strip())


def _values(expression: Object) -> tuple[str, ...]:
    values = expression.get("values")
    return tuple(str(one) for one in values) if isinstance(values, list) else ()
