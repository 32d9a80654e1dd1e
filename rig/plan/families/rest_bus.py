"""Families about what the BMS receives: its rest-bus in health, away, back, and wrong.

A host may be fast, slow or late as long as its gaps are shorter than the time-out; a frame that
the BMS claims to refuse is no sign of life, and neither is a frame of somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rig.dut.profile import Profile
from rig.dut.received_messages import ReceivedMessage
from rig.expectations import Expectation
from rig.plan.families.applicable import look_s
from rig.plan.families.draft import Draft, Options, family
from rig.plan.families.expecting import all_stay, becomes, stay, stays
from rig.plan.families.provoked import Provoked, each
from rig.plan.families.timing import AFTER_S, COUNTED_S, DISTURBED_S, FAST_FOR_S
from rig.plan.stimulus import APPLIED, REMOVED
from rig.quantity import Interval, format
from rig.steps import Step
from rig.steps.frame_fault import FrameFault
from rig.steps.hold import Hold
from rig.steps.send import Send
from rig.steps.start_periodic import StartPeriodic
from rig.steps.stop_periodic import StopPeriodic
from rig.time_reference import Mark

_HEALTHY_TIME_OUTS = 5.0  # healthy traffic goes on for so many times the time-out (D20)
_BURST_FRAMES = 200  # more than any receive FIFO holds (D52)
_REFUSED_FRAMES = 20
_AWAY = (1.2, 10.0)  # times the time-out
_AGAIN = 3
# What shows that the BMS refuses what it says it refuses.
_SHOWS = {
    "wrong crc": (FrameFault(what="crc"), FrameFault(what="bit")),
    "repeated counter": (FrameFault(what="counter stands"),),
    "other data id": (FrameFault(what="data id", by=1),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched(Provoked):
    """A message whose absence trips a protection, and the times that follow from the claims."""

    received: ReceivedMessage
    asks: Mapping[str, float]  # what it says at nominal already, where the BMS waits to be asked

    @property
    def is_at_home(self) -> bool:
        """Whether it is there from the case's start on, since nothing closes without it."""
        return bool(self.asks)

    @property
    def message(self) -> str:
        """Its name."""
        return self.target

    @property
    def period_s(self) -> float:
        """Its period as claimed."""
        return self.received.period_s

    @property
    def back(self) -> Interval:
        """From its first frame on to the recovery: not before the last that is asked for."""
        recovers = self.protection.recovers
        frames = (recovers.frames if recovers else None) or 1
        until_s = (frames - 1) * self.period_s
        return Interval(0.9 * until_s, until_s + self.recovery.high, "s")

    @property
    def is_back(self) -> list[Step]:
        """Send it again, and wait until that has been heard."""
        return [self.periodic(mark=REMOVED), Hold(duration_s=self.back.high + AFTER_S)]

    @property
    def traces_to(self) -> tuple[str, ...]:
        """Those of its protection, and of the message."""
        return (*self.protection.traces_to, *self.received.traces_to)

    def periodic(
        self,
        period_s: float | None = None,
        *,
        jitter_s: float = 0.0,
        frame_fault: FrameFault | None = None,
        mark: str | None = None,
    ) -> StartPeriodic:
        """Give it in the background."""
        return StartPeriodic(
            message=self.message,
            signals=self.asks,
            period_s=period_s or self.period_s,
            jitter_s=jitter_s,
            frame_fault=frame_fault,
            mark=mark,
        )

    def last(self, mark: str = APPLIED) -> tuple[Step, Step]:
        """End the traffic with one more frame, whose end is known by its stamp."""
        last = Send(message=self.message, signals=self.asks, mark=mark)
        return StopPeriodic(message=self.message), last


def watched_messages(profile: Profile, options: Options) -> Iterator[Watched]:
    """Give each message with a time-out."""
    whole = Options(protections=options.protections)
    for it in each(profile, whole, lambda p: p.message is not None):
        received = profile.can.receives[it.target] if profile.can else None
        assert received is not None  # noqa: S101 -- the profile names only what it receives
        asks = profile.start.request.get(it.target, {})
        yield Watched(profile, it.stimulus, it.protection, received=received, asks=asks)


