package dev.firesteel.config;

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
        int headWidth) {

  public SweepSizes {
    layers = List.copyOf(layers);
    Require.atLeast("sizes.width_per_layer", widthPerLayer, 1);
    Require.atLeast("sizes.head_width", headWidth, 1);
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
    return List.of(
        "model.layers=" + depth, "model.width=" + width, "model.heads=" + width / headWidth);
  }
}
