"""How busy a GPU is and what its memory holds; not known without CUDA."""

import time
from dataclasses import dataclass, field

import torch

SECONDS_BETWEEN_SAMPLES = 1.0


@dataclass
class GpuUse:
    """Samples the use of a CUDA device at most once a second; None everywhere on other devices and without NVML."""

    device: torch.device
    _samples: list[int] = field(default_factory=list)
    _next: float = 0.0
    _is_told: bool = True

    def sample(self) -> None:
        """Take a sample if it is time for one."""
        now = time.monotonic()
        if not self._is_told or self.device.type != "cuda" or now < self._next:
            return
        self._next = now + SECONDS_BETWEEN_SAMPLES
        try:
            self._samples.append(torch.cuda.utilization(self.device))
        except Exception:  # no pynvml, or a driver that does not tell
            self._is_told = False

    @property
    def share(self) -> float | None:
        """Mean use, 0 to 1."""
        return sum(self._samples) / len(self._samples) / 100 if self._samples else None

    def memory(self) -> tuple[int | None, float | None]:
        """Return the most bytes that tensors took until now, and the share of the device's memory."""
        if self.device.type != "cuda":
            return None, None
        most = torch.cuda.max_memory_allocated(self.device)
        return most, most / torch.cuda.get_device_properties(self.device).total_memory
