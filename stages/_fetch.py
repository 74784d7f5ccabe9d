"""Weights that are not in this repository: a released version or a URL becomes a local file."""

from __future__ import annotations

from pathlib import Path


def fetch(reference: str) -> Path:
    """The local copy of what `reference` names, as `t4zoo.zoo.fetch.resolve` brings it."""
    # Imported late: the zoo's code is no part of what a stage makes, so dvc.yaml does not list it.
    from t4zoo.zoo.reading.fetch import resolve

    return resolve(reference)
