"""From a trained model to the folder that Autoware's node loads: written aside, proven, and only then put in place."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t4zoo.dataset import LidarDataset
from t4zoo.errors import UsageError
from t4zoo.export import by_algorithm, gate, onnx_file
from t4zoo.export.agreement import CloudReport
from t4zoo.export.onnx_file import ExportError, Stamp
from t4zoo.models.common import checkpoint
from t4zoo.whole import refuse_strangers


@dataclass(frozen=True)
class Writing:
    """How the ONNX files are written: their opset, and `domain` and `model_version` as in `Stamp`."""

    opset: int
    domain: str
    model_version: str | None


@dataclass(frozen=True, eq=False)
class Proof:
    """On what, and how closely, a bundle is compared with its model before it is put in place.

    class_names: of the product; the model must have been trained for them. info: a file of the product's frames, of
    which `frames` are taken evenly. data_root: what their lidar paths are relative to.
    parity_tolerance: of onnxruntime against torch. node_tolerance: of a box decoded with the node's formulas against
    the model's.
    """

    class_names: tuple[str, ...]
    info: Path
    frames: int
    data_root: Path
    parity_tolerance: float
    node_tolerance: float


def export(weights: Path, out: Path, autoware: Any, writing: Writing, proof: Proof) -> list[CloudReport]:
    """Make the bundle of the checkpoint `weights` in the folder `out`, which is replaced whole or not at all.

    autoware: as `bundle_config` gives it. One report a frame of `proof`. Raises ExportError or BundleError when the
    bundle is not what the node takes, and CheckpointError, UsageError or PointsError for what cannot be read.
    """
    algorithm: str = autoware.algorithm
    files = by_algorithm.parameters(algorithm)
    model, meta = _opened(weights, algorithm, proof.class_names)
    refuse_strangers(out, files.BUNDLE_FILES)
    form = by_algorithm.form(algorithm)
    stamp = Stamp(writing.domain, writing.model_version, properties(meta, weights))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        made = Path(scratch) / "bundle"
        made.mkdir()
        for part in form.parts(model):
            onnx_file.write(made / files.ONNX_FILES[part.role], part, writing.opset, stamp)
        files.write_parameters(made, autoware, form.model_params(model))
        gate.require_sound(algorithm, made)
        reports = _prove(made, autoware, model, proof)
        if out.exists():
            shutil.move(out, Path(scratch) / "before")
        made.rename(out)
    return reports


def _opened(weights: Path, algorithm: str, class_names: tuple[str, ...]) -> tuple[Any, dict[str, Any]]:
    loaded = checkpoint.load(weights)
    own = loaded.meta.get("algorithm")
    if own != algorithm:
        by_algorithm.parameters(str(own))  # or else it says that there is no node for it
        raise UsageError(
            f"{weights}: is of the algorithm {own}, and the bundle is to be one of {algorithm}; add autoware={own}"
        )
    model: Any = checkpoint.network_of(loaded, weights, by_algorithm.form(algorithm).exported)
    if tuple(model.class_names) != class_names:
        raise UsageError(
            f"{weights}: trained for the classes {list(model.class_names)}, and the product has {list(class_names)}; "
            "choose the product that it was trained for"
        )
    return model, loaded.meta


def properties(meta: dict[str, Any], weights: Path) -> dict[str, str]:
    """What each ONNX file says about where it comes from. Raises CheckpointError when the checkpoint lacks it.

    config_sha256: of the training's config.py, and info_sha256: of the info file that it was trained on, where the
    checkpoint knows them.
    """
    try:
        return {
            "algorithm": str(meta["algorithm"]),
            "model": str(meta["name"]),
            "class_names": ",".join(meta["class_names"]),
            "checkpoint": weights.name,
            "checkpoint_sha256": checkpoint.digest(weights),
            **{key: str(meta[key]) for key in ("config_sha256", "info_sha256") if key in meta},
        }
    except KeyError as error:
        raise checkpoint.CheckpointError(
            f"{weights}: its meta lacks {error}; train the model with this project"
        ) from None


def _prove(folder: Path, autoware: Any, model: Any, proof: Proof) -> list[CloudReport]:
    if proof.frames < 1:
        raise UsageError(f"node_check.frames: a bundle cannot be proven on {proof.frames} frames; take at least 1")
    dataset = LidarDataset(
        proof.info, proof.data_root, model.point_features, model.point_cloud_range, model.max_sweeps, model.class_names
    )
    count = min(proof.frames, len(dataset))
    clouds = (dataset[i * len(dataset) // count][0] for i in range(count))
    form, node = by_algorithm.form(autoware.algorithm), by_algorithm.node(autoware.algorithm)
    bundle = node.Bundle(folder)
    reports = [
        node.check_cloud(bundle, form.parts(model), form.likeliest_boxes(model, cloud), cloud, autoware.node)
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
