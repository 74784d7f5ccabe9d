"""Its data: frames of an info file, as mmengine's own base class reads it."""

from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.structures import BaseDataElement

from parrot.registry import DATASETS, TRANSFORMS


@DATASETS.register_module()
class Cage(BaseDataset):
    def parse_data_info(self, info):
        rows = info["instances"]
        return {
            "path": str(Path(self.data_root) / info["lidar_points"]["lidar_path"]),
            "width": info["lidar_points"]["num_pts_feats"],
            "boxes": np.array([row["bbox_3d"] for row in rows], dtype=np.float32).reshape(len(rows), 7),
            "labels": np.array([row["bbox_label_3d"] for row in rows], dtype=np.int64),
        }


@TRANSFORMS.register_module()
class LoadPointsOfCage:
    def __call__(self, results):
        points = np.fromfile(results["path"], dtype=np.float32).reshape(-1, results["width"])
        sample = BaseDataElement(boxes=torch.from_numpy(results["boxes"]), labels=torch.from_numpy(results["labels"]))
        return {"inputs": torch.from_numpy(points[:, :3]), "data_samples": sample}
