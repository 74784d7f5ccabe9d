"""The frames that a training reads: filled up with objects of others, and moved, by random numbers of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from t4zoo.augment.movement import Movement
from t4zoo.augment.objects import cut_objects
from t4zoo.augment.paste import Paste
from t4zoo.dataset import LidarDataset, Sample
from t4zoo.errors import UsageError


class TrainingFrames(LidarDataset):
    """A `LidarDataset` whose frames are changed anew each epoch, as seed, epoch and index say.

    augment: `Movement`'s arguments, or None.
    paste: None, or `per_frame`, class -> how many objects of it a frame is filled up to; `epochs`, after which frames
    keep to their own objects; `most`, `min_points` and `folder` of `cut_objects`.
    further: arguments of `LidarDataset`.
    """

    def __init__(
        self, *, augment: Mapping[str, float] | None, paste: Mapping[str, Any] | None, seed: int, **further: Any
    ) -> None:
        super().__init__(**further)
        self.seed, self.epoch = seed, 0
        self.movement = Movement(**augment) if augment else None
        self.paste_epochs = paste["epochs"] if paste else 0
        self.paste = self._paste(paste) if paste else None

    def set_epoch(self, epoch: int) -> None:
        """Choose the random numbers of this epoch."""
        self.epoch = epoch

    def __getitem__(self, index: int | tuple[int, int]) -> tuple[Tensor, Sample]:
        """The cloud and the sample of frame `index`; PointsError when its lidar file cannot be read.

        The second number of a pair tells apart the turns of a frame that an epoch has several times.
        """
        number, turn = index if isinstance(index, tuple) else (index, 0)
        rows, points, key = self.frames[number].instances, self.cloud(number), [self.seed, self.epoch, number, turn]
        learnt = self.learnt(rows)
        boxes, velocities, labels = rows.boxes[learnt], rows.velocities[learnt], rows.labels[learnt]
        if self.paste and self.epoch < self.paste_epochs:
            # Random numbers of its own, so that pasting leaves the movement as it was.
            rng, ignored = np.random.default_rng([*key, 1]), rows.boxes[~learnt]
            points, boxes, velocities, labels = self.paste(rng, points, boxes, velocities, labels, ignored)
        if self.movement:
            points, boxes, velocities = self.movement(np.random.default_rng(key), points, boxes, velocities)
        return self.tensors(points, boxes, velocities, labels)

    def _paste(self, paste: Mapping[str, Any]) -> Paste:
        names, wanted = self.metainfo["classes"], dict(paste["per_frame"])
        if unknown := sorted(wanted.keys() - set(names)):
            raise UsageError(f"algorithm.paste.per_frame: no class {unknown[0]!r}; the model has {', '.join(names)}")
        objects = cut_objects(
            Path(paste["folder"]),
            self.frames,
            self.cloud,
            self.in_range,
            paste["most"],
            paste["min_points"],
            self.seed,
        )
        return Paste(objects, {names.index(name): count for name, count in wanted.items()}, self.in_range)
