"""Golden cases of functions of one tensor: on [-2, 2], with gradients; far out,
with gradients; and at the ends of the numbers and NaN, without.

`args` is what the call has after its tensors.
"""

import torch
import torch.nn.functional as F
from case import Input, case

FUNCTIONS = {  # op: calls, each of the name, PyTorch's function, args
    "sign": [("", torch.sign, [])],
    "floor": [("", torch.floor, [])],
    "ceil": [("", torch.ceil, [])],
    "round": [("", torch.round, [])],
    "sin": [("", torch.sin, [])],
    "cos": [("", torch.cos, [])],
    "erf": [("", torch.erf, [])],
    "silu": [("", F.silu, [])],
    "gelu": [
        ("", F.gelu, []),
        (", by tanh", lambda x: F.gelu(x, approximate="tanh"),
         [{"approximate": "tanh"}]),
    ],
    "leaky_relu": [
        ("", F.leaky_relu, []),
        (" of slope 0.2", lambda x: F.leaky_relu(x, 0.2), [0.2]),
    ],
    "elu": [("", F.elu, []), (" of alpha 2", lambda x: F.elu(x, 2.0), [2.0])],
    "softplus": [
        ("", F.softplus, []),
        (" of beta 2, threshold 3", lambda x: F.softplus(x, 2.0, 3.0),
         [{"beta": 2.0, "threshold": 3.0}]),
    ],
    "clamp": [
        (" to [-0.5, 1]", lambda x: x.clamp(-0.5, 1.0), [-0.5, 1.0]),
        (" from 0.25", lambda x: x.clamp(min=0.25), [0.25]),
        (" to bounds that cross", lambda x: x.clamp(1.0, -1.0), [1.0, -1.0]),
    ],
    "isnan": [("", torch.isnan, [])],
    "isinf": [("", torch.isinf, [])],
    "isfinite": [("", torch.isfinite, [])],
}


def choices():
    """Of two tensors with ties and NaN; of masks."""
    coarse = lambda *shape: Input(*shape, fill="coarse", grad=True)
    extreme = lambda: Input(4, 4, fill="extreme", grad=False)
    for op in ("minimum", "maximum"):
        fn = getattr(torch, op)
        case("function", op, "[3, 4] with [4]", [Input(3, 4), Input(4)], fn,
             args=[])
        case("function", op, "with ties", [coarse(3, 4), coarse(3, 1)], fn,
             args=[])
        case("function", op, "at the ends", [extreme(), extreme()], fn,
             args=[])
    for op in ("logical_and", "logical_or", "logical_xor"):
        fill = dict(fill="coarse", grad=False)
        case("function", op, "of numbers", [Input(4, 5, **fill),
             Input(5, **fill)], getattr(torch, op), args=[])
    case("function", "logical_not", "at the ends", [extreme()],
         torch.logical_not, args=[])
    for shape, a, b in [((3, 4),) * 3, ((3, 1), (4,), (2, 1, 1)),
                        ((2, 3, 4), (4,), ())]:
        case("function", "where_positive",
             f"{list(shape)} picks {list(a)}, {list(b)}",
             [Input(*shape, grad=False), Input(*a), Input(*b)],
             lambda c, x, y: torch.where(c > 0, x, y))


def reductions():
    ops = {
        "std": lambda x, d: x.std(d),
        "prod": lambda x, d: x.prod(d[0]) if len(d) == 1 else
        x.prod(d[0]).prod(d[1] - 1),
        "logsumexp": torch.logsumexp,
    }
    for op, fn in ops.items():
        for dims in ([1], [3], [2, 3]):
            case("function", op, f"over {dims}", [Input(2, 3, 4)],
                 lambda x, fn=fn, d=dims: fn(x, [i - 1 for i in d]),
                 args=[dims])
    case("function", "prod", "with zeros",
         [Input(6, 3, fill="coarse", grad=True)], lambda x: x.prod(1),
         args=[2])
    for fill in ("wide", "extreme"):
        case("function", "logsumexp", fill,
             [Input(6, 5, fill=fill, grad=fill == "wide")],
             lambda x: x.logsumexp(1), args=[2])
        case("function", "log_softmax", fill,
             [Input(6, 5, fill=fill, grad=fill == "wide")],
             lambda x: x.log_softmax(1), args=[2])
    for dim in (1, 2, 3):
        case("function", "log_softmax", f"over {dim}", [Input(2, 3, 4)],
             lambda x, d=dim: x.log_softmax(d - 1), args=[dim])
        case("function", "cumsum", f"over {dim}", [Input(2, 3, 4)],
             lambda x, d=dim: x.cumsum(d - 1), args=[dim])
        for op in ("any", "all"):
            case("function", op, f"over {dim}",
                 [Input(2, 3, 4, fill="coarse", grad=False)],
                 lambda x, o=op, d=dim: getattr(x, o)(d - 1), args=[dim])


def functions():
    choices()
    reductions()
    for op, calls in FUNCTIONS.items():
        for name, run, args in calls:
            for where, described in [
                ("near 0", Input(2, 3, 4)),
                ("far out", Input(3, 5, fill="wide", grad=True)),
                ("at the ends", Input(2, 8, fill="extreme", grad=False)),
            ]:
                case("function", op, where + name, [described], run, args=args)
