"""A fuzz of the loader: folders damaged in thousands of ways, read in processes that watch what is opened and held.

``damaged(rng, folder, into)`` writes one; ``python -m benchmarks.fuzz SEED CASES`` reads so many and prints what came
of it as JSON; `run` does so for many seeds and makes a table of it.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

import isthmus
from isthmus import persistence
from isthmus.errors import ModelFileError
from isthmus.folder import CONFIG, WEIGHTS, digest
from isthmus.part_language import VOCABULARY

from .report import table

CASES, WORKERS = 3000, 2
EVENTS = {
    "open", "os.listdir", "os.scandir", "os.remove", "os.rename", "os.system", "os.exec", "subprocess.Popen",
    "socket.connect", "exec", "compile", "import", "pickle.find_class",
}  # fmt: skip
ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 1e308, float("nan"), float("inf"), 2**31, 2**53, 2**63, 10**30, 10**400, 0.5,
    "", "auto", "x" * 10**5, "../../../etc/passwd", "/etc/passwd", "a\nb\x1b[31m", "mlp:64", "cuda", "float64",
    [], {}, [[]], [{}], [1] * 10**4, [2**40], [2**40] * 600, [0], [True], ["a"], {"": ""}, {"own": "f"}, {"own": 3},
    {"array": "array.0"}, {"array": "model.scaling.shift"}, {"array": "../x"}, {"array": []}, {"part": 3},
    {"part": "os.system", "command": "true"}, {"part": "prior.VampPrior", "components": 2**50},
    {"part": "network.MLP", "hidden": [2**50, 2**50]}, {"part": "network.MLP", "hidden": [1] * 511},
    {"part": "network.Conv", "channels": [10**9] * 20}, {"part": "network.Custom", "make_encoder": "x"},
]  # fmt: skip


def _deep(levels: int) -> str:
    return "[" * levels + "]" * levels


def _places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a tree of JSON but the root."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, value in items for place in ((*at, key), *_places(value, (*at, key)))]


def _parent(tree: Any, place: tuple[Any, ...]) -> Any:
    for key in place[:-1]:
        tree = tree[key]
    return tree


def _pick(rng: np.random.Generator, items: Any) -> Any:
    items = list(items)
    return items[rng.integers(len(items))]


def _odd(rng: np.random.Generator) -> Any:
    if rng.random() < 0.7:
        return copy.deepcopy(_pick(rng, ODD))
    kind = _pick(rng, VOCABULARY)
    return {"part": f"{kind}.{_pick(rng, VOCABULARY[kind])}"}


def _change_tree(rng: np.random.Generator, tree: Any) -> None:
    places = _places(tree)
    if not places:
        return
    place = _pick(rng, places)
    parent, key = _parent(tree, place), place[-1]
    match rng.integers(5):
        case 0:
            del parent[key]
        case 1 if isinstance(parent, dict):
            parent[
                _pick(rng, ["__class__", "model_", "own", "array", "part", "x" * 1000, *(p[-1] for p in places)])
            ] = parent.pop(key)
        case 2:
            other = _pick(rng, places)
            parent[key] = copy.deepcopy(_parent(tree, other)[other[-1]])
        case 3 if isinstance(parent[key], int | float):
            parent[key] = parent[key] * _pick(rng, [-1, 0, 2, 10**9])
        case _:
            parent[key] = _odd(rng)


def _change_bytes(rng: np.random.Generator, raw: bytes) -> bytes:
    data = bytearray(raw)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(data))) if data else 0
        match rng.integers(4):
            case 0:
                del data[at:]
            case 1 if data:
                data[at] ^= 1 << int(rng.integers(8))
            case 2:
                data[at:at] = rng.bytes(int(rng.integers(1, 9)))
            case _:
                del data[at : at + int(rng.integers(1, 9))]
    return bytes(data)


def _header(raw: bytes) -> tuple[Any, bytes]:
    size = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8 : 8 + size]), raw[8 + size :]


def _change_header(rng: np.random.Generator, raw: bytes) -> bytes:
    header, data = _header(raw)
    names = [name for name in header if name != "__metadata__"]
    entry = header[_pick(rng, names)]
    match rng.integers(8):
        case 0:
            entry["shape"] = _pick(
                rng, [[2**40], [2**62, 4], [0], [-1], [], [1] * 10**4, [2**64], ["a"], [0, 2**62], None]
            )
        case 1:
            entry["dtype"] = _pick(rng, ["F64", "F16", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "C64", "X", 3])
        case 2:
            entry["data_offsets"] = _pick(rng, [[0, 2**60], [-1, 4], [4, 0], [0, 0], [0], "a", [0, len(data)]])
        case 3:
            entry["data_offsets"] = list(header[_pick(rng, names)]["data_offsets"])
        case 4:
            header[_pick(rng, ["model.x", "array.0", "../x", "a" * 1000, "model.scaling.shift"])] = dict(entry)
        case 5:
            header.pop(_pick(rng, names))
        case 6:
            header |= {f"model.{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(5000)}
        case _:
            _change_tree(rng, header)
    text = json.dumps(header).encode()
    size = len(text) if rng.random() < 0.8 else int(_pick(rng, [0, 1, 2**20, 2**31, 2**63, len(text) // 2]))
    return size.to_bytes(8, "little") + text + data


def _as_text(rng: np.random.Generator, config: Any) -> str:
    text = json.dumps(config)
    if rng.random() < 0.05:
        levels = int(_pick(rng, [20, 900, 10**5]))
        text = text.replace("null", _deep(levels), 1)
    return text


def damaged(rng: np.random.Generator, folder: Path, into: Path) -> str:
    """Write a damaged copy of a model's folder and return the kind of damage."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(folder, into)
    config, weights = into / CONFIG, into / WEIGHTS
    kind = _pick(
        rng,
        ["values in config.json"] * 4 + ["bytes of config.json", "header", "header", "bits", "cut", "both", "links"],
    )
    if kind in ("values in config.json", "both"):
        tree = json.loads(config.read_text())
        for _ in range(int(rng.integers(1, 5))):
            _change_tree(rng, tree)
        config.write_text(_as_text(rng, tree))
    if kind == "bytes of config.json":
        config.write_bytes(_change_bytes(rng, config.read_bytes()))
    if kind in ("header", "both"):
        weights.write_bytes(_change_header(rng, weights.read_bytes()))
    if kind == "bits":
        raw = bytearray(weights.read_bytes())
        for _ in range(int(rng.integers(1, 9))):
            raw[rng.integers(len(raw))] ^= 1 << int(rng.integers(8))
        weights.write_bytes(bytes(raw))
    if kind == "cut":
        raw = weights.read_bytes()
        weights.write_bytes(raw[: rng.integers(len(raw))])
    if kind == "links":
        file = _pick(rng, [config, weights])
        file.unlink()
        match rng.integers(4):
            case 0:
                file.symlink_to(folder / file.name)
            case 1:
                file.symlink_to(_pick(rng, ["/etc/passwd", "/dev/zero", "../../x", file.name]))
            case 2:
                os.mkfifo(file)
            case _:
                file.mkdir()
    if kind != "links" and rng.random() < 0.5:  # half of them with the checksum made good, as whoever means harm would
        try:
            tree = json.loads(config.read_text())
            tree["sha256"] = digest(weights)
            config.write_text(json.dumps(tree))
        except (ValueError, TypeError, RecursionError):
            pass
    return str(kind)


