// Perplexity of a model's GGUF files, of all encodings, measured by llama.cpp through node-llama-cpp.
//
//     java ... dev.firesteel.benchmarks.LikelihoodAgreement RUN FOLDER   (the command is in benchmarks/README.md)
//     npm install node-llama-cpp
//     node perplexity_llama.mjs FOLDER
//
// The texts are those of FOLDER/texts.jsonl, which has our log-likelihoods of them in float32. Fails where the loss of F32,
// F16 or BF16 differs by 0.1 % or more, of Q8_0 by 0.5 %, or Q4_K_M has a greater perplexity than Q4_0.

import fs from "node:fs";
import path from "node:path";
import {getLlama} from "node-llama-cpp";

const ENCODINGS = ["F32", "BF16", "F16", "Q8_0", "Q4_K_M", "Q4_0"];
const MOST = {F32: 1e-3, BF16: 1e-3, F16: 1e-3, Q8_0: 5e-3};
const folder = process.argv[2];
const texts = fs.readFileSync(path.join(folder, "texts.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});

async function loss(file) {
    const model = await llama.loadModel({modelPath: file});
    const context = await model.createContext({
        contextSize: model.trainContextSize, threads: 1, flashAttention: false,
        experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32"
    });
    const sequence = context.getSequence();
    const next = {generateNext: {probabilities: true, options: {temperature: 1, topK: 0, topP: 1, minP: 0}}};
    let sum = 0, count = 0;
    for (const text of texts) {
        const ids = [model.tokens.bos, ...model.tokenize(text.text, false)].map(Number);
        await sequence.clearHistory();
        const steps = await sequence.controlledEvaluate(ids.map((id) => [id, next]));
        for (let i = 0; i + 1 < ids.length; i++) {
            sum -= Math.log(steps[i].next.probabilities.get(ids[i + 1]));
            count++;
        }
    }
    await context.dispose();
    await model.dispose();
    return {mean: sum / count, count};
}

const results = {};
console.log("| | MB | loss, nats per token | perplexity | relative to ours in float32 |");
console.log("|---|---|---|---|---|");
let failed = false;
for (const encoding of ENCODINGS) {
    const file = path.join(folder, `${encoding}.gguf`);
    const {mean, count} = await loss(file);
    const ours = -texts.reduce((sum, text) => sum + text.log_likelihood, 0) / count;
    const change = Math.exp(mean - ours) - 1;
    results[encoding] = mean;
    failed ||= Math.abs(change) >= (MOST[encoding] ?? Infinity);
    console.log(`| ${encoding} | ${(fs.statSync(file).size / 1e6).toFixed(2)} | ${mean.toFixed(5)} | ${Math.exp(mean).toFixed(4)} | `
        + `${change >= 0 ? "+" : ""}${(100 * change).toFixed(3)} % |`);
}
process.exit(failed || results.Q4_K_M > results.Q4_0 ? 1 : 0);
