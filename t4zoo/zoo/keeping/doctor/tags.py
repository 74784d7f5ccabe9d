"""Do the tags of this repository and the versions of the zoo name each other?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from t4zoo.zoo.git import GitError
from t4zoo.zoo.keeping import history
from t4zoo.zoo.keeping.doctor.finding import Finding
from t4zoo.zoo.keeping.history import Tag
from t4zoo.zoo.keeping.survey import Survey
from t4zoo.zoo.reading.catalogue import Released
from t4zoo.zoo.releasing.describe import DIGEST_LINE, note
from t4zoo.zoo.version import AUTO_LABEL, InfoVersion, Name, VersionError, parse_name, parse_version


@dataclass(frozen=True)
class MissingTag:
    """A tag that can be made again: as the release made it, on the commit that the manifest names."""

    name: str
    commit: str
    message: str


@dataclass(frozen=True)
class Tags:
    """local: of this clone. remote: name -> commit, None where no remote could be asked. known: commits in this clone.

    is_shallow: whether this clone has only some commits and so perhaps only some tags.
    """

    local: dict[str, Tag]
    remote: dict[str, str] | None
    known: frozenset[str]
    is_shallow: bool


def look(root: Path, survey: Survey, ask: bool = True) -> tuple[Tags, list[Finding]]:
    """All tags, by git; `ask`: the remote's too. The findings say what could not be asked."""
    findings = []
    remote = None
    try:
        remote = history.remote_tags(root) if ask else None
    except GitError as error:
        findings.append(Finding("not-looked-at", "the remote's tags", str(error), ""))
    commits = {source.commit for r in survey.released() if (source := r.manifest.source)}
    tags = Tags(history.tags(root), remote, history.known(root, commits), history.is_shallow(root))
    if tags.is_shallow:
        cure = "`git fetch --unshallow --tags`"
        findings.append(Finding("not-looked-at", str(root), "this clone is shallow and lacks tags", cure))
    return tags, findings


def check_tags(tags: Tags, survey: Survey) -> tuple[list[Finding], list[MissingTag]]:
    """Tags against versions and versions against tags; and the tags that `--fix` may make again."""
    released = {name: held.released for name, held in survey.by_name().items() if held.released}
    findings: list[Finding] = []
    for tag in tags.local.values():
        name = name_of(tag.name)
        if name is not None:
            findings += _check(tag, released.get(str(name)), name)
    findings += _compare_with_remote(tags)
    again = []
    for version in released.values():
        if version.manifest.source is None or version.name.tag in tags.local:
            continue  # adopted, without a commit
        told, missing = _untagged(version, tags)
        findings.append(told)
        again += missing
    return findings, again


def name_of(tag: str) -> Name | None:
    """The version that a tag's name stands for; None of a tag with another purpose."""
    try:
        return parse_name(tag) if "/" in tag else InfoVersion(parse_version(tag))
    except VersionError:
        return None


def _check(tag: Tag, released: Released | None, name: Name) -> Iterator[Finding]:
    said = next((line for line in tag.message.splitlines() if line.startswith(DIGEST_LINE)), None)
    if released is None:
        if said is None and (isinstance(name, InfoVersion) or str(name).startswith(f"{AUTO_LABEL}/")):
            return  # `v1.2.0` may mark anything; only a release's own message promises bytes
        cure = f"`git checkout {tag.name}` and `t4zoo release {name}`, or delete the tag"
        yield Finding("tag-without-bytes", tag.name, f"{name} is not in the zoo", cure)
        return
    source = released.manifest.source
    if source and tag.commit != source.commit:
        what = f"is on commit {tag.commit[:10]}, and {name} was made from {source.commit[:10]}"
        yield Finding("tag-moved", tag.name, what, f"`git fetch --tags --force`, or {_again(tag.name)}")
    if not tag.is_annotated:
        yield Finding("tag-lightweight", tag.name, "has no message", _again(tag.name))
    elif said != f"{DIGEST_LINE}{released.digest}":
        what = f"names {said or 'no manifest'}, and the zoo has sha256 {released.digest}"
        yield Finding("tag-other-digest", tag.name, what, f"`t4zoo verify {name}` tells which is right")


def _again(tag: str) -> str:
    return f"`git tag --delete {tag}` and `t4zoo doctor --fix`"


def _compare_with_remote(tags: Tags) -> Iterator[Finding]:
    if tags.remote is None:
        return
    for name in sorted(tags.local.keys() | tags.remote.keys()):
        if name_of(name) is None:
            continue
        here, there = tags.local.get(name), tags.remote.get(name)
        if here is None:
            yield Finding("tag-not-fetched", name, "is at the remote", "`git fetch --tags`")
        elif there is None:
            yield Finding("tag-not-pushed", name, "is not at the remote", f"`git push origin '{name}'`")
        elif here.commit != there:
            what = f"is on commit {here.commit[:10]} here and on {there[:10]} at the remote"
            yield Finding("tags-differ", name, what, "`git fetch --tags --force` takes the remote's")


def _untagged(released: Released, tags: Tags) -> tuple[Finding, list[MissingTag]]:
    name, source = released.name, released.manifest.source
    assert source is not None  # noqa: S101  (of those alone it is asked)
    if tags.remote and name.tag in tags.remote:
        return Finding("bytes-without-tag", str(name), "its tag was not fetched", "`git fetch --tags`"), []
    if source.commit not in tags.known:
        what = f"its commit {source.commit[:10]} is not in this clone"
        cure = "`git fetch`; or it comes from another repository, whose tags are there"
        return Finding("commit-unknown", str(name), what, cure), []
    where = "neither here nor at the remote" if tags.remote is not None else "not here"
    cure = "`t4zoo doctor --fix` makes it again on the commit that the manifest names"
    missing = MissingTag(name.tag, source.commit, note(released.manifest, released.digest))
    return Finding("bytes-without-tag", str(name), f"its tag is {where}", cure, fixable=True), [missing]