@family("rest bus", was="partner")
def rest_bus(profile: Profile, options: Options) -> Iterator[Draft]:
    """Let what it receives be healthy, lost, back, wrong, disturbed, in a burst."""
    for watched in watched_messages(profile, options):
        yield from _healthy(watched)
        yield from _away(watched)
        yield _away_again(watched)
        yield from _refused(watched)
        yield _disturbed(watched)
        yield _burst(watched)
        yield from _counted(watched)


# ---- in health ----------------------------------------------------------------------------------
def _healthy(watched: Watched) -> Iterator[Draft]:
    """On time, fast and slow, at random phases: nothing happens, for several time-outs."""
    period_s, low_s = watched.period_s, watched.delay.low
    hold_s = _HEALTHY_TIME_OUTS * watched.delay.high
    for how, every_s, jitter_s, for_s in (
        ("on time", period_s, 0.1 * period_s, hold_s),
        ("fast", 0.1 * period_s, 0.1 * period_s, max(hold_s, FAST_FOR_S)),
        ("slow", 0.55 * low_s, 0.25 * low_s, hold_s),  # gaps of 0.8 time-outs at most
    ):
        said = f"{format(every_s, 's')} + up to {format(jitter_s, 's')}"
        yield watched.draft(
            f"{watched.message} {how}, every {said}, is never missed",
            [
                watched.random_phase,
                watched.periodic(every_s, jitter_s=jitter_s),
                Hold(duration_s=for_s),
            ],
            _nothing_happens(watched),
            {"partner": how},
        )


