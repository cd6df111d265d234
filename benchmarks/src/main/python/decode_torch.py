"""Greedy decoding of the 124M shape by transformers on libtorch, for the side by side of DecodeBenchmark.

CPU time of the calling thread for each step after the prompts, with one thread, which other programs on the machine
disturb less than the wall clock: the column "CPU ms of the caller" of DecodeBenchmark with threads=1.

    OMP_NUM_THREADS=1 python3 benchmarks/src/main/python/decode_torch.py TOKENS ROUNDS BATCH...

Needs torch and transformers. Weights are random, of GPT-2's shape with a context of 256.
"""

import statistics
import sys
import time

import torch
import transformers

PROMPT = 32


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
    torch.set_num_threads(1)
    torch.manual_seed(1)
    print("torch", torch.__version__, "transformers", transformers.__version__)
    config = transformers.GPT2Config(n_positions=256)
    for dtype in (torch.float32, torch.bfloat16):
        model = transformers.GPT2LMHeadModel(config).to(dtype).eval()
        with torch.inference_mode():
            for batch in map(int, sys.argv[3:]):
                thread, wall = measure(model, batch, tokens, rounds)
                print(f"{dtype} batch {batch}: {1e3 * thread:.2f} CPU ms a step, {1e3 * wall:.2f} ms")


if __name__ == "__main__":
    main()
