"""The faults that doctor is to find, each with how it is planted in a healthy zoo, and what must then be found."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable

from t4zoo.zoo.reading.notice import Event, Notice
from tests.zoo.keeping.ward import Ward
from tests.zoo.repository import FOLDER, NAME

Plant = Callable[[Ward], object]
Found = list[tuple[str, str]]  # fault, and where

MANIFEST = f"autoware-ml/{FOLDER}/manifest.json"
CHECKPOINT = f"autoware-ml/{FOLDER}/epoch_3.pth"
INDEX = "autoware-ml/index.json"
OTHER = "CenterPoint/t4base@v9.0.0"


def index(ill: Ward, change: Callable[[dict], object]) -> None:
    data = json.loads(ill.get(INDEX))
    change(data)
    ill.put(INDEX, json.dumps(data).encode())


def lock_of(ill: Ward, old: str, new: str) -> None:
    """Another dvc.lock in a commit that is tagged as another version, as if it had been released so."""
    text, count = re.subn(old, new, ill.git("show", "HEAD:dvc.lock"), count=1)
    assert count == 1
    ill.write("dvc.lock", text)
    ill.git("commit", "--quiet", "-m", "edited", "dvc.lock")
    ill.git("tag", "--annotate", "-m", "x", "v9.0.0")


def notice(ill: Ward, name: str, manifest: str) -> None:
    event = Event("yanked", "bad labels", "Ada <ada@example.invalid>", "2025-01-31T12:00:00Z")
    ill.put(f"autoware-ml/{FOLDER}/notice.json", Notice(name, manifest, (event,)).to_bytes())


def digest(ill: Ward) -> str:
    return hashlib.sha256(ill.get(MANIFEST)).hexdigest()


def stored(ill: Ward, path: str) -> str:
    """The key of a file's object in the store, by its path in the version."""
    md5 = hashlib.md5(ill.get(f"autoware-ml/{FOLDER}/{path}")).hexdigest()
    return f"dvc/files/md5/{md5[:2]}/{md5[2:]}"


def locked(ill: Ward, path: str) -> str:
    """The key of what dvc.lock names for a path of the workspace."""
    match = re.search(rf"path: {path}\n\s+hash: md5\n\s+md5: (\S+)", ill.git("show", "HEAD:dvc.lock"))
    assert match
    return f"dvc/files/md5/{match[1][:2]}/{match[1][2:]}"


def copied(ill: Ward, to: str) -> None:
    for path in ill.paths(f"autoware-ml/{FOLDER}/"):
        ill.put(path.replace(FOLDER, to), ill.get(path))


def with_remote(ill: Ward, act: Callable[[Ward], object]) -> None:
    """A bare repository beside it as `origin`, with the tags of now; then something happens."""
    remote = ill.root.parent / "origin.git"
    ill.git("clone", "--quiet", "--bare", str(ill.root), str(remote))
    ill.git("remote", "add", "origin", str(remote))
    act(ill)


def moved(ill: Ward) -> None:
    ill.git("commit", "--quiet", "--allow-empty", "-m", "later")
    message = ill.git("tag", "-l", "--format=%(contents)", NAME)
    ill.git("tag", "--force", "--annotate", "-m", message, NAME)


def ill_path(path: str) -> str:
    return f"autoware-ml/{FOLDER}/{path}"


def forget_commits(ill: Ward) -> None:
    """A history of its own, as another repository that releases into the same zoo has it."""
    shutil.rmtree(ill.root / ".git")
    ill.git("init", "--quiet", "--initial-branch=main")
    ill.git("commit", "--quiet", "--allow-empty", "-m", "another repository")


