"""The documents of a run folder, with the version of each that is written today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field, TypeAdapter

from rig.case import CASE_JSON, Case
from rig.documents import Document
from rig.evidence import older
from rig.evidence.entries import InputName, Sha256, Utc
from rig.evidence.meta import RunMeta
from rig.facts import DutFacts
from rig.judge.verdict import JUDGEMENT_JSON, Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """When a run began; the only place of run.json that knows the wall clock."""

    started_utc: Utc
    started_local: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What run.json holds."""

    run: Annotated[str, Field(min_length=1, max_length=300)]
    bench: str
    number: Annotated[int, Field(ge=1, le=10**9)]
    inputs: Mapping[InputName, Sha256]
    meta: RunMeta
    wall: Started


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A file of a finished run, as the manifest lists it."""

    size: Annotated[int, Field(ge=0, strict=True)]
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What manifest.json holds: every file by its path below the run folder."""

    files: Mapping[str, FileFacts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgements:
    """What judgements/NAME.json holds."""

    run: str  # id of the run that was judged
    begin: Sha256  # of the first line of its journal, which no other run has
    judgements: Mapping[str, Judgement]  # by case id
    sha256: Sha256  # of the judgements, as written: an edited one does not pass
    damaged: Mapping[str, str] = field(default_factory=dict)  # cases not judged, and why


RUN = Document("run", 1, TypeAdapter(RunFacts))
DUT = Document("dut", 1, TypeAdapter(DutFacts))
DUT_NAME = "dut.json"  # among a run's inputs
CASE: Document[Case] = Document(
    "case",
    5,
    CASE_JSON,
    unnamed=1,
    converters={
        2: older.case_of_version_3,
        3: older.case_of_version_4,
        4: older.case_with_words_of_today,
    },
)
JUDGEMENT: Document[Judgement] = Document("judgement", 3, JUDGEMENT_JSON, unnamed=1)
MANIFEST = Document("manifest", 1, TypeAdapter(Manifest))
# Version 1 was the judgements alone, which nothing tied to their run.
JUDGEMENTS = Document("judgements", 4, TypeAdapter(Judgements), unnamed=1)
JUDGEMENTS_1: TypeAdapter[dict[str, Judgement]] = TypeAdapter(dict[str, Judgement])
