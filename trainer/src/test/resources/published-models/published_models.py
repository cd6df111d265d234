"""Models of Hugging Face's transformers to compare ours with. Needs torch, transformers, tokenizers.

python published_models.py goldens > goldens.json
    Tiny models whose weights are a formula: their config.json as transformers writes it, and logits.
python published_models.py write FOLDER
    Model directories with random weights and a tokenizer, each with its logits in expected.safetensors.
python published_models.py read FOLDER [FOLDER...]
    The largest logit difference of directories that we wrote, from the logits in their expected.safetensors.
"""

import json
import os
import sys

import tokenizers
import torch
import transformers
from safetensors.torch import load_file, save_file

# Each of its ids is below the smallest vocabulary; longer than every original_max_position_embeddings.
TOKENS = 24
IDS = torch.tensor([[(7 * b + 3 * t + b * t) % 65 for t in range(TOKENS)] for b in range(2)])

LLAMA = dict(
    vocab_size=65,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    rope_parameters=dict(rope_type="default", rope_theta=10000.0),
)


def rope(kind, **values):
    return dict(rope_parameters=dict(rope_type=kind, rope_theta=10000.0, **values))


# name -> (class of the configuration, its arguments)
MODELS = {
    "gpt2": ("GPT2Config", dict(vocab_size=65, n_embd=16, n_layer=2, n_head=2, n_positions=64)),
    "llama": (
        "LlamaConfig",
        LLAMA | dict(head_dim=8, rope_parameters=dict(rope_type="default", rope_theta=500000.0)),
    ),
    "llama-biases-tied": (
        "LlamaConfig",
        LLAMA | dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    ),
    "llama-linear": ("LlamaConfig", LLAMA | rope("linear", factor=4.0)),
    "llama-llama3": (
        "LlamaConfig",
        LLAMA
        | dict(head_dim=8)
        | rope(
            "llama3",
            factor=8.0,
            low_freq_factor=1.0,
            high_freq_factor=4.0,
            original_max_position_embeddings=16,
        ),
    ),
    "llama-yarn": (
        "LlamaConfig",
        LLAMA | dict(head_dim=8) | rope("yarn", factor=4.0, original_max_position_embeddings=16),
    ),
    "mistral": ("MistralConfig", LLAMA | dict(sliding_window=32)),
    "mistral-window": ("MistralConfig", LLAMA | dict(sliding_window=8)),
    "qwen2": ("Qwen2Config", LLAMA),
    "qwen2-yarn-tied": (
        "Qwen2Config",
        LLAMA
        | dict(tie_word_embeddings=True)
        | rope(
            "yarn",
            factor=4.0,
            original_max_position_embeddings=16,
            truncate=False,
            beta_fast=8.0,
            beta_slow=2.0,
            mscale=1.0,
            mscale_all_dim=0.5,
        ),
    ),
    "qwen3": ("Qwen3Config", LLAMA | dict(head_dim=8)),
    "qwen3-biases-tied": (
        "Qwen3Config",
        LLAMA | dict(head_dim=8, attention_bias=True, tie_word_embeddings=True),
    ),
}

# Directories: (name, model, changes of its configuration, element type, largest file)
DIRECTORIES = [
    ("llama-bf16", "llama", {}, torch.bfloat16, "5GB"),
    ("llama-f32-sharded", "llama", {}, torch.float32, "4KB"),
    ("llama-f16-biases-tied", "llama-biases-tied", {}, torch.float16, "5GB"),
    ("llama-linear", "llama-linear", {}, torch.float32, "5GB"),
    ("llama-llama3", "llama-llama3", {}, torch.bfloat16, "5GB"),
    ("llama-yarn", "llama-yarn", {}, torch.float32, "5GB"),
    ("gpt2-f32", "gpt2", {}, torch.float32, "5GB"),
    ("gpt2-bf16-sharded", "gpt2", {}, torch.bfloat16, "4KB"),
    ("qwen2-bf16", "qwen2", {}, torch.bfloat16, "5GB"),
    ("qwen2-yarn-tied", "qwen2-yarn-tied", {}, torch.float16, "5GB"),
    ("qwen3-bf16", "qwen3", {}, torch.bfloat16, "5GB"),
    ("qwen3-biases-tied-sharded", "qwen3-biases-tied", {}, torch.float32, "4KB"),
    ("mistral-bf16", "mistral", {}, torch.bfloat16, "5GB"),
    ("mistral-window", "mistral-window", {}, torch.float32, "5GB"),
    ("mistral-no-window", "mistral", dict(sliding_window=None), torch.float32, "5GB"),
]


