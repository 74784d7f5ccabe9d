"""A process whose clock is wrong: python -m tests.zoo.faults.clock <hours ahead> t4zoo|release <argument> ..."""

from __future__ import annotations

import datetime
import json
import sys
import time
from pathlib import Path

Real, now = datetime.datetime, time.time


def set_clock(hours: float) -> None:
    """Set this process's clock, before anything else has asked for the time."""

    class Wrong(Real):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, zone: datetime.tzinfo | None = None) -> datetime.datetime:
            return Real.now(zone) + datetime.timedelta(hours=hours)

    datetime.datetime = Wrong  # type: ignore[misc]
    time.time = lambda: now() + hours * 3600


def main() -> None:
    """Do as the command does, or release a tiny version, at another time."""
    hours, what = float(sys.argv[1]), sys.argv[2]
    set_clock(hours)
    if what == "t4zoo":
        from t4zoo.cli.main import main as command

        del sys.argv[1:3]
        command()
        return
    from t4zoo.errors import T4zooError
    from tests.zoo.faults.tiny import Place, plan, release

    options = json.loads(sys.stdin.read())
    place = Place(**{**options, "cache": Path(options["cache"])})
    try:
        release(plan(sys.argv[3]), place.cache, *place.folders())
    except T4zooError as told:
        sys.exit(f"error: {told}")


if __name__ == "__main__":
    main()
