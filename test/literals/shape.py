"""Operators that only move values."""
import torch

from common import case, draw, write

for shape, axes in [([], []), ([5], [0]), ([2, 3], [1, 0]), ([2, 3, 4], [2, 0, 1]), ([2, 3, 4], [0, 2, 1]), ([2, 1, 3, 2], [3, 1, 0, 2]), ([2, 1, 2, 3, 1, 2], [5, 3, 1, 0, 2, 4]), ([17, 19], [1, 0])]:
    case(f"transpose of {shape} to {axes}", {"x": draw(*shape)}, {"function": "transpose", "axes": axes}, lambda i, a: i["x"].permute(axes))
for shape, starts, ends in [([5], [1], [4]), ([2, 3], [0, 1], [2, 3]), ([2, 3], [1, -2], [2, -1]), ([3, 4, 5], [0, 1, 2], [3, 3, 3]), ([2, 2, 2, 2, 2, 2], [0, 1, 0, 1, 0, 1], [2, 2, 1, 2, 2, 2]), ([4, 6], [0, 0], [4, 6])]:
    index = tuple(slice(s, e) for s, e in zip(starts, ends))
    case(f"slice of {shape} from {starts} to {ends}", {"x": draw(*shape)}, {"function": "slice", "starts": starts, "ends": ends}, lambda i, a: i["x"][index].clone())
for shapes, axis in [([[3]], 0), ([[3], [1], [2]], 0), ([[2, 3], [2, 1]], 1), ([[2, 3], [2, 1]], -1), ([[2, 3], [1, 3], [3, 3]], 0), ([[2, 2, 3], [2, 1, 3]], 1), ([[1, 2, 1, 2, 1, 2], [1, 2, 3, 2, 1, 2]], 2)]:
    inputs = {f"x{i}": draw(*s) for i, s in enumerate(shapes)}
    case(f"concat of {shapes} along {axis}", inputs, {"function": "concat", "axis": axis}, lambda i, a: torch.cat(list(i.values()), axis))
for shape, to in [([2, 3], [3, 2]), ([6], [2, 3]), ([2, 3], [-1]), ([4, 3], [2, -1, 3]), ([1], []), ([], [1, 1])]:
    case(f"reshape of {shape} to {to}", {"x": draw(*shape)}, {"function": "reshape", "shape": to}, lambda i, a: i["x"].reshape(to))
for shape, start in [([2, 3, 2, 2], 1), ([2, 3], 0), ([2, 3, 4], 2)]:
    case(f"flatten of {shape} from {start}", {"x": draw(*shape)}, {"function": "flatten", "startAxis": start}, lambda i, a: torch.flatten(i["x"], start))
write(__file__)
