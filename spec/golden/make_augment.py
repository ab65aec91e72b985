"""Makes spec/golden/augment.lua with torchvision, whose functions take what
ours draw: python3 spec/golden/make_augment.py."""
import os
import textwrap

import torch
import torchvision
import torchvision.transforms._functional_tensor as T
import torchvision.transforms.functional as F
from torchvision.transforms import InterpolationMode

from case import FILES, Input, case

HERE = os.path.dirname(os.path.abspath(__file__))


def image(*shape):
    return Input(*shape, fill="unit", grad=False)


def affine():
    for name, (angle, shear, scale) in {
        "still": (0, 0, 1), "a quarter": (90, 0, 1), "turned": (30, 0, 1),
        "the other way": (-100, 0, 1), "sheared": (0, 20, 1),
        "larger": (0, 0, 1.5), "smaller": (0, 0, 0.6),
        "all": (17, -12, 0.8),
    }.items():
        for shape in ((2, 3, 5, 5), (1, 1, 4, 7)):
            case("augment", "affine", name + " of %dx%d" % shape[2:],
                 [image(*shape)],
                 lambda x: F.affine(x, float(angle), [0, 0], float(scale),
                                    [float(shear), 0.0],
                                    InterpolationMode.BILINEAR),
                 rotate=angle, shear=shear, scale=scale)


def adjust_hue(x, by):
    """F.adjust_hue, which goes by way of f32."""
    hue, saturation, value = T._rgb2hsv(x).unbind(-3)
    return T._hsv2rgb(torch.stack(((hue + by) % 1, saturation, value), -3))


def colours():
    kinds = {"brightness": F.adjust_brightness, "contrast": F.adjust_contrast,
             "saturation": F.adjust_saturation, "hue": adjust_hue}
    for kind, adjust in kinds.items():
        for by in ((-0.5, -0.13, 0.2) if kind == "hue" else (0, 0.3, 1.7)):
            case("augment", "jitter", "%s by %g" % (kind, by),
                 [image(2, 3, 3, 4)], lambda x: adjust(x, by),
                 kind=kind, by=by)
    case("augment", "jitter", "contrast of grey", [image(2, 1, 3, 4)],
         lambda x: F.adjust_contrast(x, 0.6), kind="contrast", by=0.6)


def normalise():
    mean, std = [0.5, 0.25, 0.1], [0.2, 1.0, 3.0]
    case("augment", "normalise", "three channels", [image(2, 3, 2, 3)],
         lambda x: F.normalize(x, mean, std), mean=mean, std=std)


def main():
    affine()
    colours()
    normalise()
    text = ("-- Made by make_augment.py with torchvision %s; do not edit.\n"
            "return {\n" % torchvision.__version__.split("+")[0])
    for lines in FILES["augment"]:
        for line in lines.splitlines():
            text += textwrap.fill(line, 80, break_long_words=False,
                                  break_on_hyphens=False) + "\n"
    with open(os.path.join(HERE, "augment.lua"), "w", encoding="ascii") as f:
        f.write(text + "}\n")


torch.manual_seed(0)
main()
