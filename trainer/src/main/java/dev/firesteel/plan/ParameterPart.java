package dev.firesteel.plan;

/** Trained numbers of one part of a model. */
public record ParameterPart(String name, long count) {}
