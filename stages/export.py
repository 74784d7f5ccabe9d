"""Export one model for Autoware: `python -m stages.export checkpoint=models/CenterPoint/t4base/train product=base`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omegaconf import OmegaConf

from stages._entry import stage
from stages._fetch import fetch

if TYPE_CHECKING:
    from omegaconf import DictConfig


@stage("export")
def export(cfg: DictConfig) -> None:
    """A checkpoint in, the files of its node's bundle out."""
    from t4zoo.export import bundle
    from t4zoo.export.bundle_config import bundle_config
    from t4zoo.models.common.checkpoint import CheckpointError, resolve

    weights = resolve(cfg.checkpoint, fetch)
    if weights is None:
        raise CheckpointError(f"{cfg.checkpoint}: names no checkpoint to export")
    proof = bundle.Proof(
        class_names=tuple(cfg.product.class_names),
        info=Path(cfg.info),
        frames=cfg.node_check.frames,
        data_root=Path(cfg.data_root),
        parity_tolerance=cfg.onnx.tolerance,
        node_tolerance=cfg.node_check.tolerance,
    )
    autoware = bundle_config(cast(dict[str, Any], OmegaConf.to_container(cfg.autoware, resolve=True)))
    writing = bundle.Writing(cfg.onnx.opset, cfg.onnx.domain, cfg.onnx.model_version)
    for report in bundle.export(weights, Path(cfg.out), autoware, writing, proof):
        print(report)
    print(f"wrote {cfg.out}")


if __name__ == "__main__":
    export()
