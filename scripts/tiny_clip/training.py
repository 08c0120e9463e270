"""The training loop of tiny-clip: close-ups first, full pictures later, one cosine over the whole budget."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import open_clip
import torch
from torch import Tensor, nn
from torch.nn import functional

from scripts.tiny_clip.batches import Batch, BatchMaker
from scripts.tiny_clip.model import AttributeHeads, encode_pictures, encode_texts

ATTRIBUTE_WEIGHTS = {
    "noun": 1.5,
    "bound": 1.0,
    "colour": 0.5,
    "count": 0.5,
    "side": 1.0,
    "background": 0.3,
    "size": 0.3,
}
"""Weight of each head's loss; nouns are the slowest to learn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one training run does."""

    seed: int
    """Of initialisation and batches."""
    minutes: float
    """Training time; the schedule ends here unless `steps` ends it first."""
    steps: int | None
    """Number of steps, for a run whose schedule does not depend on the clock."""
    batch_size: int
    """Pictures per step."""
    learning_rate: float
    """Peak of the cosine."""
    close_share: float
    """Share of the budget spent on close-ups."""
    device: str
    """`cpu` or `cuda`."""


def _haste(name: str) -> float:
    """Return the factor on a parameter's learning rate: at the pictures' rate the order of words is never learned."""
    if name == "positional_embedding":
        return 16.0
    return 4.0 if name.startswith(("transformer.", "token_embedding.", "text_projection", "ln_final.")) else 1.0


