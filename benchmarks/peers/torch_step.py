"""AlexNet (grouped, with response normalisation) in PyTorch on the CPU: one JSON line a measurement, times of every repeat.

usage: torch_step.py BATCH REPEATS [inference|train ...]
Threads: OMP_NUM_THREADS. docs/benchmarks.md says which settings are fair to it, and `convtape bench --peers` sets them.
"""
import json
import os
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
torch.manual_seed(0)


def norm(t):
    return F.local_response_norm(t, 5, 5e-4, 0.75, 2.0)  # PyTorch divides alpha by the size


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(3, 96, 11, 4)
        self.c2 = nn.Conv2d(96, 256, 5, 1, 2, groups=2)
        self.c3 = nn.Conv2d(256, 384, 3, 1, 1)
        self.c4 = nn.Conv2d(384, 384, 3, 1, 1, groups=2)
        self.c5 = nn.Conv2d(384, 256, 3, 1, 1, groups=2)
        self.f6, self.f7, self.f8 = nn.Linear(9216, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 1000)

    def forward(self, x):
        x = F.max_pool2d(norm(F.relu(self.c1(x))), 3, 2)
        x = F.max_pool2d(norm(F.relu(self.c2(x))), 3, 2)
        x = F.relu(self.c4(F.relu(self.c3(x))))
        x = F.max_pool2d(F.relu(self.c5(x)), 3, 2).flatten(1)
        x = F.dropout(F.relu(self.f6(x)), 0.5, self.training)
        x = F.dropout(F.relu(self.f7(x)), 0.5, self.training)
        return self.f8(x)


batch, repeats = int(sys.argv[1]), int(sys.argv[2])
modes = sys.argv[3:] or ["inference", "train"]
net, x, y = AlexNet(), torch.randn(batch, 3, 227, 227), torch.randint(0, 1000, (batch,))
sgd = torch.optim.SGD(net.parameters(), 1e-4, 0.9, weight_decay=5e-4)


def train():
    net.train()
    sgd.zero_grad(set_to_none=True)
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    sgd.step()
    return loss.item()


def inference():
    net.eval()
    with torch.no_grad():
        return net(x)


for mode in modes:
    step = {"train": train, "inference": inference}[mode]
    step()
    step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = {"version": torch.__version__, "work": mode, "batch": batch, "seconds": times, "peakRssBytes": rss}
    print(json.dumps(line), flush=True)
