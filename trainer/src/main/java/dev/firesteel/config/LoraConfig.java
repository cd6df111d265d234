package dev.firesteel.config;

import dev.firesteel.nn.Lora;
import dev.firesteel.nn.NamePattern;
import java.util.List;
import java.util.Optional;

/**
 * Section {@code lora}: low-rank adapters that are trained in place of the weights (Hu et al.
 * 2021).
 */
public record LoraConfig(
    @Setting(byDefault = "0", meaning = "Rank of the adapters. 0: all weights are trained.")
        int rank,
    @Setting(
            byDefault = "0.0",
            meaning = "Adapters are multiplied by alpha / rank. 0: twice the rank.")
        double alpha,
    @Setting(byDefault = "0.0", meaning = "Dropout probability of an adapter's input.")
        double dropout,
    @Setting(
            byDefault = "*.attention.*,*.feed_forward.*",
            meaning =
                "Patterns of the projections that get an adapter, such as `*.attention.qkv`; `*`"
                    + " stands for any characters.")
        List<String> targets) {

  public LoraConfig {
    targets = List.copyOf(targets);
    Require.atLeast("lora.rank", rank, 0);
    Require.notNegative("lora.alpha", alpha);
    Require.fraction("lora.dropout", dropout);
    Require.that(
        rank == 0 || !targets.isEmpty(),
        "lora.targets must name projections, got an empty list: give patterns or set lora.rank=0");
    if (alpha == 0) {
      alpha = 2.0 * rank;
    }
  }

  /** No adapters. */
  public static LoraConfig none() {
    return new LoraConfig(0, 0, 0, List.of());
  }

  /** The adapters; empty if all weights are trained. */
  public Optional<Lora> adapters() {
    return rank == 0
        ? Optional.empty()
        : Optional.of(
            new Lora(rank, alpha, dropout, NamePattern.all(targets.toArray(String[]::new))));
  }
}
