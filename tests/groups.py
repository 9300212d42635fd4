"""Keep tests of one `xdist_group` on one worker: a plugin, registered in tests/conftest.py.

xdist 3.8 writes the group into a node's `_nodeid`, which pytest 9.2 no longer reads: `--dist loadgroup` then groups nothing,
without a word, and every worker starts the heavy servers of its own.
"""

from __future__ import annotations

import pytest
from _pytest.nodeid import coerce_node_id  # xdist writes to the same private place


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Append the group's name to the ids, as xdist means to."""
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        if mark and "@" not in item.nodeid.rpartition("]")[2]:
            item._id = coerce_node_id(f"{item.nodeid}@{mark.args[0] if mark.args else mark.kwargs['name']}")
