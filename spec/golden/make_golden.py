"""Golden values: what PyTorch gives for every operation, in f64.

Run with any Python that has PyTorch; it rewrites spec/golden/*.lua:

    python spec/golden/make_golden.py

A file holds a list of cases. A case names the operation, its inputs, its
parameters `p`, the outputs `y` and, for every input that wants one, the
gradient `g` of sum(y[1] * weight), where `weight` is one more generated
tensor. case.py says how inputs are generated.
"""

import os
import textwrap

import arrange
import layers
import products as many_products
import torch
import torch.nn.functional as F
from case import FILES, Input, case
from functions import functions
from losses import losses
from modules import modules

HERE = os.path.dirname(os.path.abspath(__file__))


def convolution():
    def conv(relu=False, **kw):
        def run(x, w, b=None):
            y = F.conv2d(x, w, b, **kw)
            return F.relu(y) if relu else y
        return run

    def add(name, shapes, relu=False, **kw):
        extra = {"relu": True} if relu else {}
        case("conv2d", "conv2d", name, [Input(*s) for s in shapes],
             conv(relu, **kw), **kw, **extra)

    add("3x3, padding 1", [(2, 3, 5, 4), (4, 3, 3, 3), (4,)], padding=(1, 1))
    add("1x1 without bias", [(2, 4, 3, 3), (5, 4, 1, 1)])
    add("everything differs by direction", [(2, 2, 7, 6), (3, 2, 3, 2), (3,)],
        stride=(1, 2), padding=(2, 1), dilation=(2, 1))
    add("stride 2, dilation 2", [(1, 2, 8, 7), (2, 2, 3, 3), (2,)],
        stride=(2, 2), padding=(2, 2), dilation=(2, 2))
    add("kernel 5x1", [(1, 2, 6, 4), (2, 2, 5, 1)], padding=(2, 0))
    add("two groups", [(2, 4, 4, 4), (6, 2, 3, 3), (6,)], padding=(1, 1),
        groups=2)
    add("depthwise", [(2, 3, 5, 5), (3, 1, 3, 3), (3,)], padding=(1, 1),
        groups=3)
    add("depthwise, two outputs each", [(1, 3, 4, 5), (6, 1, 3, 3)],
        stride=(2, 1), groups=3)
    add("ReLU epilogue", [(2, 3, 4, 4), (4, 3, 3, 3), (4,)], relu=True,
        padding=(1, 1))
    add("ReLU epilogue without bias", [(1, 2, 4, 4), (3, 2, 2, 2)], relu=True)
    add("the kernel covers the whole input", [(2, 3, 3, 2), (2, 3, 3, 2), (2,)])


def products():
    def add(name, *shapes):
        case("matmul", "matmul", name, [Input(*s) for s in shapes],
             torch.matmul)

    add("3x4 by 4x5", (3, 4), (4, 5))
    add("one row", (1, 6), (6, 3))
    add("one column", (5, 2), (2, 1))
    case("matmul", "matmul_t", "both transposed", [Input(4, 3), Input(5, 4)],
         lambda a, b: a.t() @ b.t())
    for name, shapes, relu in [
        ("with bias", [(3, 4), (5, 4), (5,)], False),
        ("without bias", [(3, 4), (2, 4)], False),
        ("three dimensions", [(2, 3, 4), (5, 4), (5,)], False),
        ("ReLU epilogue", [(3, 4), (5, 4), (5,)], True),
    ]:
        case("matmul", "linear", name, [Input(*s) for s in shapes],
             lambda x, w, b=None, relu=relu:
             F.relu(F.linear(x, w, b)) if relu else F.linear(x, w, b),
             **({"relu": True} if relu else {}))


BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
}
COMPARE = {k: getattr(torch, k) for k in ("eq", "ne", "lt", "le", "gt", "ge")}
SCALAR = {
    "add_number": lambda x: x + 1.5,
    "sub_number": lambda x: x - 1.5,
    "mul_number": lambda x: x * 1.5,
    "div_number": lambda x: x / 1.5,
    "number_sub": lambda x: 1.5 - x,
    "number_div": lambda x: 1.5 / x,
    "pow_number": lambda x: x**1.5,
}
UNARY = {
    "neg": ("signed", torch.neg), "relu": ("signed", torch.relu),
    "exp": ("signed", torch.exp), "abs": ("signed", torch.abs),
    "sigmoid": ("signed", torch.sigmoid), "tanh": ("signed", torch.tanh),
    "log": ("positive", torch.log), "sqrt": ("positive", torch.sqrt),
}


