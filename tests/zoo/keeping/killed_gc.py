"""A gc that dies, as a process of its own: killed_gc.py <repository> <now> <objects that it may delete>."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from t4zoo.zoo.address import find_store
from t4zoo.zoo.keeping.gc.plan import delete, make_plan
from t4zoo.zoo.storage.eraser import Eraser


def main(root: str, now: str, allowed: int) -> None:
    plan = make_plan(Path(root), datetime.fromisoformat(now))
    deleted = []

    def count(path: str) -> None:
        deleted.append(path)
        if len(deleted) == allowed:
            os.kill(os.getpid(), signal.SIGKILL)

    delete(plan, plan.digest, Eraser(find_store(Path(root))), count, batch=1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
