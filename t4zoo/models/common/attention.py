"""Attention and the decoder layer of the query head, in plain operations."""

from __future__ import annotations

from torch import Tensor, nn

from t4zoo.errors import UsageError


class Attention(nn.Module):
    """Multi-head attention in plain operations: they export to any opset, and the same way every time."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if channels % heads:
            raise UsageError(f"head.heads is {heads}, which does not divide head.channels, {channels}")
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(B, P, C) from (B, P, C) queries and (B, N, C) keys and values."""
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(value))
        weights = (q @ k.transpose(2, 3) * q.shape[3] ** -0.5).softmax(dim=3)
        return self.out((weights @ v).transpose(1, 2).reshape(*map(int, query.shape)))

    def _split(self, rows: Tensor) -> Tensor:
        batch, count, channels = map(int, rows.shape)  # plain numbers, so that an exported file computes no sizes
        return rows.reshape(batch, count, self.heads, channels // self.heads).transpose(1, 2)


class DecoderLayer(nn.Module):
    """Queries look at each other, then at the map, then at themselves; everything has its place added to it."""

    def __init__(self, channels: int, heads: int, feedforward: int) -> None:
        super().__init__()
        self.among, self.across = Attention(channels, heads), Attention(channels, heads)
        self.feedforward = nn.Sequential(
            nn.Linear(channels, feedforward), nn.ReLU(inplace=True), nn.Linear(feedforward, channels)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))

    def forward(self, queries: Tensor, places: Tensor, features: Tensor, grid: Tensor) -> Tensor:
        """(B, P, C) from queries and their embedded places (B, P, C), the map (B, N, C) and its places (1, N, C)."""
        first, second, third = self.norms
        mine = queries + places
        queries = first(queries + self.among(mine, mine, mine))
        seen = features + grid
        queries = second(queries + self.across(queries + places, seen, seen))
        return third(queries + self.feedforward(queries))
