"""Networks with the block structure of known families, a few channels wide: real forms, little work."""

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 7


def conv_bn(inputs, outputs, size, activation=nn.ReLU, **options):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, bias=False, **options),
        nn.BatchNorm2d(outputs),
        activation(inplace=True),
    )


class VGG16(nn.Module):
    """Thirteen convolutions in five stages, three linear layers."""

    def __init__(self, width=4):
        super().__init__()
        layers, inputs = [], 3
        for stage, count in enumerate((2, 2, 3, 3, 3)):
            outputs = width * 2 ** min(stage, 3)
            for _ in range(count):
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = outputs
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Sequential(
            nn.Linear(inputs * 4, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, 16), nn.ReLU(True), nn.Dropout(),
            nn.Linear(16, CLASSES),
        )  # fmt: skip

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = width * 4
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet50(nn.Module):
    """3, 4, 6 and 3 bottlenecks; one ReLU a block, called three times and in place."""

    def __init__(self, width=4):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = width
        for stage, count in enumerate((3, 4, 6, 3)):
            blocks = []
            for block in range(count):
                blocks.append(Bottleneck(inputs, width * 2**stage, 2 if stage and not block else 1))
                inputs = width * 2**stage * 4
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, CLASSES)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, ratio):
        super().__init__()
        inner = inputs * ratio
        parts = [conv_bn(inputs, inner, 1, nn.ReLU6)] if ratio != 1 else []
        parts += [
            conv_bn(inner, inner, 3, nn.ReLU6, stride=stride, padding=1, groups=inner),
            nn.Conv2d(inner, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*parts)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """Seventeen inverted residuals with depthwise convolutions, ReLU6, pooling by a function."""

    def __init__(self):
        super().__init__()
        inputs, layers = 4, [conv_bn(3, 4, 3, nn.ReLU6, stride=2, padding=1)]
        for ratio, outputs, count, stride in (
            (1, 2, 1, 1), (6, 3, 2, 2), (6, 4, 3, 2), (6, 5, 4, 2), (6, 6, 3, 1), (6, 8, 3, 2), (6, 10, 1, 1),
        ):  # fmt: skip
            for place in range(count):
                layers.append(InvertedResidual(inputs, outputs, 1 if place else stride, ratio))
                inputs = outputs
        layers.append(conv_bn(inputs, 16, 1, nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(16, CLASSES))

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(torch.flatten(x, 1))


class BasicConv(nn.Module):
    def __init__(self, inputs, outputs, size, **options):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, bias=False, **options)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    """Four branches that are joined."""

    def __init__(self, inputs, width):
        super().__init__()
        self.branch1 = BasicConv(inputs, width, 1)
        self.branch2 = nn.Sequential(BasicConv(inputs, width, 1), BasicConv(width, width + 1, 3, padding=1))
        self.branch3 = nn.Sequential(BasicConv(inputs, 2, 1), BasicConv(2, 3, 3, padding=1))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), BasicConv(inputs, 2, 1))
        self.outputs = width + width + 1 + 3 + 2

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class GoogLeNet(nn.Module):
    """Nine Inception blocks; a head at the side that only training uses."""

    def __init__(self):
        super().__init__()
        self.conv1 = BasicConv(3, 4, 7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv2, self.conv3 = BasicConv(4, 4, 1), BasicConv(4, 6, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, 2, ceil_mode=True)
        inputs, self.names = 6, []
        for name in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
            block = Inception(inputs, 3)
            setattr(self, f"inception{name}", block)
            inputs = block.outputs
            self.names.append(f"inception{name}")
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.aux = nn.Linear(inputs, CLASSES)
        self.avgpool, self.dropout = nn.AdaptiveAvgPool2d((1, 1)), nn.Dropout(0.2)
        self.fc = nn.Linear(inputs, CLASSES)

    def forward(self, x):
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        for name in self.names:
            x = getattr(self, name)(x)
            x = self.pool(x) if name in ("inception3b", "inception4e") else x
        x = torch.flatten(self.avgpool(x), 1)
        return (self.fc(self.dropout(x)), self.aux(x)) if self.training else self.fc(self.dropout(x))


class DenseLayer(nn.Module):
    def __init__(self, inputs, growth):
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, 4 * growth, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(4 * growth), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, before):
        joined = torch.cat(before, 1)
        return self.conv2(self.relu2(self.norm2(self.conv1(self.relu1(self.norm1(joined))))))


class DenseBlock(nn.ModuleDict):
    def __init__(self, inputs, count, growth):
        super().__init__(
            {f"denselayer{n + 1}": DenseLayer(inputs + n * growth, growth) for n in range(count)}
        )

    def forward(self, x):
        found = [x]
        for layer in self.values():
            found.append(layer(found))
        return torch.cat(found, 1)


class DenseNet121(nn.Module):
    """Blocks of 6, 12, 24 and 16 layers, each of which gets the outputs of all before it."""

    def __init__(self, growth=2):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 7, 2, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        )
        inputs = 4
        for place, count in enumerate((6, 12, 24, 16), 1):
            self.features.add_module(f"denseblock{place}", DenseBlock(inputs, count, growth))
            inputs += count * growth
            if place < 4:
                transition = nn.Sequential(
                    nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), nn.Conv2d(inputs, inputs // 2, 1, bias=False),
                    nn.AvgPool2d(2, 2),
                )  # fmt: skip
                self.features.add_module(f"transition{place}", transition)
                inputs //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(inputs))
        self.classifier = nn.Linear(inputs, CLASSES)

    def forward(self, x):
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.activation, self.scale = nn.SiLU(inplace=True), nn.Sigmoid()

    def forward(self, x):
        return self.scale(self.fc2(self.activation(self.fc1(self.avgpool(x))))) * x


class MBConv(nn.Module):
    def __init__(self, inputs, outputs, size, stride, ratio):
        super().__init__()
        inner = inputs * ratio
        parts = [conv_bn(inputs, inner, 1, nn.SiLU)] if ratio != 1 else []
        parts += [
            conv_bn(inner, inner, size, nn.SiLU, stride=stride, padding=size // 2, groups=inner),
            SqueezeExcitation(inner, max(1, inputs // 4)),
            nn.Sequential(nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs)),
        ]
        self.block = nn.Sequential(*parts)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        out = self.block(x)
        if self.adds:
            out += x
        return out


class EfficientNetB0(nn.Module):
    """Sixteen blocks with squeeze and excitation, SiLU."""

    def __init__(self):
        super().__init__()
        inputs, stages = 4, [conv_bn(3, 4, 3, nn.SiLU, stride=2, padding=1)]
        for ratio, size, stride, outputs, count in (
            (1, 3, 1, 2, 1), (6, 3, 2, 3, 2), (6, 5, 2, 4, 2), (6, 3, 2, 5, 3), (6, 5, 1, 6, 3), (6, 5, 2, 8, 4),
            (6, 3, 1, 10, 1),
        ):  # fmt: skip
            blocks = []
            for place in range(count):
                blocks.append(MBConv(inputs, outputs, size, 1 if place else stride, ratio))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        stages.append(conv_bn(inputs, 20, 1, nn.SiLU))
        self.features = nn.Sequential(*stages)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2, inplace=True), nn.Linear(20, CLASSES))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))
