"""LeNet-5 as in the file of weights that the tests use: layers convnet.c1 … convnet.c5, fc.f6, fc.f7."""

from collections import OrderedDict

from torch import nn

from nnlens.models.preprocess import Preprocess

preprocess = Preprocess(32, mean=0.1307, std=0.3081, order="grey")


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.convnet = nn.Sequential(
            OrderedDict(
                c1=nn.Conv2d(1, 6, 5),
                relu1=nn.ReLU(),
                s2=nn.MaxPool2d(2),
                c3=nn.Conv2d(6, 16, 5),
                relu3=nn.ReLU(),
                s4=nn.MaxPool2d(2),
                c5=nn.Conv2d(16, 120, 5),
                relu5=nn.ReLU(),
            )
        )
        self.fc = nn.Sequential(
            OrderedDict(
                f6=nn.Linear(120, 84), relu6=nn.ReLU(), f7=nn.Linear(84, 10), sig7=nn.LogSoftmax(dim=-1)
            )
        )

    def forward(self, images):
        return self.fc(self.convnet(images).flatten(1))
