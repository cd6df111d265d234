package dev.firesteel.config;

import java.util.ArrayList;
import java.util.List;

/** Section {@code sizes} of a sweep: models of several sizes from one number, their depth. */
public record SweepSizes(
    @Setting(
            meaning =
                "Numbers of layers, one size each: values, `log:from:to:count` or"
                    + " `range:from:to:step`. Empty: the model of the configuration.")
        List<String> layers,
    @Setting(byDefault = "64", meaning = "Width of a model, for each of its layers.")
        int widthPerLayer,
    @Setting(byDefault = "64", meaning = "Width of a head; the number of heads follows.")
        int headWidth,
    @Setting(
            byDefault = "0.0",
            meaning =
                "Width of the feed-forward layers as a multiple of the model's. 0: the"
                    + " architecture's own rule, which rounds up to 256 for Llama and is too wide"
                    + " for models below a width of 100.")
        double feedForwardRatio) {

  public SweepSizes {
    layers = List.copyOf(layers);
    Require.atLeast("sizes.width_per_layer", widthPerLayer, 1);
    Require.atLeast("sizes.head_width", headWidth, 1);
    Require.notNegative("sizes.feed_forward_ratio", feedForwardRatio);
  }

  /**
   * The overrides of a size.
   *
   * @throws dev.firesteel.error.UserException if its width is not a multiple of a head's
   */
  List<String> overrides(String layers) {
    int depth = SweepGrid.integer("sizes.layers", layers);
    int width = depth * widthPerLayer;
    Require.that(
        width % headWidth == 0,
        "sizes.width_per_layer times a number of layers must be a multiple of sizes.head_width (%d), got %d for %d layers"
            .formatted(headWidth, width, depth));
    List<String> overrides = new ArrayList<>();
    overrides.add("model.layers=" + depth);
    overrides.add("model.width=" + width);
    overrides.add("model.heads=" + width / headWidth);
    if (feedForwardRatio > 0) {
      overrides.add("model.feed_forward_width=" + Math.round(feedForwardRatio * width));
    }
    return overrides;
  }
}
