"""Train one model: `python -m stages.train algorithm=CenterPoint/tiny product=base model=t4base`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from stages._entry import stage

if TYPE_CHECKING:
    from omegaconf import DictConfig


@stage("train")
def train(cfg: DictConfig) -> None:
    """Info and parent in, the model's `train` folder out."""
    from t4zoo.models.common.training import train as run

    settings: dict[str, Any] = OmegaConf.to_container(cfg.runner, resolve=True)  # type: ignore[assignment]
    meta = {
        "algorithm": cfg.algorithm.name,
        "name": cfg.model,
        "product": cfg.product.name,
        "class_names": list(cfg.product.class_names),
        "max_sweeps": cfg.product.max_sweeps,
        "point_features": list(cfg.algorithm.network.point_features),
    }
    print(f"wrote {run(settings, meta, Path(cfg.out), cfg.parent, _fetch)}")


def _fetch(reference: str) -> Path:
    # Only a parent that is not on this machine needs the zoo; without one, the zoo's code is no part of the result.
    from t4zoo.zoo.fetch import resolve

    return resolve(reference)


if __name__ == "__main__":
    train()
