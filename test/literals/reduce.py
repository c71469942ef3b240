import torch

from common import case, draw, write


def run(name, x, axis, keep):
    if axis is None:
        axis = list(range(x.dim()))
    if name == "max":
        return torch.amax(x, dim=axis, keepdim=keep) if x.dim() else x.clone()
    if x.dim() == 0:
        return x.clone()
    if axis == []:
        return x.clone()
    return getattr(torch, name)(x, dim=axis, keepdim=keep)


cases = [
    ([], None, False),
    ([1], None, False),
    ([5], None, False),
    ([2, 3], None, False),
    ([2, 3], None, True),
    ([2, 3], 0, False),
    ([2, 3], 1, True),
    ([2, 3], -1, False),
    ([4, 1, 3], 1, False),
    ([2, 3, 1, 2], [0, 2, 3], False),
    ([2, 3, 1, 2], [1], True),
    ([2, 3, 4], [0, -1], False),
    ([3, 2, 4], [2, 0], True),
    ([2, 1, 2, 2, 1, 2], [1, 3, 5], False),
    ([2, 3], [], False),
    ([2, 70], 1, False),
    ([70, 2], 0, False),
]
for name in ["sum", "mean", "max"]:
    for shape, axis, keep in cases:
        x = draw(*shape)
        if name == "max":
            x = (x * 2).round() / 2  # ties
        attrs = {"function": name, "keepDims": keep}
        if axis is not None:
            attrs["axis"] = axis
        if name == "max" and axis == []:
            continue  # amax takes that for every axis
        as_list = [axis] if isinstance(axis, int) else axis
        case(f"{name} of {shape} over {axis}{', kept' if keep else ''}", {"x": x}, attrs, lambda i, a: run(name, i["x"], as_list, keep))
nan, inf = float("nan"), float("inf")
x = torch.tensor([[nan, 1.0, 2.0], [-inf, -inf, -inf], [inf, 1.0, inf]])
for name in ["sum", "mean", "max"]:
    case(f"{name}, NaN and infinities", {"x": x}, {"function": name, "axis": 1, "keepDims": False}, lambda i, a: run(name, i["x"], 1, False))
write(__file__)
