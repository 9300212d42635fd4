"""A shop whose payments become slow, as traces: checkout calls payments, which asks orders-db."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.base import ServiceScope
from integrations.tracing.spans import Span
from scoring.observations import Window

ALERT = 1_795_169_106.0
WINDOW = Window(start=ALERT - 3600, end=ALERT + 600, alert_at=ALERT)
BROKEN_SINCE = ALERT - 420
CHECKOUT = ServiceScope(name="checkout", namespace="shop", workload="deployment/checkout")
PAYMENTS = ServiceScope(name="payments", namespace="shop")


@dataclass(frozen=True, slots=True)
class Shop:
    """Make traces of the shop, one every `every` seconds since `begin`; `suffix` ends the names of services in traces."""

    every: float = 10.0
    suffix: str = ""
    begin: float = WINDOW.start
    broken_since: float = BROKEN_SINCE

    def spans(self, start: float, end: float) -> list[Span]:
        """Return the spans of traces that began in a time, oldest first."""
        number = max(0, int((start - self.begin) // self.every))
        found: list[Span] = []
        while (at := self.begin + number * self.every) < end:
            if at >= start:
                found += self.trace(number, at)
            number += 1
        return found

    def trace(self, number: int, at: float) -> list[Span]:
        """Return the spans of one trace."""
        broken = at >= self.broken_since
        work = (2.0 if broken else 0.05) + 0.001 * (number % 5)
        failed = broken and number % 4 == 0
        trace = f"{number + 1:032x}"
        checkout, payments = f"checkout{self.suffix}", f"payments{self.suffix}"
        return [
            Span(trace, "a1", "", checkout, "GET /cart", "server", at, work + 0.03, failed),
            Span(trace, "a2", "a1", checkout, "POST", "client", at + 0.01, work + 0.01, failed),
            Span(trace, "b1", "a2", payments, "POST /pay", "server", at + 0.015, work, failed),
            Span(
                trace, "b2", "b1", payments, "SELECT orders", "client", at + 0.02, 0.004,
                host="orders-db.shop.svc.cluster.local", system="postgresql",
            ),
        ]  # fmt: skip
