"""A controller in a process of its own: speaks lines of JSON over a socket, imports no rig module.

    python outside.py PORT HABIT

Each 250 us of its own time it samples cell 1; the first time that it is above the limit, it lowers
the charge gate 37 us later. HABIT: "good", or how it goes wrong once it is at 3 ms.
"""

import json
import random
import socket
import sys
from typing import Any, TextIO

PERIOD_NS, THINKS_NS = 250_000, 37_000
LIMIT_RAW, NO_VALUE = 36_500, 0xFFFF
FAILS_NS = 3_000_000


class Controller:
    """The controller, from its start until the other side hangs up."""

    def __init__(self, lines: TextIO, habit: str) -> None:
        self.lines, self.habit = lines, habit
        self.now_ns = self.lowers_ns = 0

    def say(self, **message: object) -> None:
        self.lines.write(json.dumps(message) + "\n")
        self.lines.flush()

    def hear(self) -> Any:
        line = self.lines.readline()
        if not line:
            sys.exit()
        return json.loads(line)

    def advance(self, until_ns: int) -> None:
        """Go on until then; what is due later waits for the next time."""
        while True:
            next_ns = self.now_ns + PERIOD_NS
            if self.now_ns < self.lowers_ns <= min(next_ns, until_ns):
                self.say(t=self.lowers_ns, drive="charge gate", on=False)
            if next_ns > until_ns:
                break
            self.now_ns = next_ns
            sum(range(random.randrange(20_000)))  # noqa: S311  takes as long as it likes
            if self.habit != "good" and next_ns >= FAILS_NS:
                self.fail()
            self.look()
        self.say(t=until_ns, reached=True)

    def look(self) -> None:
        self.say(t=self.now_ns, sample="cell 1")
        if LIMIT_RAW < self.hear()["value"] < NO_VALUE and not self.lowers_ns:
            self.lowers_ns = self.now_ns + THINKS_NS

    def fail(self) -> None:
        match self.habit:
            case "acts in the past":
                self.say(t=self.now_ns - 1_000_000, sample="cell 1")
            case "runs ahead":
                self.say(t=self.now_ns + 50_000_000, reached=True)
            case "stops early":
                self.say(t=self.now_ns, reached=True)
            case "talks nonsense":
                self.say(t="soon")
            case _:
                pass  # dies, or says nothing
        if self.habit != "dies":
            self.lines.readline()  # stays on the line, and says no more
        sys.exit()


def main(port: str, habit: str) -> None:
    with socket.create_connection(("127.0.0.1", int(port))) as link, link.makefile("rw") as lines:
        controller = Controller(lines, habit)
        while True:
            message = controller.hear()
            for given in message["given"]:
                controller.say(t=controller.now_ns, note=given)
            controller.advance(message["advance"])


if __name__ == "__main__":
    main(*sys.argv[1:])
