"""A trace as files that other tools read, and back, exactly. The one edge of this room with I/O.

    signals.parquet   the digitizer's record: a column for each channel, unit and scale beside it;
                      where several recorded, signals-2.parquet and so on, each on its own clock
    can.blf           CAN frames, dated (see rig.trace.blf)
    console.txt       a line of a console each: seconds, how late it may be stamped, text; one that
                      is not the BMS's own is named behind the lateness
    scpi.txt          the instruments' transcript
    trace.json        everything else, with the units in its names

Arrays come back equal to the bit. Must not interpret what it stores.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import AliasChoices, ConfigDict, Field, TypeAdapter

from rig.clock import Lag
from rig.documents import Document, parsed_object
from rig.errors import EvidenceError
from rig.trace.blf import frames_from_blf, start_ns, write_blf
from rig.trace.model import (
    CAN,
    CONSOLE,
    REST,
    SCPI,
    Channel,
    Command,
    Line,
    Link,
    Marker,
    Reading,
    Start,
    Trace,
    Waveform,
    signals_file,
)
from rig.trace.texts import decoded, encoded, of_line, of_text, to_line, unescaped

_MEND = "restore the run folder from its archive, or run the case again"
_FIRST = 64  # samples that are looked at before all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    """What trace.json holds."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_inf_nan="constants")

    begin_ns: int
    end_ns: int
    error: str | None
    commands: tuple[Command, ...]
    readings: tuple[Reading, ...]
    links: Mapping[str, Link]
    markers: Mapping[str, Marker]
    can_time_u_s: float
    # How many files of signals there are; version 3 said whether there was the one.
    waveforms: Annotated[int, Field(validation_alias=AliasChoices("waveforms", "has_waveform"))]
    can_start_ns: int = 0  # see rig.trace.blf; version 1 had neither this nor a date
    can_buses: tuple[str, ...] = ("can",)  # names of the BLF's channels; version 2 knew one bus
    can_each_u_s: tuple[float, ...] = ()  # of each of them; evidence of one bus has it not
    begun_utc_ns: int = 0
    unready: bool = False  # evidence of before this was told apart has it not
    start: Start | None = None  # nor this
    lags: tuple[Lag, ...] = ()  # nor this, of before it was watched


# Its version is that of all the files of a trace. Version 1 named no schema.
TRACE: Document[_Rest] = Document("trace", 4, TypeAdapter(_Rest), unnamed=1)


def save(trace: Trace, folder: Path) -> None:
    """Write a trace into a folder, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, waveform in enumerate(trace.waveforms):
        _save_waveform(waveform, folder / signals_file(number))
    with (folder / CAN).open("wb") as file:
        write_blf(file, trace.frames, trace.begun_utc_ns)
    _write(folder / CONSOLE, map(of_line, trace.lines))
    _write(folder / SCPI, map(of_text, trace.transcript))
    rest = _Rest(
        begin_ns=trace.begin_ns,
        end_ns=trace.end_ns,
        error=trace.error,
        commands=trace.commands,
        readings=trace.readings,
        links=trace.links,
        markers=trace.markers,
        can_time_u_s=trace.frames.time_u_s,
        can_start_ns=start_ns(trace.frames),
        can_buses=trace.frames.buses,
        can_each_u_s=trace.frames.each_u_s,
        begun_utc_ns=trace.begun_utc_ns,
        waveforms=len(trace.waveforms),
        unready=trace.unready,
        start=trace.start,
        lags=trace.lags,
    )
    (folder / REST).write_bytes(TRACE.dump(rest, indent=1) + b"\n")


def load(folder: Path) -> Trace:
    """Read a trace back; EvidenceError names the file that is missing or damaged."""
    rest = TRACE.load(_read(folder / REST), str(folder / REST))
    blf = folder / CAN
    frames = frames_from_blf(
        _read(blf), rest.can_time_u_s, str(blf), rest.can_start_ns, rest.can_buses
    )
    return Trace(
        begin_ns=rest.begin_ns,
        end_ns=rest.end_ns,
        waveforms=tuple(
            _load_waveform(folder / signals_file(number)) for number in range(rest.waveforms)
        ),
        commands=rest.commands,
        readings=rest.readings,
        frames=replace(frames, each_u_s=rest.can_each_u_s),
        lines=tuple(_line_from(text, folder) for text in _read_lines(folder / CONSOLE)),
        links=rest.links,
        markers=rest.markers,
        error=rest.error,
        begun_utc_ns=rest.begun_utc_ns,
        unready=rest.unready,
        start=rest.start,
        lags=rest.lags,
        transcript=tuple(map(unescaped, _read_lines(folder / SCPI))),
    )


def check_version(folder: Path) -> None:
    """Raise EvidenceError where a trace is damaged, or of a version that this rig does not read."""
    where = str(folder / REST)
    TRACE.check_schema(parsed_object(_read(folder / REST), where).get("schema"), where)


def console_text(trace: Trace) -> str:
    """Give the console's lines as they are stored."""
    return "".join(map(of_line, trace.lines))


