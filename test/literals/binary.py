import torch

from common import case, draw, write

functions = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "maximum": torch.maximum,
}
shapes = {
    "equal shapes": ([2, 3], [2, 3]),
    "scalars": ([], []),
    "a scalar on the left": ([], [2, 3]),
    "a scalar on the right": ([3, 2], []),
    "size 1": ([1], [1]),
    "a row": ([3, 4], [4]),
    "a column": ([3, 4], [3, 1]),
    "a row and a column": ([1, 5], [3, 1]),
    "channels": ([2, 3, 2, 3], [3, 1, 1]),
    "a middle axis": ([2, 1, 3], [2, 4, 3]),
    "both sides by turns": ([2, 1, 3, 1], [1, 2, 1, 4]),
    "rank 6": ([2, 1, 2, 1, 1, 1], [1, 2, 1, 2, 1, 2]),
    "more than one vector": ([2, 19], [19]),
}
few = ["equal shapes", "channels", "more than one vector"]
for name, function in functions.items():
    for what, (a, b) in shapes.items():
        if name in ("add", "mul") and what not in few:
            continue
        # quotients stay moderate; few distinct values give maximum its ties
        y = draw(*b, positive=True) if name == "div" else draw(*b)
        x = draw(*a)
        if name == "maximum":
            x, y = (x * 2).round() / 2, (y * 2).round() / 2
        case(f"{name}, {what}", {"a": x, "b": y}, {"function": name}, lambda i, _: function(i["a"], i["b"]))

nan, inf = float("nan"), float("inf")
special = torch.tensor([nan, 1.0, nan, inf, -inf, inf, -0.0, 2.0])
other = torch.tensor([1.0, nan, nan, inf, inf, -inf, 0.0, inf])
case("maximum, NaN and infinities", {"a": special, "b": other}, {"function": "maximum"}, lambda i, _: torch.maximum(i["a"], i["b"]))
write(__file__)
