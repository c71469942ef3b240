"""AlexNet in PyTorch on the CPU: one JSON line a measurement, times of every repeat.

usage: torch_step.py BATCH REPEATS [inference|train ...]
"""
import sys

import torch
from torch_common import alexnet, learner, report

batch, repeats = int(sys.argv[1]), int(sys.argv[2])
modes = sys.argv[3:] or ["inference", "train"]
net, x, y = alexnet(), torch.randn(batch, 3, 227, 227), torch.randint(0, 1000, (batch,))
learn = learner(net)


def inference():
    net.eval()
    with torch.no_grad():
        return net(x)


for mode in modes:
    report(mode, batch, repeats, {"train": lambda: learn(x, y), "inference": inference}[mode])
