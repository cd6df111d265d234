"""Hugging Face directories written by `export`, loaded by transformers: logits, greedy texts, a reward model's scores.

    java ... dev.firesteel.benchmarks.ExportAgreement FOLDER   (see benchmarks/README.md for the class path)
    python3 benchmarks/src/main/python/export_agreement.py FOLDER/hf

Needs torch and transformers 4 or 5. Prints a table; fails where a logit or a score differs by 1e-4 or more, a text at
all, or a special token is none there.
"""

import json
import os
import sys

import torch
import transformers

TOLERANCE = 1e-4


def compare_model(path, expected):
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    special = expected["special"]
    assert sorted(tokenizer.all_special_tokens) == sorted(special), (path, tokenizer.all_special_tokens)
    for token in special:
        ids = tokenizer("a" + token, add_special_tokens=False)["input_ids"]
        assert len(ids) == 2 and tokenizer.decode(ids, skip_special_tokens=True) == "a", (path, token, ids)
    model = transformers.AutoModelForCausalLM.from_pretrained(path).eval()
    largest, texts = 0.0, 0
    for prompt in expected["prompts"]:
        inputs = tokenizer(prompt["text"], return_tensors="pt", add_special_tokens=False)
        ids = inputs["input_ids"]
        assert ids[0].tolist() == prompt["ids"], (path, prompt["text"], ids)
        with torch.no_grad():
            logits = model(ids).logits[0]
        wanted = torch.tensor(prompt["logits"]).reshape(logits.shape)
        largest = max(largest, (logits - wanted).abs().max().item())
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=len(prompt["completion_ids"])
        )
        texts += tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True) == prompt["completion"]
    rope = getattr(model.config, "rope_parameters", None) or {}
    theta = rope.get("rope_theta", getattr(model.config, "rope_theta", None)) if isinstance(rope, dict) else None
    return largest, f"{texts} of {len(expected['prompts'])}", texts == len(expected["prompts"]), theta


def compare_reward(path, expected):
    scorer = transformers.pipeline("text-classification", model=path, function_to_apply="none")
    largest = 0.0
    for text, wanted in zip(expected["texts"], expected["scores"]):
        got = scorer(text)
        got = got[0] if isinstance(got, list) else got
        largest = max(largest, abs(got["score"] - wanted))
    return largest, f"{len(expected['texts'])} scores", True, None


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}\n")
    print("| directory | class | rope_theta read | largest difference of a logit or score | equal greedy texts |")
    print("|---|---|---|---|---|")
    failed = False
    for name in sorted(os.listdir(sys.argv[1])):
        path = os.path.join(sys.argv[1], name)
        with open(os.path.join(path, "expected.json"), encoding="utf-8") as file:
            expected = json.load(file)
        kind = json.load(open(os.path.join(path, "config.json"), encoding="utf-8"))["architectures"][0]
        compare = compare_reward if "scores" in expected else compare_model
        largest, texts, same, theta = compare(path, expected)
        print(f"| {name} | {kind} | {theta or ''} | {largest:.1e} | {texts} |")
        failed |= largest >= TOLERANCE or not same
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
