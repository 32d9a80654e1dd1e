"""Make a run last: run folder, journal that survives a power cut, manifest of hashes, reader.

Must not know pytest, reports, instruments or a judge's reasons; it stores what it is given.
"""

from rig.evidence.meta import InstrumentFacts, RunMeta
from rig.evidence.run import NOT_RUN, Run, RunCase, Try, load_run, verify
from rig.evidence.run_folder import RunFolder, store_case

__all__ = [
    "NOT_RUN",
    "InstrumentFacts",
    "Run",
    "RunCase",
    "RunFolder",
    "RunMeta",
    "Try",
    "load_run",
    "store_case",
    "verify",
]
