"""Families about what the BMS receives: its partner on the bus in health, away, back, and wrong.

A partner may be fast, slow or late as long as its gaps are shorter than the time-out; a frame that
the BMS promises to refuse is no sign of life, and neither is a frame of somebody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rig.dut.profile import Profile, Protection
from rig.dut.received import Received
from rig.expectations import Expectation
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.stays import Stays
from rig.instants import Mark
from rig.plan.families.choosing import chosen, delay_of, look_s, recovery_time_of
from rig.plan.families.draft import AFTER_S, Draft, Options, phase_s
from rig.plan.families.expecting import all_stay, recovers, says, stays_silent, trips, unsays
from rig.plan.stimulus import APPLIED, REMOVED, Stimulus
from rig.quantity import Interval, format
from rig.steps import Step
from rig.steps.frame_fault import FrameFault
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase
from rig.steps.send import Send
from rig.steps.start_periodic import StartPeriodic
from rig.steps.stop_periodic import StopPeriodic

_HEALTHY_TIME_OUTS = 5.0  # healthy traffic goes on for so many times the time-out (D20)
_FAST_FOR_S = 10.0  # some hundred frames at random phases of the BMS's tasks (D22)
_BURST_FRAMES = 200  # more than any receive FIFO holds (D52)
_REFUSED_FRAMES = 20
_AWAY = (1.2, 10.0)  # times the time-out
_AGAIN = 3
_DISTURBED_S = 1.5
_TOLD_S = 1.2  # until a counter of refused frames has been sent, at the least
# What shows that the BMS refuses what it says it refuses.
_SHOWS = {
    "wrong crc": (FrameFault(what="crc"), FrameFault(what="bit")),
    "repeated counter": (FrameFault(what="counter stands"),),
    "other data id": (FrameFault(what="data id", by=1),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A message whose absence trips a protection, and the times that follow from the promises."""

    name: str
    protection: Protection
    message: str
    received: Received
    asks: Mapping[str, float]  # what it says at home already, where the BMS waits to be asked

    @property
    def is_at_home(self) -> bool:
        """Whether it is there from the case's start on, since nothing closes without it."""
        return bool(self.asks)

    @property
    def period_s(self) -> float:
        """Its period as promised."""
        return self.received.period_s

    @property
    def delay(self) -> Interval:
        """From its last frame to the reaction."""
        return delay_of(self.protection)

    @property
    def frames(self) -> int:
        """How many of it must come until it counts as back."""
        recovers = self.protection.recovers
        return (recovers.frames if recovers else None) or 1

    @property
    def back(self) -> Interval:
        """From its first frame on to the recovery: not before the last that is asked for."""
        until_s = (self.frames - 1) * self.period_s
        return Interval(0.9 * until_s, until_s + recovery_time_of(self.protection).high, "s")

    def absence(self, since: str) -> Stimulus:
        """Its absence, counted from the mark of its last frame."""
        return Stimulus(protection=self.name, target=self.message, apply=(), remove=(),
                        since=Mark(mark=since), values={}, outlasts=True)  # fmt: skip

    def traffic(
        self,
        period_s: float | None = None,
        *,
        jitter_s: float = 0.0,
        wrong: FrameFault | None = None,
        mark: str | None = None,
    ) -> StartPeriodic:
        """Give it in the background."""
        return StartPeriodic(
            message=self.message,
            signals=self.asks,
            period_s=period_s or self.period_s,
            jitter_s=jitter_s,
            wrong=wrong,
            mark=mark,
        )

    def last(self, mark: str = APPLIED) -> tuple[Step, Step]:
        """End the traffic with one more frame, whose end is known by its stamp."""
        last = Send(message=self.message, signals=self.asks, mark=mark)
        return StopPeriodic(message=self.message), last


def watched_messages(profile: Profile, options: Options) -> Iterator[Watched]:
    """Give each message with a time-out."""
    receives = profile.can.receives if profile.can else {}
    for name, protection in chosen(profile, options, lambda p: p.message is not None):
        message = protection.message or ""
        yield Watched(
            name=name,
            protection=protection,
            message=message,
            received=receives[message],
            asks=profile.start.request.get(message, {}),
        )


def partner(profile: Profile, options: Options) -> Iterator[Draft]:
    """Let the partner be healthy, lost, back, wrong, disturbed, in a burst."""
    for watched in watched_messages(profile, options):
        yield from _healthy(profile, watched)
        yield from _away(profile, watched)
        yield _away_again(profile, watched)
        yield from _refused(profile, watched)
        yield _disturbed(profile, watched)
        yield _burst(profile, watched)
        yield from _counted(profile, watched)