def resident() -> int:
    """Bytes of this process's memory that are in RAM, at most since the last `mark`."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))


def mark() -> int:
    """Forget the peak and return what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident()


def attempt(folder: Path) -> str:
    """Load a folder, and describe it, and return what came of it."""
    outcomes = []
    for read in (persistence.describe, isthmus.load):
        try:
            read(folder)
            outcomes.append("loaded")
        except ModelFileError as error:
            outcomes.append("refused" if "\n" not in str(error) and len(str(error)) < 1000 else "a long message")
        except BaseException as error:
            outcomes.append(f"{type(error).__name__}: {error}"[:200])
    return outcomes[1] if outcomes[0] in ("loaded", "refused") else outcomes[0]


def read_many(folders: list[Path], seed: int, cases: int) -> dict[str, Any]:
    """Damage and load so many folders and return the counts of outcomes, the largest growth and what was opened."""
    rng = np.random.default_rng(seed)
    opened: set[str] = set()
    watching = [False]

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if watching[0] and event in EVENTS and not isinstance(arguments[0], int):
            opened.add(f"{event} {arguments[0]}")

    for folder in folders:
        attempt(folder)
    repr(isthmus.VAE())  # scikit-learn imports what it prints with when it first prints
    sys.addaudithook(watch)
    outcomes: Counter[str] = Counter()
    growth = most = 0
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        into = Path(scratch) / "m"
        for _ in range(cases):
            kind = damaged(rng, _pick(rng, folders), into)
            files = [into / CONFIG, into / WEIGHTS]
            size = sum(os.stat(f).st_size for f in files if f.is_file() and not f.is_symlink())
            before = mark()
            watching[0] = True
            outcome = attempt(into)
            watching[0] = False
            grown = resident() - before
            growth, most = max(growth, grown), max(most, size)
            outcomes[f"{kind}|{outcome}"] += 1
        outside = sorted(name for name in opened if not name.startswith(f"open {into}"))
    return {"outcomes": outcomes, "growth": growth, "largest": most, "outside": outside}


