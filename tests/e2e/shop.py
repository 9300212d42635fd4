"""The shop's story: when what happens, to whom, and how much; the metrics and the cluster are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NAMESPACE = "shop"
WORLD = Path(__file__).with_name("shop.yaml")
# A page at 2026-11-03 14:02:00 UTC, a Tuesday.
ALERT = 1_793_714_520.0
START = ALERT - 80 * 60
END = ALERT + 32 * 60

CATALOG_ROLLOUT = ALERT - 300
PAYMENTS_ROLLOUT = ALERT - 255
# The new payments pods take all traffic from here on; the pool of five is used up within a minute.
SWITCHED = ALERT - 240
SATURATED = SWITCHED + 60
# What waits for payments feels it a little later.
CHECKOUT_FEELS = SWITCHED + 25
WEB_FEELS = SWITCHED + 40


@dataclass(frozen=True)
class Traffic:
    """How a service answers: requests a second, median and p95 in seconds, share of 5xx; before and at the worst."""

    rate: float
    p50: float
    p95: float
    errors: float
    worst_p50: float = 0.0
    worst_p95: float = 0.0
    worst_errors: float = 0.0
    feels: float = END + 1
    replicas: int = 2
    version: str = "1.0.0"
    image_before: str = ""
    calls: tuple[str, ...] = ()


SERVICES = {
    "web": Traffic(118, 0.061, 0.182, 0.0006, 0.078, 1.24, 0.011, WEB_FEELS, version="5.8.2", calls=("catalog", "cart", "checkout")),
    "catalog": Traffic(81, 0.014, 0.046, 0.0002, version="v3.2.0"),
    "cart": Traffic(39, 0.009, 0.031, 0.0001, version="1.19.0"),
    "checkout": Traffic(22, 0.096, 0.238, 0.0011, 1.31, 3.62, 0.062, CHECKOUT_FEELS, version="4.4.1", calls=("payments", "cart", "orders")),
    "payments": Traffic(18, 0.038, 0.094, 0.0008, 0.74, 1.93, 0.024, SWITCHED, version="2.14.0"),
    "orders": Traffic(16, 0.017, 0.058, 0.0003, version="2.2.0"),
}  # fmt: skip
# The share of a caller's requests that goes on to a callee.
SHARES = {
    ("web", "catalog"): 0.68, ("web", "cart"): 0.3, ("web", "checkout"): 0.19,
    ("checkout", "payments"): 0.82, ("checkout", "cart"): 0.9, ("checkout", "orders"): 0.72,
}  # fmt: skip

POOL = {"payments": (20, 5), "orders": (20, 20)}
NODES = ("node-a", "node-b", "node-c")


def severity(at: float, since: float) -> float:
    """How far the trouble has come at a time, from 0 to 1."""
    if at < since:
        return 0.0
    return min(1.0, (at - since) / (SATURATED - SWITCHED + 30))
