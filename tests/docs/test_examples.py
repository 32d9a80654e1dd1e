"""The examples of the pages: each YAML block passes `rig check`, each line marked to run runs.

A block's first line says how to read it: ``yaml`` is a whole file; ``yaml steps``, ``yaml expect``
and ``yaml cases`` are parts of a plan; ``yaml bench`` and ``yaml profile`` replace sections of the
virtual bench's file and of the reference BMS's profile. ``sh run`` is typed in a folder with our
plans; a comment may name the exit code that it ends with.
"""

from __future__ import annotations

import re
import shlex
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rig.check import check
from rig.expectations import Expectation
from rig.plan.families import families
from tests.warm import ran

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def _blocks(language: str) -> Iterator[tuple[str, str, str]]:
    """Give page and line, kind and text of each fenced block in a language."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                yield f"{page.name}:{line}", match[2].strip(), match[3]


YAML = list(_blocks("yaml"))
SHELL: dict[str, str] = {}
for _place, _kind, _text in _blocks("sh"):
    if _kind == "run":
        _page = _place.partition(":")[0]
        SHELL[_page] = SHELL.get(_page, "") + _text
_SET_HOLD = (
    "      - set: {cell 3: 3.70 V}\n        as: applied\n"
    "      - read: [cell 1, cell 2, cell 3, cell 4, pack, current, temperature 1]\n"
    "      - read: [bleed 1, bleed 2, bleed 3, bleed 4]\n"
    "        as: looked\n"
    "      - hold: 2 s\n        as: done\n"
)


def _written_case(steps: str, expect: str) -> str:
    return (
        "plan: example\nfor: esp32-4s\ncases:\n  - name: example\n"
        f"    steps:\n{steps}    expect:\n{expect}"
    )


def _as_file(kind: str, text: str, folder: Path) -> Path:
    """Make a whole file of a block."""
    target = folder / f"{kind or 'whole'}.yaml"
    if kind == "steps":
        text = _written_case(textwrap.indent(text, " " * 6), "      - charge path: stays closed\n")
    elif kind == "expect":
        text = _written_case(_SET_HOLD, textwrap.indent(text, " " * 6))
    elif kind == "cases":
        text = "plan: example\nfor: esp32-4s\ncases:\n" + textwrap.indent(text, "  ")
    elif kind == "bench":
        text = _merged(ROOT / "fixtures/benches/virtual-esp32-4s.yaml", text)
    elif kind == "profile":
        for name in ("bms.dbc", "module.dbc", "charger.dbc"):
            shutil.copy(ROOT / "fixtures/duts/esp32-4s/bms.dbc", folder / name)
        text = _merged(ROOT / "fixtures/duts/esp32-4s/profile.yaml", text)
    target.write_text(text, encoding="utf-8")
    return target


def _merged(base: Path, text: str) -> str:
    """Put a page's sections in place of the file's; entries of two mappings are put together."""
    whole, part = yaml.safe_load(base.read_text(encoding="utf-8")), yaml.safe_load(text)
    for key, value in part.items():
        both = isinstance(value, dict) and key in ("protections", "telemetry", "wiring")
        whole[key] = {**whole[key], **value} if both else value
    return yaml.safe_dump(whole, allow_unicode=True, sort_keys=False)


@pytest.mark.parametrize(("place", "kind", "text"), YAML, ids=[place for place, *_ in YAML])
def test_an_example_passes_the_check(place: str, kind: str, text: str, tmp_path: Path) -> None:
    file = _as_file(kind, text, tmp_path)

    report = check([file])

    assert report.ok, f"{place}\n{report.text()}"


def test_the_page_about_plans_names_every_family() -> None:
    page = (ROOT / "docs" / "write-a-plan.md").read_text(encoding="utf-8")
    named = {name for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
             for name in re.findall(r"`([^`]+)`", row)}  # fmt: skip

    assert set(families()) <= named


def test_there_are_examples_of_each_kind() -> None:
    kinds = {kind for _, kind, _ in YAML}

    assert {"", "steps", "expect", "cases", "bench", "profile"} <= kinds


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with our plans, where what runs leave behind harms nobody."""
    shutil.copytree(ROOT / "testplans", tmp_path / "testplans")
    shutil.copy(ROOT / "fixtures/lab/pytest.ini", tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", SHELL)
def test_the_lines_of_a_page_that_are_marked_to_run_run(page: str, desk: Path) -> None:
    for line in filter(None, SHELL[page].splitlines()):
        command, _, comment = line.partition("  #")
        wanted = int(found[1]) if (found := re.search(r"exit code (\d)", comment)) else 0

        ended = ran("-m", "rig.cli", *shlex.split(command)[1:], cwd=desk)

        assert ended.returncode == wanted, f"{page}: {line}\n{ended.stdout}{ended.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_of_a_page_leads_somewhere(page: Path) -> None:
    targets = _LINK.findall(page.read_text(encoding="utf-8"))
    inside = [t for t in targets if not re.match(r"[a-z]+:", t)]

    assert [t for t in inside if not (page.parent / t).exists()] == []


def test_every_word_of_an_expectation_has_an_example() -> None:
    page = (ROOT / "docs" / "write-a-plan.md").read_text(encoding="utf-8")
    blocks = [text for _, how, text in _BLOCK.findall(page) if how.strip() == "expect"]
    leads = {lead for kind in Expectation.kinds().values() for lead in kind.words.leads}
    on_page = "".join(blocks) + "".join(re.findall(r"^      - .*$", page, re.MULTILINE))

    missing = [lead for lead in sorted(leads) if lead not in on_page and f"`{lead}`" not in page]
    assert missing == []
