#!/usr/bin/python3
"""Train the example network on Fashion-MNIST and write it as fashion.onnx.

    ./train.py                 train, write fashion.onnx, print its test accuracy
    ./train.py --evaluate      only print the test accuracy of fashion.onnx

Needs Debian's python3-torch, python3-onnx and dataset-fashion-mnist. Everything is seeded and the
number of epochs is fixed beforehand; the test images are looked at once, after the last epoch.
"""

import argparse
import gzip
import os
import time

import numpy as np
import onnx
from onnx import numpy_helper
import torch
from torch import nn
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = "/usr/share/datasets/fashion-mnist"
BATCH = 128
PEAK_LR = 0.1


# ---------------------------------------------------------------------------------------- data


def read_idx(name):
    """One idx file: two zero bytes, a type byte (8 = uint8), the rank, big-endian sizes, data."""
    with gzip.open(os.path.join(DATA, name)) as f:
        raw = f.read()
    assert raw[:3] == b"\0\0\x08", name
    shape = np.frombuffer(raw, ">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def load(split):
    """Images as float [n,1,28,28] in 0..1 (pixel / 255 and nothing else), labels as int64 [n]."""
    x = torch.from_numpy(read_idx(f"{split}-images-idx3-ubyte.gz").astype(np.float32) / 255)
    y = torch.from_numpy(read_idx(f"{split}-labels-idx1-ubyte.gz").astype(np.int64))
    return x.unsqueeze(1), y


def augment(x):
    """Mirror each image with probability 1/2 and shift it by at most one pixel each way."""
    n = len(x)
    flip = torch.rand(n, 1, 1, 1) < 0.5
    x = F.pad(torch.where(flip, x.flip(3), x), (1, 1, 1, 1))  # [n,1,30,30]
    row = torch.randint(0, 3, (n, 1)) + torch.arange(28)  # [n,28]
    col = torch.randint(0, 3, (n, 1)) + torch.arange(28)  # [n,28]
    return x[torch.arange(n)[:, None, None], 0, row[:, :, None], col[:, None, :]].unsqueeze(1)


# ------------------------------------------------------------------------------------- network


class ConvBN(nn.Module):
    """Convolution, batch normalisation and, unless told otherwise, ReLU."""

    def __init__(self, cin, cout, kernel, stride=1, groups=1, relu=True):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        self.relu = nn.ReLU() if relu else None

    def forward(self, x):
        x = self.bn(self.conv(x))
        return self.relu(x) if self.relu else x


class Separable(nn.Module):
    """Depthwise 3x3 and pointwise convolution; a residual block where the shape stays the same."""

    def __init__(self, cin, cout, stride=1):
        super().__init__()
        self.residual = cin == cout and stride == 1
        self.depthwise = ConvBN(cin, cin, 3, stride, groups=cin)
        self.pointwise = ConvBN(cin, cout, 1, relu=False)
        self.relu = nn.ReLU()

    def forward(self, x):
        y = self.pointwise(self.depthwise(x))
        return self.relu(x + y if self.residual else y)


class Fashion(nn.Module):
    """Images [n,1,28,28] to logits [n,10] in training, to probabilities afterwards."""

    def __init__(self):
        super().__init__()
        self.stem = ConvBN(1, 16, 3)  # [n,16,28,28]
        self.pool = nn.MaxPool2d(2)  # [n,16,14,14]
        self.widen = ConvBN(16, 32, 3)  # [n,32,14,14]
        self.block1 = Separable(32, 32)
        self.down = Separable(32, 128, stride=2)  # [n,128,7,7]
        self.block2 = Separable(128, 128)
        self.block3 = Separable(128, 128)
        self.block4 = Separable(128, 128)
        self.average = nn.AdaptiveAvgPool2d(1)  # [n,128,1,1]
        self.flatten = nn.Flatten()  # [n,128]
        self.dense = nn.Linear(128, 10)
        self.softmax = nn.Softmax(1)

    def forward(self, x):
        x = self.pool(self.stem(x))
        x = self.block1(self.widen(x))
        x = self.block4(self.block3(self.block2(self.down(x))))
        x = self.dense(self.flatten(self.average(x)))
        return x if self.training else self.softmax(x)


# ------------------------------------------------------------------------------------ training


def train(epochs):
    """SGD with Nesterov momentum; the rate warms up, then follows a cosine to 0."""
    torch.manual_seed(1)
    x, y = load("train")
    model = Fashion().to(memory_format=torch.channels_last)  # twice as fast on a CPU
    optimizer = torch.optim.SGD(
        model.parameters(), PEAK_LR, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    steps = len(x) // BATCH
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LR, total_steps=epochs * steps, pct_start=0.1, cycle_momentum=False
    )
    for epoch in range(epochs):
        start, total, right = time.time(), 0.0, 0
        order = torch.randperm(len(x))
        for i in range(steps):
            pick = order[i * BATCH : (i + 1) * BATCH]
            image = augment(x[pick]).contiguous(memory_format=torch.channels_last)
            logits = model(image)
            loss = F.cross_entropy(logits, y[pick])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            total += loss.item()
            right += (logits.argmax(1) == y[pick]).sum().item()
        print(
            f"epoch {epoch + 1:2}/{epochs}  loss {total / steps:.4f}"
            f"  train accuracy {100 * right / (steps * BATCH):.2f} %  {time.time() - start:.0f} s",
            flush=True,
        )
    return model


# -------------------------------------------------------------------------------------- export


def rename(graph):
    """Name nodes and tensors after the module they come from: stem.conv, block1.add.

    PyTorch calls a node /stem/conv/Conv and its output /stem/conv/Conv_output_0. The operator at
    the end says nothing that the module has not said, but for the residual Add.
    """
    name = {}
    for node in graph.node:
        path = node.name.strip("/").split("/")
        node.name = ".".join(path[:-1] + (["add"] if node.op_type == "Add" else []))
        name[node.output[0]] = node.name
    for output in graph.output:
        name[output.name] = output.name
    for node in graph.node:
        node.input[:] = [name.get(i, i) for i in node.input]
        node.output[:] = [name[o] for o in node.output]
    del graph.value_info[:]


def export(model, path):
    """Batch normalisation stays a node of its own: folding it is the compiler's work."""
    torch.onnx.export(
        model.to(memory_format=torch.contiguous_format).eval(),
        torch.zeros(1, 1, 28, 28),
        path,
        opset_version=13,
        input_names=["image"],
        output_names=["probability"],
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
    )
    onnx_model = onnx.load(path)
    rename(onnx_model.graph)
    onnx_model = onnx.shape_inference.infer_shapes(onnx_model, strict_mode=True)
    onnx.checker.check_model(onnx_model, full_check=True)
    onnx.save(onnx_model, path)


# ---------------------------------------------------------------------------------- evaluation


def conv(attr, x, w, bias=None):
    top, left, bottom, right = attr["pads"]
    assert top == bottom and left == right
    return F.conv2d(x, w, bias, attr["strides"], (top, left), attr["dilations"], attr["group"])


def gemm(attr, a, b, c):
    assert attr["alpha"] == attr["beta"] == 1 and not attr.get("transA")
    return a @ (b.t() if attr.get("transB") else b) + c


OPERATORS = {
    "Add": lambda attr, a, b: a + b,
    "BatchNormalization": lambda attr, x, w, b, mean, var: F.batch_norm(
        x, mean, var, w, b, eps=attr["epsilon"]
    ),
    "Conv": conv,
    "Flatten": lambda attr, x: x.flatten(attr["axis"]),
    "Gemm": gemm,
    "GlobalAveragePool": lambda attr, x: x.mean((2, 3), keepdim=True),
    "MaxPool": lambda attr, x: F.max_pool2d(x, attr["kernel_shape"], attr["strides"]),
    "Relu": lambda attr, x: x.relu(),
    "Softmax": lambda attr, x: x.softmax(attr["axis"]),
}


def run(graph, image):
    """The ONNX graph, node by node, so that the number printed is that of the file itself."""
    value = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    value[graph.input[0].name] = image
    for node in graph.node:
        attr = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inputs = [value[i] for i in node.input]
        value[node.output[0]] = OPERATORS[node.op_type](attr, *inputs)
    return value[graph.output[0].name]


def evaluate(path):
    graph = onnx.load(path).graph
    x, y = load("t10k")
    with torch.no_grad():
        guess = torch.cat([run(graph, part).argmax(1) for part in x.split(500)])
    right = (guess == y).sum().item()
    print(f"test accuracy {100 * right / len(y):.2f} %  ({right} of {len(y)} images)")


def main():
    parser = argparse.ArgumentParser(description="Train and evaluate the Fashion-MNIST example.")
    parser.add_argument("--evaluate", action="store_true", help="do not train, only evaluate")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--onnx", default=os.path.join(HERE, "fashion.onnx"), metavar="FILE")
    args = parser.parse_args()

    torch.set_num_threads(2)  # fixed: the order of float sums, and so the result, depends on it
    torch.use_deterministic_algorithms(True)
    if not args.evaluate:
        export(train(args.epochs), args.onnx)
    evaluate(args.onnx)


if __name__ == "__main__":
    main()
