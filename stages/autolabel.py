"""From raw predictions to labels: `python -m stages.autolabel auto_label=20241101_sample ensemble=tiny`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from stages._entry import stage
from t4zoo.autolabel.folder import write_dataset_list, write_infos, write_log
from t4zoo.autolabel.labelling import label
from t4zoo.autolabel.pseudo import write_scenes
from t4zoo.autolabel.raw import read_raw
from t4zoo.autolabel.rules import read_ensemble


@stage("autolabel")
def main(cfg: DictConfig) -> None:
    """Raw predictions and scenes in, the auto_label folder's files and the pseudo T4 scenes out."""
    name, out, data_root = cfg.auto_label, Path(cfg.out), Path(cfg.data_root)
    settings = cast(dict[str, Any], OmegaConf.to_container(cfg.ensemble, resolve=True))
    ensemble = read_ensemble(settings, f"conf/ensemble/{HydraConfig.get().runtime.choices['ensemble']}.yaml")
    raw = read_raw(Path(cfg.raw), ensemble, cfg.scenes)
    labelling = label(raw, ensemble, data_root)
    pseudo = Path(cfg.pseudo_out)
    written = write_scenes(
        data_root / cfg.scenes, pseudo, labelling.frames, labelling.labels, labelling.classes, raw.models
    )
    write_infos(out, name, raw, labelling)
    write_dataset_list(out, name, written)
    write_log(out, name, ensemble, raw, labelling)
    print(
        f"wrote {out} and {pseudo}: {labelling.final.sum()} labels in {len(raw.frames)} frames, {len(written)} scenes"
    )


if __name__ == "__main__":
    main()
