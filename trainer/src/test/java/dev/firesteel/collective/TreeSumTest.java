package dev.firesteel.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.NoSuchElementException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TreeSumTest {
  @ParameterizedTest
  @CsvSource({
    "1, 0",
    "2, (0+1)",
    "3, ((0+1)+2)",
    "4, ((0+1)+(2+3))",
    "5, ((((0+1)+2)+3)+4)",
    "6, (((0+1)+2)+((3+4)+5))",
    "8, (((0+1)+(2+3))+((4+5)+(6+7)))",
    "12, ((((0+1)+2)+((3+4)+5))+(((6+7)+8)+((9+10)+11)))",
  })
  void addsAsABinaryTree(int values, String tree) {
    TreeSum<String> sum = new TreeSum<>((a, b) -> "(" + a + "+" + b + ")", values);
    for (int i = 0; i < values; i++) {
      sum.add(String.valueOf(i));
    }

    assertThat(sum.total()).isEqualTo(tree);
  }

  @Test
  void beginsAnewAfterATotal() {
    TreeSum<Double> sum = new TreeSum<>(Double::sum, 2);
    sum.add(1.0);
    sum.add(2.0);

    assertThat(sum.total()).isEqualTo(3.0);
    sum.add(4.0);
    assertThat(sum.total()).isEqualTo(4.0);
    assertThatThrownBy(sum::total)
        .isInstanceOf(NoSuchElementException.class)
        .hasMessage("total: nothing was added");
  }
}