# ---- in health ----------------------------------------------------------------------------------
def _healthy(profile: Profile, watched: Watched) -> Iterator[Draft]:
    """On time, fast and slow, at random phases: nothing happens, for several time-outs."""
    period_s, low_s = watched.period_s, watched.delay.low
    hold_s = _HEALTHY_TIME_OUTS * watched.delay.high
    for how, every_s, jitter_s, for_s in (
        ("on time", period_s, 0.1 * period_s, hold_s),
        ("fast", 0.1 * period_s, 0.1 * period_s, max(hold_s, _FAST_FOR_S)),
        ("slow", 0.55 * low_s, 0.25 * low_s, hold_s),  # gaps of 0.8 time-outs at most
    ):
        said = f"{format(every_s, 's')} + up to {format(jitter_s, 's')}"
        yield _draft(
            watched,
            f"{watched.message} {how}, every {said}, is never missed",
            how,
            [
                RandomPhase(span_s=phase_s(profile)),
                watched.traffic(every_s, jitter_s=jitter_s),
                Hold(duration_s=for_s),
            ],
            _nothing_happens(profile, watched),
        )


def _disturbed(profile: Profile, watched: Watched) -> Draft:
    """Spoil some frames in between, in every way: those that are right keep it alive."""
    jump = FrameFault(what="counter skips", by=watched.received.max_delta + 4, every=0)
    ways = [
        *(FrameFault(what=what, by=1, every=3) for what in ("identifier", "data id")),
        *(FrameFault(what=what, every=3) for what in ("crc", "bit")),
        FrameFault(what="length", by=watched.received.length // 2, every=3),
        FrameFault(what="counter stands", every=2),
        *(jump, FrameFault(what="swapped", every=0)),
    ]
    phases = [s for w in ways for s in (watched.traffic(wrong=w), Hold(duration_s=_DISTURBED_S))]
    return _draft(
        watched,
        f"{watched.message} with some frames wrong, repeated, swapped or of another is not missed",
        "disturbed",
        [RandomPhase(span_s=phase_s(profile)), watched.traffic(), Hold(duration_s=1.0), *phases],
        _nothing_happens(profile, watched),
    )


def _nothing_happens(
    profile: Profile, watched: Watched, end: str | None = None
) -> list[Expectation]:
    return [
        *all_stay(profile, {}, None, end),
        *stays_silent(watched.protection, None, end),
    ]


# ---- away and back ------------------------------------------------------------------------------
def _away(profile: Profile, watched: Watched) -> Iterator[Draft]:
    for times in _AWAY:
        away_s = times * watched.delay.high
        yield _draft(
            watched,
            f"{watched.message} away for {format(away_s, 's')} is missed, and back in its time",
            f"away {times:g} time-outs",
            [
                *_begun(profile, watched),
                *watched.last(),
                Hold(duration_s=away_s),
                watched.traffic(mark=REMOVED),
                Hold(duration_s=watched.back.high + AFTER_S),
            ],
            _lost_and_back(profile, watched),
        )


def _away_again(profile: Profile, watched: Watched) -> Draft:
    """Lose it several times in a row: each time is like the first."""
    away_s = 1.2 * watched.delay.high
    rounds: list[Step] = []
    expected: list[Expectation] = list(_others_stay(profile, watched))
    for n in range(1, _AGAIN + 1):
        lost, back, kept = f"lost {n}", f"back {n}", f"kept {n}"
        rounds += [
            *watched.last(lost),
            Hold(duration_s=away_s),
            watched.traffic(mark=back),
            Hold(duration_s=watched.back.high + AFTER_S, mark=kept),
        ]
        again = f"lost {n + 1}" if n < _AGAIN else None
        expected += _missed_and_heard(watched, lost, back, lasts=again is None)
        expected += _kept(watched, kept, again)
    return _draft(
        watched,
        f"{watched.message} lost {_AGAIN} times in a row is missed and back each time",
        "again",
        [*_begun(profile, watched), *rounds],
        expected,
    )


def _begun(profile: Profile, watched: Watched) -> list[Step]:
    begun_s = 5.0 * watched.period_s
    return [RandomPhase(span_s=phase_s(profile)), watched.traffic(), Hold(duration_s=begun_s)]


def _lost_and_back(profile: Profile, watched: Watched) -> list[Expectation]:
    return [*_missed_and_heard(watched, APPLIED, REMOVED), *_others_stay(profile, watched)]


def _kept(watched: Watched, kept: str, lost: str | None) -> Iterator[Expectation]:
    """Between two losses nothing opens: the next one is commanded, so no recovery looks at it."""
    if lost is not None:
        for output in watched.protection.opens:
            yield Stays(output=output, is_open=False, begin=kept, end=lost)


def _missed_and_heard(
    watched: Watched, lost: str, back: str, *, lasts: bool = True
) -> Iterator[Expectation]:
    """It is missed in time after the mark of its last frame, and heard after that of its return."""
    protection, absence, returned = watched.protection, watched.absence(lost), Mark(mark=back)
    time = watched.back
    yield from trips(absence, protection)
    yield from says(absence, protection)
    yield from recovers(protection, returned, time, lasts=lasts)
    yield from unsays(protection, returned, time)


def _others_stay(profile: Profile, watched: Watched) -> Iterator[Expectation]:
    for stays in all_stay(profile, {}, None, None):
        if isinstance(stays, Stays) and stays.output not in watched.protection.opens:
            yield stays


# ---- wrong --------------------------------------------------------------------------------------
def _refused(profile: Profile, watched: Watched) -> Iterator[Draft]:
    """Send nothing but frames that it must refuse: they are no sign of life."""
    for wrong in _all_wrong(watched.received):
        how = f"{wrong.what} {wrong.by}" if wrong.by else wrong.what
        # One flipped bit after the other is to go over the whole frame.
        period_s = watched.period_s * (0.125 if wrong.what == "bit" else 1.0)
        yield _draft(
            watched,
            f"{watched.message} that is wrong ({how}) is no sign of life",
            how,
            [
                *_begun(profile, watched),
                *watched.last(),
                Hold(duration_s=watched.period_s),
                watched.traffic(period_s, wrong=wrong),
                Hold(duration_s=2.0 * watched.delay.high + 1.0),
                watched.traffic(mark=REMOVED),
                Hold(duration_s=watched.back.high + AFTER_S),
            ],
            _lost_and_back(profile, watched),
        )


def _all_wrong(received: Received) -> Iterator[FrameFault]:
    for refused in received.refuses:
        if refused == "wrong length":
            yield FrameFault(what="length", by=received.length // 2)
            yield FrameFault(what="length", by=received.length - 1)
        elif refused == "skipped counter":
            yield FrameFault(what="counter skips", by=received.max_delta)
        else:
            yield from _SHOWS[refused]
    yield FrameFault(what="identifier", by=1)


def _counted(profile: Profile, watched: Watched) -> Iterator[Draft]:
    """Refused frames are counted, each once."""
    signal = watched.received.counts_refused
    if signal is None:
        return
    told_s = look_s(profile, _TOLD_S, (signal.message,))
    yield _draft(
        watched,
        f"{_REFUSED_FRAMES} refused {watched.message} are counted",
        "counted",
        [
            # Good frames between would have their counters skip.
            StopPeriodic(message=watched.message),
            Hold(duration_s=told_s, mark="before"),
            Send(message=watched.message, count=_REFUSED_FRAMES, period_s=0.1 * watched.period_s,
                 wrong=FrameFault(what="crc"), mark=APPLIED),
            Hold(duration_s=told_s, mark="told"),
            Hold(duration_s=told_s),
        ],
        [
            SignalStays(signal=signal, value=0.0, end="before"),
            SignalBecomes(signal=signal, value=float(_REFUSED_FRAMES),
                          since=Mark(mark=APPLIED), high_s=told_s),
            SignalStays(signal=signal, value=float(_REFUSED_FRAMES), begin="told"),
        ],
    )  # fmt: skip


# ---- in a burst ---------------------------------------------------------------------------------
def _burst(profile: Profile, watched: Watched) -> Draft:
    """Send it back to back: then its frames, its absence and its return count as before."""
    hold_s = watched.delay.high + 1.0
    return _draft(
        watched,
        f"after {_BURST_FRAMES} {watched.message} back to back the next ones count",
        "burst",
        [
            *_begun(profile, watched),
            Send(message=watched.message, signals=watched.asks, count=_BURST_FRAMES),
            Hold(duration_s=hold_s),
            *watched.last(),
            Hold(duration_s=hold_s),
            watched.traffic(mark=REMOVED),
            Hold(duration_s=watched.back.high + AFTER_S),
        ],
        [*_nothing_happens(profile, watched, APPLIED), *_lost_and_back(profile, watched)],
    )


def _draft(
    watched: Watched,
    title: str,
    how: str,
    steps: Sequence[Step],
    expectations: Sequence[Expectation],
) -> Draft:
    protection = watched.protection
    return Draft(
        title=title,
        protection=watched.name,
        parameters={"at": watched.message, "partner": how},
        steps=steps,
        expectations=expectations,
        severity=protection.severity,
        traces_to=(*protection.traces_to, *watched.received.traces_to),
    )
