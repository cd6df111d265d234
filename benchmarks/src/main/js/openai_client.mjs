// The official client for JavaScript against a running server (docs/serve.md).
//
//   npm install openai
//   ./firesteel serve chat=RUN_OF_SFT base=RUN_OF_PRETRAIN --port 8099
//   node openai_client.mjs http://127.0.0.1:8099 chat base
//
// Ends with an error at the first answer that is not as it should be.
import assert from "node:assert/strict";
import OpenAI from "openai";

const [url, chat, base] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url + "/v1", apiKey: "none", maxRetries: 0 });
const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "Hello" }];
const fields = { model: chat, messages, max_tokens: 20, temperature: 0 };

const ids = [];
for await (const model of client.models.list()) ids.push(model.id);
assert(ids.includes(chat) && ids.includes(base));

const whole = await client.chat.completions.create({ ...fields, n: 2, logprobs: true, top_logprobs: 3 });
assert.equal(whole.choices.length, 2);
assert(whole.choices[0].logprobs.content.every((token) => token.top_logprobs.length === 3));

let text = "";
let usage = null;
const stream = await client.chat.completions.create({
  ...fields, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  usage = chunk.usage ?? usage;
  text += chunk.choices.map((choice) => choice.delta.content ?? "").join("");
}
assert.equal(text, whole.choices[0].message.content);
assert.equal(usage.prompt_tokens, whole.usage.prompt_tokens);

const runner = client.chat.completions.stream(fields);
assert.equal((await runner.finalChatCompletion()).choices[0].message.content, text);

const completion = await client.completions.create({ model: base, prompt: "Once", max_tokens: 5, logprobs: 2, echo: true });
assert(completion.choices[0].text.startsWith("Once"));
assert.equal(completion.choices[0].logprobs.tokens.length, completion.choices[0].logprobs.token_logprobs.length);

const packed = await client.embeddings.create({ model: base, input: ["a fox", "a vixen"] }); // base64, by default
const plain = await client.embeddings.create({ model: base, input: ["a fox", "a vixen"], encoding_format: "float" });
packed.data.forEach((each, i) =>
  each.embedding.forEach((x, c) => assert(Math.abs(x - plain.data[i].embedding[c]) < 1e-6)));

await assert.rejects(client.chat.completions.create({ ...fields, model: "unknown" }), OpenAI.NotFoundError);
await assert.rejects(client.chat.completions.create({ ...fields, model: base }), OpenAI.BadRequestError);
await assert.rejects(client.completions.create({ model: base, prompt: "x", temperature: 9 }), OpenAI.BadRequestError);

// A client that leaves in the middle.
const abandoned = await client.chat.completions.create({ ...fields, max_tokens: 60, stream: true });
for await (const _ of abandoned) break;

const answers = await Promise.all(Array.from({ length: 16 }, () => client.chat.completions.create(fields)));
assert(answers.every((answer) => answer.choices[0].message.content === text));
console.log("openai for JavaScript passed");
