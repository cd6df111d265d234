"""Greedy decoding by transformers on libtorch, for the side by side of DecodeBenchmark.

For each step after the prompts the CPU time of the calling thread, which other programs on the machine disturb less than
the wall clock (with one thread, the column "CPU ms of the caller" of DecodeBenchmark), the wall clock, and tokens per second.

    OMP_NUM_THREADS=1 python3 benchmarks/src/main/python/decode_torch.py TOKENS ROUNDS SHAPE BATCH...

SHAPE is 124M or 13.9M; OMP_NUM_THREADS is the number of threads. Needs torch and transformers. Weights are random.
"""

import os
import statistics
import sys
import time

import torch
import transformers

PROMPT = 32
SHAPES = {
    "124M": {},
    "13.9M": {"vocab_size": 8192, "n_embd": 384, "n_layer": 6, "n_head": 6},
}


def measure(model, batch, tokens, rounds):
    """Median seconds of the thread, and of the wall clock, for one step."""
    ids = torch.randint(0, model.config.vocab_size, (batch, PROMPT))
    thread, wall = [], []
    for _ in range(rounds + 1):
        out = model(ids, use_cache=True, logits_to_keep=1)
        last = out.logits[:, -1].argmax(-1, keepdim=True)
        began = time.thread_time(), time.perf_counter()
        for _ in range(tokens - 1):
            out = model(last, past_key_values=out.past_key_values, use_cache=True, logits_to_keep=1)
            last = out.logits[:, -1].argmax(-1, keepdim=True)
        thread.append((time.thread_time() - began[0]) / (tokens - 1))
        wall.append((time.perf_counter() - began[1]) / (tokens - 1))
    return statistics.median(thread[1:]), statistics.median(wall[1:])


def main():
    tokens, rounds = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(1)
    print("torch", torch.__version__, "transformers", transformers.__version__)
    config = transformers.GPT2Config(n_positions=256, **SHAPES[sys.argv[3]])
    for dtype in (torch.float32, torch.bfloat16):
        model = transformers.GPT2LMHeadModel(config).to(dtype).eval()
        with torch.inference_mode():
            for batch in map(int, sys.argv[4:]):
                thread, wall = measure(model, batch, tokens, rounds)
                print(
                    f"{dtype} batch {batch}: {1e3 * thread:.2f} CPU ms a step, {1e3 * wall:.2f} ms,"
                    f" {batch / wall:.1f} tokens/s"
                )


if __name__ == "__main__":
    main()
