"""Is damaged evidence ever believed? Run folders, each meddled with in one way, and their readers.

    python benchmarks/breakers/tampered.py [--seed N] [--tries N]

Drives a small plan on the virtual bench, copies its run folder for each try, damages the copy in a
way drawn at random, and has `rig verify`, `judge`, `report` and `explain` read it. Wanted: no YES,
no exit code 0, no verdict other than before, no traceback, no hang. Every tenth copy is left alone
or moved to an archive's name, which damages nothing: those must give YES.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PLAN = ["run", "benchmarks/breakers/short.yaml", "-q", "--seed", "3"]
_PLAN += ["-k", "power_up or OVP-cell1 or recovery"]
_DEADLINE_S = 60.0  # of all readers of one folder; they take 2 s
_READERS = ("verify", "judge", "report", "explain", "explain one")
_HOSTILE: tuple[Any, ...] = (
    None, [], {}, "", "x" * 100_000, -1, 10**40, 1e308, True, "\x1b[2J<script>", [[[[]]]],
)  # fmt: skip
_JUNK = (
    b"", b"\x00" * 64, b"[]", b"null", b"{}", b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe",
    b'{"schema":"\\ud800"}', b"NaN", b'{"schema":"bms-hil-rig/case/1"}', b"9" * 10_000,
)  # fmt: skip

Rng = random.Random
Way = Callable[[Path, Rng], str]


# ---- ways to damage a run folder ----------------------------------------------------------------
def _files(run: Path, pattern: str = "**/*") -> list[Path]:
    return sorted(p for p in run.glob(pattern) if p.is_file() and p.stat().st_size)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    path.write_text(text.replace(old, new, 1), encoding="utf-8", errors="surrogateescape")


def _console_line(run: Path, rng: Rng) -> str:
    path = rng.choice(_files(run, "cases/*/console.txt"))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    at = rng.randrange(len(lines))
    lines[at] = rng.choice(["", lines[at] * 2, lines[at].rstrip("\n") + " OVP cell 3\n"])
    path.write_text("".join(lines), encoding="utf-8")
    return f"{path.parent.name}/console.txt:{at + 1}"


def _limit(run: Path, rng: Rng) -> str:
    path = rng.choice([run / "inputs/cases.jsonl", *_files(run, "cases/*/case.json")])
    text = path.read_text(encoding="utf-8")
    words = [w for w in ('"high_s"', '"low_s"', '"closed_above"', '"seed"') if w in text]
    word = rng.choice(words)
    _edit(path, word, word.replace('"', '"other_', 1) if rng.random() < 0.3 else f'{word}: 99, "x"')
    return f"{word} in {path.relative_to(run)}"


def _bit(run: Path, rng: Rng) -> str:
    path = rng.choice(_files(run))
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return f"bit of byte {at} of {path.relative_to(run)}"


def _recorded_bit(run: Path, rng: Rng) -> str:
    path = rng.choice(_files(run, "cases/*/signals.parquet") + _files(run, "cases/*/can.blf"))
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return str(path.relative_to(run))


def _verdict(run: Path, rng: Rng) -> str:
    path = rng.choice(_files(run, "cases/*/judgement.json"))
    _edit(path, '"verdict": "pass"', f'"verdict": "{rng.choice(["fail", "skipped", "fine"])}"')
    return str(path.relative_to(run))


def _journal(run: Path, rng: Rng) -> str:
    path = run / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    at = rng.randrange(len(lines))
    way = rng.choice(["gone", "twice", "edited", "swapped", "cut"])
    if way == "gone":
        del lines[at]
    elif way == "twice":
        lines.insert(at, lines[at])
    elif way == "edited":
        lines[at] = lines[at].replace(b'"kind"', b'"Kind"', 1)
    elif way == "swapped":
        other = (at + 1) % len(lines)
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines = lines[:at]
    path.write_bytes(b"".join(lines))
    return f"journal line {at + 1} {way}"


def _junk_judgement(run: Path, rng: Rng) -> str:
    folder = run / "judgements"
    folder.mkdir()
    name = rng.choice(["good.json", "README", "x.JSON", ".json", "a/b.json"])
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(rng.choice(_JUNK) or b"all passed")
    return f"judgements/{name}"


def _added(run: Path, rng: Rng) -> str:
    case = rng.choice(sorted(p for p in (run / "cases").iterdir()))
    place = rng.choice([run, run / "inputs", run / "cases", case])
    name = rng.choice(["note.txt", "other.dbc", "scpi.txt.bak", "signals2.parquet", ".hidden"])
    (place / name).write_bytes(b"it was fine, really\n")
    return f"added {(place / name).relative_to(run)}"


def _removed(run: Path, rng: Rng) -> str:
    path = rng.choice(_files(run))
    path.unlink()
    return f"removed {path.relative_to(run)}"


def _case_folder(run: Path, rng: Rng) -> str:
    one, two = rng.sample(sorted((run / "cases").iterdir()), 2)
    if rng.random() < 0.5:
        one.rename(one.with_name("0099-" + one.name[5:]))
        return f"renamed {one.name}"
    aside = run / "aside"
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    return f"swapped {one.name} and {two.name}"


def _doubled(run: Path, rng: Rng) -> str:
    """Copy a run, so that its number is there twice; the copy is what will be read."""
    shutil.copytree(run, _copy_of(run))
    if rng.random() < 0.5:
        shutil.rmtree(run / "cases")  # however the original looks
    return "its number is there twice"


def _copy_of(run: Path) -> Path:
    return run.with_name(run.name[:-4] + "0002")


def _hostile_value(run: Path, rng: Rng) -> str:
    path = rng.choice([run / "run.json", run / "manifest.json", *_files(run, "cases/*/*.json")])
    content = json.loads(path.read_bytes())
    place = content
    keys = []
    while isinstance(place, dict) and place:
        key = rng.choice(sorted(place))
        keys.append(key)
        if not isinstance(place[key], dict) or rng.random() < 0.4:
            was, place[key] = place[key], rng.choice(_HOSTILE)
            if was == place[key]:
                place[key] = "changed"
            break
        place = place[key]
    path.write_text(json.dumps(content), encoding="utf-8")
    return f"{'.'.join(keys)} of {path.relative_to(run)}"


def _junk_document(run: Path, rng: Rng) -> str:
    path = rng.choice(
        [run / "run.json", run / "manifest.json", run / "journal.jsonl", run / "inputs/cases.jsonl",
         *_files(run, "cases/*/*")]
    )  # fmt: skip
    path.write_bytes(rng.choice(_JUNK))
    return f"junk for {path.relative_to(run)}"


def _no_file(run: Path, rng: Rng) -> str:
    path = rng.choice(_files(run))
    kind = rng.choice(["folder", "link", "link to /dev/zero", "link to itself", "pipe"])
    kept = run.parent / "elsewhere"
    shutil.copy(path, kept)
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe" and hasattr(os, "mkfifo"):
        os.mkfifo(path)
    else:
        path.symlink_to({"link": kept, "link to /dev/zero": "/dev/zero"}.get(kind, path))
    return f"a {kind} for {path.relative_to(run)}"


def _unknown_kind(run: Path, rng: Rng) -> str:
    path = rng.choice([run / "inputs/cases.jsonl", *_files(run, "cases/*/case.json")])
    text = path.read_text(encoding="utf-8")
    for word in ('"kind":"hold"', '"kind": "hold"', '"kind":"set"', '"kind": "set"'):
        text = text.replace(word, '"kind": "warp"', 1)
    path.write_text(text.replace("case/1", f"case/{rng.randrange(2, 99)}", 1), encoding="utf-8")
    return f"an unknown kind in {path.relative_to(run)}"


WAYS: dict[str, Way] = {
    "a console line": _console_line,
    "a limit": _limit,
    "a bit of a record": _recorded_bit,
    "any bit": _bit,
    "a verdict": _verdict,
    "the journal": _journal,
    "junk among judgements": _junk_judgement,
    "a file added": _added,
    "a file removed": _removed,
    "case folders": _case_folder,
    "a copy beside it": _doubled,
    "a hostile value": _hostile_value,
    "a junk document": _junk_document,
    "no plain file": _no_file,
    "an unknown kind": _unknown_kind,
}


# ---- the readers --------------------------------------------------------------------------------
def _read_all(run: Path, out: Path) -> dict[str, Any]:
    """Have every command read a folder, in this process; exit codes, tracebacks, what was said."""
    from rig.cli import main as rig

    commands = {
        "verify": ["verify", str(run)],
        "judge": ["judge", str(run), "--name", "breaker"],
        "report": ["report", str(run), "--out", str(out)],
        "explain": ["explain", str(run)],
        "explain one": ["explain", str(run), "1", "--as-recorded", "--out", str(out)],
    }
    codes, broken = {}, {}
    for name, arguments in commands.items():
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                codes[name] = rig(arguments)
            said.getvalue().encode()
        except Exception:  # noqa: BLE001 -- whatever it is, it is what is looked for
            broken[name] = traceback.format_exc()
    pages = list(out.glob("reports/*/index.html"))
    yes = any('<span class="word">YES:' in page.read_text(encoding="utf-8") for page in pages)
    judged = run / "judgements" / "breaker.json"
    verdicts = {}
    if codes.get("judge") in {0, 1, 3}:
        stored = json.loads(judged.read_bytes())["judgements"]
        verdicts = {case: judgement["verdict"] for case, judgement in stored.items()}
    return {"codes": codes, "broken": broken, "yes": yes, "verdicts": verdicts}


def _asked(run: Path, out: Path) -> dict[str, Any] | None:
    """Ask in a process of its own; None where that did not come to an end."""
    command = [sys.executable, __file__, "--read", str(run), str(out)]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=_DEADLINE_S, check=False)
    except subprocess.TimeoutExpired:
        return None
    if ended.returncode:
        return {"codes": {}, "broken": {"process": ended.stderr.decode()}, "yes": False,
                "verdicts": {}}  # fmt: skip
    found: dict[str, Any] = json.loads(ended.stdout.decode().splitlines()[-1])
    return found


# ---- tries --------------------------------------------------------------------------------------
def _drive(folder: Path) -> Path:
    command = [sys.executable, "-m", "rig.cli", *_PLAN, "--out", str(folder / "out")]
    ended = subprocess.run(command, capture_output=True, check=False)
    if ended.returncode:
        raise SystemExit(ended.stdout.decode() + ended.stderr.decode())
    return next((folder / "out" / "runs").iterdir())


def _found(answer: dict[str, Any] | None, good: dict[str, str]) -> Counter[str]:
    """Count what of an answer over damaged evidence must not be."""
    if answer is None:
        return Counter(hangs=1)
    wrong = [c for c, v in answer["verdicts"].items() if v in {"pass", "fail"} and v != good.get(c)]
    return Counter(
        tracebacks=len(answer["broken"]),
        **{
            "YES over damage": int(answer["yes"]),
            "exit code 0 over damage": sum(code == 0 for code in answer["codes"].values()),
            "wrong verdicts": len(wrong),
        },
    )


def _is_yes(answer: dict[str, Any] | None) -> bool:
    if answer is None or answer["broken"] or not answer["yes"]:
        return False
    return all(answer["codes"].get(name) == 0 for name in _READERS)


def _play(seed: int, tries: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Run all tries; what was counted, and each try that found something."""
    rng = random.Random(seed)
    original = _drive(folder)
    counts: Counter[str] = Counter()
    reported = []
    good: dict[str, str] = {}
    for number in range(-(-tries // 10) + 1):
        run = Path(shutil.copytree(original, folder / f"c{number}" / original.name))
        if number % 2:
            run = run.rename(run.with_name(f"archive-{number}"))
        answer = _asked(run, folder / f"c{number}-out")
        counts["controls"] += 1
        counts["controls that are no YES"] += not _is_yes(answer)
        good = good or (answer["verdicts"] if answer else {})
        if not _is_yes(answer):
            reported.append(f"control {number}: {answer}")
    for number in range(tries):
        name = list(WAYS)[number % len(WAYS)]
        run = Path(shutil.copytree(original, folder / f"t{number}" / original.name))
        what = WAYS[name](run, rng)
        if _copy_of(run).exists():
            run = _copy_of(run)
        answer = _asked(run, folder / f"t{number}-out")
        found = _found(answer, good)
        counts += found
        counts["tries"] += 1
        if found.total():
            reported.append(f"try {number}, {name} ({what}): {answer}")
        shutil.rmtree(run.parent)
    return counts, reported


def main() -> int:
    """Print the table; 1 where a count that is wanted 0 is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tries", type=int, default=100)
    parser.add_argument("--read", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(_read_all(*options.read)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        counts, reported = _play(options.seed, options.tries, Path(folder))
    print("\n".join(reported))
    unwanted = ("wrong verdicts", "YES over damage", "exit code 0 over damage", "tracebacks",
                "hangs", "controls that are no YES")  # fmt: skip
    print(f"tampered run folders, seed {options.seed}")
    for name in ("tries", "controls", *unwanted):
        print(f"  {name:28} {counts[name]:5}{'   (wanted: 0)' if name in unwanted else ''}")
    return int(any(counts[name] for name in unwanted) or not counts["tries"])


if __name__ == "__main__":
    sys.exit(main())
