"""Makes the PyTorch literals that test/support/literals.ts reads. Needs Debian's python3-torch, run by /usr/bin/python3.
Each test/literals/NAME.py calls `case` for each case and `write(__file__)` last: python3 test/literals/NAME.py"""
import json
import math
import os

import torch

_cases = []
torch.manual_seed(0)


def draw(*shape, positive=False):
    """Random float32 with few digits, so that the JSON stays small and is exact."""
    x = torch.randint(-64, 65, shape).to(torch.float32) / 32
    return x.abs() + 0.125 if positive else x


def literal(t):
    if t is None:
        return None
    dtype = {torch.float32: "f32", torch.float64: "f32", torch.int32: "i32", torch.int64: "i32", torch.uint8: "u8", torch.bool: "u8", torch.bfloat16: "bf16"}[t.dtype]
    flat = t.detach().flatten()
    numbers = [number(v) for v in flat.float().tolist()] if dtype in ("f32", "bf16") else flat.tolist()
    return {"shape": list(t.shape), "dtype": dtype, "data": numbers}


def number(v):
    """Nine digits tell every float32 apart; JSON has neither NaN nor infinities."""
    if math.isnan(v):
        return None
    return str(v).replace("inf", "Infinity") if math.isinf(v) else float(f"{v:.9g}")


def case(name, inputs, attrs, function, grad=None):
    """Runs `function(inputs, attrs)` in float64 on the float32 (and bfloat16) inputs, so that the literal is the exactly rounded answer.
    `grad`: names of inputs to differentiate; all float inputs where not given; [] for none."""
    exact = {k: (v.double() if v is not None and v.is_floating_point() else v) for k, v in inputs.items()}
    names = [k for k, v in exact.items() if v is not None and v.is_floating_point()] if grad is None else grad
    for k in names:
        exact[k].requires_grad_(True)
    y = function(exact, attrs)
    entry = {"name": name, "inputs": {k: literal(v) for k, v in inputs.items()}, "attrs": attrs, "output": literal(y)}
    if names:
        dy = draw(*y.shape)
        gradients = torch.autograd.grad(y, [exact[k] for k in names], dy.double())
        entry["dy"] = literal(dy)
        entry["gradients"] = {k: literal(g) for k, g in zip(names, gradients)}
    _cases.append(entry)


def write(path):
    with open(os.path.splitext(path)[0] + ".json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in _cases) + "\n]\n")
