"""One training step of the whole AlexNet in PyTorch (float64, batch 4), for both presets: loss, logits and the norm of every gradient.
Weights, images and dropout masks are Philox draws that test/models/alexnet_step.test.ts makes again with the package's own generator, so
only the results are committed. Run: /usr/bin/python3 test/literals/alexnet_step.py"""
import json
import os

import numpy as np
import torch
import torch.nn.functional as F

from philox import philox


def uniform(shape, low, high, seed):
    """What uniform(shape, { low, high, seed }) gives: float32 arithmetic, 24 bits."""
    unit = (philox(int(np.prod(shape)), seed) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    low, high = np.float32(low), np.float32(high)
    return torch.from_numpy((low + (high - low) * unit).reshape(shape)).double()


SHAPES = {
    "conv1": (96, 3, 11, 11), "conv2": (256, 48, 5, 5), "conv3": (384, 256, 3, 3), "conv4": (384, 192, 3, 3), "conv5": (256, 192, 3, 3),
    "fc6": (4096, 9216), "fc7": (4096, 4096), "fc8": (1000, 4096),
}
BATCH = 4


def parameters():
    params = {}
    for i, (name, shape) in enumerate(SHAPES.items()):
        # The output layer's are small, so that the softmax is not saturated.
        bound = float(np.float32((6 / np.prod(shape[1:])) ** 0.5 * (0.03 if name == "fc8" else 1)))
        params[f"{name}.weight"] = uniform(shape, -bound, bound, 100 + i).requires_grad_(True)
        params[f"{name}.bias"] = uniform((shape[0],), -0.5, 0.5, 200 + i).requires_grad_(True)
    return params


def norm(x, alpha):
    """The text's normalisation, not crossing from one column's maps to the other's."""
    halves = x.chunk(2, dim=1)
    return torch.cat([F.local_response_norm(h, 5, alpha * 5, 0.75, 2.0) for h in halves], dim=1)


def spatial_norm(x, size=5, alpha=0.001 / 25, beta=0.75):
    squares = F.avg_pool2d(x * x, size, stride=1, padding=size // 2, count_include_pad=True) * size * size
    return x / (1 + alpha * squares) ** beta


def forward(x, p, preset):
    conv = lambda name, t, **options: F.conv2d(t, p[f"{name}.weight"], p[f"{name}.bias"], **options)
    pool = lambda t: F.max_pool2d(t, 3, 2)
    if preset == "paper":
        x = pool(norm(F.relu(conv("conv1", x, stride=4)), 1e-4))
        x = pool(norm(F.relu(conv("conv2", x, padding=2, groups=2)), 1e-4))
    else:
        x = F.relu(pool(norm(conv("conv1", x, stride=4), 1e-4 / 5)))
        x = pool(spatial_norm(norm(F.relu(conv("conv2", x, padding=2, groups=2)), 1e-4 / 5)))
    x = F.relu(conv("conv3", x, padding=1))
    x = F.relu(conv("conv4", x, padding=1, groups=2))
    x = conv("conv5", x, padding=1, groups=2)
    x = pool(F.relu(x)) if preset == "paper" else F.relu(pool(x))
    x = x.flatten(1)
    for name, seed in (("fc6", 301), ("fc7", 302)):
        x = F.relu(F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"]))
        keep = torch.from_numpy(philox(x.numel(), seed) < np.uint32(2**31)).reshape(x.shape)
        x = x * keep
    return F.linear(x, p["fc8.weight"], p["fc8.bias"])


results = {}
for preset in ("paper", "layers-145"):
    params = parameters()
    images = uniform((BATCH, 3, 227, 227), -100, 100, 1)  # of the size of pixels: the normalisation then matters
    labels = torch.tensor([3, 997, 0, 512])
    logits = forward(images, params, preset)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    results[preset] = {
        "loss": loss.item(),
        "logits": [float(f"{v:.9g}") for v in logits.detach()[:, :5].flatten().tolist()],
        "gradientNorms": {k: float(f"{v.grad.norm().item():.9g}") for k, v in params.items()},
    }
    print(preset, results[preset]["loss"], flush=True)

with open(os.path.splitext(__file__)[0] + ".json", "w") as f:
    json.dump(results, f, indent=1)
    f.write("\n")
