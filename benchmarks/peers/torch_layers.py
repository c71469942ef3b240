"""AlexNet's layers alone in PyTorch on the CPU: forward, gradient to the input, gradient to the weights; one JSON line each.

usage: torch_layers.py BATCH REPEATS
"""
import sys

import torch
import torch.nn.functional as F
from torch_common import report

batch, repeats = int(sys.argv[1]), int(sys.argv[2])

# name, input of one image, weight, stride, padding, groups
CONVOLUTIONS = [
    ("conv1", (3, 227, 227), (96, 3, 11, 11), 4, 0, 1),
    ("conv2", (96, 27, 27), (256, 48, 5, 5), 1, 2, 2),
    ("conv3", (256, 13, 13), (384, 256, 3, 3), 1, 1, 1),
    ("conv4", (384, 13, 13), (384, 192, 3, 3), 1, 1, 2),
    ("conv5", (384, 13, 13), (256, 192, 3, 3), 1, 1, 2),
]
LINEAR = [("fc6", 9216, 4096), ("fc7", 4096, 4096), ("fc8", 4096, 1000)]


def measure(name, x, w, b, f):
    with torch.no_grad():
        report(f"{name}/forward", batch, repeats, lambda: f(x, w, b), memory=False)
    for pass_, wanted in (("gradInput", x), ("gradWeight", w)):
        if name == "conv1" and pass_ == "gradInput":
            continue
        wanted.requires_grad_(True)
        y = f(x, w, b)
        dy = torch.randn_like(y)
        report(f"{name}/{pass_}", batch, repeats, lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True), memory=False)
        wanted.requires_grad_(False)


for name, size, weight, stride, padding, groups in CONVOLUTIONS:
    x, w, b = torch.randn(batch, *size), torch.randn(*weight) * 0.05, torch.randn(weight[0])
    measure(name, x, w, b, lambda x, w, b: F.conv2d(x, w, b, stride, padding, 1, groups))
for name, n, out in LINEAR:
    measure(name, torch.randn(batch, n), torch.randn(out, n) * 0.05, torch.randn(out), F.linear)
