"""Its boxes."""

import torch


class UndersideBoxes:
    """Rows of x, y, z of the underside's middle, length, width, height, yaw: as mmdet3d has its boxes."""

    def __init__(self, tensor):
        self.tensor = tensor

    @property
    def gravity_center(self):
        return torch.cat([self.tensor[:, :2], self.tensor[:, 2:3] + self.tensor[:, 5:6] / 2], dim=1)

    @property
    def dims(self):
        return self.tensor[:, 3:6]

    @property
    def yaw(self):
        return self.tensor[:, 6]
