"""How long `t4zoo doctor` takes, and what it asks: `python -m benchmarks.doctor [versions]`, 10,000 unless said.

Builds a zoo and a repository with as many tags below a temporary folder, on the embedded server; real releases of that
many would take hours. Each version has its own manifest, claim, tag, commit and dvc.lock; their
files have the same bytes, so that the store is small.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from t4zoo.zoo.address import zoo_of
from t4zoo.zoo.keeping.doctor.examine import Examination, Patient, examine
from t4zoo.zoo.keeping.doctor.mend import acts
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import CLAIM_NAME, FILE_NAME, Manifest, ManifestFile, Scenes, Source, digest, role_of
from t4zoo.zoo.releasing.describe import note
from t4zoo.zoo.releasing.lock import key_of
from t4zoo.zoo.storage.folder import open_folder, open_writable
from t4zoo.zoo.storage.server import REGION, Server

FILES = {"epoch_20.pth": b"weights", "config.py": b"model = 1\n"}
STAGES = 6  # of each dvc.lock
SCENES, PACKAGES = 100, 60  # of each manifest
THREADS = 12
CONFIG = """\
[core]
    remote = store
['remote "store"']
    url = {url}/dvc
['remote "zoo"']
    url = {url}/autoware-ml
"""


class Putter:
    """Puts objects as fast as Python can: signed, over connections that stay open."""

    def __init__(self, server: Server) -> None:
        names = server.environment
        self._signer = S3SigV4Auth(
            Credentials(names["AWS_ACCESS_KEY_ID"], names["AWS_SECRET_ACCESS_KEY"]), "s3", REGION
        )
        self._base = f"{server.endpoint}/{server.bucket}/team"
        self._pool = urllib3.PoolManager(maxsize=THREADS)

    def put(self, item: tuple[str, bytes]) -> None:
        """One object: its path, and its bytes."""
        path, content = item
        request = AWSRequest("PUT", f"{self._base}/{path}", headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        self._signer.add_auth(request)
        answer = self._pool.request("PUT", request.url, body=content, headers=dict(request.headers))
        assert answer.status == 200, answer.data


def md5(content: bytes) -> str:
    """As entity tags and the store have it."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def lock(number: int, list_: str) -> str:
    """The dvc.lock of one version: of its stages, one is its own."""
    code = (md5(str(index).encode()) for index in range(30))
    deps = "".join(f"    - path: t4zoo/{name}.py\n      hash: md5\n      md5: {name}\n      size: 1\n" for name in code)
    out = f"      hash: md5\n      md5: {list_}\n      size: 17\n      nfiles: 2\n"
    stages = (
        f"  train@{stage}:\n    cmd: python -m stages.train {'' if stage else number}\n    deps:\n{deps}    outs:\n"
        f"    - path: models/CenterPoint/m{stage}/train\n{out}"
        for stage in range(STAGES)
    )
    return "schema: '2.0'\nstages:\n" + "".join(stages)


def names(count: int) -> Iterator[str]:
    """A hundred versions of each model."""
    for number in range(count):
        yield f"CenterPoint/m{number // 100}@v1.{number % 100}.0"


def file_of(path: str, content: bytes) -> ManifestFile:
    """A file as manifests name it."""
    sha256 = hashlib.sha256(content).hexdigest()
    return ManifestFile(path=path, role=role_of(path), size=len(content), sha256=sha256, md5=md5(content))


def manifest(name: str, commit: str, text: str) -> Manifest:
    """With as many scenes and packages as real ones have. text: of its dvc.lock."""
    files = tuple(file_of(path, content) for path, content in sorted(FILES.items()))
    scenes = tuple(f"{md5(str(i).encode())}/0" for i in range(SCENES))
    locked = hashlib.sha256(text.encode()).hexdigest()
    source = Source(commit=commit, subject="Train", committer="Ada", time="2026-01-01T00:00:00Z", dvc_lock=locked)
    return Manifest(
        schema_version=1,
        name=name,
        kind="base",
        product="base",
        files=files,
        source=source,
        scenes=Scenes(train=scenes, val=(), test=()),
        metrics={"mAP": 0.5},
        packages={f"package-{i}": "1.0" for i in range(PACKAGES)},
    )


