"""Golden cases of norms, tables and layers that are made of other ops."""

import torch
import torch.nn.functional as F
from case import Input, case


def add(op, name, inputs, run, **p):
    case("layers", op, name, inputs, run, **p)


def norms():
    for name, shape, last in [("rows", (4, 6), (6,)),
                              ("two dimensions", (2, 3, 2, 3), (2, 3))]:
        def run(x, w=None, b=None, last=last):
            return F.layer_norm(x, last, w, b, 1e-5)
        p = dict(shape=last, eps=1e-5)
        add("layer_norm", name, [Input(*shape), Input(*last), Input(*last)],
            run, **p)
        add("layer_norm", name + ", without weight and bias", [Input(*shape)],
            run, **p)
    add("instance_norm", "images", [Input(2, 3, 3, 2), Input(3), Input(3)],
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b, eps=1e-5),
        eps=1e-5)


def tables():
    add("embedding", "repeats", [Input(2, 3, below=4), Input(4, 3)],
        F.embedding)
    add("embedding", "with padding", [Input(5, below=3), Input(3, 2)],
        lambda i, w: F.embedding(i, w, padding_idx=1), padding=1)


def heads():
    def run(q, k, w, b, out_w, out_b):
        layer = torch.nn.MultiheadAttention(4, 2, batch_first=True,
                                            dtype=torch.float64)
        state = {"in_proj_weight": w, "in_proj_bias": b,
                 "out_proj.weight": out_w, "out_proj.bias": out_b}
        return torch.func.functional_call(
            layer, state, (q, k, k), {"need_weights": False})[0]

    add("multihead_attention", "of other keys",
        [Input(2, 3, 4), Input(2, 5, 4), Input(12, 4), Input(12), Input(4, 4),
         Input(4)], run)


def pools():
    for name, shape, p in [
        ("2x2", (2, 3, 4, 6), {"kernel": (2, 2), "stride": (2, 2)}),
        ("overlapping, padded", (1, 2, 5, 6),
         {"kernel": (3, 3), "stride": (2, 1), "padding": (1, 1)}),
        ("padding does not count", (1, 2, 5, 6),
         {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 1),
          "count_padding": False}),
        *ceilings(),
        ("ceil_mode, padding does not count", (1, 2, 5, 6),
         {"kernel": (3, 2), "stride": (3, 3), "padding": (1, 1),
          "ceil_mode": True, "count_padding": False}),
    ]:
        add("avg_pool2d", name, [Input(*shape)],
            lambda x, p=p: F.avg_pool2d(
                x, p["kernel"], p["stride"], p.get("padding", 0),
                p.get("ceil_mode", False), p.get("count_padding", True)), **p)
    for name, shape, p in ceilings():
        add("max_pool2d", name, [Input(*shape)],
            lambda x, p=p: F.max_pool2d(
                x, p["kernel"], p["stride"], p.get("padding", 0),
                ceil_mode=True), **p)
    for kind in ("avg", "max"):
        for size in ([2, 3], [3, 4], [1, 1], [7, 5]):
            op = f"adaptive_{kind}_pool2d"
            add(op, f"{size}", [Input(1, 2, 5, 6)],
                lambda x, s=size, run=getattr(F, op): run(x, s), size=size)


def ceilings():
    return [
        ("ceil_mode, beyond the input", (1, 2, 5, 6),
         {"kernel": (2, 3), "stride": (2, 2), "ceil_mode": True}),
        ("ceil_mode, beyond the padding", (1, 2, 6, 5),
         {"kernel": (3, 4), "stride": (2, 3), "padding": (1, 2),
          "ceil_mode": True}),
        ("ceil_mode, none begins in the padding", (1, 1, 4, 5),
         {"kernel": (3, 2), "stride": (3, 5), "padding": (1, 1),
          "ceil_mode": True}),
        ("ceil_mode, larger than the input", (1, 2, 2, 3),
         {"kernel": (4, 5), "stride": (4, 5), "ceil_mode": True}),
    ]


def transposed():
    for name, shapes, p in [
        ("3x3 with bias", [(2, 3, 3, 4), (3, 2, 3, 3), (2,)],
         {"padding": (1, 1)}),
        ("doubles the size", [(1, 2, 3, 3), (2, 3, 2, 2)],
         {"stride": (2, 2)}),
        ("everything differs by direction", [(1, 2, 3, 4), (2, 2, 3, 2), (2,)],
         {"stride": (2, 1), "padding": (2, 1), "dilation": (1, 3),
          "output_padding": (1, 2)}),
        ("two groups", [(1, 4, 3, 3), (4, 3, 2, 2), (6,)], {"groups": 2}),
    ]:
        add("conv_transpose2d", name, [Input(*s) for s in shapes],
            lambda x, w, b=None, p=p: F.conv_transpose2d(x, w, b, **p), **p)


def columns():
    for name, shape, p in [
        ("2x2", (2, 2, 3, 4), {"kernel": (2, 2)}),
        ("everything differs by direction", (1, 2, 5, 6),
         {"kernel": (3, 2), "stride": (1, 2), "padding": (2, 1),
          "dilation": (2, 1)}),
    ]:
        q = {("kernel_size" if k == "kernel" else k): v for k, v in p.items()}
        add("unfold", name, [Input(*shape)], lambda x, q=q: F.unfold(x, **q),
            **p)
        columns = F.unfold(torch.zeros(shape), **q).shape
        add("fold", name, [Input(*columns)],
            lambda x, q=q, s=shape: F.fold(x, s[2:], **q), size=shape[2:], **p)


def sections():
    return norms, tables, heads, pools, transposed, columns
