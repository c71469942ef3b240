import torch

from common import case, write

TYPES = {"f32": torch.float32, "i32": torch.int32, "u8": torch.uint8, "bf16": torch.bfloat16}
# What every type has a place for; PyTorch leaves the rest undefined (test/ops/cast.test.ts says what it is here).
floats = torch.tensor([[0.0, -0.0, 0.49, 0.5, 0.99], [1.5, 2.5, 127.75, 254.999, 255.0]])
signed = torch.tensor([-0.25, -0.99, -1.5, -2.5, -255.9, 256.5, 8388607.5, 16777217.0, -16777216.0])
# Ties between two bf16, which go to the even one, and what lies a float32 beside them; the largest; denormals.
ties = torch.tensor([[1.00390625, 1.01171875, 1.0039063692092896, 1.0117186307907104], [-1.00390625, -1.01171875, 257.0, 259.0]])
extreme = torch.tensor([3.3895313892515355e38, 3.396e38, 3.4028234663852886e38, -3.4028234663852886e38, float("inf"), 1e-40, 4.6e-41, -4.5e-41, 1.4e-45])
inputs = {
    "f32": {"between 0 and 255": floats, "with a sign": signed, "a scalar": torch.tensor(7.9), "one element": torch.tensor([3.2]), "ties": ties, "extreme": extreme},
    "i32": {"between 0 and 255": torch.arange(0, 256, 17, dtype=torch.int32), "with a sign": torch.tensor([[-1, 2147483647], [-2147483648, 16777217]], dtype=torch.int32)},
    "bf16": {"between 0 and 255": floats.bfloat16(), "with a sign": signed.bfloat16(), "a scalar": torch.tensor(7.9).bfloat16()},
    "u8": {"all": torch.arange(256, dtype=torch.uint8).reshape(2, 8, 16), "one element": torch.tensor([255], dtype=torch.uint8)},
}
for source, cases in inputs.items():
    for to, dtype in TYPES.items():
        for name, x in cases.items():
            if (to == "u8" and name == "with a sign") or (to in ("i32", "u8") and name in ("ties", "extreme")):
                continue
            if source == "f32" and to == "f32":  # the one with a gradient, which `case` takes in float64
                case(f"f32 to f32, {name}", {"x": x}, {"dtype": to}, lambda i, a: i["x"].to(torch.float64, copy=True))
            else:
                case(f"{source} to {to}, {name}", {"x": x}, {"dtype": to}, lambda i, a: i["x"].to(dtype), grad=[])
write(__file__)
