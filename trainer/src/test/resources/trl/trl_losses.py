"""Losses and gradients of TRL's trainers to compare ours with. Needs torch, transformers, trl, datasets.

python trl_losses.py FOLDER
    FOLDER/cases.json lists cases: the weights, what the trainer is told, our loss, and the weights after
    one step of gradient descent with a learning rate of 1, hence minus the gradient. For each case a line of
    JSON with both losses and the largest difference of an element of the gradient.

The trainers tokenize, pad, pack and mask as they do in training; the batch is what their data loader gives.
"""

import json
import os
import sys
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
warnings.filterwarnings("ignore")

import datasets
import torch
import transformers
import trl

transformers.logging.set_verbosity_error()
datasets.disable_progress_bars()


def model(directory, kind):
    if kind == "reward":
        return transformers.AutoModelForSequenceClassification.from_pretrained(
            directory, dtype=torch.float32
        )
    return transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)


def trainer(case, records, folder):
    kind = case["kind"]
    common = dict(
        output_dir=os.path.join(folder, "out"),
        per_device_train_batch_size=len(records),
        report_to=[],
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        disable_tqdm=True,
        max_steps=1,
        save_strategy="no",
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(case["policy"])
    arguments = dict(
        model=model(case["policy"], kind),
        train_dataset=datasets.Dataset.from_list(records),
        processing_class=tokenizer,
    )
    if kind == "sft":
        return trl.SFTTrainer(args=trl.SFTConfig(**common, **case["options"]), **arguments)
    if kind in ("dpo", "kto"):
        arguments["ref_model"] = model(case["reference"], kind)
    if kind == "dpo":
        return trl.DPOTrainer(args=trl.DPOConfig(**common, **case["options"]), **arguments)
    if kind == "kto":
        return trl.KTOTrainer(args=trl.KTOConfig(**common, **case["options"]), **arguments)
    return trl.RewardTrainer(args=trl.RewardConfig(**common, **case["options"]), **arguments)


def compare(case, records, folder):
    made = trainer(case, records, folder)
    batch = next(iter(made.get_train_dataloader()))
    policy = made.model
    policy.train()
    policy.zero_grad()
    if case["kind"] == "sft":
        targets = int((batch["labels"][:, 1:] >= 0).sum())
        loss = made.compute_loss(policy, batch, num_items_in_batch=targets)
    else:
        targets = 0
        loss = made.compute_loss(policy, batch)
    loss.backward()
    after = model(case["after"], case["kind"]).state_dict()
    before = model(case["policy"], case["kind"]).state_dict()
    difference = 0.0
    largest = 0.0
    elements = 0
    for name, parameter in policy.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        ours = before[name] - after[name]
        largest = max(largest, gradient.abs().max().item())
        difference = max(difference, (gradient - ours).abs().max().item())
        elements += gradient.numel()
    kl = {"kl": made._metrics["train"]["kl"][0]} if case["kind"] == "kto" else {}
    return kl | dict(
        name=case["name"],
        loss=loss.item(),
        ours=case["loss"],
        rows=batch["input_ids"].shape[0],
        columns=batch["input_ids"].shape[1],
        targets=targets,
        elements=elements,
        largest=largest,
        difference=difference,
    )


def main():
    folder = sys.argv[1]
    with open(os.path.join(folder, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)
    for case in cases["cases"]:
        print(json.dumps(compare(case, cases["records"][case["records"]], folder)), flush=True)
    versions = (trl, transformers, torch, datasets)
    print("versions: " + ", ".join(f"{one.__name__} {one.__version__}" for one in versions))


if __name__ == "__main__":
    main()
