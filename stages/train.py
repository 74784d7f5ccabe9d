"""Train one model: `python -m stages.train algorithm=CenterPoint/tiny product=base model=t4base`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from stages._entry import stage
from stages._fetch import fetch
from stages._foreign import train_foreign

if TYPE_CHECKING:
    from omegaconf import DictConfig


@stage("train")
def main(cfg: DictConfig) -> None:
    """Info and parent in, the model's `train` folder out."""
    from t4zoo.models.common.training import train

    named = {"algorithm": cfg.algorithm.name, "name": cfg.model, "product": cfg.product.name}
    if cfg.foreign.config:
        print(f"wrote {train_foreign(cfg, named)}")
        return
    settings: dict[str, Any] = OmegaConf.to_container(cfg.runner, resolve=True)  # type: ignore[assignment]
    meta = {
        **named,
        "class_names": list(cfg.product.class_names),
        "max_sweeps": cfg.product.max_sweeps,
        "point_features": list(cfg.algorithm.network.point_features),
    }
    print(f"wrote {train(settings, meta, Path(cfg.out), cfg.parent, fetch, cfg.resume)}")


if __name__ == "__main__":
    main()
