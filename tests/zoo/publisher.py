"""A publisher that dies, as a process of its own: publisher.py <plan> <store> <zoo>.

Publishes again and again, each time killed one request later, until one attempt lives; prints a line an attempt:
how many requests it was allowed, how it ended, and whether a manifest could be seen after it.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path

from t4zoo.zoo.address import parse_address
from t4zoo.zoo.folder import read
from t4zoo.zoo.manifest import FILE_NAME, LIMIT
from t4zoo.zoo.publish import publish
from t4zoo.zoo.release import Plan
from t4zoo.zoo.store import S3Folder


def attempt(plan: Plan, store: str, zoo: str, requests: int) -> int:
    """Publish in a child that is killed before its request number `requests`; how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = [requests]

    def count(method: str, url: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    publish(plan, S3Folder(parse_address(store), count), S3Folder(parse_address(zoo), count))
    os._exit(0)


def main(path: str, store: str, zoo: str) -> None:
    plan: Plan = pickle.loads(Path(path).read_bytes())
    reader = S3Folder(parse_address(zoo))
    for requests in range(60):
        code = attempt(plan, store, zoo, requests)
        visible = read(reader, f"{plan.folder}/{FILE_NAME}", LIMIT) is not None
        print(requests, code, visible)
        if code == 0:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
