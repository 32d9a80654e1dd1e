"""A lane: one bench in one process; cases in, judgements out.

What a run does with a case, without its evidence: connect, drive, judge, and go on after a failure
of the bench. `fixtures.session` stores what a lane hands out; `rig.pool` runs many lanes at once.
Must not write a file, nor know pytest.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType

from rig import ending
from rig.bench.bench import Bench
from rig.bench.connect import connect
from rig.bench.description import BenchFile
from rig.case import Case
from rig.drive.drive import drive_case, nothing_recorded
from rig.drive.preconditions import read_firmware
from rig.drive.streams import Streams
from rig.dut.profile import Profile
from rig.errors import BenchError, LimitError, RigError
from rig.judge.decoder import ByBus
from rig.judge.verdict import Judgement, Verdict, blamed, blamed_on_bench
from rig.judging import judge
from rig.trace.model import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSetup:
    """What a lane is made of."""

    bench: BenchFile
    profile: Profile
    seed: int
    variant: str | None = None  # build of the firmware; None: the one released


@dataclass(slots=True)
class Lane:
    """Cases of one bench and one BMS, driven one after the other.

    A bench that failed once is not asked again for the same case; it is connected anew for the
    next one, and given up after `patience` failures in a row. A BMS that does not get ready is no
    failure of the bench: each case drives it anew, and its verdict hangs on none before it.

    >>> with Lane(setup) as lane:  # doctest: +SKIP
    ...     judgement, trace = lane.run(case)
    """

    setup: LaneSetup
    on_connected: Callable[[Bench, str], None] = lambda _bench, _firmware: None
    on_trouble: Callable[[str], None] = lambda _: None  # what went wrong in letting go of the bench
    patience: int = 3
    lasted_s: float = field(init=False, default=0.0)  # the last case, in the bench's own time
    _stack: ExitStack = field(init=False, default_factory=ExitStack)
    _bench: Bench | None = field(init=False, default=None)
    _failures: int = field(init=False, default=0)
    _last_error: str = field(init=False, default="")

    def __enter__(self) -> Lane:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def bench(self) -> Bench:
        """The connected bench; connects it where it isn't.

        Raises
        ------
        BenchError
            It can't be connected, or failed too often.
        """
        if self.has_given_up:
            last = self._last_error.partition("\n  to mend:")[0]
            raise BenchError(
                f"given up after {self._failures} failures in a row, the last: {last}",
                self.setup.bench.name,
                "mend the bench, then run again",
            )
        if self._bench is None:
            setup = self.setup
            connection = connect(setup.bench, setup.profile, seed=setup.seed, variant=setup.variant)
            bench = self._stack.enter_context(connection)
            self.on_connected(bench, read_firmware(bench))
            self._bench = bench
        return self._bench

    @property
    def has_given_up(self) -> bool:
        """Whether the bench failed too often to be asked again."""
        return self._failures >= self.patience

    @property
    def _begins_anew(self) -> bool:
        """Whether each case finds all as new, so that none hangs on those before it."""
        return self.setup.bench.clock == "stepped"

    def run(self, case: Case, following: Case | None = None) -> tuple[Judgement, Trace | None]:
        """Drive and judge one case; no trace where the bench could not be had.

        Parameters
        ----------
        following
            The case that comes next, where it is known: a simulated bench gets ready for it
            while this one is judged.
        """
        bench = self.bench_for(case)
        trace = self.drive(case, bench) if isinstance(bench, Bench) else None
        self.begin_soon(following)
        return self.judge(case, bench, trace), trace

    def begin_soon(self, following: Case | None) -> None:
        """Let a simulated bench get ready for a case, where it is known and there is a bench."""
        if following is not None and self._bench is not None:
            self._bench.clock.begin_soon(following.seed)

    def bench_for(self, case: Case) -> Bench | BenchError:
        """Give the bench, ready for a case, or the reason why there is none."""
        self.lasted_s = 0.0
        given_up = self.has_given_up
        try:
            bench = self.bench
            bench.begin_case(case.seed)
        except BenchError as error:
            if not given_up:  # else it is our own refusal, which is no failure of the bench
                self._failed(error)
            return error
        return bench

    def drive(self, case: Case, bench: Bench, streams: Streams | None = None) -> Trace:
        """Drive a case; a signal lets go of the bench, which may then be in any state."""
        try:
            began_ns = bench.clock.now_ns()
            trace = drive_case(case, bench, streams)
            self.lasted_s = (bench.clock.now_ns() - began_ns) / 1e9
        except BenchError as error:  # not even the time can be had any more
            trace = nothing_recorded(str(error))
        except LimitError:  # it is refused before anything is sent, and the bench is safe
            raise
        except BaseException:  # a signal, or a bug of ours: no failure of the bench
            with ending.held():
                self._let_go()
            raise
        if trace.error is None:
            self._failures = 0
        elif trace.unready:
            if not self._begins_anew:
                self._let_go()
            self._failures = 0
        else:
            self._failed(trace.error)
        return trace

    def judge(self, case: Case, bench: Bench | BenchError, trace: Trace | None) -> Judgement:
        """Judge what was driven; where nothing was, the bench's reason is the judgement."""
        if not isinstance(bench, Bench) or trace is None:
            return without_trace(case, Verdict.ERROR, blamed("bench", str(bench)))
        return blamed_on_bench(judge(case, trace, ByBus(bench.messages)))

    def close(self) -> None:
        """Let go of the bench."""
        self._let_go()

    def _failed(self, error: object) -> None:
        self._failures, self._last_error = self._failures + 1, str(error)
        self._let_go()

    def _let_go(self) -> None:
        self._bench = None
        stack, self._stack = self._stack, ExitStack()
        try:
            stack.close()
        except RigError as later:
            self.on_trouble(str(later))


def without_trace(case: Case, verdict: Verdict, reason: str) -> Judgement:
    """Judgement of a case that was not driven."""
    return Judgement(case_id=case.id, verdict=verdict, sentence=reason, findings=())
