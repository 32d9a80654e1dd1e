"""Moves a supply's set points from where they are to where they should be, in small steps.

The power path takes set points, not slopes, so a regulator's rise and fall are a ramp. Must
not know an instrument.
"""

from collections.abc import Callable

from rig.virtual.kernel import Handle, Kernel

STEPS = 20


class Slew:
    """A pair of set points on its way to a target.

    Parameters
    ----------
    apply
        Called with (on, volts, amps) at each step.
    """

    def __init__(self, kernel: Kernel, apply: Callable[[bool, float, float], None]) -> None:
        self._kernel, self._apply = kernel, apply
        self._at = (0.0, 0.0)
        self._step: Handle | None = None

    def go(self, volts: float, amps: float, duration_ns: int) -> None:
        """Reach the target (V, A) in `duration_ns`, from wherever the ramp is now."""
        self._cancel()
        start = self._at
        pause_ns = max(duration_ns // STEPS, 1)

        def step(count: int) -> None:
            part = count / STEPS
            self._at = (
                start[0] + part * (volts - start[0]),
                start[1] + part * (amps - start[1]),
            )
            self._apply(True, *self._at)  # noqa: FBT003 - the power path's own signature
            if count < STEPS:
                self._step = self._kernel.after(pause_ns, lambda: step(count + 1))

        step(1)

    def off(self) -> None:
        """Stop conducting at once."""
        self._cancel()
        self._at = (0.0, 0.0)
        self._apply(False, 0.0, 0.0)  # noqa: FBT003 - the power path's own signature

    def _cancel(self) -> None:
        if self._step is not None:
            self._step.cancel()
            self._step = None
