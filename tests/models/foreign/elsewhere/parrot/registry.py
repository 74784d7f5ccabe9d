"""The scope `parrot`."""

from mmengine.registry import DATASETS as ROOT_DATASETS
from mmengine.registry import METRICS as ROOT_METRICS
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import TRANSFORMS as ROOT_TRANSFORMS
from mmengine.registry import Registry

MODELS = Registry("model", parent=ROOT_MODELS, scope="parrot")
DATASETS = Registry("dataset", parent=ROOT_DATASETS, scope="parrot")
TRANSFORMS = Registry("transform", parent=ROOT_TRANSFORMS, scope="parrot")
METRICS = Registry("metric", parent=ROOT_METRICS, scope="parrot")
