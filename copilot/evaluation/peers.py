"""What others reached on such cases, as published or as measured by the collectors of the cases."""

from __future__ import annotations

from typing import Final

# Per set: who, and AC@1, AC@3, Avg@5 for the entity where they are known, or words.
PEERS: Final[dict[str, str]] = {
    "alertrca": "alert count .13/.20/.20; LLMs .07–.20 / .16–.33",
    "cloudopsbench": "LLM agents, entity and kind: Boutique .21–.73, Train-Ticket .25–.58; metrics cases: BARO .64/.82/.81",
    "nezha": "BARO .20/.37/.38, N-Sigma .28/.49/.46",
    "petshop": "BARO .15/.27/.25, N-Sigma .23/.58/.48",
    "rcd-sockshop": "BARO .96/1.0/.99",
    "rootcausebench": "latest deploy 1 of 12; best deterministic 3 of 12",
}

# Detectors on labelled series, by the same score: on all of these series, and on those of running systems.
DETECTORS: Final[dict[str, tuple[float, float]]] = {
    "ARTime": (76.4, 71.7),
    "numenta": (72.0, 66.6),
    "contextOSE": (70.6, 70.3),
    "relativeEntropy": (59.4, 56.4),
    "knncad": (57.5, 58.3),
    "earthgeckoSkyline": (53.0, 58.8),
    "randomCutForest": (50.0, 63.6),
    "twitterADVec": (42.5, 42.8),
    "windowedGaussian": (33.1, 26.1),
    "bayesChangePt": (23.2, 41.8),
    "skyline": (21.1, 39.5),
    "random": (19.1, 21.2),
    "expose": (17.0, 16.9),
}
