package dev.firesteel.config;

import java.util.ArrayList;
import java.util.List;

/**
 * Section {@code sizes} of a sweep: models of several sizes from one number, their depth, or their
 * width where the steps of a depth are too large.
 */
public record SweepSizes(
    @Setting(
            meaning =
                "Numbers of layers, one size each: values, `log:from:to:count` or"
                    + " `range:from:to:step`. Empty: the model of the configuration.")
        List<String> layers,
    @Setting(
            meaning =
                "Widths, one size each, in place of `layers`: a model has width / `width_per_layer`"
                    + " layers, rounded, and at least one.")
        List<String> widths,
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
    widths = List.copyOf(widths);
    Require.that(
        layers.isEmpty() || widths.isEmpty(),
        "sizes must have layers or widths, got both: leave one of them out");
    Require.atLeast("sizes.width_per_layer", widthPerLayer, 1);
    Require.atLeast("sizes.head_width", headWidth, 1);
    Require.notNegative("sizes.feed_forward_ratio", feedForwardRatio);
  }

  /** Name of the axis; empty for the configuration's model. */
  String axis() {
    if (!layers.isEmpty()) {
      return "layers";
    }
    return widths.isEmpty() ? "" : "width";
  }

  /** The values of the axis. */
  List<String> values() {
    return layers.isEmpty()
        ? SweepGrid.expand("sizes.widths", widths)
        : SweepGrid.expand("sizes.layers", layers);
  }

  /**
   * The overrides of a size.
   *
   * @param value of the axis
   * @throws dev.firesteel.error.UserException if its width is not a multiple of a head's
   */
  List<String> overrides(String value) {
    if (!layers.isEmpty()) {
      int depth = SweepGrid.integer("sizes.layers", value);
      return overrides(depth, depth * widthPerLayer);
    }
    int width = SweepGrid.integer("sizes.widths", value);
    return overrides((int) Math.max(1, Math.round((double) width / widthPerLayer)), width);
  }

  private List<String> overrides(int depth, int width) {
    Require.that(
        width % headWidth == 0,
        "a width must be a multiple of sizes.head_width (%d), got %d for %d layers: change sizes"
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
