/**
 * Language models: GPT-2, Llama and the architectures of its layers from one {@link
 * dev.firesteel.config.ModelConfig}, and how their parameters are named in Hugging Face
 * checkpoints. {@link dev.firesteel.model.LogProbs} computes the log-probabilities that a model
 * gives to tokens.
 *
 * <p>Uses {@code array}, {@code backend}, {@code config}, {@code error}, {@code nn}, {@code
 * tensor}.
 */
package dev.firesteel.model;
