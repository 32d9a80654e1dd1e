"""Clocks that disagree: each device counts its own. Must not know what the time is used for."""

from __future__ import annotations

from rig.virtual.kernel import Kernel
from rig.virtual.seeds import stream

__all__ = ["LocalClock"]

_PPT = 10**12  # drift is kept as an integer, in parts per 10^12, so that conversion is exact


class LocalClock:
    """A device's clock: `offset_ns` at kernel time 0, running `drift_ppm` too fast.

    Integer arithmetic only, so a conversion there and back never depends on rounding of floats.
    """

    def __init__(self, kernel: Kernel, offset_ns: int = 0, drift_ppm: float = 0.0) -> None:
        self._kernel = kernel
        self.offset_ns = offset_ns
        self._drift = round(drift_ppm * 1e6)

    @classmethod
    def drawn(  # noqa: PLR0913 (a crystal has that many figures)
        cls,
        kernel: Kernel,
        seed: int,
        name: str,
        *,
        epoch_ns: int = 0,
        offset_s: float = 2.0,
        drift_ppm: float = 50.0,
    ) -> LocalClock:
        """Draw a clock for the device `name`: `epoch_ns` ± `offset_s`, ± `drift_ppm`, both uniform.

        Crystals are sold for ±20 to ±100 ppm.
        """
        draw = stream(seed, f"clock {name}")
        offset_ns = epoch_ns + round(draw.uniform(-offset_s, offset_s) * 1e9)
        return cls(kernel, offset_ns, draw.uniform(-drift_ppm, drift_ppm))

    @property
    def drift_ppm(self) -> float:
        """How much too fast it runs."""
        return self._drift / 1e6

    def now_ns(self) -> int:
        """Read the clock."""
        return self.to_local_ns(self._kernel.now_ns)

    def to_local_ns(self, kernel_ns: int) -> int:
        """Tell what this clock shows at `kernel_ns`."""
        return self.offset_ns + kernel_ns + kernel_ns * self._drift // _PPT

    def to_kernel_ns(self, local_ns: int) -> int:
        """Tell the first kernel time at which this clock shows `local_ns` or more."""
        elapsed = local_ns - self.offset_ns
        kernel_ns = elapsed * _PPT // (_PPT + self._drift) - 1
        while self.to_local_ns(kernel_ns) < local_ns:
            kernel_ns += 1
        return kernel_ns