def scpi_text(trace: Trace) -> str:
    """Give the instruments' transcript as it is stored."""
    return "".join(map(of_text, trace.transcript))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as cause:
        raise EvidenceError(f"can't be read ({cause.strerror})", str(path), _MEND) from cause


# ---- text ---------------------------------------------------------------------------------------
def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("wb") as file:
        file.writelines(map(encoded, lines))


def _read_lines(path: Path) -> list[str]:
    return decoded(_read(path)).split("\n")[:-1]


def _line_from(text: str, folder: Path) -> Line:
    try:
        return to_line(text)
    except ValueError as cause:
        raise EvidenceError(f"damaged: {text!r}", str(folder / CONSOLE), _MEND) from cause


# ---- the waveform -------------------------------------------------------------------------------
def _save_waveform(waveform: Waveform, path: Path) -> None:
    fields, columns = [], []
    for name, channel in waveform.channels.items():
        stored, scale, offset = _compact(channel)
        about = {
            "name": channel.name,
            "unit": channel.unit,
            "accuracy": channel.accuracy,
            "noise": channel.noise,
            "resolution": channel.resolution,
            "instrument": channel.instrument,
            "scale": scale,
            "offset": offset,
        }
        column = pa.array(stored)
        metadata = {b"rig": json.dumps(about).encode()}
        fields.append(pa.field(name, column.type, nullable=False, metadata=metadata))
        columns.append(column)
    record = {
        "start_ns": waveform.start_ns,
        "start_u_s": waveform.start_u_s,
        "interval_s": waveform.interval_s,
        "rate_tolerance": waveform.rate_tolerance,
        "skew_s": waveform.skew_s,
    }
    schema = pa.schema(fields, metadata={b"rig": json.dumps(record).encode()})
    table = pa.Table.from_arrays(columns, schema=schema)
    pq.write_table(
        table, path, compression="zstd", compression_level=1, use_dictionary=_few(schema)
    )


def _few(schema: pa.Schema) -> list[str]:
    """Name the columns worth a dictionary: floats off any grid still repeat an ADC's few codes."""
    return [field.name for field in schema if pa.types.is_floating(field.type)]


def _compact(channel: Channel) -> tuple[NDArray[Any], float, float]:
    """Return samples as the smallest type that gives them back exactly, with scale and offset."""
    values = channel.values
    if channel.resolution > 0.0 and values.size:
        for offset in (0.0, float(values[0])):
            codes = _codes(values, channel.resolution, offset)
            if codes is not None:
                return codes, channel.resolution, offset
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    if np.array_equal(single.astype(np.float64), values) and not _negative_zero(values):
        return single, 1.0, 0.0
    return values, 1.0, 0.0


def _codes(values: NDArray[np.float64], scale: float, offset: float) -> NDArray[Any] | None:
    """Return whole codes if code * scale + offset is each value to the bit, else None."""
    if values.size > _FIRST and _codes(values[:_FIRST], scale, offset) is None:
        return None  # what is off the grid shows soon
    with np.errstate(over="ignore", invalid="ignore"):
        codes = np.rint((values - offset) / scale)
        most = np.abs(codes).max()
        if not most < 2**31 or not np.array_equal(codes * scale + offset, values):
            return None
    if _negative_zero(values):
        return None
    return codes.astype(np.int16 if most < 2**15 else np.int32)


def _negative_zero(values: NDArray[np.float64]) -> bool:
    """Tell whether there is a -0.0, which equals 0.0 and would come back as that."""
    return bool(np.any(np.signbit(values) & (values == 0.0)))


def _load_waveform(path: Path) -> Waveform:
    try:
        table = pq.read_table(path, use_threads=False)
    except (OSError, pa.ArrowException) as cause:
        raise EvidenceError(f"can't be read ({cause})", str(path), _MEND) from cause
    record = json.loads(table.schema.metadata[b"rig"])
    channels = {
        field.name: _channel(json.loads(field.metadata[b"rig"]), table.column(i))
        for i, field in enumerate(table.schema)
    }
    return Waveform(channels=channels, **record)


def _channel(about: dict[str, Any], column: pa.ChunkedArray) -> Channel:
    stored = column.to_numpy()
    scale, offset = about.pop("scale"), about.pop("offset")
    values = stored.astype(np.float64)
    if stored.dtype.kind == "i":
        values = values * scale + offset
    return Channel(values=values, **about)
