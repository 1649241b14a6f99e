"""The one setting to change so that a training gets faster, from what was measured (docs/training.md)."""

from dataclasses import dataclass

ENOUGH_WAITING = 0.05
"""Below this share of the time, waiting for data is not worth a change."""
BUSY_CPUS = 0.85
IDLE_WORKER = 0.5
"""Augmentation processes that compute for less than this share of the time read, or wait for the disk."""
BUSY_GPU = 0.8
ROOM_ON_GPU = 0.5


@dataclass(frozen=True)
class Measured:
    """What limits a training, in numbers. Shares are 0 to 1; None: not known."""

    waiting_share: float
    """Share of the time that the network waited for data."""
    device: str
    """"cpu", "cuda" or "mps"."""
    augmentation: str
    """"default" (nnUNetTrainer), "fast" (nnUNetTrainerFastDA), "device" (nnUNetTrainerGPUAugmentation) or "own"."""
    workers: int
    """Augmentation processes for training; 0: batches are made in this process."""
    cpus: int
    """CPUs that may be used."""
    threads: int
    """Threads of the network on the CPU."""
    cpu_share: float | None = None
    """Share of `cpus` that this process and its augmentation processes used."""
    worker_share: float | None = None
    """Share of the time that an augmentation process computed."""
    gpu_share: float | None = None
    memory_bytes: int | None = None
    """Memory of this process and its augmentation processes."""
    gpu_memory_bytes: int | None = None
    """The most that tensors took."""
    gpu_memory_share: float | None = None


def setting_to_change(measured: Measured) -> str:
    """Return the one setting to change and why, or why there is none."""
    return _for_data(measured) if measured.waiting_share >= ENOUGH_WAITING else _for_network(measured)


def _for_data(measured: Measured) -> str:
    waits = measured.worker_share is not None and measured.worker_share < IDLE_WORKER
    busy = measured.cpu_share is not None and measured.cpu_share >= BUSY_CPUS
    if measured.workers == 0:
        return f"nnUNet_n_proc_DA={_more_workers(measured)} (now batches are made between the steps)"
    if waits and not busy:
        return "nnUNet_preprocessed on a faster disk (augmentation processes wait for their cases)"
    if _more_workers(measured) > measured.workers and not busy:
        return f"nnUNet_n_proc_DA={_more_workers(measured)} (now {measured.workers}, and CPUs are idle)"
    return _cheaper_augmentation(measured)


def _more_workers(measured: Measured) -> int:
    """Return the number of augmentation processes for which there are CPUs beside the network's thread or threads."""
    if measured.device == "cpu":
        return max(1, measured.cpus - measured.threads, measured.workers + 1 if measured.workers else 1)
    return max(1, measured.cpus - 1)


def _cheaper_augmentation(measured: Measured) -> str:
    if measured.augmentation == "default":
        return "-tr nnUNetTrainerFastDA, or its get_training_transforms (the same augmentation at half the CPU time)"
    if measured.augmentation == "fast" and measured.device != "cpu":
        return "-tr nnUNetTrainerGPUAugmentation, or its hooks (the GPU augments)"
    return "nothing (the augmentation takes all CPUs: more of them, or less augmentation)"


def _for_network(measured: Measured) -> str:
    if measured.device == "cpu":
        if measured.threads < measured.cpus - max(1, measured.workers):
            return f"OMP_NUM_THREADS={measured.cpus - max(1, measured.workers)} (now {measured.threads})"
        return "nothing (the network takes the time: a GPU, or more CPUs)"
    has_room = measured.gpu_memory_share is not None and measured.gpu_memory_share < ROOM_ON_GPU
    if measured.gpu_share is not None and measured.gpu_share < BUSY_GPU and has_room:
        return "a larger batch_size in the plans (the GPU idles between small steps, and has room)"
    return "nothing (the network takes the time)"


def in_one_line(measured: Measured) -> str:
    """Return what was measured and the setting to change."""
    parts = [f"waited for data {_percent(measured.waiting_share)} of the time", f"CPUs {_percent(measured.cpu_share)}"]
    memory = [f"memory {_gib(measured.memory_bytes)}"]
    if measured.device != "cpu":
        parts.append(f"GPU {_percent(measured.gpu_share)}")
        memory.append(f"GPU memory {_gib(measured.gpu_memory_bytes)}")
    return f"Speed: {', '.join([*parts, *memory])}; to change: {setting_to_change(measured)}"


def _percent(share: float | None) -> str:
    return "not known" if share is None else f"{share:.0%}"


def _gib(size: int | None) -> str:
    return "not known" if size is None else f"{size / 2**30:.1f} GiB"
