import torch

from common import case, draw, write

functions = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "neg": torch.neg,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "abs": torch.abs,
}
nan, inf = float("nan"), float("inf")
for name, function in functions.items():
    positive = name in ("log", "sqrt")
    for what, shape in {"a scalar": [], "one element": [1], "a ragged length": [21], "rank 6": [1, 2, 1, 2, 1, 3]}.items():
        x = draw(*shape, positive=positive) if positive else draw(*shape)
        case(f"{name}, {what}", {"x": x}, {"function": name}, lambda i, _: function(i["x"]))
    x = torch.tensor([0.0, -0.0, nan, inf, -inf, 1.0, -1.0, 100.0, -100.0, 1e-30, -1e-30])
    case(f"{name}, special values", {"x": x}, {"function": name}, lambda i, _: function(i["x"]).float().double())
    x = torch.linspace(-12, 12, 21) if not positive else torch.logspace(-30, 30, 21)
    case(f"{name}, a wide range", {"x": x}, {"function": name}, lambda i, _: function(i["x"]))
write(__file__)
