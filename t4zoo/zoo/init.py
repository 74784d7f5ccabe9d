"""`t4zoo init`: a fresh copy of the template becomes a team's own repository. Running it twice changes nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from t4zoo.errors import T4zooError, UsageError
from t4zoo.whole import write_whole
from t4zoo.zoo import git
from t4zoo.zoo.address import FOLDERS, ZOO, address_of, parse_address
from t4zoo.zoo.manifest import digest
from t4zoo.zoo.storage.s3 import Description, S3Folder

PROBE = ".probe"  # an empty object in the zoo that shows whether conditional writes are kept
SECTIONS = {
    "products": "your products: a line each, its key a file in conf/product/",
    "models": "your models: a line each, its key {algorithm}-{model}",
    "predictions": "your predictions: a line each, its key {auto_label}-{algorithm}-{model}",
    "auto_labels": "your auto-label sets: a line each, its key {day}_{dataset}",
}
_SECRETS = {"access_key_id": "AWS_ACCESS_KEY_ID", "secret_access_key": "AWS_SECRET_ACCESS_KEY"}


class InitError(T4zooError):
    """A folder that is no copy of the template, or a bucket that cannot serve it."""


@dataclass(frozen=True)
class Write:
    """A file to be written. text: all of it; private: for its owner's eyes only."""

    path: Path
    text: str
    private: bool = False


@dataclass(frozen=True)
class InitPlan:
    """What would change. commit: whether the first commit is made, and its git repository."""

    writes: tuple[Write, ...]
    commit: bool


def plan_init(root: Path, url: str, endpoint: str | None = None, save_credentials: bool = False) -> InitPlan:
    """What `init` has to write in `root`; raises InitError where it is no copy of the template."""
    for needed in (".dvc/config", "dvc.yaml", "params.yaml"):
        if not (root / needed).is_file():
            raise InitError(f"{root}: has no {needed}; run `t4zoo init` at the top of a copy of the template")
    address = parse_address(url)
    commit = not git.has_commit(root)
    if commit and not git.knows_the_user(root):
        raise InitError(f"{root}: git {git.NO_IDENTITY}; {git.IDENTITY_CURE}")
    if address.bucket is None:
        raise UsageError(f"--url {url}: the store must be an s3:// address, as in s3://bucket/prefix")
    config, local = root / ".dvc" / "config", root / ".dvc" / "config.local"
    shared, private = _text(config), _text(local) if local.exists() else ""
    for remote, folder in FOLDERS.items():
        shared = _set(shared, f'remote "{remote}"', "url", f"{address.url}/{folder}")
        if endpoint:
            private = _set(private, f'remote "{remote}"', "endpointurl", endpoint)
        if save_credentials:
            for option, value in _secrets().items():
                private = _set(private, f'remote "{remote}"', option, value)
    params = root / "params.yaml"
    texts = [Write(config, shared), Write(params, _with_sections(_text(params)))]
    if private:
        texts.append(Write(local, private, private=True))
    return InitPlan(tuple(write for write in texts if _differs(write)), commit)


def probe(root: Path, url: str, endpoint: str | None, write: bool = True) -> None:
    """Make sure that the bucket is there and keeps conditional writes; raises FolderError or InitError if not.

    write: False only lists, and so cannot find a server that would let versions be overwritten.
    """
    address = address_of(f"{url.rstrip('/')}/{FOLDERS[ZOO]}", root)
    if endpoint:
        address = replace(address, credentials=replace(address.credentials, endpoint=endpoint))
    folder = S3Folder(address)
    next(folder.list(PROBE), None)
    if not write:
        return
    empty = Description("text/plain", digest(b""), cache_control="no-store")
    folder.create(PROBE, b"", empty)
    if folder.create(PROBE, b"", empty):
        raise InitError(f"{url}: this server ignores If-None-Match: a released version could be overwritten unseen")


def act(plan: InitPlan, root: Path) -> None:
    """Write the files, and make the repository where there is none."""
    for write in plan.writes:
        write_whole(write.path, write.text, mode=0o600 if write.private else 0o644)
    if plan.commit:
        git.run(root, "init", "--quiet", "--initial-branch=main")
        git.run(root, "add", "--all")
        git.run(root, "commit", "--quiet", "--message=Start from the t4zoo template")


def _secrets() -> dict[str, str]:
    missing = [variable for variable in _SECRETS.values() if not os.environ.get(variable)]
    if missing:
        raise UsageError(f"--save-credentials: {' and '.join(missing)} must be set, for these are what is saved")
    return {option: os.environ[variable] for option, variable in _SECRETS.items()}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InitError(f"{path}: is not text in UTF-8; bring back the template's own") from None


def _differs(write: Write) -> bool:
    return not write.path.is_file() or _text(write.path) != write.text


def _set(text: str, section: str, option: str, value: str) -> str:
    """The INI text with one option set, everything else left as it stands."""
    header = re.search(rf"^\['?{re.escape(section)}'?\]\s*$", text, re.MULTILINE)
    if header is None:
        return f"{text}['{section}']\n    {option} = {value}\n"
    following = re.compile(r"^\[", re.MULTILINE).search(text, header.end())
    end = following.start() if following else len(text)
    body = text[header.end() : end]
    line = re.compile(rf"^(\s*{option}\s*=).*$", re.MULTILINE)
    if line.search(body):
        body = line.sub(lambda match: f"{match[1]} {value}", body, count=1)
    else:
        body = f"{body.rstrip()}\n    {option} = {value}\n" if body.strip() else f"\n    {option} = {value}\n"
    return text[: header.end()] + body + text[end:]


def _with_sections(text: str) -> str:
    """params.yaml with a marked place for the team's own entries at the end of each section, beside the samples."""
    for section, words in SECTIONS.items():
        marker = f"  # {words}"
        if marker in text:
            continue
        block = re.search(rf"^{section}:[^\n]*\n(?:[ \t]+\S[^\n]*\n|[ \t]*\n(?=[ \t]+\S))*", text, re.MULTILINE)
        if block is None:
            text = f"{text.rstrip()}\n\n{section}:\n{marker}\n"
        else:
            text = f"{text[: block.end()].rstrip()}\n{marker}\n{text[block.end() :]}"
    return text
