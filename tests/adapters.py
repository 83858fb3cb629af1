"""Makes the low-rank adapters of errors/adapter, emulated and driver: safetensors files with the names that
peft gives.  Run it in this folder."""
import json
import random
import struct

CODE = {"F32": "f", "F16": "e", "BF16": "H", "I8": "b"}
PEFT = "base_model.model."


def encode(kind, value):
    """What struct takes; bfloat16 is the upper half of a float."""
    return struct.unpack("<I", struct.pack("<f", value))[0] >> 16 if kind == "BF16" else value


def write(path, *tensors):
    """tensors: (name, type, shape, value of all elements or a function that makes one)."""
    header, data = {}, b""
    for name, kind, shape, value in tensors:
        n = 1
        for d in shape:
            n *= d
        values = [encode(kind, value() if callable(value) else value) for _ in range(n)]
        begin = len(data)
        data += struct.pack("<%d%s" % (n, CODE[kind]), *values)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 64)
    with open(path + ".safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def a(module, shape, kind="F32", value=0.5):
    return (module + ".lora_A.weight", kind, shape, value)


def b(module, shape, kind="F32", value=0.25):
    return (module + ".lora_B.weight", kind, shape, value)


def layer(module, kind, inputs, outputs):
    """Both matrices with small random elements, for windows where there are three inputs."""
    make = lambda: round(random.gauss(0, 0.15) * 256) / 256
    return [a(PEFT + module, [4] + inputs, kind, make),
            b(PEFT + module, [outputs, 4] + [1] * (len(inputs) - 1), kind, make)]


random.seed(1)
write("emulated/transformer", *layer("q", "F16", [32], 32), *layer("v", "F16", [32], 32),
      *layer("head", "BF16", [32], 16))
write("emulated/residual", *layer("stem", "F32", [3, 3, 3], 8), *layer("pointwise", "F16", [8, 1, 1], 8),
      *layer("wide", "BF16", [12, 2, 3], 7), *layer("dense", "F32", [7], 5))
write("driver/adapter", *layer("conv1", "F16", [3, 3, 3], 8), *layer("dense", "F16", [32], 4))

good = [a(PEFT + "block.0.fc", [2, 4]), b(PEFT + "block.0.fc", [3, 2])]
write("errors/adapter/good", *good)
write("errors/adapter/config/good", *good)
write("errors/adapter/patterns/good", *good)
write("errors/adapter/empty")
write("errors/adapter/stranger", *good, ("block.0.fc.lora_magnitude_vector.weight", "F32", [3], 1.0))
write("errors/adapter/codes", a("block.0.fc", [2, 4], "I8", 1), good[1])
write("errors/adapter/vector", a("block.0.fc", [4]), b("block.0.fc", [3, 2]))
write("errors/adapter/infinite", a("block.0.fc", [2, 4], "F16", float("inf")), b("block.0.fc", [3, 2]))
write("errors/adapter/no-b", *good, a("block.1.fc", [2, 3]))
write("errors/adapter/ranks", a("block.0.fc", [2, 4]), b("block.0.fc", [3, 1]))
write("errors/adapter/twice", *good, a("block.0.fc", [2, 4]))
write("errors/adapter/two-names", *good, a("0.fc", [2, 4]), b("0.fc", [3, 2]))
write("errors/adapter/near", a("block.2.fc", [2, 4]), b("block.2.fc", [3, 2]))
write("errors/adapter/far", a("attention", [2, 4]), b("attention", [3, 2]))
write("errors/adapter/ambiguous", a("fc", [2, 4]), b("fc", [3, 2]))
write("errors/adapter/shape-a", a("block.1.fc", [2, 4]), b("block.1.fc", [2, 2]))
write("errors/adapter/shape-b", a("block.1.fc", [2, 3]), b("block.1.fc", [3, 2]))
with open("errors/adapter/good.safetensors", "rb") as f:
    whole = f.read()
with open("errors/adapter/truncated.safetensors", "wb") as f:
    f.write(whole[:-8])
