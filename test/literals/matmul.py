"""PyTorch literals of matmul: every transpose, ragged sizes, stacks."""
import torch

from common import case, draw, write


def product(inputs, attrs):
    a, b = inputs["a"], inputs["b"]
    return torch.matmul(a.transpose(-1, -2) if attrs.get("transposeA") else a, b.transpose(-1, -2) if attrs.get("transposeB") else b)


for ta in (False, True):
    for tb in (False, True):
        for m, n, k, stack in ((3, 5, 7, ()), (5, 18, 2, ()), (2, 3, 4, (2, 1))):
            a = draw(*stack, k, m) if ta else draw(*stack, m, k)
            b = draw(*stack, n, k) if tb else draw(*stack, k, n)
            name = f"{'x'.join(map(str, stack + (m, n, k)))}{' transposeA' if ta else ''}{' transposeB' if tb else ''}"
            case(name, {"a": a, "b": b}, {"transposeA": ta, "transposeB": tb}, product)
write(__file__)
