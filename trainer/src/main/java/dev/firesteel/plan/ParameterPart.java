package dev.firesteel.plan;

/** Number of parameters of one part of a model. */
public record ParameterPart(String name, long count) {}
