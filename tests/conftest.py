"""What several rooms' tests share: the profiles, and one virtual bench for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from rig.dut.profile import Profile, load_profile
from tests.links import Links, connected

# How long an example takes hangs on what else the machine does: no property of ours.
settings.register_profile("rig", deadline=None)
settings.load_profile("rig")

collect_ignore_glob = ["broken/*"]  # plans that are wrong on purpose; test_check reads them


@pytest.fixture(scope="session")
def esp32() -> Profile:
    """Profile of the reference BMS."""
    return load_profile("esp32-4s")


@pytest.fixture(scope="session")
def sixteen() -> Profile:
    """Profile of the reference BMS with contactors, which close on a request alone."""
    return load_profile("esp32-16s")


@pytest.fixture(scope="session")
def pbmslsuite() -> Profile:
    """Profile of pBMSLSuite-O, as documented."""
    return load_profile("pbmslsuite-o")


@pytest.fixture(scope="session")
def shared_links() -> Iterator[Links]:
    """One virtual bench: to look and to listen, not to break."""
    with connected() as links:
        yield links


@pytest.fixture
def links(shared_links: Links) -> Links:
    """The shared bench, its links just begun."""
    shared_links.can.begin()
    shared_links.console.begin()
    return shared_links