def of_this_version(values):
    """Transformers 4 has rope_theta and rope_scaling instead of rope_parameters."""
    if "rope_parameters" not in values or int(transformers.__version__.split(".")[0]) >= 5:
        return values
    values = dict(values)
    scaling = dict(values.pop("rope_parameters"))
    values["rope_theta"] = scaling.pop("rope_theta")
    if scaling["rope_type"] != "default":
        values["rope_scaling"] = scaling
    return values


def model(name, **changes):
    kind, values = MODELS[name]
    config = getattr(transformers, kind)(**of_this_version(values | changes))
    # Embeddings and products of the sizes of a trained model's, so that every part counts.
    config.initializer_range = 0.3
    return transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")


def logits(of, ids):
    with torch.no_grad():
        return of.float().eval()(ids).logits


def stored(of):
    """The tensors as a directory has them: a tied head is not among them."""
    tied = of.config.tie_word_embeddings
    return {n: p for n, p in of.state_dict().items() if not (tied and n == "lm_head.weight")}


def goldens():
    out = dict(
        versions=dict(torch=torch.__version__, transformers=transformers.__version__),
        tokens=TOKENS,
        models=[],
    )
    for name in MODELS:
        of = model(name)
        for i, (key, tensor) in enumerate(sorted(stored(of).items())):
            gain = tensor.dim() == 1 and key.endswith(".weight")
            j = torch.arange(tensor.numel(), dtype=torch.float64)
            values = (1.0 if gain else 0.0) + 0.1 * torch.sin(0.37 * (i + 1) + 0.731 * j)
            tensor.copy_(values.reshape(tensor.shape))
        got = logits(of, IDS)
        picked = [got[0, 0, :8], got[0, 12, :8], got[1, TOKENS - 1, :8]]
        out["models"].append(
            dict(
                name=name,
                parameters=sum(p.numel() for p in stored(of).values()),
                config=json.loads(of.config.to_json_string()),
                logits=[round(x, 6) for row in picked for x in row.tolist()],
            )
        )
    print(json.dumps(out, indent=1))


def tokenizer():
    bpe = tokenizers.ByteLevelBPETokenizer()
    text = ["The quick brown fox jumps over the lazy dog. ", "What it was, it was: a dog's life. "]
    bpe.train_from_iterator(text * 4, vocab_size=300, special_tokens=["<|endoftext|>"])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    )


def write(folder):
    words = tokenizer()
    for seed, (name, of, changes, dtype, size) in enumerate(DIRECTORIES):
        torch.manual_seed(seed)
        end = words.eos_token_id
        made = model(of, vocab_size=len(words), bos_token_id=end, eos_token_id=end, **changes)
        for key, tensor in made.state_dict().items():
            if key.endswith(".bias"):  # initial biases are 0
                tensor.normal_(0, 0.3)
        made = made.to(dtype)
        made.config.dtype = dtype
        place = os.path.join(folder, name)
        made.save_pretrained(place, max_shard_size=size)
        words.save_pretrained(place)
        ids = torch.randint(len(words), (2, TOKENS), generator=torch.Generator().manual_seed(seed))
        again = transformers.AutoModelForCausalLM.from_pretrained(
            place, dtype=torch.float32, attn_implementation="eager"
        )
        save_file(
            dict(ids=ids.float(), logits=logits(again, ids)),
            os.path.join(place, "expected.safetensors"),
        )
    print("torch", torch.__version__, "transformers", transformers.__version__)


def read(folders):
    for folder in folders:
        expected = load_file(os.path.join(folder, "expected.safetensors"))
        of = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        )
        got = logits(of, expected["ids"].long())
        difference = (got - expected["logits"]).abs().max().item()
        print(json.dumps(dict(folder=folder, difference=difference)))


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    if sys.argv[1:] == ["goldens"]:
        goldens()
    elif sys.argv[1:2] == ["write"]:
        write(sys.argv[2])
    elif sys.argv[1:2] == ["read"]:
        read(sys.argv[2:])
    else:
        sys.exit(__doc__)
