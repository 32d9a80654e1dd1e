"""The console's USB adapter on the network: telnet with the COM port option (RFC 2217).

Must not know what the console says. pyserial's `rfc2217://` client opens and drives it, a plain
telnet or netcat sees text. Every negotiation is answered as it is read, at the present instant: a
client that waits for an answer never needs virtual time to pass. One port, any number of clients:
all see the console, and the line's settings are the last ones that anybody asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from rig.virtual.uart import AutoReset, Uart

if TYPE_CHECKING:
    from rig.virtual.kernel import Kernel
    from rig.virtual.loop import Connection, Loop

__all__ = ["ConsoleServer", "TelnetParser", "Uart"]

SE, SB, WILL, WONT, DO, DONT, IAC = 240, 250, 251, 252, 253, 254, 255
AYT: Final = 246  # are you there

BINARY, ECHO, SUPPRESS_GO_AHEAD, COM_PORT = 0, 1, 3, 44
_OURS: Final = frozenset((BINARY, ECHO, SUPPRESS_GO_AHEAD, COM_PORT))
_THEIRS: Final = frozenset((BINARY, SUPPRESS_GO_AHEAD, COM_PORT))

SIGNATURE: Final = b"BMS rig virtual console"
TO_CLIENT: Final = 100  # a server's command is the client's plus 100
CTS_AND_DSR: Final = 0x30  # modem state: nobody holds the line back
_LONGEST_OPTION: Final = 1024


class ComPort(IntEnum):
    """Commands from client to server, RFC 2217 section 3."""

    SIGNATURE = 0
    SET_BAUDRATE = 1
    SET_DATASIZE = 2
    SET_PARITY = 3
    SET_STOPSIZE = 4
    SET_CONTROL = 5
    NOTIFY_LINESTATE = 6
    NOTIFY_MODEMSTATE = 7
    FLOWCONTROL_SUSPEND = 8
    FLOWCONTROL_RESUME = 9
    SET_LINESTATE_MASK = 10
    SET_MODEMSTATE_MASK = 11
    PURGE_DATA = 12


class Control(IntEnum):
    """Values of SET_CONTROL that do something here."""

    FLOW_QUERY = 0
    FLOW_NONE = 1
    BREAK_QUERY = 4
    BREAK_ON = 5
    BREAK_OFF = 6
    DTR_QUERY = 7
    DTR_ON = 8
    DTR_OFF = 9
    RTS_QUERY = 10
    RTS_ON = 11
    RTS_OFF = 12
    INBOUND_FLOW_QUERY = 13
    INBOUND_FLOW_NONE = 14


class TelnetParser:
    """Splits a telnet stream into data, option requests and subnegotiations.

    Parameters
    ----------
    on_data
        Called with payload, IAC undoubled.
    on_option
        Called with WILL, WONT, DO or DONT, and the option.
    on_subnegotiation
        Called with option and content, IAC undoubled.
    on_command
        Called with any other command.
    """

    def __init__(
        self,
        *,
        on_data: Callable[[bytes], None],
        on_option: Callable[[int, int], None],
        on_subnegotiation: Callable[[bytes], None],
        on_command: Callable[[int], None],
    ) -> None:
        self._on_data, self._on_option = on_data, on_option
        self._on_subnegotiation, self._on_command = on_subnegotiation, on_command
        self._data = bytearray()
        self._option: bytearray | None = None  # content of a subnegotiation that is not over
        self._state: Callable[[int], None] = self._plain
        self._verb = 0

    def feed(self, data: bytes) -> None:
        """Take in what has arrived, cut anywhere."""
        if self._state == self._plain and self._option is None and IAC not in data:
            self._on_data(data)
            return
        for byte in data:
            self._state(byte)
        self._hand_over()

    def _plain(self, byte: int) -> None:
        if byte == IAC:
            self._state = self._after_iac
        else:
            self._keep(byte)

    def _keep(self, byte: int) -> None:
        if self._option is None:
            self._data.append(byte)
        elif len(self._option) < _LONGEST_OPTION:
            self._option.append(byte)

    def _after_iac(self, byte: int) -> None:
        self._state = self._plain
        if byte == IAC:
            self._keep(IAC)
        elif byte in (WILL, WONT, DO, DONT):
            self._verb, self._state = byte, self._after_verb
        else:
            self._hand_over()
            self._command(byte)

    def _after_verb(self, byte: int) -> None:
        self._state = self._plain
        self._hand_over()
        self._on_option(self._verb, byte)

    def _command(self, byte: int) -> None:
        if byte == SB:
            self._option = bytearray()
        elif byte == SE:
            content, self._option = self._option, None
            if content:
                self._on_subnegotiation(bytes(content))
        else:
            self._on_command(byte)

    def _hand_over(self) -> None:
        if self._data:
            data = bytes(self._data)
            self._data.clear()
            self._on_data(data)


class ConsoleServer:
    """The adapter between a `Uart` and the network.

    Attributes
    ----------
    auto_reset
        What DTR and RTS drive; its `on_reset` and `on_boot_strap` are for the controller's EN, IO0.
    """

    def __init__(self, loop: Loop, kernel: Kernel, uart: Uart, *, port: int = 0) -> None:
        self.data_size, self.parity, self.stop_size = 8, 1, 1  # 8N1, RFC 2217's numbers
        self._clients: list[_Client] = []
        self._wire_to(kernel, uart)
        self._opened_with: tuple[int, int, int, int] | None = None
        self.port = loop.listen(self._accept, port, name="console")

    def plug(self, kernel: Kernel, uart: Uart) -> None:
        """Go to another controller's UART; the line's settings are those of the first change.

        DTR, RTS and break are released, and the clients stay connected.
        """
        now = (self.uart.adapter_baud, self.data_size, self.parity, self.stop_size)
        self._opened_with = self._opened_with or now
        uart.adapter_baud, self.data_size, self.parity, self.stop_size = self._opened_with
        self._wire_to(kernel, uart)

    def _wire_to(self, kernel: Kernel, uart: Uart) -> None:
        self._kernel, self.uart = kernel, uart
        self.auto_reset, self.is_breaking = AutoReset(kernel), False
        uart.on_transmit = self._hear

    def feed(self, data: bytes) -> None:
        """Take in bytes that a client typed; a line held in break carries none."""
        self._kernel.take("console", len(data))
        if not self.is_breaking:
            self.uart.feed(data)

    def leave(self, client: _Client) -> None:
        """Forget a client; when the last has gone, the adapter releases DTR and RTS."""
        self._clients.remove(client)
        if not self._clients:
            self.auto_reset.set_lines(dtr=False, rts=False)

    def _accept(self, connection: Connection) -> None:
        self._clients.append(_Client(self, connection))

    def _hear(self, data: bytes) -> None:
        if self._clients and data:
            escaped = _escape(data)
            for client in self._clients:
                client.show(escaped)
            self._kernel.wake("console", len(data))


class _Client:
    """One telnet connection."""

    def __init__(self, server: ConsoleServer, connection: Connection) -> None:
        self._server, self._connection = server, connection
        self._parser = TelnetParser(
            on_data=self._typed,
            on_option=self._negotiate,
            on_subnegotiation=self._com_port,
            on_command=self._command,
        )
        self._ours: set[int] = set()  # options in force on our side, and on theirs
        self._theirs: set[int] = set()
        self._held: bytearray | None = None  # while the client has suspended the flow
        self._after_return = False
        connection.on_data = self._parser.feed
        connection.on_close = lambda: server.leave(self)

    def show(self, escaped: bytes) -> None:
        """Hand over console bytes, unless the client asked to wait."""
        if self._held is None:
            self._connection.send(escaped)
        else:
            self._held += escaped

    def _typed(self, data: bytes) -> None:
        self._server.feed(data if self._is_transparent() else self._undo_nvt(data))

    def _is_transparent(self) -> bool:
        # pyserial's client (and so esptool) sends raw bytes without ever agreeing on BINARY.
        return bool({BINARY, COM_PORT} & self._theirs)

    def _undo_nvt(self, data: bytes) -> bytes:
        """RFC 854: a carriage return alone is sent as CR NUL."""
        if self._after_return and data.startswith(b"\0"):
            data = data[1:]
        if data:
            self._after_return = data.endswith(b"\r")
        return data.replace(b"\r\0", b"\r")

    def _command(self, command: int) -> None:
        if command == AYT:
            self._connection.send(b"\r\n[yes]\r\n")

    # Options

    def _negotiate(self, verb: int, option: int) -> None:
        """Agree to what is known; answer only what changes, so that nobody answers for ever."""
        if verb in (DO, DONT):
            self._agree(self._ours, _OURS, option, wanted=verb == DO, yes=WILL, no=WONT)
        else:
            self._agree(self._theirs, _THEIRS, option, wanted=verb == WILL, yes=DO, no=DONT)
        if option == COM_PORT and verb in (DO, WILL):
            self._tell(ComPort.NOTIFY_MODEMSTATE, CTS_AND_DSR)

    def _agree(  # noqa: PLR0913  (one side's state and words)
        self,
        active: set[int],
        known: frozenset[int],
        option: int,
        *,
        wanted: bool,
        yes: int,
        no: int,
    ) -> None:
        if wanted and option not in known:
            self._connection.send(bytes((IAC, no, option)))
        elif wanted != (option in active):
            (active.add if wanted else active.discard)(option)
            self._connection.send(bytes((IAC, yes if wanted else no, option)))

    def _com_port(self, content: bytes) -> None:
        if content[0] != COM_PORT or len(content) < 2:
            return
        actions: dict[int, Callable[[bytes], None]] = {
            ComPort.SIGNATURE: lambda _value: self._answer(ComPort.SIGNATURE, SIGNATURE),
            ComPort.SET_BAUDRATE: self._set_baud,
            ComPort.SET_DATASIZE: lambda value: self._set("data_size", value),
            ComPort.SET_PARITY: lambda value: self._set("parity", value),
            ComPort.SET_STOPSIZE: lambda value: self._set("stop_size", value),
            ComPort.SET_CONTROL: self._set_control,
            ComPort.NOTIFY_LINESTATE: lambda _value: self._tell(ComPort.NOTIFY_LINESTATE, 0x60),
            ComPort.NOTIFY_MODEMSTATE: lambda _value: self._tell(
                ComPort.NOTIFY_MODEMSTATE, CTS_AND_DSR
            ),
            ComPort.FLOWCONTROL_SUSPEND: lambda _value: self._suspend(),
            ComPort.FLOWCONTROL_RESUME: lambda _value: self._resume(),
            ComPort.SET_LINESTATE_MASK: lambda value: self._answer(
                ComPort.SET_LINESTATE_MASK, value
            ),
            ComPort.SET_MODEMSTATE_MASK: lambda value: self._answer(
                ComPort.SET_MODEMSTATE_MASK, value
            ),
            ComPort.PURGE_DATA: self._purge,
        }
        if (act := actions.get(content[1])) is not None:
            act(content[2:])

    def _answer(self, command: ComPort, value: bytes) -> None:
        head = bytes((IAC, SB, COM_PORT, command + TO_CLIENT))
        self._connection.send(head + _escape(value) + bytes((IAC, SE)))

    def _tell(self, command: ComPort, value: int) -> None:
        self._answer(command, bytes((value,)))

    # The line

    def _set_baud(self, value: bytes) -> None:
        """Four bytes, big-endian; 0 asks for the present rate."""
        if len(value) != 4:
            return
        uart = self._server.uart
        if baud := int.from_bytes(value, "big"):
            uart.adapter_baud = baud
        self._answer(ComPort.SET_BAUDRATE, uart.adapter_baud.to_bytes(4, "big"))

    def _set(self, name: str, value: bytes) -> None:
        """One byte; 0 asks for the present value. The controller itself stays at 8N1."""
        if len(value) != 1:
            return
        if value[0]:
            setattr(self._server, name, value[0])
        command = {
            "data_size": ComPort.SET_DATASIZE,
            "parity": ComPort.SET_PARITY,
            "stop_size": ComPort.SET_STOPSIZE,
        }[name]
        self._tell(command, getattr(self._server, name))

    def _set_control(self, value: bytes) -> None:
        if len(value) != 1:
            return
        wanted, lines = value[0], self._server.auto_reset
        if wanted in (Control.DTR_ON, Control.DTR_OFF):
            lines.set_lines(dtr=wanted == Control.DTR_ON, rts=lines.rts)
        elif wanted in (Control.RTS_ON, Control.RTS_OFF):
            lines.set_lines(dtr=lines.dtr, rts=wanted == Control.RTS_ON)
        elif wanted in (Control.BREAK_ON, Control.BREAK_OFF):
            self._server.is_breaking = wanted == Control.BREAK_ON
        self._tell(ComPort.SET_CONTROL, self._control_state(wanted))

    def _control_state(self, wanted: int) -> int:
        """Answer a question; anything else is confirmed, though there is no flow control here."""
        lines = self._server.auto_reset
        states = {
            Control.FLOW_QUERY: Control.FLOW_NONE,
            Control.INBOUND_FLOW_QUERY: Control.INBOUND_FLOW_NONE,
            Control.BREAK_QUERY: (
                Control.BREAK_ON if self._server.is_breaking else Control.BREAK_OFF
            ),
            Control.DTR_QUERY: Control.DTR_ON if lines.dtr else Control.DTR_OFF,
            Control.RTS_QUERY: Control.RTS_ON if lines.rts else Control.RTS_OFF,
        }
        return next((state for query, state in states.items() if query == wanted), wanted)

    def _purge(self, value: bytes) -> None:
        """1: what is on its way to the client, 2: to the controller, 3: both."""
        if len(value) != 1:
            return
        if value[0] in (1, 3) and self._held is not None:
            self._held.clear()
        if value[0] in (2, 3):
            self._server.uart.purge_feed()
        self._tell(ComPort.PURGE_DATA, value[0])

    def _suspend(self) -> None:
        if self._held is None:
            self._held = bytearray()

    def _resume(self) -> None:
        held, self._held = self._held, None
        if held:
            self._connection.send(bytes(held))


def _escape(data: bytes) -> bytes:
    """Double IAC."""
    return data.replace(b"\xff", b"\xff\xff")
