"""An exported model scored by EleutherAI's lm-eval on local tasks, compared with our log-likelihoods of the same items.

    java ... dev.firesteel.benchmarks.LikelihoodAgreement RUN FOLDER   (the command is in benchmarks/README.md)
    python3 benchmarks/src/main/python/lm_eval_agreement.py FOLDER

Needs `pip install "lm-eval[hf]"`. Writes the tasks into FOLDER/tasks; they are scored as by

    lm_eval --model hf --model_args pretrained=FOLDER/hf,dtype=float32 --include_path FOLDER/tasks --tasks tales_next,tales_text

Fails where a log-likelihood differs by 1e-3 or more, or the accuracy at all.
"""

import json
import math
import os
import sys

import lm_eval
import torch
import transformers
import yaml

TOLERANCE = 1e-3


def read(name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def task(name, file, **more):
    settings = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": os.path.join(os.path.abspath(folder), file)}},
        "test_split": "test",
        **more,
    }
    with open(os.path.join(folder, "tasks", name + ".yaml"), "w", encoding="utf-8") as out:
        yaml.safe_dump(settings, out)


def in_order(samples):
    return [sample["filtered_resps"] for sample in sorted(samples, key=lambda sample: sample["doc_id"])]


torch.set_num_threads(1)
folder = sys.argv[1]
os.makedirs(os.path.join(folder, "tasks"), exist_ok=True)
os.environ["HF_HOME"] = os.path.join(folder, "cache")
task(
    "tales_next",
    "questions.jsonl",
    output_type="multiple_choice",
    doc_to_text="{{context}}",
    doc_to_choice="choices",
    doc_to_target="gold",
    metric_list=[{"metric": "acc"}],
)
task(
    "tales_text",
    "texts.jsonl",
    output_type="loglikelihood_rolling",
    doc_to_text="",
    doc_to_target="{{text}}",
    metric_list=[{"metric": "bits_per_byte"}],
)
results = lm_eval.simple_evaluate(
    model="hf",
    model_args={"pretrained": os.path.join(folder, "hf"), "dtype": "float32"},
    tasks=["tales_next", "tales_text"],
    task_manager=lm_eval.tasks.TaskManager(include_path=os.path.join(folder, "tasks")),
    device="cpu",
    batch_size=8,
    log_samples=True,
    bootstrap_iters=0,
)

questions, texts = read("questions.jsonl"), read("texts.jsonl")
largest, right = 0.0, 0
for question, got in zip(questions, in_order(results["samples"]["tales_next"])):
    ours = question["log_likelihoods"]
    largest = max(largest, *(abs(theirs[0] - mine) for theirs, mine in zip(got, ours)))
    right += max(range(len(ours)), key=ours.__getitem__) == question["gold"]
of_texts = 0.0
for text, got in zip(texts, in_order(results["samples"]["tales_text"])):
    got = got[0][0] if isinstance(got[0], (list, tuple)) else got[0]
    of_texts = max(of_texts, abs(got - text["log_likelihood"]))
ours_accuracy = right / len(questions)
ours_bits = -sum(text["log_likelihood"] for text in texts) / math.log(2) / sum(len(text["text"].encode()) for text in texts)
accuracy = results["results"]["tales_next"]["acc,none"]
bits = results["results"]["tales_text"]["bits_per_byte,none"]
print(f"\nlm-eval {lm_eval.__version__}, transformers {transformers.__version__}\n")
print("| task | items | ours | lm-eval | largest difference of a log-likelihood |")
print("|---|---|---|---|---|")
print(f"| tales_next: accuracy | {len(questions)} | {ours_accuracy:.4f} | {accuracy:.4f} | {largest:.1e} |")
print(f"| tales_text: bits per byte | {len(texts)} | {ours_bits:.6f} | {bits:.6f} | {of_texts:.1e} |")
sys.exit(0 if max(largest, of_texts) < TOLERANCE and accuracy == ours_accuracy else 1)
