/**
 * Language models: GPT-2, Llama and the architectures of its layers from one {@link
 * dev.firesteel.config.ModelConfig}, and how their parameters are named in Hugging Face
 * checkpoints.
 *
 * <p>Uses {@code array}, {@code backend}, {@code config}, {@code nn}, {@code tensor}.
 */
package dev.firesteel.model;
