"""What a machine of a cluster does: it sees to it that code and files are those of whoever asks, and works."""

from __future__ import annotations

import hashlib
import pickle
import socket
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from t4zoo.errors import UsageError
from t4zoo.spread_process import answer_to

ROOT = Path(__file__).resolve().parent.parent
SHARE = "the machines of a cluster must see the same files under the same paths"

Code = tuple[tuple[str, str], ...]  # names of files and their digests


def code_here() -> Code:
    """The files of this package that this process has imported, relative to its root, and their digests."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "t4zoo"]
    files = {Path(module.__file__).resolve() for module in modules if module.__file__ is not None}
    names = sorted(file.relative_to(ROOT).as_posix() for file in files if file.is_relative_to(ROOT))
    return tuple((name, _digest(name)) for name in names)


@lru_cache(maxsize=1024)
def _digest(name: str) -> str:
    path = ROOT / name
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def do(root: str, code: Code, work: bytes, thing: bytes, reads: Sequence[Path]) -> bytes:
    """What `opened` gives or raises elsewhere. root, code: where the code is that is asked for, and `code_here` there.

    work, thing: pickled by whoever asks. reads: what must be here.
    """
    host = socket.gethostname()
    other = next((name for name, digest in code if _digest(name) != digest), None)
    if str(ROOT) != root or other is not None:
        place = f"{ROOT}/{other or ''} is not what {root}/{other or ''} was when the work began"
        return _refused(f"{host}: {place}; {SHARE}, and do not edit the code meanwhile")
    for path in reads:
        if not path.exists():
            return _refused(f"{host} does not see {path.absolute()}; {SHARE}")
    return answer_to(_work(work), pickle.loads(thing))  # noqa: S301  (of whoever may run code here)


@lru_cache(maxsize=2)
def _work(work: bytes) -> Callable[[Any], Any]:
    loaded: Callable[[Any], Any] = pickle.loads(work)  # noqa: S301  (of whoever may run code here)
    return loaded


def _refused(reason: str) -> bytes:
    return pickle.dumps((None, UsageError(reason)))
