"""What a terminal would show of a text: no escape codes, and what has no picture gets one. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

# ECMA-48, 5th edition: control sequences (5.4), control strings (5.6), escape sequences (5.3), and
# of those ISO/IEC 2022's with intermediate bytes (a character set). Each of the first two has a
# form of one character (C1).
_CODES = re.compile(
    r"""(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]
      | (?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c)
      | \x1b[ -/]+[0-~]
      | \x1b[0-~]""",
    re.VERBOSE | re.DOTALL,
)
_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"} | {
    0x7F: 0x2421,
    **dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000)), 0xFFFD),
}


@lru_cache(maxsize=1 << 10)  # for each cell that a line tells of, it is searched once
def plain(text: str) -> str:
    """Return a text without escape codes, its other control characters as pictures (U+2400 on)."""
    return text if text.isprintable() else _CODES.sub("", text).translate(_PICTURES)
