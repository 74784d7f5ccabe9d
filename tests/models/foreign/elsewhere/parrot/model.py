"""Its model: one box a class, from how many points lie where. Its metric: how far the boxes are from the objects."""

import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import nn

from parrot.registry import METRICS, MODELS
from parrot.structures import UndersideBoxes

HALF = 16.0  # [m]


@MODELS.register_module()
class Echo(nn.Module):
    def __init__(self, cells, classes):
        super().__init__()
        self.cells = cells
        self.fc = nn.Linear(cells * cells, classes * 7)

    def forward(self, clouds):
        maps = [torch.histogramdd(cloud[:, :2].cpu(), [self.cells] * 2, [-HALF, HALF] * 2).hist for cloud in clouds]
        return self.fc(torch.stack([m.flatten() for m in maps]).clamp(max=20).to(self.fc.weight) / 20).unflatten(
            1, (-1, 7)
        )


@MODELS.register_module()
class Parrot(BaseModel):
    def __init__(self, head, loud=1.0, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.head, self.loud = MODELS.build(head), loud

    def forward(self, inputs, data_samples=None, mode="tensor"):
        rows = self.head(inputs)
        if mode == "loss":
            errors = [
                (rows[i, sample.labels] - sample.boxes).abs().mean()
                for i, sample in enumerate(data_samples)
                if len(sample.labels)
            ]
            return {"loss_boxes": self.loud * torch.stack(errors).mean()}
        if mode == "tensor":
            return rows
        return [self._sample(rows[i], sample) for i, sample in enumerate(data_samples)]

    def _sample(self, rows, sample):
        sizes = rows[:, 3:6].abs() + 0.1
        tensor = torch.cat([rows[:, :2], rows[:, 2:3] - sizes[:, 2:3] / 2, sizes, rows[:, 6:]], dim=1)
        found = BaseDataElement()
        found.bboxes_3d, found.labels_3d = UndersideBoxes(tensor), torch.arange(len(rows))
        found.scores_3d = torch.linspace(0.5, 0.9, len(rows))
        sample.pred_instances_3d = found
        return sample


@METRICS.register_module()
class Distance(BaseMetric):
    default_prefix = "parrot"

    def process(self, data_batch, data_samples):
        for sample in data_samples:
            centres = sample["pred_instances_3d"]["bboxes_3d"].gravity_center[sample["labels"], :2]
            self.results.append(float((centres - sample["boxes"][:, :2]).norm(dim=1).mean()))

    def compute_metrics(self, results):
        return {"distance": sum(results) / len(results), "frames": len(results), "said": "squawk"}
