"""A family of models in the tests' repository: the chain of the storage layout, each trained from the one before."""

from __future__ import annotations

from typing import Any

from t4zoo.zoo.releasing.plan import Plan
from t4zoo.zoo.releasing.proposal import Proposal, Wanted
from t4zoo.zoo.releasing.propose import propose_here
from t4zoo.zoo.releasing.refusal import RefusedError
from t4zoo.zoo.releasing.release import Releasing
from tests.zoo.repository import SCRATCH, Repository

CHAIN = ("nuscenes", "t4pretrain", "t4base", "t4x2", "t4x2-50m")
PRODUCTS = {
    "nuscenes": {"train": ["n/0"], "val": ["n1/0"], "test": ["n2/0"]},
    "base": {"train": ["a/0", "b/1"], "val": ["c/0"], "test": ["d/2"]},
    "x2": {"train": ["e/0"], "val": ["f/0"], "test": ["g/0", "h/0"]},
}
PRODUCT_OF = {"nuscenes": "nuscenes", "t4x2": "x2", "t4x2-50m": "x2"}


def train(model: str) -> str:
    return f"models/CenterPoint/{model}/train"


def name(model: str, version: str = "v1.0.0") -> str:
    return f"CenterPoint/{model}@{version}"


def write(repository: Repository, seed: int = 1, **own: Any) -> None:
    """params.yaml of the chain; own: a model's fields (`t4x2={...}`), or what `Repository.params` takes."""
    general = {key: own.pop(key) for key in ("products", "predictions", "auto_labels", "autoware_ml") if key in own}
    models: dict[str, dict[str, Any]] = {}
    for model, before in zip(CHAIN, (None, *CHAIN), strict=False):
        parent = train(before) if before else SCRATCH
        models[model] = {
            "parent": parent,
            "product": PRODUCT_OF.get(model, "base"),
            **own.pop(model.replace("-", "_"), {}),
        }
    repository.params(seed, **{"products": PRODUCTS, **general}, **models, **own)


def plan(repository: Repository, of: str) -> Plan:
    return Releasing.here(repository.root, of).plan()


def release(repository: Repository, *names: str) -> None:
    for one in names:
        releasing = Releasing.here(repository.root, one)
        releasing.publish(releasing.plan())


def refusals(repository: Repository, of: str) -> list[str]:
    try:
        plan(repository, of)
    except RefusedError as refused:
        return [str(refusal) for refusal in refused.refusals]
    raise AssertionError(f"{of} was not refused")


def proposed(repository: Repository, series: str, project: str | None = None, release: bool = False) -> Proposal:
    return propose_here(repository.root, Wanted(series, project, release))
