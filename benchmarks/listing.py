"""Ten thousand versions to be listed: rows of a zoo's index, and tags of git repositories."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from benchmarks.contenders import peer
from benchmarks.measure import Contender
from t4zoo.zoo.address import parse_address
from t4zoo.zoo.reading.index import INDEX_NAME, Index, Row
from t4zoo.zoo.storage.s3 import Description, S3Folder

MODELS = 20


def names(count: int) -> list[str]:
    """`CenterPoint/model_03@v1.2.7`, `count` of them."""
    found = []
    for number in range(count):
        version, model = divmod(number, MODELS)
        found.append(f"CenterPoint/model_{model:02d}@v{version // 100}.{version // 10 % 10}.{version % 10}")
    return found


def listers(base: str, work: Path, count: int, gto_count: int) -> list[Contender]:
    """Each lists all; GTO, which takes a minute for ten thousand, lists fewer: its name says how many."""
    zoo = f"{base}/zoo-of-{count}"
    rows = [_row(name) for name in names(count)]
    content = Index.of(rows).to_bytes()

    description = Description("application/json", hashlib.sha256(content).hexdigest(), cache_control="no-cache")
    S3Folder(parse_address(zoo)).create(INDEX_NAME, content, description)
    tags = _repository(work / "tags", names(count))
    found = [
        Contender(f"t4zoo list ({count:,})", lambda run: [sys.executable, "-m", "t4zoo", "list", "--zoo", zoo], work),
        Contender(
            f"t4zoo list --json ({count:,})",
            lambda run: [sys.executable, "-m", "t4zoo", "list", "--json", "--zoo", zoo],
            work,
        ),
        Contender(
            f"git for-each-ref ({count:,})",
            lambda run: ["git", "for-each-ref", "--format=%(refname) %(contents)", "refs/tags"],
            tags,
        ),
    ]
    if gto := peer("gto"):
        fewer = _repository(work / "gto", [name.replace("/", "-").replace("_", "-") for name in names(gto_count)])
        found.append(Contender(f"gto show ({gto_count:,})", lambda run: [gto, "show"], fewer))
    return found


def _row(name: str) -> Row:
    model, _, version = name.partition("@")
    return Row(
        name=name,
        kind="base",
        product="base",
        parents=["CenterPoint/t4pretrain@v1.0.0"],
        score=0.5,
        files=12,
        size=123_456_789,
        commit="0" * 40,
        time="2025-01-01T00:00:00Z",
        manifest="0" * 64,
        state="active",
        reason=None,
        folder=f"models/{model}/{version}",
    )


def _repository(root: Path, tags: list[str]) -> Path:
    """One commit with all these annotated tags."""
    root.mkdir()
    git = ["git", "-c", "user.name=-", "-c", "user.email=-"]
    subprocess.run([*git, "init", "--quiet"], cwd=root, check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "-"], cwd=root, check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True)
    message = f"Release\n\nmanifest sha256 {'0' * 64}\n"
    stream = "".join(
        f"tag {tag}\nfrom {head.stdout.strip()}\ntagger - <-> 1735689600 +0000\ndata {len(message)}\n{message}\n"
        for tag in tags
    )
    subprocess.run([*git, "fast-import", "--quiet"], cwd=root, check=True, input=stream.encode())
    subprocess.run([*git, "pack-refs", "--all"], cwd=root, check=True)
    return root
