"""A small model as conf/ describes it, with weights that are neither trained nor all alike, and its clouds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from torch import nn

from t4zoo.export import bundle
from t4zoo.info import Frame, Info, save
from t4zoo.models.CenterPoint.network import CenterPoint
from t4zoo.models.common import checkpoint
from t4zoo.points import write_points

INTENSITY = np.random.default_rng(0).integers(0, 256, 10000)  # of the points of every cloud, in their order
CONF = Path(__file__).resolve().parent.parent.parent / "conf"


def compose_export(*overrides: str, algorithm: str = "CenterPoint") -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("export", overrides=[f"+algorithm={algorithm}/tiny", f"autoware={algorithm}", *overrides])


def make_cloud(seed: int, columns: int = 4) -> np.ndarray:
    """x, y, z, lag, or with intensity before the lag: ground beyond the range, and clusters that overfill pillars."""
    rng = np.random.default_rng(seed)
    ground = np.column_stack([rng.uniform(-18, 18, (3000, 2)), rng.normal(-1.8, 0.05, 3000)])
    centres = rng.uniform(-14, 14, (8, 1, 2))
    objects = np.concatenate([centres + rng.normal(0, 0.3, (8, 200, 2)), rng.uniform(-1.5, 1, (8, 200, 1))], axis=2)
    xyz = np.concatenate([ground, objects.reshape(-1, 3)])
    intensity = [INTENSITY[: len(xyz)]] if columns == 5 else []
    return np.column_stack([xyz, *intensity, np.zeros(len(xyz))]).astype(np.float32)


def make_model(arguments: dict, clouds: list[np.ndarray], network: type[nn.Module] = CenterPoint) -> Any:
    """Seeded weights, and batch norm statistics as the clouds give them, so that no channel is dead or equal."""
    torch.manual_seed(0)
    built: Any = network(**{key: value for key, value in arguments.items() if key != "type"}).train()
    with torch.no_grad():
        for _ in range(20):
            built([torch.from_numpy(cloud) for cloud in clouds])
        built.get_parameter(built.class_weights[1]).add_(torch.arange(len(built.class_names)) * 0.2)
    return built.eval()


def write_workspace(root: Path, cfg: DictConfig, model: Any, clouds: list[np.ndarray]) -> None:
    """A checkpoint, an info file and its lidar files, under the names that conf/export.yaml has as its defaults."""
    train = root / f"models/{cfg.algorithm.name}/t4base/train"
    train.mkdir(parents=True)
    meta = {
        "algorithm": cfg.algorithm.name,
        "name": "t4base",
        "product": "base",
        "class_names": list(model.class_names),
        "model": OmegaConf.to_container(cfg.algorithm.network, resolve=True),
        "epoch": 3,
        "config_sha256": "c" * 64,
        "info_sha256": "1" * 64,
    }
    checkpoint.save(train / "epoch_3.pth", model.state_dict(), meta)
    frames = [_frame(root / "data/t4dataset", i, cloud) for i, cloud in enumerate(clouds)]
    save(root / "info/base/info_test.pkl", Info(tuple(model.class_names), "base", tuple(frames)))


def origin_of(file: Path) -> dict[str, str]:
    """What an ONNX file says of itself."""
    return {entry.key: entry.value for entry in onnx.load(file).metadata_props}


def expected_origin(algorithm: str, weights: Path) -> dict[str, str]:
    """What it should say of the checkpoint of `write_workspace`."""
    return {
        "algorithm": algorithm,
        "model": "t4base",
        "class_names": "car,truck,bus,bicycle,pedestrian",
        "checkpoint": "epoch_3.pth",
        "checkpoint_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "config_sha256": "c" * 64,
        "info_sha256": "1" * 64,
        "exporter": f"pytorch {torch.__version__.partition('+')[0]}",  # and not where it was built
    }


def proof_of(root: Path, cfg: DictConfig) -> bundle.Proof:
    """On the workspace at `root`, as conf/export.yaml has it."""
    return bundle.Proof(
        class_names=tuple(cfg.product.class_names),
        info=root / "info/base/info_test.pkl",
        frames=2,
        data_root=root / "data/t4dataset",
        parity_tolerance=cfg.onnx.tolerance,
        node_tolerance=cfg.node_check.tolerance,
    )


def writing_of(cfg: DictConfig) -> bundle.Writing:
    """As conf/export.yaml has it."""
    return bundle.Writing(cfg.onnx.opset, cfg.onnx.domain, cfg.onnx.model_version)


def _frame(root: Path, index: int, cloud: np.ndarray) -> Frame:
    path = f"db_sample_v1/scene/0/data/LIDAR_CONCAT/{index:05d}.pcd.bin"
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    ring = np.full(len(cloud), -1.0)
    write_points(root / path, np.column_stack([cloud[:, :3], INTENSITY[: len(cloud)], ring]))
    return Frame(index, f"token{index}", float(index), "scene/0", "s", "scene", "", path, 5, np.eye(4), np.eye(4))
