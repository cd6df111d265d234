"""Blocks of GGUF's types and the numbers that llama.cpp's Python package says they mean.

    python3 gguf_blocks.py OUT.json

OUT.json has, for each type, `bytes` in hexadecimal and `numbers`: random blocks, of which the halves that are scales are finite. For
types that the package also writes there are `from`, random numbers, and `written`, their blocks. goldens.json beside this program was
made with gguf 0.19.0 and numpy 2.4.6. GgmlBlocksTest compares. Needs `pip install gguf`.
"""

import json
import sys

import numpy
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize

BLOCKS = 3
SCALES = {Type.Q4_0: [0], Type.Q5_0: [0], Type.Q8_0: [0], Type.Q4_K: [0, 2], Type.Q6_K: [208]}
WRITTEN = [Type.Q4_0, Type.Q5_0, Type.Q8_0]

random = numpy.random.default_rng(20261129)


def texts(numbers):
    """The shortest decimals that are these float32 numbers."""
    return [float(str(number)) for number in numbers]


out = {}
for kind, scales in SCALES.items():
    elements, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (BLOCKS, size), dtype=numpy.uint8)
    for at in scales:
        halves = random.normal(0, 0.01, BLOCKS).astype(numpy.float16)
        blocks[:, at : at + 2] = halves.view(numpy.uint8).reshape(BLOCKS, 2)
    out[kind.name] = {"bytes": blocks.tobytes().hex(), "numbers": texts(dequantize(blocks, kind).reshape(-1))}
    if kind in WRITTEN:
        numbers = random.normal(0, 1, (BLOCKS, elements)).astype(numpy.float32)
        out[kind.name]["from"] = texts(numbers.reshape(-1))
        out[kind.name]["written"] = quantize(numbers, kind).tobytes().hex()

with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(out, file, indent=0, sort_keys=True)
    file.write("\n")
