import torch

from common import case, draw, write

nan, inf = float("nan"), float("inf")
inputs = {
    "one element": torch.tensor([3.0]),
    "a row": draw(37),
    "rows and columns": draw(5, 19),
    "rank 4": draw(2, 3, 4, 5),
    "ties": draw(6, 40).round(),
    "special values": torch.tensor([[1.0, nan, inf, -inf, nan, 2.0], [-inf, -inf, -inf, -inf, -inf, -inf], [-0.0, 0.0, -1.0, -2.0, 0.0, -3.0]]),
    "NaN past the first vector": torch.cat([torch.arange(40.0), torch.tensor([nan, 100.0])]),
}
for name, x in inputs.items():
    for axis in range(x.dim()):
        case(f"{name}, axis {axis}", {"x": x}, {"axis": axis}, lambda i, a: torch.argmax(i["x"], a["axis"]), grad=[])
write(__file__)
