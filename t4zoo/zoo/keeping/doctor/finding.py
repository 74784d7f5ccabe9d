"""What doctor can find: each fault with an id that stays, how grave it is, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

# id -> (severity, what it means). An error is a version that somebody cannot trust, get or trace back.
FAULTS: dict[str, tuple[Severity, str]] = {
    "tag-without-bytes": ("error", "a tag names a version that the zoo does not have"),
    "bytes-without-tag": ("error", "a version in the zoo has no tag"),
    "tag-moved": ("error", "a tag is on another commit than its version was made from"),
    "tag-other-digest": ("error", "a tag names another manifest than the zoo has"),
    "tag-lightweight": ("error", "a tag without a message, and so without the manifest's digest"),
    "tags-differ": ("error", "a tag is on another commit here than at the remote"),
    "tag-not-pushed": ("warning", "a tag that only this clone has"),
    "tag-not-fetched": ("warning", "a tag that the remote has, and this clone has not"),
    "commit-unknown": ("warning", "a version from a commit that this clone does not have"),
    "manifest-broken": ("error", "a manifest that cannot be read"),
    "manifest-misplaced": ("error", "a manifest in the folder of another version"),
    "manifest-not-claimed": ("error", "a manifest that differs from the claim that came before it"),
    "claim-missing": ("warning", "a version whose claim was removed"),
    "publish-unfinished": ("warning", "a claim, and no manifest: a release that was broken off, or is going on"),
    "file-missing": ("error", "a file of a version is gone"),
    "file-drifted": ("error", "a file of a version has other bytes than its manifest says"),
    "file-extra": ("warning", "an object in a version's folder that its manifest does not name"),
    "object-stray": ("note", "an object in the zoo that belongs to no version"),
    "names-collide": ("warning", "two versions whose folders differ in case only, and are one on some machines"),
    "notice-broken": ("error", "a notice that cannot be read, or speaks of another version or manifest"),
    "index-missing": ("error", "there are versions, and no index"),
    "index-broken": ("error", "the index cannot be read"),
    "index-row-missing": ("error", "a version that the index does not list"),
    "index-row-wrong": ("error", "a version of which the index says something else than its manifest and notice"),
    "index-row-extra": ("error", "the index lists what is not in the zoo"),
    "lock-unreadable": ("error", "a tag's dvc.lock cannot be read"),
    "lock-lost-md5": ("error", "a tag's dvc.lock no longer names the content of an out (`files: []`)"),
    "store-missing": ("error", "the store lacks an object that a released version came from"),
    "store-lacks-other": (
        "warning",
        "the store lacks what a tag's dvc.lock names beside its version",
    ),
    "store-drifted": ("error", "an object of the store has other bytes than its name says"),
    "upload-unfinished": ("warning", "an upload that was never finished: its parts are paid for and seen by nobody"),
    "not-looked-at": ("note", "something that doctor could not look at from here"),
}


@dataclass(frozen=True)
class Finding:
    """fault: a key of FAULTS. where: a version, tag or URL. what: the values. cure: what to do; "" if nothing.

    fixable: whether `--fix` would do it.
    """

    fault: str
    where: str
    what: str
    cure: str
    fixable: bool = False

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return FAULTS[self.fault][0]

    def __str__(self) -> str:
        return f"{self.fault}: {self.where}: {self.what}" + (f"; {self.cure}" if self.cure else "")


def order(finding: Finding) -> tuple[int, str, str, str]:
    """A key that sorts findings: the gravest first, then by fault and place."""
    return ("error", "warning", "note").index(finding.severity), finding.fault, finding.where, finding.what
