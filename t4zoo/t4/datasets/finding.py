"""What `t4zoo dataset lint` can find: each fault with an id that stays, how grave it is, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

# id -> (severity, what it means). With an error, create_info would stop, or make info files that nobody can trust.
RULES: dict[str, tuple[Severity, str]] = {
    "list-missing": ("error", "a product names a list that is not there"),
    "list-not-yaml": ("error", "a list that is no YAML"),
    "list-form": ("error", "a list that is YAML, and no dataset list"),
    "list-key-twice": ("error", "a key stands twice in a list, and YAML would take the last and forget the others"),
    "list-not-made": ("note", "a list that a stage makes, which has not run here"),
    "product-form": ("error", "the datasets of a product cannot be understood"),
    "id-form": ("error", "an entry that is not id, id/revision or id/revision/city/vehicle_type[/status]"),
    "id-not-uuid": ("warning", "an id that is no uuid as T4 writes it"),
    "scene-twice": ("error", "one scene stands twice in one split"),
    "scene-in-two-splits": ("error", "one scene is in two splits: it would be learnt and tested"),
    "scene-two-revisions": ("error", "one scene is taken under two revisions"),
    "version-missing": ("error", "a list without a dataset_version"),
    "version-form": ("warning", "a dataset_version that does not end in vX.Y"),
    "version-not-of-file": ("warning", "the X of a dataset_version is not the one of the file's name"),
    "version-not-bumped": ("error", "a list changed since the last tag, and its dataset_version did not"),
    "version-went-back": ("error", "a dataset_version is lower than at the last tag"),
    "dataset-missing": ("error", "no scene of a list is on disk: the folder of the dataset is not there"),
    "scene-missing": ("error", "a scene that a list names is not on disk; it is never replaced by another revision"),
    "revision-open": ("note", "an entry without a revision, of which the highest on disk is taken"),
    "revision-newer": ("warning", "a newer revision of a scene is there than its list names"),
    "scene-unlisted": ("note", "a scene on disk that no list names"),
    "dataset-unlisted": ("note", "a folder of scenes on disk that has no list"),
    "data-not-here": ("note", "the scenes are not on this machine, so none was looked for"),
    "version-not-compared": ("note", "nothing older is at hand to compare the lists with"),
}


@dataclass(frozen=True)
class Finding:
    """rule: a key of RULES. where: file and line, or folder. what: with the values. cure: what to do; "" if nothing.

    datasets: the names of the datasets that it is about.
    """

    rule: str
    where: str
    what: str
    cure: str = ""
    datasets: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return RULES[self.rule][0]

    def __str__(self) -> str:
        """The finding as one line for a person."""
        return f"{self.rule}: {self.where}: {self.what}" + (f"; {self.cure}" if self.cure else "")


def order(finding: Finding) -> tuple[int, str, str, str]:
    """A key that sorts findings: the gravest first, then by rule and place."""
    return SEVERITIES.index(finding.severity), finding.rule, finding.where, finding.what