def commits(root: Path, count: int, list_: str) -> list[tuple[str, str]]:
    """A commit a version, by `git fast-import`: its id, and its dvc.lock."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(root)], check=True)
    (root / "marks").touch()
    process = subprocess.Popen(
        ["git", "-C", str(root), "fast-import", "--quiet", "--export-marks=marks"], stdin=subprocess.PIPE
    )
    assert process.stdin is not None
    texts = [lock(number, list_) for number in range(count)]
    for number, text in enumerate(texts, 1):
        head = (
            f"commit refs/heads/main\nmark :{number}\ncommitter Ada <ada@example.invalid> {1767225600 + number} +0000\n"
        )
        body = text.encode()
        process.stdin.write(head.encode() + b"data 5\nTrain\nM 100644 inline dvc.lock\n")
        process.stdin.write(f"data {len(body)}\n".encode() + body + b"\n")
    process.stdin.close()
    assert process.wait() == 0
    ids = dict(line.split() for line in (root / "marks").read_text().splitlines())
    (root / "marks").unlink()
    return [(ids[f":{number}"], text) for number, text in enumerate(texts, 1)]


def tag_all(root: Path, manifests: list[Manifest]) -> None:
    """A tag a version, as a release makes it."""
    process = subprocess.Popen(["git", "-C", str(root), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    for one in manifests:
        assert one.source is not None
        message = note(one, digest(one.to_bytes())).encode()
        head = f"tag {one.name}\nfrom {one.source.commit}\ntagger Ada <ada@example.invalid> 1767225600 +0000\n"
        process.stdin.write(head.encode() + f"data {len(message)}\n".encode() + message + b"\n")
    process.stdin.close()
    assert process.wait() == 0


def build(root: Path, server: Server, count: int) -> int:
    """The repository, its store and its zoo; how many objects the zoo has."""
    rows = [{"md5": md5(content), "relpath": path} for path, content in sorted(FILES.items())]
    list_ = json.dumps(rows).encode()
    made = commits(root, count, f"{md5(list_)}.dir")
    manifests = [manifest(name, *commit) for name, commit in zip(names(count), made, strict=True)]
    tag_all(root, manifests)
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text(CONFIG.format(url=f"s3://{server.bucket}/team"))
    layout = load_layout(None)
    store = {f"dvc/{key_of(md5(content))}": content for content in FILES.values()}
    store[f"dvc/{key_of(md5(list_) + '.dir')}"] = list_

    def objects() -> Iterator[tuple[str, bytes]]:
        yield from store.items()
        for one in manifests:
            folder, content = f"autoware-ml/{layout.folder(one.version)}", one.to_bytes()
            yield from ((f"{folder}/{path}", data) for path, data in FILES.items())
            yield f"{folder}/{CLAIM_NAME}", f"{digest(content)}\n".encode()
            yield f"{folder}/{FILE_NAME}", content

    putter = Putter(server)
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(putter.put, objects()):
            pass
    return count * (len(FILES) + 2)


def look(root: Path) -> tuple[Examination, Counter[str], float, float]:
    """One examination: with its requests by kind, seconds, and seconds of this process's CPU."""
    asked: Counter[str] = Counter()
    zoo = open_folder(zoo_of(root), lambda _, url: hear(asked, url))
    patient = Patient(zoo, load_layout(None), root, on_request=lambda _, url: hear(asked, url))
    start, cpu = time.perf_counter(), time.process_time()
    found = examine(patient, lambda title, total: lambda step: None)
    return found, asked, time.perf_counter() - start, time.process_time() - cpu


def hear(asked: Counter[str], url: str) -> None:
    """Count a request by what it is for."""
    last = url.rpartition("/")[2]
    asked["LIST" if not last else "manifest" if last == FILE_NAME else "other GET"] += 1


def main(count: int) -> None:
    """Build, and look three times: with nothing known, with the manifests known, and with the index that was made."""
    with tempfile.TemporaryDirectory() as place, Server(Path(place) / "s3") as server:
        os.environ |= {**server.environment, "T4ZOO_CACHE": f"{place}/cache", "AWS_EC2_METADATA_DISABLED": "true"}
        root = Path(place) / "repository"
        start = time.perf_counter()
        objects = build(root, server, count)
        print(f"built {count} versions, {objects} objects in {time.perf_counter() - start:.0f} s", flush=True)
        print(f"{'':24}{'s':>8}{'CPU s':>8}{'LIST':>7}{'manifests':>11}{'other':>7}  findings")
        for title in ("cold, no index", "warm", "warm, again"):
            found, asked, seconds, cpu = look(root)
            kinds = Counter(finding.fault for finding in found.findings)
            numbers = f"{seconds:8.1f}{cpu:8.1f}{asked['LIST']:7}{asked['manifest']:11}{asked['other GET']:7}"
            print(f"{title:24}{numbers}  {dict(kinds) or 'none'}", flush=True)
            for _, act in acts(found, lambda: open_writable(zoo_of(root)), root):
                act()
        print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