def folders_of(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.rglob(CONFIG))


def main(seed: int, cases: int) -> None:
    root = Path(__file__).parent.parent / "tests" / "data" / "models"
    print(json.dumps(read_many(folders_of(root), seed, cases)))


def run() -> str:
    outcomes: Counter[str] = Counter()
    growth = largest = 0
    outside: set[str] = set()
    for first in range(0, WORKERS, 2):
        command = [sys.executable, "-m", "benchmarks.fuzz"]
        started = [
            subprocess.Popen([*command, str(seed), str(CASES // WORKERS)], stdout=subprocess.PIPE)
            for seed in range(first, min(first + 2, WORKERS))
        ]
        for process in started:
            out, _ = process.communicate()
            if process.returncode:
                raise RuntimeError(f"a reader died with status {process.returncode}")
            found = json.loads(out)
            outcomes.update(found["outcomes"])
            growth, largest = max(growth, found["growth"]), max(largest, found["largest"])
            outside |= set(found["outside"])
    kinds = sorted({key.partition("|")[0] for key in outcomes})
    known = ("refused", "loaded")
    rows = []
    for kind in kinds:
        counts = {key.partition("|")[2]: n for key, n in outcomes.items() if key.partition("|")[0] == kind}
        other = sum(n for name, n in counts.items() if name not in known)
        rows.append([kind, sum(counts.values()), *(counts.get(name, 0) for name in known), other])
    rows.append(["all", *(sum(row[i] for row in rows) for i in range(1, 5))])
    strange = sorted({key.partition("|")[2] for key in outcomes if key.partition("|")[2] not in known})
    return (
        "Folders of every class, damaged at random: values and bytes of `config.json`; header, bits and length of "
        "`model.safetensors`; links and pipes in place of files; half with the checksum made good. Each is described "
        "and loaded. One loads where the damage is in what does not matter, such as an argument of the next fit.\n\n"
        + table(["damage", "cases", "refused by ModelFileError", "loaded", "anything else"], rows)
        + f"\n\nLargest growth of resident memory in one case: {growth / 2**20:.1f} MiB; largest folder "
        f"{largest / 2**20:.2f} MiB. Opened, imported or run outside it: {', '.join(sorted(outside)) or 'nothing'}."
        + (f"\n\nAnything else: {'; '.join(strange)}." if strange else "")
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
