"""The official Python client against a running server (docs/serve.md).

    pip install openai
    ./firesteel serve chat=RUN_OF_SFT base=RUN_OF_PRETRAIN --port 8099
    python3 openai_client.py http://127.0.0.1:8099 chat base

Ends with an error at the first answer that is not as it should be.
"""

import asyncio
import sys

import openai

url, chat, base = sys.argv[1:4]
client = openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)
messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]

assert {chat, base} <= {model.id for model in client.models.list()}
assert client.models.retrieve(chat).owned_by == "firesteel"

whole = client.chat.completions.create(
    model=chat, messages=messages, max_tokens=20, temperature=0, n=2, logprobs=True, top_logprobs=3)
assert len(whole.choices) == 2 and whole.usage.total_tokens > 20
assert all(len(token.top_logprobs) == 3 for token in whole.choices[0].logprobs.content)

text, usage = "", None
for chunk in client.chat.completions.create(
        model=chat, messages=messages, max_tokens=20, temperature=0, stream=True,
        stream_options={"include_usage": True}):
    usage = chunk.usage or usage
    text += "".join(choice.delta.content or "" for choice in chunk.choices)
assert text == whole.choices[0].message.content, (text, whole)
assert usage.prompt_tokens == whole.usage.prompt_tokens

with client.chat.completions.stream(
        model=chat, messages=messages, max_tokens=20, temperature=0) as stream:
    assert stream.get_final_completion().choices[0].message.content == text

completion = client.completions.create(
    model=base, prompt=["Once", "There"], max_tokens=5, logprobs=2, echo=True, seed=3)
assert completion.choices[0].text.startswith("Once") and completion.choices[1].text.startswith("There")
assert len(completion.choices[0].logprobs.tokens) == len(completion.choices[0].logprobs.token_logprobs)

vectors = client.embeddings.create(model=base, input=["a fox", "a vixen"])  # base64, by default
floats = client.embeddings.create(model=base, input=["a fox", "a vixen"], encoding_format="float")
for packed, plain in zip(vectors.data, floats.data):
    assert max(abs(a - b) for a, b in zip(packed.embedding, plain.embedding)) < 1e-6
    assert abs(sum(x * x for x in plain.embedding) - 1) < 1e-5

for wrong, error in [
        (lambda: client.chat.completions.create(model="unknown", messages=messages), openai.NotFoundError),
        (lambda: client.chat.completions.create(model=base, messages=messages), openai.BadRequestError),
        (lambda: client.completions.create(model=base, prompt="x" * 900_000), openai.BadRequestError),
        (lambda: client.completions.create(model=base, prompt="x", temperature=9), openai.BadRequestError)]:
    try:
        wrong()
        raise AssertionError("no " + error.__name__)
    except error as e:
        assert e.body["message"], e


async def together():
    asynchronous = openai.AsyncOpenAI(base_url=url + "/v1", api_key="none")
    answers = await asyncio.gather(*[
        asynchronous.chat.completions.create(
            model=chat, messages=messages, max_tokens=20, temperature=0)
        for _ in range(16)])
    assert {answer.choices[0].message.content for answer in answers} == {text}


asyncio.run(together())
print("openai", openai.__version__, "passed")
