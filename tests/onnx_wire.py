"""ONNX files without a library: messages are encoded with the few functions below, because libraries refuse to write most
of what tests want.  Field numbers are ONNX's.
"""
import struct


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def run(field, data):
    if isinstance(data, str):
        data = data.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, dims, dtype=1, raw=None, rest=b""):
    out = b"".join(number(1, d) for d in dims) + number(2, dtype) + run(8, name)
    return out + (run(9, raw) if raw is not None else b"") + rest


def floats(*values):
    return struct.pack("<%df" % len(values), *values)


def external(location, offset=None, length=None):
    pairs = [("location", location), ("offset", offset), ("length", length)]
    entries = (run(13, run(1, k) + run(2, str(v))) for k, v in pairs if v is not None)
    return b"".join(entries) + number(14, 1)


def value(name, dims, dtype=1):
    """dims: numbers, names of symbolic dimensions, or None for one without a name."""
    shape = b""
    for d in dims:
        shape += run(1, b"" if d is None else run(2, d) if isinstance(d, str) else number(1, d))
    return run(1, name) + run(2, run(1, number(1, dtype) + run(2, shape)))


def node(op, inputs, outputs, attributes=(), name="", domain=""):
    out = b"".join(run(1, i) for i in inputs) + b"".join(run(2, o) for o in outputs)
    out += (run(3, name) if name else b"") + run(4, op)
    return out + b"".join(run(5, a) for a in attributes) + (run(7, domain) if domain else b"")


def attribute(name, kind, payload):
    return run(1, name) + payload + number(20, kind)


def graph(nodes, inputs=None, outputs=None, initializers=(), rest=b"", name="g"):
    inputs = [value("x", [1, 4])] if inputs is None else inputs
    outputs = [value("y", [1, 4])] if outputs is None else outputs
    out = b"".join(run(1, n) for n in nodes) + run(2, name)
    out += b"".join(run(5, i) for i in initializers)
    out += b"".join(run(11, i) for i in inputs) + b"".join(run(12, o) for o in outputs)
    return out + rest


def model(g, opset=13, rest=b"", domain=""):
    imports = run(8, (run(1, domain) if domain else b"") + number(2, opset)) if opset else b""
    return number(1, 8) + run(7, g) + imports + rest
