/**
 * Language models: GPT-2 and Llama from one {@link dev.firesteel.config.ModelConfig}, and how their
 * parameters are named in Hugging Face checkpoints. Needs {@code nn} and {@code config}; what
 * trains a model, and what generates with it, sees {@link dev.firesteel.model.LanguageModel}.
 */
package dev.firesteel.model;
