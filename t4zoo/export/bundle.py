"""From a trained model to the folder that Autoware's node loads: written aside, proven, and only then put in place."""

from __future__ import annotations

import importlib
import importlib.util
import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from t4zoo.dataset import LidarDataset
from t4zoo.errors import UsageError
from t4zoo.export import gate, onnx_file
from t4zoo.export.autoware import BUNDLE_FILES, ONNX_FILES, BundleConfig, write_parameters
from t4zoo.export.node_check import Bundle, CloudReport, check_cloud
from t4zoo.export.onnx_file import ExportError
from t4zoo.models.common import checkpoint
from t4zoo.whole import refuse_strangers


@dataclass(frozen=True, eq=False)
class Proof:
    """On what, and how closely, a bundle is compared with its model before it is put in place.

    class_names: of the product; the model must have been trained for them. info: a file of the product's frames, of
    which `frames` are taken evenly. data_root: what their lidar paths are relative to.
    parity_tolerance: of onnxruntime against torch. node_tolerance: of a box decoded with the node's formulas against
    the model's. nms_distance [m]: the node's `circle_nms_dist_threshold`.
    """

    class_names: tuple[str, ...]
    info: Path
    frames: int
    data_root: Path
    parity_tolerance: float
    node_tolerance: float
    nms_distance: float


def export_form(algorithm: str) -> ModuleType:
    """The module that knows the export form of `algorithm`: t4zoo.models.{algorithm}.export. Raises UsageError."""
    name = f"t4zoo.models.{algorithm}.export"
    try:
        known = algorithm.isidentifier() and importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        known = False
    if not known:
        file = f"{name.replace('.', '/')}.py"
        raise UsageError(f"the checkpoint is of the algorithm {algorithm!r}, and there is no {file} to export it")
    return importlib.import_module(name)


def export(weights: Path, out: Path, autoware: BundleConfig, opset: int, proof: Proof) -> list[CloudReport]:
    """Make the bundle of the checkpoint `weights` in the folder `out`, which is replaced whole or not at all.

    One report a frame of `proof`. Raises ExportError or BundleError when the bundle is not what the node takes, and
    CheckpointError, UsageError or PointsError for what cannot be read.
    """
    refuse_strangers(out, BUNDLE_FILES)
    model: Any
    model, meta = checkpoint.build(weights)
    if tuple(model.class_names) != proof.class_names:
        raise UsageError(
            f"{weights}: trained for the classes {list(model.class_names)}, and the product has "
            f"{list(proof.class_names)}; choose the product that it was trained for"
        )
    form = export_form(str(meta.get("algorithm")))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        made = Path(scratch) / "bundle"
        made.mkdir()
        for part in form.parts(model):
            onnx_file.write(made / ONNX_FILES[part.role], part, opset, metadata(meta, weights))
        write_parameters(made, autoware, form.model_params(model))
        gate.require_sound(made)
        reports = _prove(Bundle(made), form, model, proof)
        if out.exists():
            shutil.move(out, Path(scratch) / "before")
        made.rename(out)
    return reports


def metadata(meta: dict[str, Any], weights: Path) -> dict[str, str]:
    """What each ONNX file says about where it comes from. Raises CheckpointError when the checkpoint lacks it."""
    try:
        return {
            "algorithm": str(meta["algorithm"]),
            "model": str(meta["name"]),
            "class_names": ",".join(meta["class_names"]),
            "checkpoint": weights.name,
            "checkpoint_sha256": checkpoint.digest(weights),
        }
    except KeyError as error:
        raise checkpoint.CheckpointError(
            f"{weights}: its meta lacks {error}; train the model with this project"
        ) from None


def _prove(bundle: Bundle, form: ModuleType, model: Any, proof: Proof) -> list[CloudReport]:
    if proof.frames < 1:
        raise UsageError(f"node_check.frames: a bundle cannot be proven on {proof.frames} frames; take at least 1")
    dataset = LidarDataset(
        proof.info, proof.data_root, model.point_features, model.point_cloud_range, model.max_sweeps, model.class_names
    )
    count = min(proof.frames, len(dataset))
    rows = [i * len(dataset) // count for i in range(count)]
    clouds = (dataset[row][0] for row in rows)
    reports = [
        check_cloud(bundle, form.parts(model), form.likeliest_boxes(model, cloud), cloud, proof.nms_distance)
        for cloud in clouds
    ]
    require_equal(reports, proof)
    return reports


def require_equal(reports: Sequence[CloudReport], proof: Proof) -> None:
    """Raise ExportError with the figures when a network or a box is further off than `proof` allows."""
    for report in reports:
        name, gap = max(report.parity.items(), key=lambda item: (math.isnan(item[1]), item[1]))
        if not gap <= proof.parity_tolerance:
            raise ExportError(
                f"onnxruntime and torch differ by {gap:.2e} in {name} (onnx.tolerance: {proof.parity_tolerance:.0e}); "
                f"all outputs: {', '.join(f'{key} {value:.1e}' for key, value in report.parity.items())}"
            )
        if not report.difference <= proof.node_tolerance:
            raise ExportError(
                f"decoded with the node's formulas, a box is {report.difference:.2e} from the model's "
                f"(node_check.tolerance: {proof.node_tolerance:.0e}); the head and its decoding have drifted apart"
            )
