"""Small networks, one for each trap."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nnlens.models import Preprocess

SIDE = 9


class Plain(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(3, 4, 3),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Flatten(),
            nn.Linear(36, 7),
            nn.Tanh(),
            nn.Linear(7, 5),
        )


class Block(nn.Module):
    """A residual block as everybody writes it: one in-place ReLU called twice, and a sum in place."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return self.relu(out)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.layer1 = nn.Sequential(Block(4), Block(4))
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(self.layer1(F.relu(self.stem(x), inplace=True)).mean((2, 3)))


class Functional(nn.Module):
    """No module inside: only parameters and functions."""

    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(4, 3, 3, 3) / 5)
        self.matrix = nn.Parameter(torch.randn(5, 36) / 6)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(F.conv2d(x, self.kernel)), 3, stride=2)
        return F.linear(x.reshape(len(x), -1), self.matrix)


class Reused(nn.Module):
    """One ReLU called twice, one convolution under two names and called twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.again = self.conv
        self.relu = nn.ReLU()
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x = self.relu(self.stem(x))
        x = self.relu(self.conv(x)) * 2
        return self.fc(self.again(x).amax((2, 3)))


class Branches(nn.Module):
    """Depthwise and dilated branches that are joined, ReLU6, dropout that does nothing."""

    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv2d(3, 6, 3, padding=1, groups=3)
        self.dilated = nn.Conv2d(3, 2, 3, padding=2, dilation=2)
        self.act = nn.ReLU6(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = torch.cat([self.act(self.depthwise(x)), self.act(self.dilated(x))], dim=1)
        return self.fc(self.drop(self.pool(x).flatten(1)))


class Overwriting(nn.Module):
    """Writes over its input and over what convolutions give, by methods whose results are thrown away."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3)
        self.conv2 = nn.Conv2d(4, 4, 3)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        x.sub_(0.5)
        x = self.conv1(x)
        x.relu_()
        x = self.conv2(x)
        x.mul_(0.5).add_(x.mean())
        x.relu_()
        return self.fc(x.mean((2, 3)))


class Tiny(nn.Module):
    """Something small for the ends of networks: `logits` is the plain result."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 5)

    def logits(self, x):
        return self.fc(F.relu(self.conv(x)).mean((2, 3)))


class EndsSoftmax(Tiny):
    def forward(self, x):
        return self.logits(x).softmax(-1)


class EndsLogSoftmax(Tiny):
    def forward(self, x):
        return F.log_softmax(self.logits(x), dim=1)


class EndsLogOfSoftmax(Tiny):
    def forward(self, x):
        return torch.log(F.softmax(self.logits(x), dim=1).clamp(1e-9))


class EndsModule(Tiny):
    def __init__(self):
        super().__init__()
        self.end = nn.LogSoftmax(dim=1)

    def forward(self, x):
        return self.end(self.logits(x))


class EndsScaled(Tiny):
    """The logits are no layer's output: only the function's input shows them."""

    def logits(self, x):
        return super().logits(x) * 3 - 1

    def forward(self, x):
        return F.softmax(self.logits(x), dim=1)


class EndsMap(Tiny):
    def forward(self, x):
        return {"features": self.conv(x), "logits": self.logits(x)}


class EndsTuple(Tiny):
    def forward(self, x):
        return self.logits(x), self.conv(x)


class EndsPixel(Tiny):
    def forward(self, x):
        return self.logits(x)[:, :, None, None]


class Probabilities(Tiny):
    """A softmax written by hand: its logits cannot be seen."""

    def forward(self, x):
        powers = self.logits(x).exp()
        return powers / powers.sum(1, keepdim=True)


class Attention(nn.Module):
    """A small vision transformer: its tokens are no maps."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 3, 3)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        return self.fc(self.block(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


NETWORKS = [
    Plain, Residual, Functional, Reused, Branches, Overwriting, EndsSoftmax, EndsLogSoftmax, EndsLogOfSoftmax,
    EndsModule, EndsScaled, EndsMap, EndsTuple, EndsPixel, Attention,
]  # fmt: skip
BY_NAME = {cls.__name__: cls for cls in [*NETWORKS, Probabilities]}


def make(cls):
    torch.manual_seed(0)
    module = cls()
    for part in module.modules():  # statistics as after training, so that normalization does something
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            part.weight.data.uniform_(0.5, 2)
    return module


@pytest.fixture(params=NETWORKS, ids=lambda cls: cls.__name__)
def module(request):
    return make(request.param)


@pytest.fixture
def build():
    """Build one of the networks above by its name."""
    return lambda name: make(BY_NAME[name])


@pytest.fixture
def preprocess():
    return Preprocess(SIDE, mean=0.5, std=0.25)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 3, SIDE, SIDE, generator=generator).numpy()


@pytest.fixture
def logits_of():
    """Return the plain logits of a network in evaluation mode, without nnlens."""

    def logits(module, x):
        return module.eval().logits(x) if isinstance(module, Tiny) else module.eval()(x)

    return logits
