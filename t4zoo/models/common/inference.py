"""A trained model over many frames."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from t4zoo.dataset import LidarDataset, collate
from t4zoo.info import Frame, Predictions
from t4zoo.models.common.boxes import Boxes

ID_SPACE = uuid.UUID("5f0a4c1e-6d0b-5c5e-9c0f-3e5f7f9d2a11")  # chosen once; changing it changes every id


def predict(
    model: Any,
    frames: Sequence[Frame],
    data_root: Path,
    name: str,
    batch_size: int = 4,
    workers: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Frame, Predictions]]:
    """Each frame with the boxes that `model` (from `checkpoint.build`) finds in it, in the order of `frames`.

    data_root: what the lidar paths are relative to. name: of the model; with the frame and the rank of a box it
    makes the box's id, so that the same run gives the same ids. progress(done, total) is called after each batch.
    Raises PointsError for a lidar file that cannot be read.
    """
    dataset = LidarDataset(frames, data_root, model.point_features, model.point_cloud_range, model.max_sweeps)
    device = next(model.parameters()).device
    done = 0
    for batch in DataLoader(dataset, batch_size, num_workers=workers, collate_fn=collate):
        with torch.no_grad():
            found = model.predict([cloud.to(device) for cloud in batch["inputs"]])
        for boxes in found:
            yield frames[done], predictions_of(boxes, frames[done], name)
            done += 1
        if progress:
            progress(done, len(frames))


def predictions_of(rows: Boxes, frame: Frame, name: str) -> Predictions:
    """The boxes of one cloud as the predictions that `name` signs for its frame."""
    key = f"{frame.scene}/{frame.token}/{name}"  # a copied scene has the tokens of its original
    ids = tuple(str(uuid.uuid5(ID_SPACE, f"{key}/{rank}")) for rank in range(len(rows.boxes)))
    columns = (column.double().cpu().numpy() for column in (rows.boxes, rows.velocities, rows.scores))
    boxes, velocities, scores = columns
    return Predictions(boxes, velocities, rows.labels.cpu().numpy().astype(np.int64), scores, ids)
