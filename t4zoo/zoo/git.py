"""What the zoo asks of git: a clean state, files at a commit, annotated tags. Plain `git`, as a process."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from t4zoo.errors import T4zooError

NO_IDENTITY = "does not know who you are, and so can neither commit nor tag"
IDENTITY_CURE = "`git config --global user.name 'Your Name'` and `git config --global user.email you@example.com`"


class GitError(T4zooError):
    """git is missing, or refused what was asked, in its own words."""


@dataclass(frozen=True)
class Commit:
    """id: 40 hex digits. subject: first line of its message. committer: `name <mail>`. time: ISO 8601, in UTC."""

    id: str
    subject: str
    committer: str
    time: str


@dataclass(frozen=True)
class Tag:
    """commit: id of the commit that it points at. message: of an annotated tag, else of the commit."""

    name: str
    commit: str
    message: str


def root_of(folder: Path) -> Path | None:
    """The top of the git repository around `folder`, or None outside any."""
    result = _run(folder, "rev-parse", "--show-toplevel", check=False)
    return Path(result.stdout.decode().strip()) if result.returncode == 0 else None


def head(root: Path) -> Commit:
    """The commit that is checked out; raises GitError in a repository without one."""
    if _run(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False).returncode:
        raise GitError(f"{root}: this git repository has no commit yet; `git commit` first")
    output = _run(root, "log", "-1", "--date=format-local:%Y-%m-%dT%H:%M:%SZ", "--format=%H%x00%s%x00%cn <%ce>%x00%cd")
    return Commit(*output.stdout.decode(errors="replace").rstrip("\n").split("\0"))


def changes(root: Path) -> list[str]:
    """Files that differ from HEAD or are neither tracked nor ignored, as `git status --porcelain` lines."""
    output = _run(root, "status", "--porcelain", "--untracked-files=normal").stdout.decode(errors="replace")
    return output.splitlines()


def show(root: Path, commit: str, path: str) -> bytes | None:
    """The content of a file at a commit, or None where that commit has no such file."""
    result = _run(root, "show", f"{commit}:{path}", check=False)
    return result.stdout if result.returncode == 0 else None


def tag(root: Path, name: str) -> Tag | None:
    """The tag of that name, or None."""
    fields = "%(objecttype)%00%(objectname)%00%(*objectname)%00%(contents)"
    output = _run(root, "for-each-ref", f"--format={fields}", f"refs/tags/{name}").stdout.decode(errors="replace")
    if not output.strip():
        return None
    kind, itself, target, message = output.split("\0", 3)
    return Tag(name, target if kind == "tag" else itself, message)


def knows_the_user(root: Path) -> bool:
    """Whether git has a name and a mail to sign commits and tags with. root: any folder, in a repository or not."""
    identities = ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT")
    return all(_run(root, "var", identity, check=False).returncode == 0 for identity in identities)


def has_commit(root: Path) -> bool:
    """Whether `root` is the top of a git repository with a commit."""
    return (root / ".git").exists() and _run(
        root, "rev-parse", "--verify", "--quiet", "HEAD", check=False
    ).returncode == 0


def create_tag(root: Path, name: str, commit: str, message: str) -> None:
    """Make an annotated tag; raises GitError when one of that name exists."""
    # verbatim: git would drop lines that begin with '#', which is how a heading begins in a note.
    _run(root, "tag", "--annotate", "--cleanup=verbatim", "--file=-", name, commit, text=message)


def run(root: Path, *arguments: str) -> str:
    """What `git <arguments>` prints in `root`; raises GitError with git's own words when it fails.

    Names of files that are no UTF-8 come as Python's file functions take them.
    """
    return _run(root, *arguments).stdout.decode(errors="surrogateescape")


def _run(
    root: Path, *arguments: str, check: bool = True, text: str | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0"}
    try:
        result = subprocess.run(  # noqa: S603  (arguments are a list: no shell reads them)
            ["git", "-C", str(root), *arguments],  # noqa: S607
            input=text.encode() if text is not None else None,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            env=environment,
        )
    except FileNotFoundError:
        raise GitError("git is not installed, and this command needs it (reading the zoo does not)") from None
    if check and result.returncode:
        words = result.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {result.returncode}"]
        raise GitError(f"{root}: git {arguments[0]}: {words[-1].removeprefix('fatal: ')}")
    return result
