"""A case as a plan would write it out: the reverse of `rig.plan.written`.

What a search found, or what is left of a failing case, becomes a case that a person can read,
change and keep. Quantities are written in full, so that reading gives the same case again. Must not
touch a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import yaml

from rig.case import Case
from rig.dut.claims import claims_of, path_of
from rig.dut.profile import Profile
from rig.plan.complete import around_of
from rig.steps import Step

__all__ = ["plan_text", "written_out"]


def plan_text(name: str, dut: str, cases: Sequence[dict[str, Any]], *, why: str = "") -> str:
    """Return the text of a plan that holds these written cases.

    Parameters
    ----------
    why
        A comment for its head, one or more lines.
    """
    head = "".join(f"# {line}\n" for line in why.splitlines())
    content = {"plan": name, "for": dut, "cases": list(cases)}
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return head + text


def written_out(case: Case, name: str, profile: Profile) -> dict[str, Any]:
    """Return a case in the words of a plan.

    Raises
    ------
    ValueError
        It holds a step or an expectation that a plan has no words for.
    """
    entry: dict[str, Any] = {"name": name}
    if case.protection is not None:
        entry["protection"] = case.protection
    if case.precondition != "ready":
        entry["precondition"] = case.precondition
    entry["steps"] = [_step(step) for step in case.steps]
    entry["expect"] = [dict([wanted.written(profile)]) for wanted in case.expectations]
    if claims := _claims_beside(case, profile):
        entry["claims"] = claims
    if case.traces_to:
        entry["traces to"] = list(dict.fromkeys(case.traces_to))
    entry["severity"] = case.severity
    return entry


def _claims_beside(case: Case, profile: Profile) -> list[str]:
    """Give the claims that it answers and a case written out would not tell by itself."""
    around = around_of(replace(case, parameters={}), profile)
    reported = {claim for wanted in case.expectations for claim in wanted.answers(around)}
    reported |= {path_of(claim) for claim in reported}
    every = (claim for wanted in case.expectations for claim in wanted.claims)
    named = (c if c in claims_of(profile) else path_of(c) for c in (*case.claims, *every))
    return [claim for claim in dict.fromkeys(named) if claim not in reported]


class _Dumper(yaml.SafeDumper):
    """Lists of plain values in one line, as people write them."""

    def represent_list(self, data: Any) -> yaml.SequenceNode:
        flat = all(isinstance(item, str | int | float) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)

    def represent_dict(self, data: Any) -> yaml.MappingNode:
        flat = all(isinstance(item, str | int | float) for item in data.values())
        few = 2 <= len(data) <= 3 and flat
        return self.represent_mapping("tag:yaml.org,2002:map", data, flow_style=few)

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Quote what a plan's reader takes for a number, though PyYAML does not: 1E5.

        What is not printable is escaped: PyYAML writes U+0085, a line break, in a form that it
        reads as a blank.
        """
        quoted = "'" if re.fullmatch(r"[-+.\dEe]+", data) else None
        if not data.isprintable():
            quoted = '"'
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=quoted)

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: nobody reads anchors."""
        del data
        return True


_Dumper.add_representer(list, _Dumper.represent_list)
_Dumper.add_representer(dict, _Dumper.represent_dict)
_Dumper.add_representer(str, _Dumper.represent_str)


# ---- steps --------------------------------------------------------------------------------------
def _step(step: Step) -> Any:
    word, content = step.written()
    if step.bare.get(word) == content and step.mark is None:
        return word
    return {word: content} | ({"as": step.mark} if step.mark else {})
