"""A dataset list as it is written: every entry with its line, whatever is wrong with the rest.

`t4zoo.t4.dataset_list` stops at the first fault, since a stage must; this goes on, so that all are told at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from t4zoo.errors import in_one_line
from t4zoo.t4.dataset_list import FORM, SPLITS, DatasetListError, SceneId, parse_scene_id
from t4zoo.t4.datasets.finding import Finding

TEXT = "tag:yaml.org,2002:str"
NULL = "tag:yaml.org,2002:null"
KEYS = ("version", "dataset_version", "data_of", "sample_steps", *SPLITS)
COPY = "copy the form of another list of conf/dataset/"


@dataclass(frozen=True)
class Entry:
    """One line of a split: the scene that it names. where: `{file}:{line}`."""

    where: str
    dataset: str
    split: str
    scene: SceneId


@dataclass(frozen=True)
class Written:
    """A list: what of it could be understood, and what is wrong with its form.

    values: the keys besides the splits, as YAML has them. where: its file.
    """

    name: str
    where: str
    entries: tuple[Entry, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def dataset_version(self) -> str:
        """Its own version as people write it, "" where it has none."""
        value = self.values.get("dataset_version")
        return "" if value is None else str(value)

    @property
    def data_of(self) -> str | None:
        """The dataset whose files its scenes share, of a list that lies beside scenes that are annotation only."""
        value = self.values.get("data_of")
        return value if isinstance(value, str) else None


def parse_list(name: str, where: str, content: bytes) -> Written:
    """The list of the dataset `name`; never raises. where: what findings call its file."""
    reading = _Reading(name, where)
    try:
        root = yaml.compose(content.decode(), Loader=yaml.SafeLoader)
        reading.read(root)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reading.say("list-not-yaml", where, in_one_line(error), "mend the line that it names")
    return Written(name, where, tuple(reading.entries), reading.values, tuple(reading.findings))


class _Reading:
    """Gathers what a list says while its nodes are gone through."""

    def __init__(self, name: str, where: str) -> None:
        self.name, self.where = name, where
        self.entries: list[Entry] = []
        self.values: dict[str, Any] = {}
        self.findings: list[Finding] = []

    def say(self, rule: str, where: str, what: str, cure: str) -> None:
        self.findings.append(Finding(rule, where, what, cure, (self.name,)))

    def read(self, root: yaml.Node | None) -> None:
        if not isinstance(root, yaml.MappingNode):
            self.say("list-form", self.where, "is no mapping of splits to scenes", COPY)
            return
        seen: dict[str, str] = {}
        for key, value in root.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
            if name in seen:
                self.say("list-key-twice", self._at(key), f"{name!r} stands in line {seen[name]} already", "join them")
            seen.setdefault(name, self._at(key).rpartition(":")[2])
            self._read_key(name, key, value)
        self._check_values()

    def _read_key(self, name: str, key: yaml.Node, value: yaml.Node) -> None:
        if name in SPLITS:
            self._read_split(name, value)
        elif isinstance(value, yaml.SequenceNode):
            self.say("list-form", self._at(key), f"{name!r} is no split", f"the splits are {', '.join(SPLITS)}")
        else:
            self.values[name] = _value(value)

    def _read_split(self, split: str, node: yaml.Node) -> None:
        if not isinstance(node, yaml.SequenceNode):
            if node.tag != NULL:
                self.say(
                    "list-form", self._at(node), f"{split} is no list of scenes", "write one `- id/revision` a line"
                )
            return
        for item in node.value:
            text = item.value if isinstance(item, yaml.ScalarNode) and item.tag == TEXT else _value(item)
            try:
                self.entries.append(Entry(self._at(item), self.name, split, parse_scene_id(text)))
            except DatasetListError as error:
                cure = "take it out, or write the id that the scene's folder has"
                self.say("id-form", self._at(item), str(error), cure)

    def _check_values(self) -> None:
        values = self.values
        if values.get("version") != FORM or isinstance(values.get("version"), bool):
            said = f"begins with `version: {values.get('version')}`" if "version" in values else "has no `version:`"
            self.say("list-form", self.where, said, f"the form that is understood is `version: {FORM}`")
        data_of, steps = values.get("data_of"), values.get("sample_steps")
        if data_of is not None and not _is_name(data_of):
            self.say("list-form", self.where, f"data_of is {data_of!r}", "give the name of a dataset's folder")
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 1):
            self.say("list-form", self.where, f"sample_steps is {steps!r}", "give a whole number from 1 on")

    def _at(self, node: yaml.Node) -> str:
        return f"{self.where}:{node.start_mark.line + 1}"


def _is_name(text: Any) -> bool:
    try:
        return isinstance(text, str) and parse_scene_id(text).revision is None
    except DatasetListError:
        return False


def _value(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    finally:
        loader.dispose()
