"""Settings got wrong: how they are taken, applied and kept (docs/known-defects.md, 5 and 10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.protections import Protections
from rig.virtual.guests.reference.settings import DelayTable, StoredSetting, StoredSettings
from rig.virtual.guests.reference.settings_task import SettingsTask
from rig.virtual.guests.reference.storage import SLOTS, Record, Store
from rig.virtual.guests.variants import variant
from rig.virtual.kernel import MS


# ---- taken --------------------------------------------------------------------------------------
class _CastTooSoon(StoredSettings):
    """The number is cast to an integer and only then scaled to the stored step."""

    def steps(self, item: StoredSetting, number: float) -> int:
        return int(number) * item.per_unit


@variant(
    "limits-cut-to-whole-units",
    "D10",
    "S1",
    "a limit is cast to integer before it is scaled",
    shows=r"\.(trip|release)",
)
def limits_cut_to_whole_units(build: Build) -> Build:
    """Build it."""
    return build.patch(settings=_CastTooSoon)


class _ChecksReleaseOnly(StoredSettings):
    """The pair is looked at where the release is set; a trip level may pass it."""

    def pair_is_legal(self, item: StoredSetting, raw: int) -> bool:
        if item.moves == "threshold":
            return True
        return super().pair_is_legal(item, raw)


@variant(
    "trip-level-beyond-release",
    "D57",
    "S2",
    "the pair is checked where a release is set",
    shows=r"(ERR|settings_refused).*\.trip",
)
def trip_level_beyond_release(build: Build) -> Build:
    """Build it."""
    return build.patch(settings=_ChecksReleaseOnly)


# ---- applied ------------------------------------------------------------------------------------
@variant(
    "setting-of-the-neighbour",
    "D39",
    "S1",
    "the row of UTC in the table names its neighbour",
    shows=r"utc\\?\.|\bUT[CD]\b",
)
def setting_of_the_neighbour(build: Build) -> Build:
    """Build it."""
    items = build.image.settings
    return build.configure(
        settings=tuple(replace(i, rule="UTD") if i.name == "utc.trip" else i for i in items)
    )


class _ReadsPastTheTable(StoredSettings):
    """The table's size in bytes is taken for its number of entries; what lies behind it is read."""

    # The limits for overcurrent in discharge, in mV, as a bq769x0's driver has them next.
    BEHIND = (8, 11, 14, 17, 19, 22, 25, 28)

    def entries(self, table: DelayTable) -> tuple[int, ...]:
        entries = table.values
        size_bytes = 2 * len(entries)
        return (entries + self.BEHIND)[:size_bytes]


@variant(
    "delay-from-behind-the-table",
    "D69",
    "S1",
    "a table's size in bytes used as its length",
    shows=r"\.delay",
)
def delay_from_behind_the_table(build: Build) -> Build:
    """Build it."""
    return build.patch(settings=_ReadsPastTheTable)


class _StaleRange(Protections):
    """Rules are changed, but not the range within which they are not looked at."""

    def find_ranges(self) -> None:
        """Leave it as it was compiled in."""


@variant(
    "new-limit-read-back-only",
    "D70",
    "S1",
    "the range that wakes a rule keeps its ends",
    shows=r"settings.*(path (opened|did not open|was)|BMS_Status\.|prot:)",
)
def new_limit_read_back_only(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_StaleRange)


class _MixesUnits(StoredSettings):
    """The wish in ms is compared with a table in s."""

    def in_table_units(self, _table: DelayTable, wish_ms: int) -> float:
        return wish_ms


@variant(
    "seconds-for-milliseconds",
    "1.6.1",
    "S1",
    "a delay in ms is looked up in a table in s",
    shows=r"\.delay",
)
def seconds_for_milliseconds(build: Build) -> Build:
    """Build it."""
    return build.patch(settings=_MixesUnits)


@variant(
    "two-seconds-are-one",
    "1.6.4",
    "S2",
    "the constant for 2000 ms has 1000 in it",
    shows=r"(OT|UT)[CD].*(opened|was open|became 1|was 1|console said)",
)
def two_seconds_are_one(build: Build) -> Build:
    """Build it."""
    for short in ("OTC", "OTD", "UTC", "UTD"):
        build = build.with_rule(short, ticks=98)
    return build


class _RowOfFourBytes(StoredSettings):
    """The row of ovp.delay in the table of fields says four bytes; its field has two."""

    def change(self, name: str, text: str) -> None:
        super().change(name, text)
        if name == "ovp.delay":
            names = list(self.items)
            behind = names[names.index(name) + 1]
            self.values[behind] = self.values[name] >> 16


