"""Networks that set a trap each, as a person's own file has them: the architecture of rows 19 to 28."""

import threading
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from nnlens import Preprocess

preprocess = Preprocess(8, order="grey")
MARKUP = "<img src=x onerror=alert(1)>"


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.fc = nn.Linear(4, 10)

    def end(self, x):
        return self.fc(x.mean((2, 3)))

    def forward(self, x):
        return self.end(self.conv(x))


class InPlace(Tiny):
    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.end(self.relu(self.conv(x)))


class Twice(InPlace):
    def __init__(self):
        super().__init__()
        self.more = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return self.end(self.relu(self.more(self.relu(self.conv(x)))))


class TwoNames(Tiny):
    def __init__(self):
        super().__init__()
        self.same = self.conv

    def forward(self, x):
        return self.end(self.same(x))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.kernel = nn.Parameter(torch.randn(4, 1, 3, 3))
        self.matrix = nn.Parameter(torch.randn(10, 4))

    def forward(self, x):
        return F.linear(F.relu(F.conv2d(x, self.kernel)).mean((2, 3)), self.matrix)


class Mapping(Tiny):
    def forward(self, x):
        maps = self.conv(x)
        return {"features": maps, "logits": self.end(maps)}


class Tuple(Tiny):
    def forward(self, x):
        maps = self.conv(x)
        return self.end(maps), maps


class Training(Tiny):
    """With a dropout that would drop nearly all, and left in the mode of training."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.9)
        self.train()

    def forward(self, x):
        return self.end(self.drop(self.conv(x)))


class Raises(Tiny):
    """Its own hook raises midway."""

    def __init__(self):
        super().__init__()
        self.fc.register_forward_hook(fail)


def fail(*_):
    raise RuntimeError("the hook of fc fails")


class Replaces(Tiny):
    """Its own hook returns a value, which takes the place of the output."""

    def __init__(self):
        super().__init__()
        self.conv.register_forward_hook(lambda *_: torch.ones(len(_[2]), 4, 8, 8))


class Compiled(Tiny):
    pass


def compiled():
    return torch.compile(Compiled())


class NeverEnds(Tiny):
    """Hangs in every forward pass while there is a file of that name."""

    def forward(self, x):
        if Path("hang").exists():
            threading.Event().wait()
        return super().forward(x)


class Named(nn.Module):
    """Layers whose names are no names of files, and markup."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        names = ["a/b", "a\\b", MARKUP, "n" * 300]
        self.inner = nn.ModuleDict({name: nn.Conv2d(1, 1, 3, padding=1) for name in names})
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        for layer in self.inner.values():
            x = layer(x)
        return self.fc(x.flatten(1))
