// GGUF files written by `export`, loaded by llama.cpp through node-llama-cpp: tokens, greedy texts, probabilities.
//
//     java ... dev.firesteel.benchmarks.ExportAgreement FOLDER   (the command is in benchmarks/README.md)
//     npm install node-llama-cpp
//     node export_agreement.mjs FOLDER/gguf [NAME]
//
// Prints a table. Fails where a float32 file has another token of a prompt, a probability that differs by 1e-4 or more,
// or, of another model than GPT-2, another greedy token: llama.cpp looks GELU up in a table of binary16, which decides
// between tokens that are almost equally likely.

import fs from "node:fs";
import path from "node:path";
import {getLlama} from "node-llama-cpp";

const TYPES = ["F32", "BF16", "F16", "Q8_0", "Q4_0", "Q4_K_M"];
const folder = process.argv[2];
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});

function softmax(logits) {
    const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
    const parts = logits.map((logit) => Math.exp(logit - most));
    const sum = parts.reduce((a, b) => a + b, 0);
    return parts.map((part) => part / sum);
}

async function compare(file, expected) {
    const model = await llama.loadModel({modelPath: file});
    const context = await model.createContext({
        contextSize: Math.min(128, model.trainContextSize), threads: 1, flashAttention: false,
        experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32"
    });
    const sequence = context.getSequence();
    let tokens = 0, texts = 0, largest = 0, loss = 0, ours = 0, count = 0;
    for (const prompt of expected.prompts) {
        const ids = model.tokenize(prompt.text, false).map(Number);
        tokens += JSON.stringify(ids) === JSON.stringify(prompt.ids) ? 1 : 0;
        await sequence.clearHistory();
        const width = prompt.logits.length / prompt.ids.length;
        const next = {generateNext: {probabilities: true, options: {temperature: 1, topK: 0, topP: 1, minP: 0}}};
        const steps = await sequence.controlledEvaluate(prompt.ids.map((id) => [id, next]));
        steps.forEach((step, i) => {
            const wanted = softmax(prompt.logits.slice(i * width, (i + 1) * width));
            for (const [id, p] of step.next.probabilities) {
                largest = Math.max(largest, Math.abs(p - wanted[Number(id)]));
            }
            if (i + 1 < prompt.ids.length) {
                loss -= Math.log(step.next.probabilities.get(prompt.ids[i + 1]));
                ours -= Math.log(wanted[prompt.ids[i + 1]]);
                count++;
            }
        });
        await sequence.clearHistory();
        // A window of Mistral's is the whole context here.
        const wanted = prompt.completion_ids.slice(0, context.contextSize - prompt.ids.length);
        const generated = [];
        for await (const id of sequence.evaluate(prompt.ids, {temperature: 0})) {
            generated.push(Number(id));
            if (generated.length >= wanted.length) {
                break;
            }
        }
        texts += JSON.stringify(generated) === JSON.stringify(wanted) ? 1 : 0;
    }
    await context.dispose();
    await model.dispose();
    return {tokens, texts, largest, perplexity: Math.exp(loss / count) / Math.exp(ours / count) - 1};
}

// A reward model's file ranks: with the second label's logit 0 the softmax of the labels is sigmoid(score). A context for
// ranks has keys and values in binary16.
async function compareRanks(file, expected) {
    const model = await llama.loadModel({modelPath: file});
    const context = await model.createRankingContext({contextSize: 128, template: "{{query}}{{document}}"});
    let largest = 0;
    for (let i = 0; i < expected.texts.length; i++) {
        const rank = await context.rank("", expected.texts[i]);
        largest = Math.max(largest, Math.abs(rank - 1 / (1 + Math.exp(-expected.scores[i]))));
    }
    await context.dispose();
    await model.dispose();
    return largest;
}

console.log("| file | equal tokens of prompts | equal greedy ids | largest difference of a probability | perplexity |");
console.log("|---|---|---|---|---|");
let failed = false;
for (const json of fs.readdirSync(folder).filter((name) => name.endsWith(".json")).sort()) {
    const name = path.basename(json, ".json");
    if (process.argv[3] && process.argv[3] !== name) {
        continue;
    }
    const expected = JSON.parse(fs.readFileSync(path.join(folder, json), "utf8"));
    if (expected.scores) {
        const largest = await compareRanks(path.join(folder, `${name}-F32.gguf`), expected);
        console.log(`| ${name}-F32 | | | ${largest.toExponential(1)} of a rank | |`);
        failed ||= largest >= 1e-3;
        continue;
    }
    for (const type of TYPES) {
        const got = await compare(path.join(folder, `${name}-${type}.gguf`), expected);
        const all = expected.prompts.length;
        console.log(`| ${name}-${type} | ${got.tokens} of ${all} | ${got.texts} of ${all} | `
            + `${got.largest.toExponential(1)} | ${got.perplexity >= 0 ? "+" : ""}${(100 * got.perplexity).toFixed(3)} % |`);
        if (type === "F32") {
            failed ||= got.tokens < all || got.largest >= 1e-4 || (!name.startsWith("gpt2") && got.texts < all);
        }
    }
}
process.exit(failed ? 1 : 0);
