"""Which lists, and which splits of them, the products of conf/product/ name; read however little else is right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from t4zoo.t4.dataset_list import SPLITS
from t4zoo.t4.datasets.finding import Finding
from t4zoo.t4.datasets.tree import Tree
from t4zoo.t4.selection import KEYS
from t4zoo.yaml_text import YamlError, parse_yaml


@dataclass(frozen=True)
class Named:
    """A list that a product names. lists: the folder that it is in. splits: those that are taken of it."""

    name: str
    lists: str
    splits: tuple[str, ...]

    @property
    def path(self) -> str:
        """Its file."""
        return (PurePosixPath(self.lists) / f"{self.name}.yaml").as_posix()


@dataclass(frozen=True)
class Product:
    """A file of conf/product/, and what is wrong with its datasets."""

    name: str
    where: str
    datasets: tuple[Named, ...]
    findings: tuple[Finding, ...] = ()


def read_products(tree: Tree, folder: str, lists: str) -> list[Product]:
    """The products of `folder`, by name. lists: the folder of lists for which an entry names none."""
    files = [name for name in tree.names(folder) if name.endswith(".yaml")]
    return [_read(tree, f"{folder}/{name}", Path(name).stem, lists) for name in sorted(files)]


def _read(tree: Tree, where: str, name: str, lists: str) -> Product:
    try:
        data = parse_yaml(tree.read(where) or b"")
    except YamlError as error:
        return Product(name, where, (), (Finding("product-form", where, str(error), "mend the line that it names"),))
    entries = data.get("datasets") if isinstance(data, Mapping) else None
    if not isinstance(entries, list):
        finding = Finding("product-form", where, "has no list `datasets`", "add one, or remove the file")
        return Product(name, where, (), (finding,))
    named = [_named(entry, lists) for entry in entries]
    right = tuple(one for one in named if isinstance(one, Named))
    wrong = tuple(Finding("product-form", where, *one) for one in named if not isinstance(one, Named))
    return Product(name, where, right, (*wrong, *_twice(where, right)))


def _named(entry: Any, lists: str) -> Named | tuple[str, str]:
    """A list, or what is wrong with the entry and its cure."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str) or entry.keys() - KEYS:
        return f"datasets has {entry!r}", f"each has a name, and may have {', '.join(sorted(KEYS - {'name'}))}"
    splits = entry.get("splits", list(SPLITS))
    if not isinstance(splits, list) or not splits or any(split not in SPLITS for split in splits):
        return f"splits of {entry['name']} is {splits!r}", f"give some of {', '.join(SPLITS)}"
    folder = entry.get("lists", lists)
    if not isinstance(folder, str):
        return f"lists of {entry['name']} is {folder!r}", "give the folder that holds the list"
    return Named(entry["name"], folder, tuple(split for split in SPLITS if split in splits))


def _twice(where: str, named: Sequence[Named]) -> Iterator[Finding]:
    names = [one.name for one in named]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Finding("product-form", where, f"names the dataset {name} twice", "keep one", (name,))
