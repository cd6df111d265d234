// Greedy decoding of a GGUF file by llama.cpp, for the side by side of DecodeBenchmark: tokens per second after the prompts.
//
//     npm install node-llama-cpp
//     node decode_llama.mjs MODEL.gguf TOKENS ROUNDS THREADS BATCH...
//
// All sequences of a batch advance together, a token each; llama.cpp computes them in one call. Prints the median of the
// rounds after one that is not counted. What JavaScript does between two calls is part of the time.

import {performance} from "node:perf_hooks";
import {getLlama} from "node-llama-cpp";

const PROMPT = 32;
const [file, tokens, rounds, threads, ...batches] = process.argv.slice(2);
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});
const model = await llama.loadModel({modelPath: file});

function median(values) {
    const sorted = values.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
}

for (const batch of batches.map(Number)) {
    const context = await model.createContext({
        sequences: batch, contextSize: PROMPT + Number(tokens) + 1, batchSize: PROMPT * batch, threads: Number(threads)
    });
    const sequences = Array.from({length: batch}, () => context.getSequence());
    const seconds = [];
    for (let round = 0; round <= Number(rounds); round++) {
        await Promise.all(sequences.map((sequence) => sequence.clearHistory()));
        const texts = sequences.map((sequence, row) => {
            const prompt = Array.from({length: PROMPT}, (_, i) => 7 + ((row * 31 + i * 17 + round) % 900));
            return sequence.evaluate(prompt, {temperature: 0, yieldEogToken: true})[Symbol.asyncIterator]();
        });
        await Promise.all(texts.map((text) => text.next()));
        const began = performance.now();
        for (let i = 1; i < Number(tokens); i++) {
            await Promise.all(texts.map((text) => text.next()));
        }
        seconds.push((performance.now() - began) / 1000);
        await Promise.all(texts.map((text) => text.return()));
    }
    const rate = batch * (tokens - 1) / median(seconds.slice(1));
    console.log(`batch ${batch}: ${rate.toFixed(1)} tokens/s`);
    await context.dispose();
}
process.exit(0);
