"""A trained model as one file: its weights, and in plain builtins all that is needed to build it again."""

from __future__ import annotations

import hashlib
import importlib
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from t4zoo.errors import T4zooError, in_one_line
from t4zoo.models.common import inert
from t4zoo.whole import whole

OWN_MODELS = "t4zoo.models."  # a checkpoint may name a class in here; any other name could run a stranger's choice


class CheckpointError(T4zooError):
    """A checkpoint that is missing, is none, or does not fit the model."""


@dataclass(frozen=True)
class Checkpoint:
    """state_dict: name -> weights. meta: builtins only; its `model` holds the network's `type` and arguments."""

    state_dict: dict[str, Tensor]
    meta: dict[str, Any]


def save(path: Path, state_dict: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write whole or not at all; equal weights and meta give equal bytes, whatever the file is called."""
    weights = {name: value.detach().cpu().contiguous() for name, value in state_dict.items()}
    # Into memory first: given a path, torch would write the file's name into the file.
    buffer = io.BytesIO()
    torch.save({"state_dict": weights, "meta": dict(meta)}, buffer)
    with whole(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load(path: Path) -> Checkpoint:
    """Read a checkpoint of ours, of mmengine or of weights alone, without running anything that the file contains.

    Of mmengine's files, whatever is neither a tensor nor a builtin is left out. Raises CheckpointError.
    """
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such checkpoint") from None
    except Exception as error:  # whatever a broken or foreign file makes torch's reader raise
        data = _of_another_maker(path, error)
    if isinstance(data, dict) and data and all(isinstance(value, Tensor) for value in data.values()):
        return Checkpoint(dict(data), {})
    if not isinstance(data, dict) or not isinstance(data.get("state_dict"), dict):
        raise CheckpointError(f"{path}: holds no state_dict")
    return Checkpoint(data["state_dict"], dict(data.get("meta") or {}))


def _of_another_maker(path: Path, before: Exception) -> Any:
    try:
        return inert.read(path)
    except inert.StrangeNameError as error:
        raise CheckpointError(
            f"{path}: names {error}, which a program would run that trusts this file; it was not run, and the file is "
            "refused; have its maker save the state_dict alone"
        ) from None
    except Exception:
        # Not torch's own words: they advise to load with weights_only=False, which would run what the file says.
        raise CheckpointError(
            f"{path}: is no checkpoint of weights and builtins alone, or it is broken ({type(before).__name__}); "
            "what another project made has to be converted to its state_dict first"
        ) from before


def find(folder: Path) -> Path:
    """The checkpoint in a `train` folder: the one `epoch_{N}.pth` of the highest N. Raises CheckpointError."""
    found = {int(match[1]): path for path in folder.glob("epoch_*.pth") if (match := _EPOCH.fullmatch(path.name))}
    if not found:
        raise CheckpointError(f"{folder}: no epoch_{{N}}.pth in this folder; train the model or `dvc pull` it")
    return found[max(found)]


_EPOCH = re.compile(r"epoch_(\d+)\.pth")
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://.+|[^/@]+/[^/@]+@v.+")


def resolve(reference: str, fetch: Callable[[str], Path]) -> Path | None:
    """The local file that a parent or checkpoint string means, or None where a YAML says that there is none.

    reference: a `train` folder, a checkpoint file, a YAML with `checkpoint:` (and perhaps `sha256:`), a released
    version (`CenterPoint/t4base@v1.0.0`) or a URL. fetch brings the last two to a local file.
    """
    path = fetch(reference) if _REMOTE.fullmatch(reference) else Path(reference)
    if path.is_dir():
        return find(path)
    if not path.is_file():
        raise CheckpointError(f"{reference}: no such folder, file or released version")
    if path.suffix not in (".yaml", ".yml"):
        return path
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not YAML: {in_one_line(error)}") from None
    if not isinstance(content, dict) or "checkpoint" not in content:
        raise CheckpointError(f"{path}: has no `checkpoint:` (null for none)")
    if content["checkpoint"] is None:
        return None
    if str(content["checkpoint"]).endswith((".yaml", ".yml")):
        raise CheckpointError(f"{path}: names {content['checkpoint']}; a YAML names a checkpoint, and no other YAML")
    found = resolve(str(content["checkpoint"]), fetch)
    pinned = str(content["sha256"]) if "sha256" in content else None
    if found and pinned is not None and digest(found) != pinned:
        raise CheckpointError(f"{path}: pins sha256 {pinned}, but {content['checkpoint']} has {digest(found)}")
    return found


def digest(path: Path) -> str:
    """The sha256 of the file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build(path: Path, device: str = "cpu") -> tuple[nn.Module, dict[str, Any]]:
    """The trained network in evaluation mode, and the checkpoint's meta. Raises CheckpointError."""
    checkpoint = load(path)
    return network_of(checkpoint, path).to(device), checkpoint.meta


def network_of(
    checkpoint: Checkpoint, where: Path, change: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
) -> nn.Module:
    """The trained network in evaluation mode. change: makes of the network's arguments those that it is built with.

    Raises CheckpointError naming `where`.
    """
    if checkpoint.meta.get("foreign"):
        raise CheckpointError(
            f"{where}: was trained from a configuration of its own; name it: foreign.config={where.parent}/config.py, "
            "which is a program: read it first where it is not yours"
        )
    try:
        arguments = change(checkpoint.meta["model"])
        model = _network(arguments.pop("type"))(**arguments)
        model.load_state_dict(checkpoint.state_dict)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, ImportError, RuntimeError) as error:
        raise CheckpointError(f"{where}: no model can be built from it: {error}") from error
    return model.eval()


def _network(name: str) -> type[nn.Module]:
    if not name.startswith(OWN_MODELS):
        raise ValueError(f"its type {name!r} is outside of {OWN_MODELS}*")
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise ValueError(f"its type {name!r} is no network")
    return found


def start_from(model: Any, parent: Checkpoint, where: str) -> list[str]:
    """Copy the parent's weights; the names of those that could not be, because they belong to other classes.

    model: a network with `class_names`, and with the names of the weights that have a row a class as `class_weights`.
    They are left as they are where the parent's classes are others or in another order, since a row of equal shape
    would stand for another class. Every name must be in both, and every other shape the same.
    Raises CheckpointError naming `where` and the first weights that do not fit.
    """
    mine, theirs = model.state_dict(), parent.state_dict
    strange = sorted(mine.keys() ^ theirs.keys())
    if strange:
        raise CheckpointError(f"{where}: not the same network; {len(strange)} weights differ, as {strange[0]}")
    same_classes = tuple(parent.meta.get("class_names", ())) == tuple(model.class_names)
    left = [] if same_classes else list(model.class_weights)
    for name in mine:
        new, old = tuple(mine[name].shape), tuple(theirs[name].shape)
        if new != old and (name not in left or new[1:] != old[1:]):
            raise CheckpointError(f"{where}: not the same network; {name} has shape {old}, here {new}")
    model.load_state_dict({**theirs, **{name: mine[name] for name in left}})
    return left
