"""Weights that are not in this repository: a released version or a URL becomes a local file."""

from __future__ import annotations

from pathlib import Path


def fetch(reference: str) -> Path:
    """The local copy of what `reference` names, as the zoo's `resolve` brings it; a bar shows how far it is."""
    # Imported late: the zoo's code is no part of what a stage makes, so dvc.yaml does not list it.
    from t4zoo.screen import print_note, progress
    from t4zoo.zoo.reading.fetch import resolve

    return resolve(
        reference,
        begin=lambda name, size: progress(f"fetching {name}", size, unit="bytes"),
        warn=lambda line: print_note(f"warning: {line}"),
    )
