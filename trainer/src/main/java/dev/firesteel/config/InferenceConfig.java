package dev.firesteel.config;

/** Configuration of commands that only run a model: the section {@code compute}. */
public record InferenceConfig(ComputeConfig compute) {}
