"""Training the small networks that come with nnlens, the same on every run of one machine."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from nnlens.models.architecture import find_architecture
from nnlens.models.torch.model import TorchModel
from nnlens.samples import Samples

RATE = 3e-3
SMOOTHING = 0.05


def train_and_save(
    architecture: str,
    train: Samples,
    test: Samples,
    out: Path,
    *,
    epochs: int,
    batch: int = 64,
    shift: int = 0,
    flip: bool = False,
    seed: int = 0,
) -> None:
    """Train an architecture, print its accuracy on both parts, and write its weights.

    Parameters
    ----------
    architecture : str
        As for `find_architecture`, with a `preprocess`.
    train, test : Samples
    out : path
        The safetensors file.
    epochs : int
    batch : int
        Samples in a step.
    shift : int
        Pixels by which images are moved about at random.
    flip : bool
        Whether left and right are exchanged at random.
    seed : int
        Of weights, order and moves.
    """
    torch.manual_seed(seed)
    found = find_architecture(architecture)
    assert found.preprocess is not None, "an architecture of the zoo says what images it takes"  # noqa: S101
    module = found.build()
    inputs = torch.from_numpy(found.preprocess(train.images(slice(None))))
    _fit(module, inputs, torch.from_numpy(train.labels), epochs, batch, shift, flip)
    model = TorchModel(module, found.preprocess, out.stem)
    for samples in (train, test):
        print(f"{samples.name} {samples.split}: {_accuracy(model, samples):.4f} of {len(samples):,}")  # noqa: T201
    save_file(module.state_dict(), out)
    out.chmod(0o644)  # safetensors lets nobody else read it


def _fit(
    module: nn.Module, inputs: Tensor, labels: Tensor, epochs: int, size: int, shift: int, flip: bool
) -> None:
    steps = epochs * -(-len(inputs) // size)
    optimizer = torch.optim.AdamW(module.parameters(), RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    module.train()
    for epoch in range(epochs):
        started = time.perf_counter()
        for batch in torch.randperm(len(inputs)).split(size):
            optimizer.zero_grad()
            loss(module(_moved(inputs[batch], shift, flip)), labels[batch]).backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1} of {epochs}: {time.perf_counter() - started:.1f} s")  # noqa: T201
    module.eval()


def _moved(images: Tensor, shift: int, flip: bool) -> Tensor:
    """Move each image by up to `shift` pixels; what comes in at the border is what the corner shows."""
    if shift:
        size = images.shape[-1]
        padded = nn.functional.pad(images, (shift,) * 4, mode="replicate")
        rows, columns = torch.randint(0, 2 * shift + 1, (2, len(images), 1))
        span, batch = torch.arange(size), torch.arange(len(images))[:, None, None]
        picked = padded[batch, :, (rows + span)[:, :, None], (columns + span)[:, None, :]]
        images = picked.permute(0, 3, 1, 2)
    if flip:
        images = torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images.flip(-1), images)
    return images.contiguous()


def _accuracy(model: TorchModel, samples: Samples) -> float:
    right = 0
    for start in range(0, len(samples), 500):
        part = slice(start, start + 500)
        right += int(
            (model.predict(model.prepare(samples.images(part))).argmax(1) == samples.labels[part]).sum()
        )
    return right / len(samples)
