"""The name under which a model signs its labels: `{algorithm}/{model}@{version}`, `@sha256:...` when unreleased."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

DIGITS = 12

_VERSION = re.compile(r"(?:^|/)([^/@]+)/([^/@]+)[@/](v\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)(?:/[^/]+)?$")


def signature(algorithm: str, model: str, reference: str, sha256: str) -> str:
    """The name of a checkpoint that was asked for by `reference` and has the digest `sha256`.

    The version counts only when the reference names this algorithm and model: `CenterPoint/t4base@v1.0.0`,
    `zoo://CenterPoint/t4base/v1.0.0/epoch_8.pth`, or an s3 or http URL that ends the same way. A YAML that names a
    checkpoint stands for what it names.
    """
    path = Path(reference)
    if path.suffix in (".yaml", ".yml") and path.is_file():
        reference = str(yaml.safe_load(path.read_text(encoding="utf-8"))["checkpoint"])
    released = None if Path(reference).exists() else _VERSION.search(reference)
    if released and released.group(1, 2) == (algorithm, model):
        return f"{algorithm}/{model}@{released[3]}"
    return f"{algorithm}/{model}@sha256:{sha256[:DIGITS]}"
