"""What a product takes of which datasets: the entries of `datasets` in conf/product/*.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.t4.dataset_list import SPLITS, DatasetList, DatasetListError, read_dataset_list

KEYS = {"name", "sample_steps", "lists", "splits"}


@dataclass(frozen=True)
class Selection:
    """The scenes of one dataset that a product takes, and which samples of them.

    dataset: with the splits that are taken, the others empty. lists: the folder of its list. sample_steps: every
    so-many-th sample.
    """

    dataset: DatasetList
    lists: Path
    sample_steps: int


def read_selections(product: Mapping[str, Any], lists: Path) -> list[Selection]:
    """The datasets of a product, in its order. lists: the folder of those lists whose entry names none.

    Raises DatasetListError for an entry that says something else than it seems to, or a dataset that is named twice.
    """
    where = f"conf/product/{product['name']}.yaml"
    selections: list[Selection] = []
    for entry in product["datasets"]:
        if not isinstance(entry, Mapping) or "name" not in entry or entry.keys() - KEYS:
            raise DatasetListError(
                f"{where}: datasets has {entry!r}; each has a name and sample_steps, and may have lists and splits"
            )
        selections.append(_read(entry, lists, where))
        if (name := selections[-1].dataset.name) in [one.dataset.name for one in selections[:-1]]:
            raise DatasetListError(f"{where}: names the dataset {name} twice; keep one")
    return selections


def _read(entry: Mapping[str, Any], lists: Path, where: str) -> Selection:
    name, folder = str(entry["name"]), Path(entry.get("lists", lists))
    taken = entry.get("splits", list(SPLITS))
    if not isinstance(taken, list | tuple) or not taken or any(split not in SPLITS for split in taken):
        raise DatasetListError(f"{where}: splits of {name} is {taken!r}; give some of {', '.join(SPLITS)}")
    found = read_dataset_list(folder, name)
    steps = entry.get("sample_steps", found.sample_steps)
    if steps is None:
        raise DatasetListError(f"{where}: datasets has {dict(entry)!r}, which needs sample_steps: its list has none")
    splits = {split: found.splits[split] if split in taken else () for split in SPLITS}
    dataset = DatasetList(name, found.dataset_version, splits, found.data_of, found.sample_steps)
    return Selection(dataset, folder, whole_number(where, f"sample_steps of {name}", steps, 1))


def whole_number(where: str, key: str, value: Any, least: int) -> int:
    """`value`; raises DatasetListError when it is no whole number from `least` on."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise DatasetListError(f"{where}: {key} is {value!r}; give a whole number from {least} on")
    return value
