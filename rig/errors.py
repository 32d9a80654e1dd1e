"""Errors raised on purpose. What the BMS does wrong is a verdict, never an exception.

- DescriptionError: a YAML file, an option or a plan is wrong; nothing was started
- LimitError: beyond what bench, instrument or profile allow; it was not commanded
- BenchError: an instrument, link or host failed: the verdict is `error`
  - NotReadyError: all of them work, but the BMS did not get ready for the case
- EvidenceError: a run folder is incomplete or was changed
  - StorageError: evidence can't be written: the run can't go on
"""


class RigError(Exception):
    """What happened, where, and how to mend it."""

    def __init__(self, what: str, where: str, mend: str) -> None:
        super().__init__(what, where, mend)  # all three, so that it survives pickling
        self.what, self.where, self.mend = what, where, mend

    def __str__(self) -> str:
        return f"{self.where}: {self.what}\n  to mend: {self.mend}"


class DescriptionError(RigError):
    """A YAML file is wrong; nothing was started."""


class LimitError(RigError):
    """A value is beyond what bench, instrument or profile allow; it was not commanded."""


class BenchError(RigError):
    """An instrument, link or host failed; the verdict is `error` and the session is closed."""


class NotReadyError(BenchError):
    """The bench works; the BMS did not get ready, so that the case could not begin."""


class EvidenceError(RigError):
    """A run folder is incomplete or was changed since it was written."""


class StorageError(EvidenceError):
    """Evidence can't be written, as the disk is full, say; what was durable stays readable."""
