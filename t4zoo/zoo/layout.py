"""Where a version's files live below the zoo's address: one template, read and written in both directions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from t4zoo.errors import UsageError
from t4zoo.zoo.version import ModelVersion, VersionError, parse_version

SHIPPED = "autoware_ml"  # the layout of layout.yaml, taken wherever no repository chooses another
_FIELDS = {
    "models": {"algorithm", "model", "version"},
    "info": {"version", "product"},
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

    def model_folder(self, name: ModelVersion) -> str:
        """`models/CenterPoint/t4base/v1.0.0` of `CenterPoint/t4base@v1.0.0`."""
        return self.models.format(algorithm=name.algorithm, model=name.model, version=name.version)

    def info_folder(self, version: str, product: str) -> str:
        """`info/v0.3.0/base` of the info that the repository's version v0.3.0 made for the product base."""
        return self.info.format(version=version, product=product)

    def auto_label_folder(self, name: str) -> str:
        """`auto_label/20241101_xx1` of the auto-label set 20241101_xx1."""
        return self.auto_label.format(set=name)

    def models_root(self) -> str:
        """The folder that holds all models and no more than it must: the template up to its first field."""
        return self.models.partition("{")[0].rpartition("/")[0]

    def model_of(self, folder: str) -> ModelVersion | None:
        """The model version whose folder this is, or None: the reverse of `model_folder`."""
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.models))
        match = re.fullmatch(pattern, folder)
        if not match:
            return None
        try:
            return ModelVersion(match["algorithm"], match["model"], parse_version(match["version"]))
        except VersionError:
            return None


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
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LayoutError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
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
