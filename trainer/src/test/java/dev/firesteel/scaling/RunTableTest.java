package dev.firesteel.scaling;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.error.UserException;
import dev.firesteel.scaling.RunTable.Derived;
import dev.firesteel.scaling.RunTable.Row;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class RunTableTest {
  private static final List<String> HEADER = List.of("name", "parameters", "tokens", "loss");

  @Test
  void derivesFlopsOrTokens() {
    RunTable tokens = read(HEADER, Map.of(), row(2, "a", "1e8", "2e9", "3.1"));
    assertThat(tokens.derived()).isEqualTo(Derived.FLOPS);
    assertThat(tokens.runs().get(0).flops()).isCloseTo(1.2e18, within(1.0));

    RunTable flops =
        read(
            List.of("Model Size", "C", "loss"),
            Map.of(RunColumn.PARAMETERS, "Model Size", RunColumn.FLOPS, "C"),
            row(2, 1e8, 1.2e18, 3.1f));
    assertThat(flops.derived()).isEqualTo(Derived.TOKENS);
    assertThat(flops.runs().get(0).tokens()).isCloseTo(2e9, within(1e-3));
    assertThat(flops.has(ScalingRun::learningRate)).isFalse();
  }

  @Test
  void namesTheMissingColumn() {
    assertThatThrownBy(() -> read(List.of("a", "loss"), Map.of(), row(2, "1", "2")))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "runs.csv must have a column \"parameters\", got the columns a, loss: name the right one with --column parameters=\"...\"");
    assertThatThrownBy(() -> read(List.of("parameters", "loss"), Map.of(), row(2, "1", "2")))
        .hasMessageContaining("must have a column \"tokens\" or \"flops\"");
    assertThatThrownBy(
            () -> read(HEADER, Map.of(RunColumn.LOSS, "Loss"), row(2, "a", "1", "2", "3")))
        .hasMessageContaining("must have a column \"Loss\"");
  }

  @Test
  void namesTheRowAndTheColumnOfABadCell() {
    for (String bad : List.of("-3.1", "0", "NaN", "Infinity", "3,1", "n/a")) {
      assertThatThrownBy(
              () ->
                  read(
                      HEADER,
                      Map.of(),
                      row(2, "a", "1e8", "2e9", "3.1"),
                      row(3, "b", "1e8", "2e9", bad)))
          .isInstanceOf(UserException.class)
          .hasMessage(
              "runs.csv must hold a number above 0 in line 3, column \"loss\", got \"%s\": correct the cell or delete the line"
                  .formatted(bad));
    }
    assertThatThrownBy(() -> read(HEADER, Map.of(), row(2, "a", null, "2e9", "3")))
        .hasMessageContaining("line 2, column \"parameters\", got an empty cell");
    assertThatThrownBy(() -> read(HEADER, Map.of(), row(2, "a", "1e8", "2e9")))
        .hasMessageContaining("line 2, column \"loss\", got an empty cell");
    assertThatThrownBy(() -> read(HEADER, Map.of()))
        .hasMessage(
            "runs.csv must hold at least one row with a run, got none: add rows below its header");
  }

  @Test
  void dropsTheHighestLosses() {
    RunTable table =
        read(
            HEADER,
            Map.of(),
            row(2, "a", "1", "1", "5"),
            row(3, "a", "1", "1", "4"),
            row(4, "a", "1", "1", "4"),
            row(5, "a", "1", "1", "3"));
    assertThat(table.dropHighest(0).size()).isEqualTo(4);
    assertThat(table.dropHighest(1).size()).isEqualTo(3);
    assertThat(table.dropHighest(2).runs()).extracting(ScalingRun::row).containsExactly(5L);
    assertThatThrownBy(() -> table.dropHighest(4))
        .hasMessage("--drop-highest must be at least 0 and below the number of runs (4), got 4");
  }

  @Test
  void sizesThatDifferByRoundingAreOne() {
    RunTable table =
        read(
            HEADER,
            Map.of(),
            row(2, "a", "1.00e8", "1e9", "5"),
            row(3, "a", "1.01e8", "2e9", "4"),
            row(4, "a", "1.50e8", "2e9", "4"));
    assertThat(table.bySize()).extracting(List::size).containsExactly(2, 1);
  }

  private static RunTable read(List<String> header, Map<RunColumn, String> names, Row... rows) {
    return RunTable.read("runs.csv", "line", header, List.of(rows), names);
  }

  private static Row row(long number, Object... cells) {
    return new Row(number, Arrays.asList(cells));
  }
}