def _disturbed(watched: Watched) -> Draft:
    """Spoil some frames in between, in every way: those that are right keep it alive."""
    jump = FrameFault(what="counter skips", by=watched.received.max_delta + 4, every=0)
    ways = [
        *(FrameFault(what=what, by=1, every=3) for what in ("identifier", "data id")),
        *(FrameFault(what=what, every=3) for what in ("crc", "bit")),
        FrameFault(what="length", by=watched.received.length // 2, every=3),
        FrameFault(what="counter stands", every=2),
        *(jump, FrameFault(what="swapped", every=0)),
    ]
    phases = [
        s for w in ways for s in (watched.periodic(frame_fault=w), Hold(duration_s=DISTURBED_S))
    ]
    return watched.draft(
        f"{watched.message} with some frames wrong, repeated, swapped or of another is not missed",
        [watched.random_phase, watched.periodic(), Hold(duration_s=1.0), *phases],
        _nothing_happens(watched),
        {"partner": "disturbed"},
    )


def _nothing_happens(watched: Watched, end: str | None = None) -> list[Expectation]:
    return [*all_stay(watched.profile, {}, None, end), *watched.stays_silent(None, end)]


# ---- away and back ------------------------------------------------------------------------------
def _away(watched: Watched) -> Iterator[Draft]:
    for times in _AWAY:
        away_s = times * watched.delay.high
        yield watched.draft(
            f"{watched.message} away for {format(away_s, 's')} is missed, and back in its time",
            [
                *_begun(watched),
                *watched.last(),
                Hold(duration_s=away_s),
                *watched.is_back,
            ],
            _lost_and_back(watched),
            {"partner": f"away {times:g} time-outs"},
        )


def _away_again(watched: Watched) -> Draft:
    """Lose it several times in a row: each time is like the first."""
    away_s = 1.2 * watched.delay.high
    rounds: list[Step] = []
    expected: list[Expectation] = list(_others_stay(watched))
    for n in range(1, _AGAIN + 1):
        lost, back, kept = f"lost {n}", f"back {n}", f"kept {n}"
        rounds += [
            *watched.last(lost),
            Hold(duration_s=away_s),
            watched.periodic(mark=back),
            Hold(duration_s=watched.back.high + AFTER_S, mark=kept),
        ]
        again = f"lost {n + 1}" if n < _AGAIN else None
        expected += _missed_and_heard(watched, lost, back, lasts=again is None)
        if again is not None:  # it is commanded, so no recovery looks at it
            expected += stay(watched.opens, kept, again, is_open=False)
    return watched.draft(
        f"{watched.message} lost {_AGAIN} times in a row is missed and back each time",
        [*_begun(watched), *rounds],
        expected,
        {"partner": "again"},
    )


def _begun(watched: Watched) -> list[Step]:
    begun_s = 5.0 * watched.period_s
    return [watched.random_phase, watched.periodic(), Hold(duration_s=begun_s)]


def _lost_and_back(watched: Watched) -> list[Expectation]:
    return [*_missed_and_heard(watched, APPLIED, REMOVED), *_others_stay(watched)]


def _missed_and_heard(
    watched: Watched, lost: str, back: str, *, lasts: bool = True
) -> Iterator[Expectation]:
    """It is missed in time after the mark of its last frame, and heard after that of its return."""
    absent, returned = watched.since(Mark(mark=lost)), Mark(mark=back)
    yield from absent.trips()
    yield from absent.flags_set()
    yield from absent.recovers(returned, watched.back, lasts=lasts)
    yield from absent.flags_cleared(returned, watched.back)


def _others_stay(watched: Watched) -> Iterator[Expectation]:
    return (s for s in all_stay(watched.profile) if s.output not in watched.opens)


# ---- wrong --------------------------------------------------------------------------------------
def _refused(watched: Watched) -> Iterator[Draft]:
    """Send nothing but frames that it must refuse: they are no sign of life."""
    for frame_fault in _all_wrong(watched.received):
        how = f"{frame_fault.what} {frame_fault.by}" if frame_fault.by else frame_fault.what
        # One flipped bit after the other is to go over the whole frame.
        period_s = watched.period_s * (0.125 if frame_fault.what == "bit" else 1.0)
        yield watched.draft(
            f"{watched.message} that is wrong ({how}) is no sign of life",
            [
                *_begun(watched),
                *watched.last(),
                Hold(duration_s=watched.period_s),
                watched.periodic(period_s, frame_fault=frame_fault),
                Hold(duration_s=2.0 * watched.delay.high + 1.0),
                *watched.is_back,
            ],
            _lost_and_back(watched),
            {"partner": how},
        )


def _all_wrong(received: ReceivedMessage) -> Iterator[FrameFault]:
    for refused in received.refuses:
        if refused == "wrong length":
            yield FrameFault(what="length", by=received.length // 2)
            yield FrameFault(what="length", by=received.length - 1)
        elif refused == "skipped counter":
            yield FrameFault(what="counter skips", by=received.max_delta)
        else:
            yield from _SHOWS[refused]
    yield FrameFault(what="identifier", by=1)


def _counted(watched: Watched) -> Iterator[Draft]:
    """Refused frames are counted, each once."""
    count = watched.received.counts_refused
    if count is None:
        return
    told_s, spoiled = look_s(watched.profile, COUNTED_S, (count.message,)), FrameFault(what="crc")
    sent = Send(
        message=watched.message,
        count=_REFUSED_FRAMES,
        period_s=0.1 * watched.period_s,
        frame_fault=spoiled,
        mark=APPLIED,
    )
    yield watched.draft(
        f"{_REFUSED_FRAMES} refused {watched.message} are counted",
        [
            # Good frames between would have their counters skip.
            StopPeriodic(message=watched.message),
            Hold(duration_s=told_s, mark="before"),
            sent,
            Hold(duration_s=told_s, mark="told"),
            Hold(duration_s=told_s),
        ],
        [
            stays(count, 0.0, None, "before"),
            becomes(count, _REFUSED_FRAMES, APPLIED, Interval(0.0, told_s, "s")),
            stays(count, _REFUSED_FRAMES, "told"),
        ],
        {"partner": "counted"},
    )


# ---- in a burst ---------------------------------------------------------------------------------
def _burst(watched: Watched) -> Draft:
    """Send it back to back: then its frames, its absence and its return count as before."""
    hold_s = watched.delay.high + 1.0
    return watched.draft(
        f"after {_BURST_FRAMES} {watched.message} back to back the next ones count",
        [
            *_begun(watched),
            Send(message=watched.message, signals=watched.asks, count=_BURST_FRAMES),
            Hold(duration_s=hold_s),
            *watched.last(),
            Hold(duration_s=hold_s),
            *watched.is_back,
        ],
        [*_nothing_happens(watched, APPLIED), *_lost_and_back(watched)],
        {"partner": "burst"},
    )