PLANTED: dict[str, tuple[Plant, Found]] = {
    "a tag without bytes": (
        lambda ill: ill.git("tag", "--annotate", "-m", "x", OTHER),
        [("tag-without-bytes", OTHER)],
    ),
    "a deleted tag": (lambda ill: ill.git("tag", "--delete", NAME), [("bytes-without-tag", NAME)]),
    "a moved tag": (moved, [("tag-moved", NAME)]),
    "a tag that names another manifest": (
        lambda ill: ill.git("tag", "-f", "-a", "-m", f"x\n\nmanifest-sha256: {'0' * 64}", NAME, f"{NAME}^{{}}"),
        [("tag-other-digest", NAME)],
    ),
    "a tag without a message": (
        lambda ill: ill.git("tag", "--force", NAME, f"{NAME}^{{}}"),
        [("tag-lightweight", NAME)],
    ),
    "a tag that was not pushed": (
        lambda ill: with_remote(ill, lambda ill: ill.git("push", "--quiet", "origin", "--delete", f"refs/tags/{NAME}")),
        [("tag-not-pushed", NAME)],
    ),
    "a tag that was not fetched": (
        lambda ill: with_remote(ill, lambda ill: ill.git("tag", "--delete", NAME)),
        [("bytes-without-tag", NAME), ("tag-not-fetched", NAME)],
    ),
    "a tag on another commit at the remote": (
        lambda ill: with_remote(ill, moved),
        [("tag-moved", NAME), ("tags-differ", NAME)],
    ),
    "a remote that does not answer": (
        lambda ill: ill.git("remote", "add", "origin", str(ill.root.parent / "nowhere")),
        [("not-looked-at", "the remote's tags")],
    ),
    "a version from a commit that is not here": (
        lambda ill: (ill.git("tag", "--delete", NAME), forget_commits(ill)),
        [("commit-unknown", NAME)],
    ),
    "a manifest that is cut off": (
        lambda ill: ill.put(MANIFEST, ill.get(MANIFEST)[:-100]),
        [("index-row-extra", NAME), ("manifest-broken", f"autoware-ml/{FOLDER}"), ("tag-without-bytes", NAME)],
    ),
    "a manifest that was edited": (
        lambda ill: ill.put(MANIFEST, ill.get(MANIFEST).replace(b"0.75", b"0.99")),
        [("index-row-wrong", NAME), ("manifest-not-claimed", NAME), ("tag-other-digest", NAME)],
    ),
    "a version that was copied to another name": (
        lambda ill: copied(ill, "models/CenterPoint/t4base/v2.0.0"),
        [("manifest-misplaced", "autoware-ml/models/CenterPoint/t4base/v2.0.0")],
    ),
    "two names that differ in case only": (
        lambda ill: copied(ill, "models/centerpoint/t4base/v1.0.0"),
        [
            ("manifest-misplaced", "autoware-ml/models/centerpoint/t4base/v1.0.0"),
            ("names-collide", "models/CenterPoint/t4base/v1.0.0"),
        ],
    ),
    "a claim that was removed": (lambda ill: ill.delete(ill.of_version(".claim")), [("claim-missing", NAME)]),
    "a release that was broken off": (
        lambda ill: [ill.put(ill_path(name).replace("v1", "v3"), b"0") for name in (".claim", "epoch_3.pth")],
        [("publish-unfinished", "autoware-ml/models/CenterPoint/t4base/v3.0.0")],
    ),
    "a missing file": (lambda ill: ill.delete(CHECKPOINT), [("file-missing", CHECKPOINT)]),
    "a truncated file": (lambda ill: ill.put(CHECKPOINT, ill.get(CHECKPOINT)[:-1]), [("file-drifted", CHECKPOINT)]),
    "a flipped bit": (
        lambda ill: ill.put(CHECKPOINT, bytes([ill.get(CHECKPOINT)[0] ^ 1]) + ill.get(CHECKPOINT)[1:]),
        [("file-drifted", CHECKPOINT)],
    ),
    "an extra file": (
        lambda ill: ill.put(ill.of_version("best.pth"), b"x"),
        [("file-extra", ill_path("best.pth"))],
    ),
    "an object of no version": (
        lambda ill: ill.put("autoware-ml/models/readme.txt", b"x"),
        [("object-stray", "autoware-ml/models")],
    ),
    "a notice of another manifest": (
        lambda ill: notice(ill, NAME, "0" * 64),
        [("index-row-wrong", NAME), ("notice-broken", ill_path("notice.json"))],
    ),
    "a notice of another version": (
        lambda ill: notice(ill, OTHER, digest(ill)),
        [("index-row-wrong", NAME), ("notice-broken", ill_path("notice.json"))],
    ),
    "a notice that is none": (
        lambda ill: ill.put(ill.of_version("notice.json"), b"{"),
        [("index-row-wrong", NAME), ("notice-broken", ill_path("notice.json"))],
    ),
    "a notice that the index has not heard of": (
        lambda ill: notice(ill, NAME, digest(ill)),
        [("index-row-wrong", NAME)],
    ),
    "no index": (lambda ill: ill.delete(INDEX), [("index-missing", INDEX)]),
    "an index that is none": (lambda ill: ill.put(INDEX, b"{"), [("index-broken", INDEX)]),
    "an index without a version": (
        lambda ill: index(ill, lambda data: data["rows"].clear()),
        [("index-row-missing", NAME)],
    ),
    "an index with a version too many": (
        lambda ill: index(ill, lambda data: data["rows"].append([OTHER, *data["rows"][0][1:]])),
        [("index-row-extra", OTHER)],
    ),
    "an index with another score": (
        lambda ill: index(ill, lambda data: data["rows"][0].__setitem__(data["fields"].index("mAP"), 0.99)),
        [("index-row-wrong", NAME)],
    ),
    "a lock that has lost an md5": (
        lambda ill: lock_of(ill, r"(path: info/base/info_val.pkl\n\s+hash: md5\n\s+)md5: \w+", r"\1files: []"),
        [("lock-lost-md5", "v9.0.0")],
    ),
    "a lock that is no YAML": (
        lambda ill: lock_of(ill, "stages:", "stages: ["),
        [("lock-unreadable", "v9.0.0")],
    ),
    "an object of a version that the store has lost": (
        lambda ill: ill.delete(stored(ill, "epoch_3.pth")),
        [("store-missing", NAME)],
    ),
    "an object of another stage that the store has lost": (
        lambda ill: ill.delete(locked(ill, "info/base/info_val.pkl")),
        [("store-lacks-other", NAME)],
    ),
    "a list of files that the store has lost": (
        lambda ill: ill.delete(locked(ill, "models/CenterPoint/t4base/train")),
        [("store-lacks-other", NAME)],
    ),
    "a flipped bit in the store": (
        lambda ill: ill.put(stored(ill, "config.py"), b"X" + ill.get(stored(ill, "config.py"))[1:]),
        [("store-drifted", "config.py")],
    ),
    "an unfinished upload": (
        lambda ill: ill.client.create_multipart_upload(**ill.key("autoware-ml/models/big")),
        [("upload-unfinished", "autoware-ml/models/big")],
    ),
    "an unfinished push": (
        lambda ill: ill.client.create_multipart_upload(**ill.key("dvc/files/md5/00/0")),
        [("upload-unfinished", "dvc/files/md5/00/0")],
    ),
}
