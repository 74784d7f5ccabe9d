"""An mmengine configuration file, of a path, an installed package or a URL, with Hydra's values merged over it."""

from __future__ import annotations

import copy
import importlib.util
import re
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.utils import import_modules_from_strings

from t4zoo.errors import T4zooError, UsageError, in_one_line
from t4zoo.models.foreign import remote

FAR = (
    "{}: is in a bucket, and a model that is not ours reads clouds by itself; put its scenes on this disk, in the "
    "place of source.yaml and the inventory"
)
MOST = 400  # characters of another program's error
_URL = re.compile(r"[a-z][a-z0-9+.-]*://")
_CURE = "docs/mmdet3d.md says how to make the environment of such a model, and how to name its folder in PYTHONPATH"


@dataclass(frozen=True)
class Source:
    """What `foreign:` in conf/ says.

    config: a path, `mmdet3d::centerpoint/...py` of an installed package, or a URL. trust, sha256: of a URL, see
    `remote.bring`. overrides: for `Config.merge_from_dict`, nested or with dotted keys.
    """

    config: str
    trust: bool = False
    sha256: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """`config` without a URL's query, which may be a permission."""
        return self.config.partition("?")[0] if _URL.match(self.config) else self.config


def read(source: Source, fetch: Callable[[str], Path]) -> tuple[Config, list[str]]:
    """The configuration; the file is run, its `_base_` inherited, its `custom_imports` imported.

    Beside it, the keys of `overrides` that the file says nothing of: they are meant, or misspelt.
    Raises UntrustedError for a URL that is not trusted, UsageError for whatever keeps the file from being read.
    """
    config = _of_file(source, fetch)
    added = [name for name in _names(source.overrides) if not _has(config, name.split("."))]
    try:
        config.merge_from_dict(copy.deepcopy(dict(source.overrides)))
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"foreign.overrides do not fit {source.shown}: {in_one_line(error)}") from error
    if config.get("custom_imports"):
        try:
            import_modules_from_strings(**config.custom_imports)
        except ImportError as error:
            raise UsageError(f"{source.shown}: {error}; {_CURE}") from error
    if "model" not in config:
        raise UsageError(f"{source.shown}: has no `model`, so it is no configuration of a training or test")
    return config, added


def cannot_be_built(what: str, error: Exception) -> str:
    """What mmengine says of a part that it cannot build and where, without the pages of settings that it may quote."""
    said, place = in_one_line(error), traceback.extract_tb(error.__traceback__)[-1]
    said = said if len(said) <= MOST else f"{said[:MOST]} ..."
    return (
        f"{what} cannot be built: {type(error).__name__}: {said} ({place.filename}, line {place.lineno}: {place.line})"
    )


def _of_file(source: Source, fetch: Callable[[str], Path]) -> Config:
    with tempfile.TemporaryDirectory() as scratch:
        try:
            if "::" in source.config:
                return _of_package(source.config)
            path = Path(source.config)
            if _URL.match(source.config):
                path = remote.bring(source.config, fetch, Path(scratch), source.trust, source.sha256)
            elif not path.is_file():
                raise UsageError(f"{path}: no such configuration file")
            return Config.fromfile(path, import_custom_modules=False)
        except T4zooError:
            raise
        except ImportError as error:
            raise UsageError(f"{source.shown}: {error}; {_CURE}") from error
        except Exception as error:  # the file is a program, which may end in any way
            told = in_one_line(error)
            raise UsageError(f"{source.shown}: cannot be read: {type(error).__name__}: {told}") from error


def _of_package(reference: str) -> Config:
    package = reference.partition("::")[0]
    if importlib.util.find_spec(package) is None:  # mmengine itself would install it
        raise UsageError(f"{reference}: {package} is not installed here; {_CURE}")
    return get_config(reference)


def _names(overrides: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in overrides.items():
        if key == "_delete_":
            continue
        if isinstance(value, Mapping) and value and not value.get("_delete_"):
            yield from _names(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def _has(config: Any, keys: list[str]) -> bool:
    for key in keys:
        if isinstance(config, list | tuple) and key.isdigit() and int(key) < len(config):
            config = config[int(key)]
        elif isinstance(config, Mapping | Config) and key in config:
            config = config[key]
        else:
            return False
    return True


def class_names(config: Config) -> tuple[str, ...]:
    """What the model's labels mean, where its test data or the configuration itself say so; else nothing."""
    places = [*datasets(config.get("test_dataloader") or {}), config]
    for place in places:
        classes = (place.get("metainfo") or {}).get("classes") or place.get("class_names")
        if classes:
            return tuple(classes)
    return ()


def datasets(dataloader: Mapping[str, Any]) -> list[Any]:
    """The datasets of a dataloader that read files: without what repeats, balances or joins them."""
    found, queue = [], [dataloader.get("dataset")]
    while queue:
        one = queue.pop(0)
        if isinstance(one, list | tuple):
            queue += one
        elif isinstance(one, Mapping):
            inner = [one[key] for key in ("dataset", "datasets") if isinstance(one.get(key), Mapping | list | tuple)]
            queue += inner
            if not inner:
                found.append(one)
    return found


def max_sweeps(config: Config) -> int:
    """The earlier clouds that the model's test data add to a frame."""
    return max(
        (int(part["sweeps_num"]) for part in _parts(config, "test_dataloader") if "sweeps_num" in part), default=0
    )


def takes_points(config: Config) -> bool:
    """Whether the model's test data are point clouds, as mmdet3d's transforms `LoadPoints...` read them."""
    return any("LoadPoints" in str(part.get("type")) for part in _parts(config, "test_dataloader"))


def _parts(config: Config, name: str) -> Iterator[Mapping[str, Any]]:
    queue = [config.get(name)]
    while queue:
        one = queue.pop()
        if isinstance(one, Mapping):
            yield one
            queue += one.values()
        elif isinstance(one, list | tuple):
            queue += one
