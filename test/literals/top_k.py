import torch

from common import case, draw, write


def values(x, k):
    # a stable sort: PyTorch's topk promises no order among equals
    return torch.sort(x, dim=-1, descending=True, stable=True)[0][..., :k]


nan, inf = float("nan"), float("inf")
inputs = {
    "one element": (torch.tensor([3.0]), [1]),
    "a row": (torch.randperm(17).float() - 8, [1, 3, 17]),
    "rows": (draw(4, 11), [1, 2, 5, 11]),
    "rank 3": (draw(2, 3, 5), [2]),
    "ties": ((draw(5, 20)).round(), [1, 4, 13, 20]),
    "special values": (torch.tensor([[1.0, nan, inf, -inf, nan, 2.0], [-inf, -inf, nan, -inf, 0.0, -0.0]]), [1, 2, 4, 6]),
}
for name, (x, ks) in inputs.items():
    for k in ks:
        case(f"values, {name}, k = {k}", {"x": x}, {"k": k, "part": "values"}, lambda i, a: values(i["x"], a["k"]))
        case(f"indices, {name}, k = {k}", {"x": x}, {"k": k, "part": "indices"}, lambda i, a: torch.sort(i["x"], dim=-1, descending=True, stable=True)[1][..., : a["k"]], grad=[])
write(__file__)
