"""What the PyTorch peers share: the nets (grouped, with response normalisation), and how a piece of work is timed.

Threads: OMP_NUM_THREADS. docs/benchmarks.md says which settings are fair, and `convtape bench --peers` sets them.
"""
import json
import os
import resource
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
torch.manual_seed(0)


def norm(t, alpha):
    return F.local_response_norm(t, 5, 5 * alpha, 0.75, 2.0)  # PyTorch divides alpha by the size


class Net(nn.Module):
    """Five convolutions (arguments of nn.Conv2d) and three fully-connected layers (sizes from the last maps on)."""

    def __init__(self, convolutions, units, alpha):
        super().__init__()
        self.alpha = alpha
        self.c1, self.c2, self.c3, self.c4, self.c5 = convolutions
        self.f6, self.f7, self.f8 = (nn.Linear(n, m) for n, m in zip(units, units[1:]))

    def forward(self, x):
        x = F.max_pool2d(norm(F.relu(self.c1(x)), self.alpha), 3, 2)
        x = F.max_pool2d(norm(F.relu(self.c2(x)), self.alpha), 3, 2)
        x = F.relu(self.c4(F.relu(self.c3(x))))
        x = F.max_pool2d(F.relu(self.c5(x)), 3, 2).flatten(1)
        x = F.dropout(F.relu(self.f6(x)), 0.5, self.training)
        x = F.dropout(F.relu(self.f7(x)), 0.5, self.training)
        return self.f8(x)


def alexnet():
    return Net(
        [
            nn.Conv2d(3, 96, 11, 4),
            nn.Conv2d(96, 256, 5, 1, 2, groups=2),
            nn.Conv2d(256, 384, 3, 1, 1),
            nn.Conv2d(384, 384, 3, 1, 1, groups=2),
            nn.Conv2d(384, 256, 3, 1, 1, groups=2),
        ],
        [9216, 4096, 4096, 1000],
        alpha=1e-4,
    )


def small():
    return Net(
        [
            nn.Conv2d(1, 24, 5, 1, 2),
            nn.Conv2d(24, 96, 3, 1, 1, groups=2),
            nn.Conv2d(96, 128, 3, 1, 1),
            nn.Conv2d(128, 128, 3, 1, 1, groups=2),
            nn.Conv2d(128, 96, 3, 1, 1, groups=2),
        ],
        [384, 512, 512, 10],
        alpha=1e-4 * 64**2,  # its inputs are pixels / 64
    )


def learner(net):
    """A step of SGD on a batch: its loss."""
    sgd = torch.optim.SGD(net.parameters(), 1e-4, 0.9, weight_decay=5e-4)

    def step(x, y):
        net.train()
        sgd.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        sgd.step()
        return loss.item()

    return step


def report(name, batch, repeats, work, memory=True):
    """Warms up twice, then prints a JSON line with the times of every repeat."""
    work()
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    line = {"version": torch.__version__, "work": name, "batch": batch, "seconds": times}
    if memory:
        line["peakRssBytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(line), flush=True)
