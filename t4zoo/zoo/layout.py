"""Where a version's files live below the zoo's address: one template, read and written in both directions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from t4zoo.errors import UsageError, in_one_line
from t4zoo.zoo.version import (
    AUTO_LABEL,
    INFO,
    AutoLabelSet,
    InfoVersion,
    ModelVersion,
    Name,
    VersionError,
    parse_version,
)

SHIPPED = "autoware_ml"  # the layout of layout.yaml, taken wherever no repository chooses another
_FIELDS = {
    "models": {"algorithm", "model", "version"},
    "info": {"version"},
    "auto_label": {"set"},
}


class LayoutError(UsageError):
    """A layout that is missing, or whose templates cannot tell two versions apart."""


@dataclass(frozen=True)
class Layout:
    """Templates of folders below the zoo's address, without slashes at either end."""

    models: str
    info: str
    auto_label: str

    def folder(self, name: Name) -> str:
        """`models/CenterPoint/t4base/v1.0.0` of `CenterPoint/t4base@v1.0.0`, and so on."""
        match name:
            case ModelVersion():
                return self.models.format(algorithm=name.algorithm, model=name.model, version=name.version)
            case InfoVersion():
                return self.info.format(version=name.version)
            case AutoLabelSet():
                return self.auto_label.format(set=name.set)

    def roots(self) -> list[str]:
        """The folders that hold all versions and no more than they must: each template up to its first field."""
        return sorted({_root(template) for template in (self.models, self.info, self.auto_label)})

    def series_root(self, series: str) -> str:
        """The folder that holds all versions of `CenterPoint/t4base`, `info` or a set, or the nearest one above it."""
        if series == INFO:
            return _root(self.info)
        head, _, tail = series.partition("/")
        template = self.auto_label if head == AUTO_LABEL else self.models
        known = {"algorithm": head, "model": tail, "set": tail}
        for field, value in known.items():
            template = template.replace(f"{{{field}}}", value)
        return _root(f"{template}/{{}}" if "{" not in template else template)

    def name_of(self, folder: str) -> Name | None:
        """The name of what is released in this folder, or None: the reverse of `folder`."""
        for template, make in (
            (
                self.models,
                lambda found: ModelVersion(found["algorithm"], found["model"], parse_version(found["version"])),
            ),
            (self.info, lambda found: InfoVersion(parse_version(found["version"]))),
            (self.auto_label, lambda found: AutoLabelSet(found["set"])),
        ):
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
            if match := re.fullmatch(pattern, folder):
                try:
                    return make(match)
                except VersionError:
                    continue
        return None


def _root(template: str) -> str:
    return template.partition("{")[0].rpartition("/")[0]


def load_layout(repository: Path | None) -> Layout:
    """The layout that `repository` chooses (params.yaml: `storage`), or the shipped one outside any repository.

    Raises LayoutError when the choice has no file in conf/storage/, or a template lacks a field.
    """
    shipped = Path(__file__).with_name("layout.yaml")
    if repository is None or not (repository / "params.yaml").is_file():
        return _layout(shipped, _mapping(shipped))
    choice = _mapping(repository / "params.yaml").get("storage", SHIPPED)
    path = repository / "conf" / "storage" / f"{choice}.yaml"
    if not path.is_file():
        if choice == SHIPPED:
            return _layout(shipped, _mapping(shipped))
        raise LayoutError(f"{repository / 'params.yaml'}: storage is {choice!r}, but there is no {path}")
    data = _mapping(path)
    if "layout" not in data:
        return _layout(path, data)
    if data["layout"] != SHIPPED:
        raise LayoutError(f"{path}: layout is {data['layout']!r}; the only layout that is shipped is {SHIPPED!r}")
    return _layout(shipped, _mapping(shipped))


def _mapping(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LayoutError(f"{path}: not YAML: {in_one_line(error)}") from error
    if not isinstance(data, dict):
        raise LayoutError(f"{path}: must be a mapping")
    return data


def _layout(path: Path, data: dict[str, Any]) -> Layout:
    for key, fields in _FIELDS.items():
        template = data.get(key)
        if not isinstance(template, str) or template.strip("/") != template:
            raise LayoutError(f"{path}: {key} must be a folder template without slashes at its ends, not {template!r}")
        try:
            found = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
        except ValueError:  # a brace without its twin
            found = []
        if set(found) != fields or len(found) != len(fields):
            raise LayoutError(
                f"{path}: {key} must name each of {{{'}, {'.join(sorted(fields))}}} once, not {template!r}"
            )
    return Layout(**{key: data[key] for key in _FIELDS})
