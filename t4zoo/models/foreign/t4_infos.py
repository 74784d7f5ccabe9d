"""The info files of this project for mmdet3d: `type: t4zoo.models.foreign.t4_infos.T4Infos`; needs mmdet3d."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdet3d.datasets import NuScenesDataset

from t4zoo import unpickle
from t4zoo.info import InfoError, load


class T4Infos(NuScenesDataset):
    """nuScenes' dataset of mmdet3d with the classes of the info file, and sweeps that lie in their own scenes.

    mmdet3d's own means ten fixed classes by the labels, and looks for all sweeps in one folder by their base names.
    ann_file: an info file; a relative path is of the current folder, not of data_root.
    metainfo: its `classes` are those of the model, a choice or another order of the info file's; all where it has none.
    """

    def __init__(self, ann_file: str, metainfo: dict[str, Any] | None = None, **settings: Any) -> None:
        path = Path(ann_file).absolute()
        classes = load(path).classes
        self.METAINFO = {**NuScenesDataset.METAINFO, "classes": classes}  # what the labels of the file mean
        strange = sorted(set((metainfo or {}).get("classes", classes)) - set(classes))
        if strange:
            raise InfoError(f"{path}: has no class {', '.join(strange)}; its classes are {', '.join(classes)}")
        super().__init__(ann_file=str(path), metainfo={"classes": classes, **(metainfo or {})}, **settings)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Called by mmengine: the frames, of which nothing is run."""
        with Path(self.ann_file).open("rb") as file:
            return [self.parse_data_info(frame) for frame in unpickle.load(file)["data_list"]]

    def parse_data_info(self, info: dict[str, Any]) -> dict[str, Any]:
        """Called for each frame: whole paths for its cloud and those of its sweeps."""
        sweeps = info.pop("lidar_sweeps", [])
        for instance in info["instances"]:
            instance.pop("gt_attrs", None)  # of which mmdet3d would make one array, though their lengths differ
        parsed: dict[str, Any] = super().parse_data_info(info)
        for sweep in sweeps:
            points = sweep["lidar_points"]
            points["lidar_path"] = str(Path(self.data_prefix.get("pts", "")) / points["lidar_path"])
        return {**parsed, "lidar_sweeps": sweeps}
