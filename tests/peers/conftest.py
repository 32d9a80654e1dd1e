"""Other projects' pytest plugins beside the rig's, unmodified: `make peers` runs these.

They live in an environment of their own (`.venv-peers`), so that nothing of them is in the way of
the rig's tests; outside it, all of this is skipped.
"""

from __future__ import annotations

from importlib.util import find_spec

import pytest

PEERS = (
    "pytest_rerunfailures",
    "pytest_repeat",
    "pytest_randomly",
    "pytest_timeout",
    "pytest_html",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what has no peer here."""
    missing = [name for name in PEERS if find_spec(name) is None]
    for item in items:
        if missing and "peers" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason=f"make peers: no {', '.join(missing)} here"))
