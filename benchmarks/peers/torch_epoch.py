"""The small net (grouped) learning from bytes in PyTorch on the CPU, as `convtape bench data` has it: windows moved by up to 2 pixels, mirror
images, scaled to floats, batch by batch. One JSON line: times of every repeat of STEPS steps.

usage: torch_epoch.py BATCH STEPS REPEATS
The views are made for a whole batch at once, as fast as PyTorch can make them; its DataLoader would make them image by image.
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


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 32, 5, 1, 2)
        self.c2 = nn.Conv2d(32, 64, 5, 1, 2, groups=2)
        self.c3 = nn.Conv2d(64, 96, 3, 1, 1)
        self.c4 = nn.Conv2d(96, 96, 3, 1, 1, groups=2)
        self.c5 = nn.Conv2d(96, 64, 3, 1, 1, groups=2)
        self.f6, self.f7, self.f8 = nn.Linear(256, 512), nn.Linear(512, 512), nn.Linear(512, 10)

    def forward(self, x):
        x = F.max_pool2d(norm(F.relu(self.c1(x))), 3, 2)
        x = F.max_pool2d(norm(F.relu(self.c2(x))), 3, 2)
        x = F.relu(self.c4(F.relu(self.c3(x))))
        x = F.max_pool2d(F.relu(self.c5(x)), 3, 2).flatten(1)
        x = F.dropout(F.relu(self.f6(x)), 0.5, self.training)
        x = F.dropout(F.relu(self.f7(x)), 0.5, self.training)
        return self.f8(x)


batch, steps, repeats = (int(a) for a in sys.argv[1:4])
images = torch.randint(0, 256, (batch * steps, 28, 28), dtype=torch.uint8)
labels = torch.randint(0, 10, (batch * steps,))
padded = F.pad(images, (2, 2, 2, 2))
span = torch.arange(28)
net = Small().train()
sgd = torch.optim.SGD(net.parameters(), 1e-4, 0.9, weight_decay=5e-4)


def views(chosen):
    top, left = torch.randint(0, 5, (2, len(chosen)))
    columns = left[:, None] + span
    mirrored = torch.rand(len(chosen), 1) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    rows = top[:, None] + span
    return padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]][:, None].float() / 255


def epoch():
    order = torch.randperm(batch * steps)
    for step in range(steps):
        chosen = order[step * batch:(step + 1) * batch]
        sgd.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(views(chosen)), labels[chosen])
        loss.backward()
        sgd.step()
        loss.item()


epoch()
times = []
for _ in range(repeats):
    start = time.perf_counter()
    epoch()
    times.append(time.perf_counter() - start)
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"version": torch.__version__, "work": "epoch", "batch": batch, "seconds": times, "peakRssBytes": rss}))
