package dev.firesteel.tensor;

/**
 * Heads in the columns of a tensor's rows: the operands of {@link Tensor#attention}.
 *
 * @param rows [B, T, W]
 * @param column of the first head; the others follow without a gap
 */
public record HeadColumns(Tensor rows, int column) {}
