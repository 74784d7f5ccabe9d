"""Publish a version as a release does after its gate: `python -m benchmarks.publishing MANIFEST STORE ZOO`."""

from __future__ import annotations

import sys
from pathlib import Path

from t4zoo.zoo.address import parse_address
from t4zoo.zoo.layout import load_layout
from t4zoo.zoo.manifest import parse_manifest
from t4zoo.zoo.releasing.lock import key_of
from t4zoo.zoo.releasing.plan import Copy, Plan, readable_index
from t4zoo.zoo.releasing.publish import publish
from t4zoo.zoo.storage.s3 import S3Folder


def main(path: str, store_url: str, zoo_url: str) -> None:
    """The manifest's files lie in the store already; the tag in git is left out."""
    content = Path(path).read_bytes()
    manifest = parse_manifest(content, path)
    store, zoo = S3Folder(parse_address(store_url)), S3Folder(parse_address(zoo_url))
    plan = Plan(
        name=manifest.version,
        root=Path.cwd(),
        commit="0" * 40,
        folder=load_layout(None).folder(manifest.version),
        manifest=manifest,
        content=content,
        copies=tuple(Copy(key_of(file.md5), file.md5, file) for file in manifest.files),
        note="",
        is_released=False,
        is_tagged=True,
        report=None,
        index=readable_index(zoo),
    )
    outcome = publish(plan, store, zoo)
    if outcome.copied != len(manifest.files) or outcome.warning:
        raise SystemExit(f"copied {outcome.copied} of {len(manifest.files)} files {outcome.warning}")


if __name__ == "__main__":
    main(*sys.argv[1:])
