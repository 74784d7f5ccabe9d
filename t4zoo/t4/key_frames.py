"""Which file of which sensor belongs to a sample, as row numbers of a scene's tables."""

from __future__ import annotations

from functools import cached_property

from t4zoo.t4.reader import CURE, ReadError, T4Scene


class KeyFrames:
    """The key frames of a scene. A sample, a file and a mount are rows of sample, sample_data and calibrated_sensor."""

    def __init__(self, scene: T4Scene) -> None:
        self._scene = scene

    @cached_property
    def samples(self) -> list[tuple[int, int]]:
        """Number and row of each sample in the order of time."""
        table = self._scene.columns["sample"]
        ordered = sorted(range(len(table)), key=lambda row: (table["timestamp"][row], table["token"][row]))
        return list(enumerate(ordered))

    def mounted(self, modality: str) -> dict[int, str]:
        """Mount -> channel of the sensors of this modality."""
        mounts, sensors = self._scene.columns["calibrated_sensor"], self._scene.columns["sensor"]
        rows = [sensors.index[token] for token in mounts["sensor_token"]]
        return {
            mount: sensors["channel"][row] for mount, row in enumerate(rows) if sensors["modality"][row] == modality
        }

    def lidar_of(self, sample: int) -> int:
        """The sample's cloud. Raises ReadError where it has none."""
        found = self._of(self._clouds, sample)
        if self._scene.lidar_channel not in found:
            token = self._scene.columns["sample"]["token"][sample]
            raise ReadError(
                f"scene {self._scene.name}: table sample_data has no key frame of {self._scene.lidar_channel} for the "
                f"sample {token}; {CURE}"
            )
        return found[self._scene.lidar_channel]

    def cameras_of(self, sample: int) -> dict[str, int]:
        """Channel -> the sample's image, by channel."""
        return dict(sorted(self._of(self._images, sample).items()))

    def _of(self, found: dict[str, dict[str, int]], sample: int) -> dict[str, int]:
        return found.get(self._scene.columns["sample"]["token"][sample], {})

    @cached_property
    def _clouds(self) -> dict[str, dict[str, int]]:
        return self._by_sample(self.mounted("lidar"))

    @cached_property
    def _images(self) -> dict[str, dict[str, int]]:
        return self._by_sample(self.mounted("camera"))

    def _by_sample(self, channels: dict[int, str]) -> dict[str, dict[str, int]]:
        """Sample token -> channel -> file."""
        data, mounts = self._scene.columns["sample_data"], self._scene.columns["calibrated_sensor"].index
        by_token = {token: channels[row] for token, row in mounts.items() if row in channels}
        found: dict[str, dict[str, int]] = {}
        for row, (key, sample, mount) in enumerate(
            zip(data["is_key_frame"], data["sample_token"], data["calibrated_sensor_token"], strict=True)
        ):
            if key and mount in by_token:
                found.setdefault(sample, {})[by_token[mount]] = row
        return found