class Training:
    """Model, heads and optimizer of a run, with everything needed to stop and continue it."""

    def __init__(self, model: open_clip.CLIP, plan: Plan) -> None:
        """Put the parts on the plan's device."""
        self.plan = plan
        self.model = model.to(plan.device)
        if plan.device == "cpu":
            # Twice as fast as the default layout in oneDNN's convolutions.
            self.model.visual.to(memory_format=torch.channels_last)
        self.heads = AttributeHeads().to(plan.device)
        # Scale and offset of the sigmoid loss, which draws one line between true and false for all pictures.
        self.line = nn.Parameter(torch.tensor([math.log(10.0), -5.0], device=plan.device))
        named = [*self.model.named_parameters(), *self.heads.named_parameters(), ("line", self.line)]
        groups: list[dict[str, Any]] = [
            {"params": [value], "weight_decay": 0.05 if value.ndim >= 2 else 0.0, "haste": _haste(name)}
            for name, value in named
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.98), foreach=True)
        self.rng = random.Random(f"train-{plan.seed}")
        self.step = 0
        self.seconds = 0.0
        self.num_pictures = 0

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        by_time = self.seconds / (60 * self.plan.minutes)
        by_steps = self.step / self.plan.steps if self.plan.steps else 0.0
        return min(1.0, max(by_time, by_steps))

    def run(self, makers: Mapping[str, Callable[[], BatchMaker]], *, log: Path, checkpoint: Path) -> None:
        """Train until the budget is spent, saving a checkpoint every two minutes and at the end.

        Args:
            makers: For `close` and `full`, a function that makes the pool ready; called at the stage's start.
            log: JSON lines of the losses are appended here.
            checkpoint: Where `save` writes.
        """
        saved = self.seconds
        recent: list[dict[str, float]] = []
        self.model.train()
        stage, maker = "", None
        while self.progress < 1.0:
            now = "close" if self.progress < self.plan.close_share else "full"
            if maker is None or now != stage:
                stage, maker = now, makers[now]()
            start = time.perf_counter()
            batch = maker.draw(self.plan.batch_size, self.rng)
            recent.append(self._learn(batch))
            self.step += 1
            self.num_pictures += self.plan.batch_size
            took = time.perf_counter() - start
            self.seconds += took
            recent[-1]["pictures_per_second"] = self.plan.batch_size / took
            if self.step % 25 == 0:
                self._report(recent, log, stage=stage)
                recent = []
            if self.seconds - saved > 120:
                self.save(checkpoint)
                saved = self.seconds
        self.save(checkpoint)

    def save(self, path: Path) -> None:
        """Write everything that `resume` needs, by one rename."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        torch.save(
            {
                "model": self.model.state_dict(),
                "heads": self.heads.state_dict(),
                "line": self.line.detach(),
                "optimizer": self.optimizer.state_dict(),
                "rng": list(self.rng.getstate()[1]),
                "counters": [self.step, self.seconds, self.num_pictures],
            },
            partial,
        )
        partial.rename(path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint of the same plan."""
        state: dict[str, Any] = torch.load(path, map_location=self.plan.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        with torch.no_grad():
            self.line.copy_(state["line"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.setstate((3, tuple(state["rng"]), None))
        self.step, self.seconds, self.num_pictures = state["counters"]

    def _learn(self, batch: Batch) -> dict[str, float]:
        progress = self.progress
        warmup = min(1.0, (self.step + 1) / 100)
        rate = self.plan.learning_rate * warmup * (0.5 + 0.5 * math.cos(math.pi * progress)) + 1e-6
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["haste"]
        device = self.plan.device
        pictures = batch.pictures.to(device)
        if device == "cpu":
            pictures = pictures.contiguous(memory_format=torch.channels_last)
        image = encode_pictures(self.model, pictures)
        text = encode_texts(self.model, batch.tokens.to(device))
        losses = self._match(functional.normalize(image, dim=1), functional.normalize(text, dim=1), batch)
        losses["attributes"] = self._attributes(image, batch.targets)
        # The same heads read captions too, so that both towers spell an attribute in the same directions.
        losses["said"] = self._attributes(text, batch.said)
        total = losses["contrast"] + losses["sigmoid"] + (1.0 - 0.6 * progress) * losses["attributes"]
        total = total + losses["said"] + 0.2 * losses["vague"]
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([*self.model.parameters(), *self.heads.parameters()], 5.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(100.0))
        return {name: float(value.detach()) for name, value in losses.items()}

    def _match(self, image: Tensor, text: Tensor, batch: Batch) -> dict[str, Tensor]:
        size = len(image)
        cosine = image @ text.T
        is_true = batch.is_true.to(cosine.device)
        own = torch.zeros_like(is_true)
        own[:, :size] = torch.eye(size, dtype=torch.bool, device=cosine.device)
        # A caption true of a picture but another one's own is neither to be pulled nor to be pushed away.
        logits = (self.model.logit_scale.exp() * cosine).masked_fill(is_true & ~own, -1e4)
        target = torch.arange(size, device=cosine.device)
        # Most vague captions of a batch are each other's equals, so they carry little weight of their own.
        weight = torch.where(batch.is_vague.to(cosine.device)[:size], 0.2, 1.0)
        to_text = functional.cross_entropy(logits, target, reduction="none")
        to_image = functional.cross_entropy(logits[:, :size].T, target, reduction="none")
        contrast = ((to_text + to_image) * weight).sum() / (2 * weight.sum())
        scale, offset = self.line[0].exp(), self.line[1]
        sign = torch.where(is_true, 1.0, -1.0)
        penalty = functional.softplus(-sign * (scale * cosine + offset))
        is_told = (~batch.is_vague.to(cosine.device))[None].expand_as(is_true)
        altered = torch.zeros_like(is_true)
        for block in range(1, text.shape[0] // size):
            altered[:, block * size : (block + 1) * size] = own[:, :size]
        kinds = (is_true & is_told & own, altered & is_told, ~is_true & ~altered & is_told)
        sigmoid = sum((penalty * kind).sum() / kind.sum().clamp(min=1) for kind in kinds)
        if not isinstance(sigmoid, Tensor):
            raise TypeError("the sigmoid loss has no terms")
        # A caption that says nothing is neither right nor wrong: it belongs on the line between the two.
        distance = (scale * cosine + offset)[:, batch.is_vague.to(cosine.device)]
        vague = (distance**2).mean() if distance.numel() else cosine.new_zeros(())
        gap = cosine[kinds[0]].mean() - cosine[kinds[1]].mean()
        return {"contrast": contrast, "sigmoid": sigmoid, "vague": vague, "gap": gap}

    def _attributes(self, embedding: Tensor, targets: dict[str, Tensor]) -> Tensor:
        logits = self.heads(embedding)
        total = embedding.new_zeros(())
        for name, weight in ATTRIBUTE_WEIGHTS.items():
            target = targets[name].to(embedding.device)
            if target.dtype == torch.float32:
                # Softmax over the things present: with sigmoids the many absent ones drown the nouns' signal.
                applies = target.sum(dim=1) > 0
                share = target[applies] / target[applies].sum(dim=1, keepdim=True)
                if len(share):
                    total = total + weight * functional.cross_entropy(logits[name][applies], share)
            elif bool((target != -100).any()):
                total = total + weight * functional.cross_entropy(logits[name], target, ignore_index=-100)
        return total

    def _report(self, recent: list[dict[str, float]], log: Path, *, stage: str) -> None:
        means = {name: round(sum(row[name] for row in recent) / len(recent), 4) for name in recent[0]}
        line = {"step": self.step, "stage": stage, "minutes": round(self.seconds / 60, 2), **means}
        line["logit_scale"] = round(float(self.model.logit_scale.detach().exp()), 1)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