def elementwise():
    shapes = [((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((2, 1, 3), (4, 1)),
              ((1,), (2, 3)), ((2, 3), ())]
    for op, fn in BINARY.items():
        for a, b in shapes:
            fill = "positive" if op in ("div", "pow") else "signed"
            case("elementwise", op, f"{list(a)} with {list(b)}",
                 [Input(*a, fill=fill), Input(*b, fill=fill)], fn)
    for op, fn in COMPARE.items():
        case("elementwise", op, "[3, 4] with [4]",
             [Input(3, 4, fill="coarse"), Input(4, fill="coarse")], fn)
        case("elementwise", op + "_number", "with 1",
             [Input(3, 4, fill="coarse")], lambda x, fn=fn: fn(x, 1.0))
    for op, fn in SCALAR.items():
        case("elementwise", op, "with 1.5",
             [Input(2, 5, fill="positive")], fn)
    case("elementwise", "pow_two", "x ^ 2, negative x", [Input(2, 5)],
         lambda x: x**2)
    for op, (fill, fn) in UNARY.items():
        case("elementwise", op, "[2, 3, 4]", [Input(2, 3, 4, fill=fill)], fn)
    for op in ("sigmoid", "tanh"):
        case("elementwise", op, "large values", [Input(3, 5, fill="wide")],
             UNARY[op][1])


def reductions():
    def over(fn, dims, keepdim):
        if dims is None:
            return lambda x: fn(x, tuple(range(x.dim())), False)
        return lambda x: fn(x, tuple(d - 1 for d in dims), keepdim)

    ops = {
        "sum": lambda x, d, k: x.sum(d, keepdim=k),
        "mean": lambda x, d, k: x.mean(d, keepdim=k),
        "amax": lambda x, d, k: x.amax(d, keepdim=k),
        "amin": lambda x, d, k: x.amin(d, keepdim=k),
        "norm": lambda x, d, k: torch.linalg.vector_norm(x, 2, d, keepdim=k),
        "var": lambda x, d, k: x.var(d, unbiased=True, keepdim=k),
    }
    for op, fn in ops.items():
        for dims, keepdim in [(None, False), ([1], False), ([3], True),
                              ([1, 3], False), ([2, 3], True)]:
            p = {"dims": dims, "keepdim": keepdim} if dims else {}
            name = f"over {dims}, keepdim {keepdim}" if dims else "over all"
            if op in ("amax", "amin") and dims and len(dims) == 1:
                continue
            case("reduce", op, name, [Input(2, 3, 4)], over(fn, dims, keepdim),
                 **p)
    for op in ("max", "min"):
        for dim, keepdim in [(1, False), (2, True), (3, False)]:
            case("reduce", op, f"values and indices over {dim}",
                 [Input(2, 3, 4)],
                 lambda x, op=op, d=dim, k=keepdim: tuple(
                     getattr(x, op)(d - 1, keepdim=k)), dim=dim,
                 keepdim=keepdim)
            case("reduce", "arg" + op, f"over {dim}", [Input(2, 3, 4)],
                 lambda x, op=op, d=dim, k=keepdim: getattr(x, "arg" + op)(
                     d - 1, keepdim=k), dim=dim, keepdim=keepdim)
        case("reduce", "arg" + op, "over all", [Input(2, 3, 4)],
             lambda x, op=op: getattr(x, "arg" + op)())


def neural():
    for dim in (1, 2, 3):
        case("neural", "softmax", f"over {dim}", [Input(2, 3, 4)],
             lambda x, d=dim: F.softmax(x, d - 1), dim=dim)
    case("neural", "softmax", "large values", [Input(3, 5, fill="wide")],
         lambda x: F.softmax(x, 1), dim=2)
    for n, c in ((4, 5), (1, 3), (3, 1)):
        case("neural", "cross_entropy", f"{n} rows, {c} classes",
             [Input(n, c), Input(n, below=c)], F.cross_entropy)
    for name, shape, p in [
        ("2x2", (2, 3, 4, 6), {"kernel": (2, 2), "stride": (2, 2)}),
        ("odd size", (1, 2, 5, 7), {"kernel": (2, 2), "stride": (2, 2)}),
        ("overlapping, padded", (2, 2, 5, 6),
         {"kernel": (3, 3), "stride": (2, 1), "padding": (1, 1)}),
        ("3x2", (1, 2, 6, 5), {"kernel": (3, 2), "stride": (1, 2)}),
    ]:
        case("neural", "max_pool2d", name, [Input(*shape)],
             lambda x, p=p: F.max_pool2d(x, p["kernel"], p["stride"],
                                         p.get("padding", 0)), **p)
    case("neural", "global_avg_pool2d", "2x3x4x5", [Input(2, 3, 4, 5)],
         lambda x: x.mean((2, 3)))
    batch_norms()
    group_norms()
    blends()
    case("neural", "dropout", "p = 0 changes nothing", [Input(3, 4)],
         lambda x: F.dropout(x, 0.0), rate=0.0)


def batch_norms():
    def norm(training):
        def run(x, *rest):
            w, b = (rest[0], rest[1]) if len(rest) == 4 else (None, None)
            mean, var = rest[-2].clone(), rest[-1].clone()
            y = F.batch_norm(x, mean, var, w, b, training, 0.1, 1e-5)
            return y, mean, var
        return run

    still = dict(grad=False)
    state = lambda: [Input(3, **still), Input(3, fill="positive", **still)]
    affine = lambda: [Input(3), Input(3)]
    for training in (True, False):
        mode = "training" if training else "evaluation"
        p = dict(training=training, eps=1e-5, momentum=0.1)
        case("neural", "batch_norm", mode,
             [Input(4, 3, 2, 3)] + affine() + state(), norm(training), **p)
        case("neural", "batch_norm", mode + " without weight and bias",
             [Input(4, 3, 2, 3)] + state(), norm(training), **p)


def group_norms():
    for name, shape, groups in [
        ("images, two groups", (2, 4, 3, 2), 2),
        ("images, one group", (3, 3, 2, 2), 1),
        ("rows, two groups", (4, 6), 2),
        ("three dimensions", (2, 4, 3), 4),
    ]:
        def run(x, w=None, b=None, groups=groups):
            return F.group_norm(x, groups, w, b, 1e-5)
        p = dict(groups=groups, eps=1e-5)
        channels = shape[1]
        case("neural", "group_norm", name,
             [Input(*shape), Input(channels), Input(channels)], run, **p)
        case("neural", "group_norm", name + ", without weight and bias",
             [Input(*shape)], run, **p)


def blends():
    for name, shape, alpha in [
        ("one alpha", (2, 3, 2, 2), (1,)),
        ("an alpha per image", (3, 2, 2, 1), (3, 1, 1, 1)),
        ("rows", (4, 3), (4, 1)),
    ]:
        inputs = lambda: [Input(*shape), Input(*shape),
                          Input(*alpha, fill="positive")]
        case("neural", "blend", "add, " + name, inputs(), torch.lerp,
             kind="add")
        case("neural", "blend", "multiply, " + name,
             inputs() + [Input(*shape)],
             lambda h, s, a, x: h * (1 + a * torch.tanh(s - x)),
             kind="multiply")


def shapes():
    def add(op, name, inputs, run, **p):
        case("shape", op, name, inputs, run, **p)

    add("reshape", "2x6 to 3x4", [Input(2, 6)], lambda x: x.reshape(3, 4),
        shape=[3, 4])
    add("reshape_t", "of a transposed tensor", [Input(2, 6)],
        lambda x: x.t().reshape(4, 3), shape=[4, 3])
    add("permute", "3 1 2", [Input(2, 3, 4)], lambda x: x.permute(2, 0, 1),
        dims=[3, 1, 2])
    add("narrow", "dimension 2, 2 to 3", [Input(2, 4, 3)],
        lambda x: x.narrow(1, 1, 2), dim=2, start=2, length=2)
    add("select", "the second row", [Input(3, 4)], lambda x: x[1], index=2)
    add("expand", "3x1 to 2x3x4", [Input(3, 1)], lambda x: x.expand(2, 3, 4),
        shape=[2, 3, 4])
    for dim in (1, 2):
        add("cat", f"along {dim}",
            [Input(2, 3), Input(*((4, 3) if dim == 1 else (2, 1))),
             Input(2, 3)],
            lambda *x, d=dim: torch.cat(x, d - 1), dim=dim)
    for dim in (1, 2, 3):
        add("stack", f"along {dim}", [Input(2, 3), Input(2, 3)],
            lambda *x, d=dim: torch.stack(x, d - 1), dim=dim)
    for dim, extent in ((1, 3), (2, 4)):
        add("index_select", f"along {dim}, repeats",
            [Input(3, 4), Input(6, below=extent)],
            lambda x, i, d=dim: x.index_select(d - 1, i), dim=dim)
    for dim, extent in ((1, 3), (2, 4)):
        add("gather", f"along {dim}", [Input(3, 4), Input(2, 4, below=extent)],
            lambda x, i, d=dim: x.gather(d - 1, i), dim=dim)


def copies():
    def add(op, name, inputs, run, **p):
        case("copy", op, name, inputs, run, **p)

    types = {"f32": torch.float32, "f64": torch.float64, "i64": torch.int64,
             "i32": torch.int32, "bool": torch.bool, "bf16": torch.bfloat16,
             "f16": torch.float16}
    for name, dtype in types.items():
        fill = "signed" if dtype.is_floating_point else "wide"
        add("cast", "to " + name, [Input(3, 4, fill=fill)],
            lambda x, t=dtype: x.to(t), dtype=name)
    for name in ("bf16", "f16"):
        for fill in ("wide", "extreme"):
            add("cast", f"{fill} to {name}",
                [Input(4, 6, fill=fill, grad=False)],
                lambda x, t=types[name]: x.to(t), dtype=name)
    add("cast", "coarse to bool", [Input(3, 4, fill="coarse")],
        lambda x: x.to(torch.bool), dtype="bool")
    add("cast", "positive to u8", [Input(3, 4, fill="positive", grad=False)],
        lambda x: x.to(torch.uint8), dtype="u8")
    add("clone", "2x3", [Input(2, 3)], torch.clone)
    add("copy_", "broadcast into a copy", [Input(2, 3), Input(3)],
        lambda a, b: (a * 1).copy_(b))
    add("fill_", "with 0.5", [Input(2, 3)], lambda a: (a * 1).fill_(0.5))
    add("add_", "into a copy", [Input(2, 3), Input(2, 3)],
        lambda a, b: (a * 1).add_(b))
    add("add_", "broadcast into a copy", [Input(2, 3), Input(3)],
        lambda a, b: (a * 1).add_(b))
    add("row_fill", "one row of a copy", [Input(3, 4, grad=False)],
        lambda a: row_filled(a * 1))


def row_filled(x):
    x[1].fill_(0.25)
    return x


def optimisers():
    """Five steps on two parameters; the gradients are given."""

    def steps(kind, clip=None, cut=None, **kw):
        def run(p, q, *grads):
            p, q = p.detach().clone(), q.detach().clone()
            p.requires_grad_(), q.requires_grad_()
            opt = getattr(torch.optim, kind)([p, q], **kw)
            for k in range(5):
                p.grad, q.grad = grads[2 * k].clone(), grads[2 * k + 1].clone()
                if cut:
                    torch.nn.utils.clip_grad_value_([p, q], cut)
                if clip:
                    torch.nn.utils.clip_grad_norm_([p, q], clip)
                opt.step()
            return p.detach(), q.detach()
        return run

    still = dict(grad=False)

    def add(kind, name, clip=None, cut=None, **p):
        inputs = [  # the parameters, then their gradients step by step
            x for _ in range(6)
            for x in (Input(2, 3, **still), Input(4, **still))]
        ours = {"max_norm": clip, "max_value": cut}
        case("optim", kind, name, inputs, steps(kind, clip, cut, **p),
             **p, **{k: v for k, v in ours.items() if v})

    add("SGD", "plain", lr=0.1)
    add("SGD", "weight decay", lr=0.1, weight_decay=0.01)
    add("SGD", "momentum", lr=0.1, momentum=0.9)
    add("SGD", "momentum and weight decay", lr=0.05, momentum=0.9,
        weight_decay=5e-4)
    add("SGD", "Nesterov", lr=0.1, momentum=0.9, nesterov=True,
        weight_decay=5e-4)
    add("SGD", "clipped to norm 1", clip=1.0, lr=0.1, momentum=0.9)
    add("SGD", "values cut to 0.5", cut=0.5, lr=0.1)
    add("SGD", "values cut, then the norm", cut=0.5, clip=0.7, lr=0.1,
        momentum=0.9)
    for kind in ("Adam", "AdamW"):
        add(kind, "as it comes", lr=0.01)
        add(kind, "weight decay", lr=0.05, weight_decay=0.1)
        add(kind, "other betas and eps", lr=0.02, betas=[0.8, 0.95], eps=0.01)
        add(kind, "clipped to norm 1", clip=1.0, lr=0.05)
    add("RMSprop", "as it comes", lr=0.01)
    add("RMSprop", "weight decay", lr=0.02, alpha=0.9, weight_decay=0.1)
    add("RMSprop", "momentum", lr=0.01, momentum=0.9)
    add("RMSprop", "centered", lr=0.01, alpha=0.9, centered=True)
    add("RMSprop", "centered, with momentum", lr=0.01, alpha=0.95,
        momentum=0.8, centered=True, eps=1e-3)


def main():
    for section in (convolution, products, elementwise, reductions, neural,
                    shapes, copies, optimisers, functions, losses, modules,
                    *many_products.sections(), *layers.sections(),
                    *arrange.sections()):
        section()
    for group, cases in sorted(FILES.items()):
        text = (f"-- Made by make_golden.py with PyTorch "
                f"{torch.__version__.split('+')[0]}; do not edit.\n"
                "return {\n")
        for lines in cases:
            for line in lines.splitlines():
                text += textwrap.fill(line, 80, break_long_words=False,
                                      break_on_hyphens=False) + "\n"
        path = os.path.join(HERE, group + ".lua")
        with open(path, "w", encoding="ascii") as f:
            f.write(text + "}\n")
        print(f"{os.path.basename(path)}: {len(cases)} cases")


if __name__ == "__main__":
    main()
