"""Golden values of layers and of whole networks: the modules of PyTorch, their
parameters replaced by generated inputs, in the order of ours."""

import os
import sys

import torch
import torch.nn.functional as F
from case import Input, case
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "..", "..", "scripts", "bench"))
# The networks of the benches are those of the golden values.
from torch_models import basic_block, resnet9, resnet18  # noqa: E402


class SqueezeExcite(nn.Module):
    """As torchvision.ops.SqueezeExcitation, with linear layers."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, channels)

    def forward(self, x):
        gate = self.excite(F.relu(self.squeeze(x.mean((2, 3)))))
        return x * torch.sigmoid(gate)[:, :, None, None]


class Vit(nn.Module):
    """A vision transformer of PyTorch's own encoder layers."""

    def __init__(self, classes, inputs, size, patch, width, depth, heads):
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, patch, patch)
        self.place = nn.Parameter(torch.zeros((size // patch) ** 2, width))
        self.blocks = nn.Sequential(*(encoder(width, heads)
                                      for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        tokens = self.conv(x).flatten(2).transpose(1, 2) + self.place
        return self.head(self.norm(self.blocks(tokens)).mean(1))


def encoder(width, heads):
    return nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0, activation="gelu",
        batch_first=True, norm_first=True)


# An encoder layer's parameters in the order of ours.
ENCODER = [f"{part}.{kind}" for part, kinds in [
    ("norm1", ("weight", "bias")),
    ("self_attn", ("in_proj_weight", "in_proj_bias", "out_proj.weight",
                   "out_proj.bias")),
    ("norm2", ("weight", "bias")), ("linear1", ("weight", "bias")),
    ("linear2", ("weight", "bias"))] for kind in kinds]


def module(op, name, x, model, order=None, **p):
    """A case of a module: x, then its parameters in order."""
    model = model.double()
    parameters = dict(model.named_parameters())
    names = order or list(parameters)

    def run(x, *values):
        return torch.func.functional_call(model, dict(zip(names, values)), (x,))

    inputs = [x, *(Input(*parameters[n].shape) for n in names)]
    case("modules", op, name, inputs, run, **p)


def modules():
    for name, kernel, dilation in [
        ("kernel 3", (3, 3), (1, 1)), ("kernel 2x4", (2, 4), (1, 1)),
        ("kernel 4x3, dilation 1x2", (4, 3), (1, 2)),
    ]:
        module("conv2d_same", name, Input(2, 2, 5, 4),
               nn.Conv2d(2, 3, kernel, padding="same", dilation=dilation),
               kernel=kernel, dilation=dilation)
    for name, p in {
        "of one shape": dict(inputs=3, outputs=3, stride=1),
        "at half the size": dict(inputs=2, outputs=4, stride=2),
    }.items():
        module("resnet_block", name, Input(2, p["inputs"], 5, 6),
               basic_block(**p), **p)
    module("squeeze_excite", "4 channels, 2 hidden", Input(2, 4, 3, 2),
           SqueezeExcite(4, 2), channels=4, hidden=2)
    weight = "parametrizations.weight.original"
    names = [weight + "0", weight + "1", "bias"]
    for dim in (1, 2):
        module("weight_norm", f"of a linear layer along {dim}", Input(3, 4),
               weight_norm(nn.Linear(4, 2), dim=dim - 1),
               names, dim=dim)
    module("weight_norm_conv", "of a convolution", Input(2, 3, 4, 4),
           weight_norm(nn.Conv2d(3, 2, 3)), names)
    module("vit_block", "two heads", Input(2, 3, 4), encoder(4, 2), ENCODER)
    p = dict(classes=2, inputs=1, size=4, patch=2, width=4, depth=2, heads=2)
    module("vit", "of two blocks", Input(2, 1, 4, 4), Vit(**p),
           ["place", "conv.weight", "conv.bias",
            *(f"blocks.{i}.{n}" for i in (0, 1) for n in ENCODER),
            "norm.weight", "norm.bias", "head.weight", "head.bias"])
    # Of one channel, a norm takes nearly all of the gradient away.
    whole, p = dict(classes=3, inputs=2, n=1), dict(least=1)
    images = lambda: Input(4, 2, 16, 16, grad=False)
    module("resnet9", "width 1", images(), resnet9(**whole), **p)
    module("resnet18", "width 1", images(), resnet18(**whole), **p)
