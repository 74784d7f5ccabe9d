"""What only an algorithm knows of its own export, found by the algorithm's name: a file of a folder, no registry."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from t4zoo.errors import UsageError


def form(algorithm: str) -> ModuleType:
    """The model in the form that is exported: `parts`, `likeliest_boxes` and `model_params` of a trained network.

    `exported` says with which arguments the network is built for it.
    """
    return _load("models", algorithm, "export")


def parameters(algorithm: str) -> ModuleType:
    """The bundle's files: `BUNDLE_FILES`, `ONNX_FILES` by role, `BundleConfig` and `write_parameters`."""
    return _load("export", algorithm, "parameters")


def contract(algorithm: str) -> ModuleType:
    """What the node demands of a bundle: `check`. It needs no torch."""
    return _load("export", algorithm, "contract")


def node(algorithm: str) -> ModuleType:
    """A bundle run as the node runs it: `check_cloud`."""
    return _load("export", algorithm, "node_check")


def _load(folder: str, algorithm: str, name: str) -> ModuleType:
    module = f"t4zoo.{folder}.{algorithm}.{name}"
    try:
        known = algorithm.isidentifier() and importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        known = False
    if not known:
        file = f"{module.replace('.', '/')}.py"
        raise UsageError(f"the algorithm is {algorithm!r}, and there is no {file}, without which it is not exported")
    return importlib.import_module(module)
