package dev.firesteel.format.safetensors;

import dev.firesteel.array.Shape;

/**
 * One entry of a safetensors header.
 *
 * @param dtype element type as the format spells it: {@code F32}, {@code BF16}, ...
 * @param begin first byte, counted from the start of the data
 * @param end byte after the last one
 */
public record TensorInfo(String name, String dtype, Shape shape, long begin, long end) {}
