"""A pull onto a full disk, in a mount namespace of its own: unshare -m python -m tests.zoo.faults.disk <which> <folder>

A version is pulled by the command onto a disk too small for it, and again once there is room.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.zoo.faults.look import wrong_in_folder
from tests.zoo.faults.tiny import Place, plan

SMALL, ENOUGH = "8k", "1m"  # two pages of memory, where the version takes four


def pull(version: str, zoo: str, to: Path) -> subprocess.CompletedProcess[str]:
    """By the command."""
    words = [sys.executable, "-m", "t4zoo", "pull", version, "--zoo", zoo, "--to", str(to)]
    return subprocess.run(words, capture_output=True, text=True)


def main(which: str, folder: Path) -> None:
    """which: `target` fills the disk that is pulled to, `cache` the one of the files that are kept."""
    options = json.loads(sys.stdin.read())
    place = Place(**{**options, "cache": Path(options["cache"])})
    disk, to = folder / "disk", folder / "disk" / "pulled" if which == "target" else folder / "pulled"
    os.environ["T4ZOO_CACHE"] = str(disk / "kept" if which == "cache" else folder / "kept")
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(disk)], check=True)
    there = plan("CenterPoint/t4base@v7.0.0", "mine")
    told = pull(str(there.name), place.reader().address.url, to)
    assert told.returncode == 1 and told.stderr.count("\n") == 1 and "No space left" in told.stderr, told
    assert not wrong_in_folder(there, to, finished=False), wrong_in_folder(there, to, finished=False)
    subprocess.run(["mount", "-o", f"remount,size={ENOUGH}", str(disk)], check=True)
    again = pull(str(there.name), place.reader().address.url, to)
    assert again.returncode == 0, again
    assert not wrong_in_folder(there, to, finished=True), wrong_in_folder(there, to, finished=True)
    print(told.stderr, end="")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
