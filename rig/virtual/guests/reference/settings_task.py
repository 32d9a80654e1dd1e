"""The settings at work: read at the start, changed and saved by console, restored.

A setting acts at once and is kept once it is saved. Knows neither a protection nor the flash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.virtual.guests.reference.settings import Refused, StoredSettings
from rig.virtual.guests.reference.storage import Record, Store


class SettingsTask:
    """Settings and store of one run of the firmware.

    Attributes
    ----------
    lost : bool
        No copy of the settings was good, and nobody has acknowledged that yet.
    """

    def __init__(
        self,
        settings: StoredSettings,
        store: Store,
        *,
        tell: Callable[[str], None],
        apply: Callable[[StoredSettings], None],
    ) -> None:
        self.settings, self._store = settings, store
        self._tell, self._apply = tell, apply
        self.lost = False

    def load(self) -> Iterator[tuple[str, str]]:
        """Take the stored settings; give what the log is to say of it, as (level, text)."""
        record = self._store.load()
        for slot in self._store.bad_slots:
            yield "W", f"copy {slot} is bad"
        if record is not None and self.settings.decode(record.payload):
            yield "I", f"copy {record.slot}, written {record.sequence} times"
        else:
            self.without(record)
            yield "W", "lost, factory settings in force"
        self.apply()

    def apply(self) -> None:
        """Have the protections take the settings."""
        self._apply(self.settings)

    def without(self, record: Record | None) -> None:
        """Go on without stored settings: no copy is good, or it is of another build."""
        del record
        self.settings.restore_factory()
        self.lost = True

    def acknowledge(self) -> None:
        """Accept the factory settings after a loss, and store them."""
        if self.lost and not self._store.busy:
            self.lost = False
            self._store.save(self.settings.encode(), lambda _kept: None)

    def spoil(self) -> None:
        """Make both stored copies bad: the maker's test hook."""
        self._store.spoil()
        self._tell("OK")

    def obey(self, command: str) -> bool:
        """Obey a command, if it is about settings."""
        verb, *words = command.split()
        try:
            return self._dispatch(verb, words)
        except Refused as refusal:
            self._tell(f"ERR {refusal}")
            return True

    def _dispatch(self, verb: str, words: list[str]) -> bool:
        match verb, words:
            case "get", []:
                for name in self.settings.items:
                    self._tell(self.settings.shown(name))
            case "get", [name]:
                self._tell(self.settings.shown(name))
            case "set", [name, text]:
                self.settings.change(name, text)
                self.apply()
                self._tell("OK")
            case "save", []:
                self._save()
            case "factory", []:
                self.restore()
            case _:
                return False
        return True

    def restore(self) -> None:
        """Put the factory settings in force, and store them."""
        self.settings.restore_factory()
        self.apply()
        self._save()

    def _save(self) -> None:
        """Store what is in force and answer once it can be read back; spares the flash."""
        payload = self.settings.encode()
        if self._store.busy:
            raise Refused("busy")
        record = self._store.load()
        if record is not None and record.payload == payload and not self._store.bad_slots:
            self._tell("OK saved")
        else:
            self._store.save(payload, self._reported)

    def _reported(self, kept: bool) -> None:  # noqa: FBT001  (the store's answer)
        self._tell("OK saved" if kept else "ERR storage")