@variant(
    "setting-clears-the-next",
    "D39",
    "S1",
    "a row of the table is a word wide: what is set clears the field behind",
    shows=r"settings_alone.*uvp\\?\.trip",
)
def setting_clears_the_next(build: Build) -> Build:
    """Build it."""
    return build.patch(settings=_RowOfFourBytes)


# ---- kept ---------------------------------------------------------------------------------------
class _LastNotRead(StoredSettings):
    """The loop over the stored fields ends one too soon."""

    def stored_items(self) -> Iterable[StoredSetting]:
        items: list[StoredSetting] = list(super().stored_items())
        return items[:-1]


@variant(
    "last-setting-not-loaded",
    "D103",
    "S1",
    "written, but the loop that reads ends one short",
    shows=r"utc\\?\.delay|settings.*UTC",
)
def last_setting_not_loaded(build: Build) -> Build:
    """Build it."""
    return build.patch(settings=_LastNotRead)


@variant(
    "delay-stored-in-a-byte", "D103", "S1", "delays of 16 bits are stored in 8", shows=r"\.delay"
)
def delay_stored_in_a_byte(build: Build) -> Build:
    """Build it."""
    items = build.image.settings
    return build.configure(
        settings=tuple(replace(i, width=1) if i.moves == "ticks" else i for i in items)
    )


class _SavesLater(Store):
    """To spare the flash a timer writes each record, 5 s after it was said to be saved."""

    _LATER_NS = 5_000_000_000

    def save(self, payload: bytes, done: Callable[[bool], None]) -> None:
        write = super().save
        self.chip.after(self._LATER_NS, lambda: write(payload, lambda _kept: None))
        done(True)  # noqa: FBT003


@variant(
    "saved-but-not-yet",
    "D103",
    "S1",
    "saved is said at once, written is it 5 s later",
    shows=r"(settings_\w+|power_cuts).*(did not say|console said)",
)
def saved_but_not_yet(build: Build) -> Build:
    """Build it."""
    return build.patch(store=_SavesLater)


class _Formats(Store):
    """A store whose check fails is formatted, as sample code for the library does it."""

    _has_formatted = False

    def load(self) -> Record | None:
        record = super().load()
        if not self.bad_slots or self._has_formatted:
            return record
        self._has_formatted = True
        self._format(*SLOTS)
        return None

    def _format(self, slot: int, *others: int) -> None:
        takes_ns = self.flash.erase(slot)
        if others:
            self.chip.after(takes_ns + MS, lambda: self._format(*others))


class _TakesItForNew(SettingsTask):
    """No record means a device fresh from the factory."""

    def without(self, _record: Record | None) -> None:
        self.settings.restore_factory()


@variant(
    "formats-what-is-torn",
    "D104",
    "S1",
    "a store whose check fails is formatted",
    shows=r"(power_cuts|storage_loss).*(path|console)",
)
def formats_what_is_torn(build: Build) -> Build:
    """Build it."""
    return build.patch(store=_Formats, settings_task=_TakesItForNew)


class _InPlace(Store):
    """The record is written where it was."""

    def victim(self, current: Record | None) -> int:
        return 0 if current is None else current.slot


@variant(
    "written-in-place",
    "D104",
    "S1",
    "the only good copy is erased to write the next",
    shows=r"(power_cuts|storage_loss).*(path|console)",
)
def written_in_place(build: Build) -> Build:
    """Build it."""
    return build.patch(store=_InPlace)


class _InForceByTheOldSize(SettingsTask):
    """The factory's settings are stored whole, and copied into force one field short."""

    def restore(self) -> None:
        last = next(reversed(self.settings.values))
        kept = self.settings.values[last]
        super().restore()
        self.settings.values[last] = kept
        self.apply()


@variant(
    "last-setting-not-restored",
    "D103",
    "S2",
    "what is restored is in force but for the last field",
    shows=r"settings_restored.*utc\\?\.delay",
)
def last_setting_not_restored(build: Build) -> Build:
    """Build it."""
    return build.patch(settings_task=_InForceByTheOldSize)


@variant(
    "lost-settings-taken-for-none",
    "D104",
    "S1",
    "two bad copies are taken for a device fresh from the factory",
    shows=r"storage_loss.*(path|StorageFault|did not say)",
)
def lost_settings_taken_for_none(build: Build) -> Build:
    """Build it."""
    return build.patch(settings_task=_TakesItForNew)
