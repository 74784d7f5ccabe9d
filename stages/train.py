"""Train one model: `python -m stages.train algorithm=CenterPoint/tiny product=base model=t4base`.

With `torchrun --standalone --nproc-per-node N -m stages.train launcher=gpus ...` N processes share each batch.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from stages._entry import stage
from stages._fetch import fetch
from stages._foreign import train_foreign
from t4zoo.models.common.processes import joined

if TYPE_CHECKING:
    from omegaconf import DictConfig

PATIENCE = timedelta(hours=1)  # all make the same steps; one that ends is noticed at once, by whatever started it


@stage("train")
def main(cfg: DictConfig) -> None:
    """Info and parent in, the model's `train` folder out."""
    with joined(cfg.launcher.launcher, "train", "nccl", PATIENCE) as processes:
        weights = _train(cfg)
        if processes.is_main:
            print(f"wrote {weights}")


def _train(cfg: DictConfig) -> Path:
    from t4zoo.models.common.training import train

    named = {"algorithm": cfg.algorithm.name, "name": cfg.model, "product": cfg.product.name}
    if cfg.foreign.config:
        return train_foreign(cfg, named)
    settings: dict[str, Any] = OmegaConf.to_container(cfg.runner, resolve=True)  # type: ignore[assignment]
    meta = {
        **named,
        "class_names": list(cfg.product.class_names),
        "max_sweeps": cfg.product.max_sweeps,
        "point_features": list(cfg.algorithm.network.point_features),
    }
    return train(settings, meta, Path(cfg.out), cfg.parent, fetch, cfg.resume)


if __name__ == "__main__":
    main()
