"""Why PyTorch sees no card of a machine that has one."""

from __future__ import annotations

import subprocess

DRIVERS = {"11": 450, "12": 525, "13": 580}
"""Major version of CUDA -> that of the oldest driver it runs on, by NVIDIA's page of the
compatibility of minor versions (docs/troubleshooting.md has its address)."""
QUERY = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")


def driver() -> str | None:
    """The driver's version; None if ``nvidia-smi`` finds no card."""
    try:
        answer = subprocess.run(QUERY, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(answer.stdout.split()), None)


def unseen() -> str | None:
    """What hides a card from PyTorch; None if it sees one, or there is none."""
    import torch

    if torch.cuda.is_available() or (installed := driver()) is None:
        return None
    cuda = torch.version.cuda
    if cuda is None:
        return (
            "PyTorch does not see this machine's GPU: the environment has its CPU build; "
            "make setup EXTRA=gpu makes it anew"
        )
    needed = DRIVERS.get(cuda.partition(".")[0])
    if needed and int(installed.partition(".")[0]) < needed:
        return (
            f"PyTorch does not see this machine's GPU: its CUDA {cuda} needs the NVIDIA driver "
            f"{needed} or newer, and {installed} is installed"
        )
    return (
        f"PyTorch does not see this machine's GPU: its CUDA {cuda} does not start with the driver "
        f"{installed}; CUDA_VISIBLE_DEVICES may hide the card"
    )
