"""A torch module as an ONNX file: the same bytes for the same weights, and proof that both compute the same."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from t4zoo.errors import T4zooError
from t4zoo.export.model_version import UNKNOWN, number_of
from t4zoo.models.common.part import Part

PRODUCER = "t4zoo"
OPSETS = range(11, 21)  # what torch's tracing exporter writes of what Autoware's models were released in

Outputs = dict[str, NDArray[np.float32]]


class ExportError(T4zooError):
    """A network that cannot be written as wanted, or that computes something else once it is written."""


@dataclass(frozen=True)
class Stamp:
    """What a file says about itself.

    domain: whose model it is, as a reversed host name. model_version: vX.Y.Z, or None where no release has given one.
    properties: name -> text.
    """

    domain: str
    model_version: str | None
    properties: Mapping[str, str]

    @property
    def number(self) -> int:
        """The version as ONNX holds one: X * 10000 + Y * 100 + Z, and 0 where it is not known."""
        if self.model_version is None:
            return UNKNOWN
        number = number_of(self.model_version)
        if number is None:
            raise ExportError(f"onnx.model_version: {self.model_version!r} is not vX.Y.Z with Y and Z up to 99")
        return number


def write(path: Path, part: Part, opset: int, stamp: Stamp) -> None:
    """Write `part` to `path`, saying of itself what `stamp` says. Raises ExportError.

    The file is checked, and its opset is looked at: torch may log a failed conversion and write another opset.
    """
    if opset not in OPSETS:
        raise ExportError(f"onnx.opset: torch cannot write {opset}; choose {OPSETS[0]} to {OPSETS[-1]}")
    network = onnx.load_from_string(_traced(part, opset))
    require_opset(network, opset, path.name)
    # A build tag such as +cpu says where it was written, which is no property of the network.
    written_by = f"{network.producer_name} {network.producer_version.partition('+')[0]}"
    network.producer_name, network.producer_version = PRODUCER, ""
    network.domain, network.model_version = stamp.domain, stamp.number
    onnx.helper.set_model_props(network, dict(sorted({**stamp.properties, "exporter": written_by}.items())))
    onnx.checker.check_model(network, full_check=True)
    path.write_bytes(network.SerializeToString(deterministic=True))


def require_opset(network: onnx.ModelProto, opset: int, name: str) -> None:
    """Raise ExportError unless the network called `name` is of `opset`."""
    written = {entry.domain: entry.version for entry in network.opset_import}
    if written.get("") != opset:
        raise ExportError(f"{name}: torch wrote opset {written.get('')}, not onnx.opset = {opset}; choose another")


def _traced(part: Part, opset: int) -> bytes:
    buffer = io.BytesIO()
    # The tracing exporter: a fifth of the time of torch's newer one, and it writes opset 17 without a conversion.
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            part.module,
            part.examples,
            buffer,  # type: ignore[arg-type]  # torch accepts it, and the file is changed before it is written
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            dynamic_axes=part.dynamic,
            opset_version=opset,
            dynamo=False,
        )
    return buffer.getvalue()


class OnnxFile:
    """An ONNX file, ready to run on one CPU thread."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.path = path
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, *values: NDArray[Any]) -> Outputs:
        """Name -> array of every output, in the file's order, for the inputs in the file's order."""
        names = [output.name for output in self.session.get_outputs()]
        given = zip(self.session.get_inputs(), values, strict=True)
        results = self.session.run(names, {tensor.name: np.ascontiguousarray(value) for tensor, value in given})
        return dict(zip(names, results, strict=True))


def computed(part: Part, *values: NDArray[Any]) -> Outputs:
    """Name -> array of what torch makes of the inputs."""
    with torch.no_grad():
        given = part.module(*(torch.from_numpy(value).to(part.examples[0].device) for value in values))
    wanted = [given] if isinstance(given, torch.Tensor) else list(given)
    return {name: tensor.cpu().numpy() for name, tensor in zip(part.outputs, wanted, strict=True)}


def difference(outputs: Outputs, part: Part, *values: NDArray[Any]) -> dict[str, float]:
    """Output name -> greatest absolute difference between `outputs` and what torch makes of the inputs."""
    wanted = computed(part, *values)
    return {name: float(np.max(np.abs(outputs[name] - wanted[name]), initial=0.0)) for name in part.outputs}
