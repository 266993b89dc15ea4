"""The small networks that come with nnlens."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from nnlens.models.preprocess import Preprocess


def digits() -> nn.Sequential:
    """Build the network for scikit-learn's digits of 8×8 pixels: 15,000 weights."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 16, 3, padding=1),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(16, 32, 3, padding=1),
            relu2=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            dropout=nn.Dropout(0.3),
            fc1=nn.Linear(512, 32),
            relu3=nn.ReLU(),
            fc2=nn.Linear(32, 10),
        )
    )


def fashion_mnist() -> nn.Sequential:
    """Build the network for Fashion-MNIST's garments of 28×28 pixels: 96,000 weights."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 32, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(32, 48, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            conv3=nn.Conv2d(48, 80, 3, padding=1),
            relu3=nn.ReLU(),
            pool3=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            dropout=nn.Dropout(0.2),
            fc1=nn.Linear(720, 64),
            relu4=nn.ReLU(),
            fc2=nn.Linear(64, 10),
        )
    )


digits.preprocess = Preprocess(8, order="grey")  # type: ignore[attr-defined]
fashion_mnist.preprocess = Preprocess(28, mean=0.286, std=0.353, order="grey")  # type: ignore[attr-defined]
