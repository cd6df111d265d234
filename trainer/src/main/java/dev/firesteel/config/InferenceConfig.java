package dev.firesteel.config;

/** What a command that only computes with a model can be told: the section {@code compute}. */
public record InferenceConfig(ComputeConfig compute) {}
