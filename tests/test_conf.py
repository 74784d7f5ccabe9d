"""Every configuration that is shipped composes, and the class that it names can be built."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from tests.pipeline import CONF, ROOT, STAGES, compose

OPTIONS = sorted(
    (folder.name, file.relative_to(folder).with_suffix("").as_posix())
    for folder in CONF.iterdir()
    if folder.is_dir()
    for file in folder.rglob("*.yaml")
)


def groups_of(stage: str) -> set[str]:
    text = (CONF / f"{stage}.yaml").read_text()
    return {group for group, _ in OPTIONS if f"- {group}: " in text}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_composes_with_its_defaults(stage):
    cfg, _ = compose(stage)
    assert not OmegaConf.missing_keys(cfg)
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_composes_in_every_stage_that_takes_it(group, option):
    stages = [stage for stage in STAGES if group in groups_of(stage)]
    for stage in stages:
        cfg, _ = compose(stage, (f"{group}={option}",))
        OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    # read by name where the list of them is itself a value, or before Hydra starts
    assert stages or group in ("dataset", "parents", "plots", "storage"), f"no stage takes conf/{group}"


@pytest.mark.parametrize("option", [option for group, option in OPTIONS if group == "algorithm"])
def test_the_model_of_every_algorithm_is_built(option):
    from mmengine.registry import MODELS

    cfg, _ = compose("train", (f"algorithm={option}",))
    if "convolution" in cfg.algorithm.network.get("encoder", {}):
        cfg.algorithm.network.encoder.convolution = "dense"  # sparse wants an extra, and has the same weights
    model = MODELS.build(OmegaConf.to_container(cfg.runner.model, resolve=True))
    assert sum(parameter.numel() for parameter in model.parameters()) > 0


@pytest.mark.parametrize("file", sorted(CONF.rglob("*.yaml")), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_file_opens_with_what_choosing_it_means(file: Path):
    assert file.read_text().startswith("# ")
