"""x."""
from dataclasses import dataclass
@dataclass
class Image:
    divider: bool=False
POWER_ON_V=4.0
POWER_OFF_V=3.6
