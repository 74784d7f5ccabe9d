"""Where each file of a scene was taken, in the map frame, for all files at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from t4zoo.geometry import compose, rotations_from_quaternions, transform
from t4zoo.t4.columns import Table
from t4zoo.t4.reader import T4Scene

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


def rows_of(index: Mapping[str, int], tokens: Iterable[str]) -> Rows:
    """The row numbers of tokens that are there; -1 for ""."""
    return np.array([index[token] if token else -1 for token in tokens], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Places:
    """The poses of D files, the rows of the table sample_data."""

    scene: T4Scene

    @cached_property
    def mounts(self) -> Rows:
        """(D,) rows of the table calibrated_sensor."""
        return self._rows("calibrated_sensor")

    @cached_property
    def mounted(self) -> Array:
        """(M, 4, 4) of the rows of the table calibrated_sensor: sensor to ego."""
        return _transforms(self.scene.columns["calibrated_sensor"])

    @cached_property
    def sensor2ego(self) -> Array:
        """(D, 4, 4)."""
        return self.mounted[self.mounts]

    @cached_property
    def ego2global(self) -> Array:
        """(D, 4, 4)."""
        return _transforms(self.scene.columns["ego_pose"])[self._rows("ego_pose")]

    @cached_property
    def sensor2global(self) -> Array:
        """(D, 4, 4)."""
        return compose(self.ego2global, self.sensor2ego)

    def _rows(self, table: str) -> Rows:
        data = self.scene.columns["sample_data"]
        return rows_of(self.scene.columns[table].index, data[f"{table}_token"])


def _transforms(table: Table) -> Array:
    return transform(rotations_from_quaternions(table["rotation"]), table["translation"])
