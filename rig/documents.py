"""Stored documents: each names its schema and version, and is read by them. Pure.

A document is a JSON object whose first member says what it is: ``"bms-hil-rig/case/1"``. What bears
a newer version, or a word that this rig has never heard of, is `unreadable`; what is no such
document at all is `damaged`. Either is an EvidenceError that names the file, never a traceback: a
reader decides whether one case is lost or all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from rig.errors import EvidenceError

_OWNER = "bms-hil-rig"
_SCHEMA = re.compile(rf"{_OWNER}/([a-z]{{1,40}})/([0-9]{{1,9}})")
_MEND = "restore the run folder from its archive"
_UPDATE = "read it with the rig that wrote it, or with a newer one"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A kind of document, the version that is written, and what it holds."""

    kind: str
    version: int
    form: TypeAdapter[T]
    # Version of documents from before all of them named their schema; None: it always did.
    unnamed: int | None = None
    # What makes a document of a version one of the next; those of others can be read as they are.
    converters: Mapping[int, Callable[[dict[str, Any]], None]] = field(default_factory=dict)

    @property
    def schema(self) -> str:
        """What its first member says."""
        return f"{_OWNER}/{self.kind}/{self.version}"

    def dump(self, content: T, *, indent: int | None = None) -> bytes:
        """Return the document as JSON, its schema first."""
        body = self.form.dump_json(content, indent=indent)
        colon, gap = (":", "") if indent is None else (": ", "\n" + indent * " ")
        return f'{{{gap}"schema"{colon}"{self.schema}",'.encode() + body[1:]

    def load(self, data: bytes, where: str) -> T:
        """Read a document.

        Raises
        ------
        EvidenceError
            It is damaged, of another kind, or of a version that this rig does not read.
        """
        found = parsed_object(data, where)
        version = self.check_schema(found.get("schema"), where)
        converters = [make for due, make in sorted(self.converters.items()) if due >= version]
        for make_newer in converters:
            make_newer(found)
        if converters:
            data = to_json(found)
        try:
            return self.form.validate_json(data)
        except ValidationError as error:
            raise unreadable(_first(error), where) from None

    def check_schema(self, schema: object, where: str) -> int:
        """Return the version that a schema names, if this rig reads it.

        Raises
        ------
        EvidenceError
            It names no schema, another kind, or a version that this rig does not read.
        """
        if schema is None and self.unnamed is not None:
            return self.unnamed
        found = _SCHEMA.fullmatch(schema) if isinstance(schema, str) else None
        if found is None:
            what = f"damaged: it names no schema, where {self.schema!r} was due"
            raise EvidenceError(f"{what} ({brief(schema)})", where, _MEND)
        if found[1] != self.kind:
            what = f"damaged: it is a {found[1]}, where a {self.kind} was due"
            raise EvidenceError(what, where, _MEND)
        version = int(found[2])
        if not 1 <= version <= self.version:
            reads = f"version {version}, and this rig reads up to {self.version}"
            raise unreadable(f"{self.kind} of {reads}", where)
        return version


def parsed_object(data: bytes, where: str) -> dict[str, Any]:
    """Return a JSON object; EvidenceError where the bytes are none, however they were made."""
    try:
        # Not json.loads: it takes halves of characters, and any depth until the stack ends.
        found = from_json(data)
    except ValueError as error:
        raise EvidenceError(f"damaged: no JSON ({error})", where, _MEND) from None
    if not isinstance(found, dict):
        what = f"damaged: no JSON object, but {brief(found)}"
        raise EvidenceError(what, where, _MEND)
    return found


def unreadable(what: str, where: str) -> EvidenceError:
    """Make the error of a document that is whole and says what this rig does not know."""
    return EvidenceError(f"unreadable: made by a newer rig? {what}", where, _UPDATE)


def brief(content: object) -> str:
    """Show a value in a sentence, cut where it is long."""
    text = ascii(content)
    return text if len(text) <= 60 else text[:57] + "..."


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']} (found {brief(first['input'])})".removeprefix(": ")
