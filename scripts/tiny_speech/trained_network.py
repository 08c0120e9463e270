"""A network in training: its optimiser, its running average, and the checkpoint that holds all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PEAK_RATE: Final = 2e-3
_AVERAGE_EVERY: Final = 4


class TrainedNetwork:
    """The state of a training run.

    Args:
        folder: Where `checkpoint.pt` is kept.
        model: The network.
        heads: Key of the checkpoint -> what is trained beside the network and dropped at export.
        parameters: All that is trained.
        groups: The same, as the optimiser's groups.
        decay: Of the running average, at every fourth step.
        width: Width of the network, noted in the checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        heads: Mapping[str, nn.Module],
        *,
        parameters: Sequence[nn.Parameter],
        groups: list[dict[str, Any]],
        decay: float,
        width: int,
    ) -> None:
        self.path = folder / "checkpoint.pt"
        self.step = 0
        self.seconds = 0.0
        self._model = model
        self._heads = heads
        self._parameters = parameters
        self._optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98), fused=True)
        self._average = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self._decay = decay
        self._width = width

    def descend(self, loss: Tensor, rate: float) -> None:
        """Takes one step down a finite loss."""
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.step % _AVERAGE_EVERY == 0:
            for name, value in self._model.state_dict().items():
                self._average[name].lerp_(value.detach(), 1.0 - self._decay)

    def save(self) -> None:
        """Writes the checkpoint, whole or not at all."""
        partial = self.path.with_suffix(".partial")
        state = {
            "model": self._model.state_dict(),
            "average": self._average,
            **{key: head.state_dict() for key, head in self._heads.items()},
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "width": self._width,
        }
        torch.save(state, partial)
        partial.replace(self.path)

    def load(self, device: torch.device) -> None:
        """Reads the checkpoint back."""
        state = torch.load(self.path, map_location=device, weights_only=True)
        self._model.load_state_dict(state["model"])
        self._average = state["average"]
        for key, head in self._heads.items():
            head.load_state_dict(state[key])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = int(state["step"])
        self.seconds = float(state["seconds"])
