"""The networks of the benches and of the golden values, in PyTorch: what
lua/moonseed/models has, layer by layer, and the small CNN of step.lua."""

from torch import nn


class Residual(nn.Module):
    """branch(x) + shortcut(x)."""

    def __init__(self, branch, shortcut=None):
        super().__init__()
        self.branch, self.shortcut = branch, shortcut or nn.Identity()

    def forward(self, x):
        return self.branch(x) + self.shortcut(x)


def conv_norm(inputs, outputs, kernel, stride, *after):
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(outputs), *after]


def conv(inputs, outputs, *after):
    return nn.Sequential(*conv_norm(inputs, outputs, 3, 1,
                                    nn.ReLU(inplace=True), *after))


def head(inputs, classes, bias=True):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(inputs, classes, bias=bias)]


def basic_block(inputs, outputs, stride):
    """He et al. 2016, as torchvision's BasicBlock."""
    branch = conv_norm(inputs, outputs, 3, stride, nn.ReLU(inplace=True))
    branch += conv_norm(outputs, outputs, 3, 1)
    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = nn.Sequential(*conv_norm(inputs, outputs, 1, stride))
    return nn.Sequential(Residual(nn.Sequential(*branch), shortcut),
                         nn.ReLU(inplace=True))


def resnet18(classes=10, inputs=3, n=64):
    layers = conv_norm(inputs, n, 3, 1, nn.ReLU(inplace=True))
    for stage in range(4):
        last = n * 2 ** max(0, stage - 1)
        now = n * 2 ** stage
        layers += [basic_block(last, now, 1 if stage == 0 else 2),
                   basic_block(now, now, 1)]
    return nn.Sequential(*layers, *head(8 * n, classes))


def resnet9(classes=10, inputs=3, n=64):
    def residual(n):
        return Residual(nn.Sequential(conv(n, n), conv(n, n)))
    return nn.Sequential(
        conv(inputs, n),
        conv(n, 2 * n, nn.MaxPool2d(2)), residual(2 * n),
        conv(2 * n, 4 * n, nn.MaxPool2d(2)),
        conv(4 * n, 8 * n, nn.MaxPool2d(2)), residual(8 * n),
        *head(8 * n, classes, bias=False))


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(inplace=True),
        *head(128, 10))


def fashion():
    """The network of scripts/train_fashion.lua."""
    def block(inputs, outputs):
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.MaxPool2d(2), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
    return nn.Sequential(block(1, 32), block(32, 64), block(64, 64),
                         nn.Flatten(), nn.Linear(64 * 3 * 3, 10))


NETWORKS = {"cnn": cnn, "resnet9": resnet9, "resnet18": resnet18}
