"""How long things are waited for and watched: every figure of the families that no profile states.

A bench file states no time of a command either, so that a case is the same on every bench: what
instruments need stands here for the slowest of them. Seconds, unless said otherwise.
"""

from __future__ import annotations

from rig.steps.step import MOST_COMMAND_S

# ---- the bench ----------------------------------------------------------------------------------
COMMAND_S = MOST_COMMAND_S  # instruments are commanded one after the other
AFTER_S = 0.3  # recorded beyond the latest allowed reaction
RECORD_APART_S = 0.05  # a record lies on the rig's clock to some ms, a line is obeyed within 1 or 2
LEAD_S = 0.02  # what happens at once is watched from so long before it: a clock is known to a ms
AT_ONCE_S = 0.001  # a step that only bears a mark
SLOW_ENOUGH_S = 0.6  # a pulse shorter than this can't be commanded reliably over a slow supply
FASTEST_BOUNCE_S = 0.05  # what a load's command takes, with margin
INSTANT_S = 0.05  # between two values of a noise or a drift
HOLD_BRIEFEST_S = 0.1  # a hold that is shorter can't be commanded ...
HOLD_CUT_SHORT_S = 2.0  # ... so it lasts that long, with the stage acting that ends it
SUPPLY_DIP_S = 0.3  # a bench's supply takes as long to fall
BENCH_OFF = {"V": 0.005, "A": 0.3, "°C": 0.5}  # its sources and their settling, by unit

# ---- what reports something ---------------------------------------------------------------------
LINK_RESOLVES_S = 0.05  # what a link's own latency leaves of a time; below, only "in time" counts
ONE_TASK_S = 0.05  # event and output come in one run of a task: which clock is first means nothing
ANSWERS_APART_S = 0.01  # an answer must not be taken for the next line's: more than stamps are late
OUTLAST_S = 0.1  # a case goes on for so long after the last that is due
PRINTED_S = 0.05  # a line of a hundred characters takes 9 ms at 115200 baud
STILL_S = 0.5  # what must not change is watched for so long, at the least
STANDS_S = 1.2  # until every frame has said a standing value, at the least
COUNTED_S = 1.2  # until a counter of refused frames has been sent, at the least
BLIND_S = 1.0  # watched while a link is lost, at the least
SEEN_S = 0.7  # of what is said of a link that is back, at the least
LIMIT_SEEN_S = 0.25  # each point of a curve is looked at for so long, at the least
LIMIT_AGAIN_S = (0.5, 2.0)  # after a return, looked at how far a limit has risen
SETTLED_S = 1.0  # until lowest and highest are reported
QUIET_S = 10.0  # in which every message comes often
SAME_LOAD_S = 2.0  # in which a number that is wrong for a frame shows

# ---- the BMS, where its profile says nothing ----------------------------------------------------
NO_DELAY_S = 1.0  # where no delay is claimed, a reaction must still be seen
NO_RECOVERY_S = 3.0  # where no time is claimed, a recovery must still come
PHASE_S = 0.5  # spans the period of every task that nobody states
CLEAR_S = 1.0  # of a console command that clears a latch, and of its refusal
CAUSE_SAID_S = 0.5  # of a start, the line that names its cause
CLOSED_S = 0.05  # until an output that closed is seen to have
ACKNOWLEDGED_S = 0.5  # of an acknowledgement, until it shows
OFF_S = 0.5  # longer than the hold-up time of a BMS's own supply
BRIEFLY_OFF_S = 0.3  # long enough for a small one
BY_HARDWARE_S = 0.01  # a delay so short is no timer's, and a record so long too coarse for it
HEARD_S = 0.5  # between two things that the host says, so that each is heard
FLOWS_AGAIN_S = 2.0  # a current still demanded flows again once its protection lets go
LINK_EMPTIES_S = 1.0  # for a load to empty the DC link
CURRENT_GONE = 0.5  # of the threshold: where a current that a path has cut off is surely falling

# ---- how long is long ---------------------------------------------------------------------------
LONGER = 1.3  # delays are waited for what must not come
HOLD_DELAYS, HOLD_S = 10.0, 60.0  # a hold test lasts ten times the delay and a minute at least
DIP_S = 0.3  # longer than any scan that somebody states; a plan may ask for less ("dip: 50 ms")
DRIFT_S = 3.0  # from the middle of two levels to beyond one
DWELL_SPARE_S = 0.2  # on a step of a ramp, beyond the delay
LATCHED_S = 10.0  # a latch is watched for so long ...
TRIED_S = 1.5  # ... of which so long after a command that must be refused
COILS_S, FIRST_COILS_S = (
    10.0,
    60.0,
)  # contactors are watched for so long (docs/known-defects.md D72)
INTO_PRECHARGE_S = 0.5  # when something happens in the midst of it
BREAK_S, BETWEEN_S = 0.01, 0.1  # contacts that bounce, and the span of the pauses
BUS_BRIEF_S, BUS_LONG_S = 1.0, 10.0
BUS_WATCHED_S = 2.0  # after it has settled: periods, counters and checksums are as ever
BUS_BOUNCE_S = 0.05
LOADED_BEFORE_S, LOADED_AFTER_S = 0.15, 0.1  # around the time in which a reaction is due
FAST_FOR_S = 10.0  # some hundred frames at random phases of the BMS's tasks (D22)
DISTURBED_S = 1.5  # some frames of each kind that is wrong
CUT_SPAN_S = 0.08  # a save takes tens of ms
START_SPAN_S = 3.0  # docs/known-defects.md D104: cuts 0 to 3 s after a start
LOW_S = (0.03, 0.1, 0.3, 1.0)  # a supply that dips is low, after it has had its time to fall
RAMP_DWELL_S = 0.1  # on each level of a supply that falls slowly
WRAP_WATCHED_S = 6.0  # beyond the wrap of the timers
SETTLED_BEFORE_S = 3.0  # no current flows before one that is let flow up to the wrap
REST_SHARE = 0.9  # of the stated time of rest, which has no tolerance of its own
