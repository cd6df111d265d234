package dev.firesteel.optim;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.OptimizerConfig;
import dev.firesteel.config.PretrainConfig;
import java.util.ArrayList;
import java.util.List;

/** Optimizers' configurations for tests. */
public final class TestOptimizers {
  private TestOptimizers() {}

  /** The section of a run, from its keys such as {@code kind=lion}. */
  public static OptimizerConfig config(String... settings) {
    List<String> overrides = new ArrayList<>(List.of("data.source=text.txt"));
    for (String setting : settings) {
      overrides.add("optimizer." + setting);
    }
    return ConfigLoader.load(PretrainConfig.class, overrides).optimizer();
  }
}
