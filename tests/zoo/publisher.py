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
from t4zoo.zoo.manifest import FILE_NAME, LIMIT
from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.releasing.publish import publish
from t4zoo.zoo.storage.folder import read
from t4zoo.zoo.storage.s3 import S3Folder


def main(path: str, store: str, zoo: str) -> None:
    plan: Plan = pickle.loads(Path(path).read_bytes())
    left = [0]

    def count(method: str, url: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    # Made once, which takes most of the time, and first used in the child: no connection is shared.
    folders = S3Folder(parse_address(store), count), S3Folder(parse_address(zoo), count)
    reader = S3Folder(parse_address(zoo))
    for requests in range(60):
        left[0] = requests
        child = os.fork()
        if not child:
            publish(plan, *folders)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        visible = read(reader, f"{plan.folder}/{FILE_NAME}", LIMIT) is not None
        print(requests, code, visible, flush=True)
        if code == 0:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
