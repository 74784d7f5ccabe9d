"""Batch norm whose batch is that of all processes: the same statistics however many processes share the frames."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from t4zoo.models.common.together import number_of_processes, sum_of_all


class Norm(nn.BatchNorm2d):
    """Batch norm of (N, C, ...) values, of rows as of maps.

    In training, one value a channel, or none, has no statistics, and is normed by those of the batches before.
    torch's SyncBatchNorm wants GPUs, and all of the rows to count.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def _check_input_dim(self, input: Tensor) -> None:
        """Anything with channels."""

    def forward(self, input: Tensor, extra: int = 0) -> Tensor:
        """As the shape that is given. extra: the last N that each process has besides its share of what all have."""
        if not self.training:
            return super().forward(input)
        if number_of_processes() > 1:
            return self._of_all(input, len(input) - extra * (distributed.get_rank() > 0))
        if input.numel() > input.shape[1]:
            return super().forward(input)
        return functional.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)

    def _of_all(self, values: Tensor, counted: int) -> Tensor:
        before = self.running_mean, self.running_var
        normed, mean, variance, count = _NormOfAll.apply(values, self.weight, self.bias, *before, self.eps, counted)
        with torch.no_grad():
            share = self.momentum * (count > 1)  # none of what has no statistics
            self.num_batches_tracked += (count > 1).long()
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance * count / (count - 1).clamp(min=1), share)
        return normed


class _NormOfAll(torch.autograd.Function):
    """Normed values, and the mean, variance and number of the first `counted` N of all processes.

    Ioffe, Szegedy: "Batch Normalization" (2015), with sums that go over the processes, forward and backward.
    """

    @staticmethod
    def forward(
        ctx: Any, values: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float, counted: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        across, shape = [0, *range(2, values.dim())], [1, -1] + [1] * (values.dim() - 2)
        part = _exact(values[:counted])
        count = part.new_tensor([part.numel() / part.shape[1]])
        sums = sum_of_all(torch.cat([part.sum(across), count]))
        count = sums[-1]
        known = count > 1
        mean = torch.where(known, sums[:-1] / count.clamp(min=1), mean)
        squares = sum_of_all(((part - mean.view(shape)) ** 2).sum(across))
        variance = torch.where(known, squares / count.clamp(min=1), variance)
        scale = (variance + eps).rsqrt()
        ctx.save_for_backward(values, weight, mean, scale, count)
        ctx.counted = counted
        ctx.mark_non_differentiable(mean, variance, count)
        normed = (_exact(values) - mean.view(shape)) * (scale * weight).view(shape) + bias.view(shape)
        return normed.to(values.dtype), mean, variance, count

    @staticmethod
    def backward(ctx: Any, given: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, mean, scale, count = ctx.saved_tensors
        across, shape = [0, *range(2, values.dim())], [1, -1] + [1] * (values.dim() - 2)
        given = _exact(given)
        standard = (_exact(values) - mean.view(shape)) * scale.view(shape)
        of_bias, of_weight = given.sum(across), (given * standard).sum(across)
        known = (count > 1) / count.clamp(min=1)
        all_bias, all_weight = (sum_of_all(torch.stack([of_bias, of_weight])) * known).unbind()
        # The mean and the variance follow from the values that were counted, and from no others.
        through = all_bias.view(shape) + standard[: ctx.counted] * all_weight.view(shape)
        given = torch.cat([given[: ctx.counted] - through, given[ctx.counted :]])
        of_values = given * (scale * weight).view(shape)
        return of_values.to(values.dtype), of_weight, of_bias, None, None, None, None


def _exact(values: Tensor) -> Tensor:
    """In float32 at least: sums of many values want more digits than the values."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
