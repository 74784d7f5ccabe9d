"""A dataset's source.yaml: where its scenes are. Never with whose keys: those come from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from t4zoo.errors import UsageError
from t4zoo.scene_files import POINTER
from t4zoo.whole import write_whole
from t4zoo.yaml_text import read_yaml
from t4zoo.zoo.address import parse_address

FORM = 1  # of the file, its key `version`
MD5, OPAQUE = "md5", "opaque"


@dataclass(frozen=True)
class Pointer:
    """url: of the folder that holds `{T4 id}/{revision}/`. etag: what the entity tag of an object is that came whole.

    md5: that of its bytes, which are compared with it. opaque: of a bucket that encrypts with keys of its own, say.
    """

    url: str
    etag: str = MD5


def sound_url(url: str) -> str:
    """The URL without a slash at its end. Raises UsageError for what is no place in a bucket, or holds a password."""
    address = parse_address(url)
    if address.bucket is None:
        raise UsageError(f"{address.url}: scenes are read from s3:// alone; write s3://bucket/prefix")
    return address.url


def read_pointer(dataset: Path) -> Pointer:
    """What stands in the dataset's folder. Raises UsageError."""
    path = dataset / POINTER
    data = read_yaml(path)
    if not isinstance(data, dict) or data.get("version") != FORM or data.keys() - {"version", "url", "etag"}:
        raise UsageError(f"{path}: must have version: {FORM}, url and etag alone; `t4zoo dataset source URL` writes it")
    if not isinstance(data.get("url"), str) or data.get("etag") not in (MD5, OPAQUE):
        raise UsageError(f"{path}: url must be s3://bucket/prefix, and etag {MD5} or {OPAQUE}")
    return Pointer(sound_url(data["url"]), data["etag"])


def write_pointer(dataset: Path, pointer: Pointer) -> None:
    """Write source.yaml."""
    data = {"version": FORM, "url": pointer.url, "etag": pointer.etag}
    told = "# The scenes of this dataset are there; inventory.json says which. `t4zoo dataset refresh` looks again.\n"
    write_whole(dataset / POINTER, told + yaml.safe_dump(data, sort_keys=False))
