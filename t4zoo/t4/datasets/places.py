"""Where a repository keeps its lists, products and scenes: what conf/create_info.yaml says, as the stage reads it."""

from __future__ import annotations

from dataclasses import dataclass

from t4zoo.errors import UsageError
from t4zoo.t4.datasets.tree import Tree
from t4zoo.yaml_text import YamlError, parse_yaml

CONF = "conf/create_info.yaml"
PRODUCTS = "conf/product"
LABELS = "conf/labels"


@dataclass(frozen=True)
class Places:
    """Paths in the repository. data_root holds `{dataset}/{T4 id}/{revision}/`, lists `{dataset}.yaml`."""

    data_root: str
    lists: str


def read_places(tree: Tree) -> Places:
    """Raises UsageError where the file is missing or does not say."""
    content = tree.read(CONF)
    if content is None:
        raise UsageError(f"{CONF}: not in {tree.name}; run this in a repository that `t4zoo init` made")
    try:
        data = parse_yaml(content)
        data_root, lists = data["data_root"], data["dataset_lists"]
    except YamlError as error:
        raise UsageError(f"{CONF} of {tree.name}: {error}") from None
    except (LookupError, TypeError) as error:
        raise UsageError(f"{CONF} of {tree.name}: does not say where scenes and lists are: {error!r}") from None
    if not all(isinstance(path, str) and path for path in (data_root, lists)):
        raise UsageError(f"{CONF} of {tree.name}: data_root and dataset_lists must be folders")
    return Places(data_root.rstrip("/"), lists.rstrip("/"))
