r"""Names that every file system takes. Pure.

Windows forbids ``< > : " / \ | ? *`` and names such as ``CON``, ignores case and limits a whole
path to 260 characters; a case id has most of the former and may be long. So a case's folder is
its place in the plan and a readable rest of its id; the id itself stands in case.json, in the
journal and in inputs/cases.jsonl.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_SLUG = 64  # leaves 190 characters of Windows' 260 for what lies above and below


def slug(text: str) -> str:
    """Lower-case letters, digits and single hyphens; "x" where nothing of the text is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower())[:LONGEST_SLUG].strip("-") or "x"


def case_folder(number: int, case_id: str) -> str:
    """Folder of the case that is `number` in the plan, from 1: unique and in the plan's order."""
    return f"{number:04d}-{slug(case_id)}"


def try_folder(folder: str, number: int) -> str:
    """Folder of a case's try that is `number`, from 1: the first one's is the case's own."""
    return folder if number == 1 else f"{folder}.try{number}"
