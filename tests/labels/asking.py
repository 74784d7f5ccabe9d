"""Reports as the command makes them, without its screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from t4zoo.labels.question import Given, Question, question
from t4zoo.labels.report import Report, report
from t4zoo.labels.settings import Settings


def asked(root: Path, settings: Settings | None = None, **given: Any) -> Question:
    """About the one set of a repository, and its truth.pkl where it has one."""
    (folder,) = (root / "auto_label").iterdir()
    truth = root / "truth.pkl"
    return question(Given(folder, **{"truth": truth if truth.exists() else None} | given), settings or Settings())


def made(root: Path, settings: Settings | None = None, **given: Any) -> Report:
    return report(asked(root, settings, **given))


def figures(root: Path, settings: Settings | None = None, **given: Any) -> dict[str, Any]:
    return made(root, settings, **given).data


def rows_of(rows: Sequence[dict[str, Any]], of: str, name: str, band: int | None = None) -> list[dict[str, Any]]:
    """The rows of one subject and class, one a band; of one band only where it is named, 0 being everything."""
    found = [row for row in rows if row["of"] == of and row["class"] == name]
    return found if band is None else [found[band]]
