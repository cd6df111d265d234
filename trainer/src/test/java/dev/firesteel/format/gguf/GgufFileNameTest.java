package dev.firesteel.format.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GgufFileNameTest {
  /** From {@code docs/gguf.md} of ggml-org/ggml, for files of a model alone. */
  private static final Pattern CONVENTION =
      Pattern.compile(
          "^(?<BaseName>[A-Za-z0-9\\s]*(?:(?:-(?:(?:[A-Za-z\\s][A-Za-z0-9\\s]*)|(?:[0-9\\s]*)))*))"
              + "-(?:(?<SizeLabel>(?:\\d+x)?(?:\\d+\\.)?\\d+[A-Za-z](?:-[A-Za-z]+(\\d+\\.)?\\d+[A-Za-z]+)?)"
              + "(?:-(?<FineTune>[A-Za-z0-9\\s-]+))?)?-(?:(?<Version>v\\d+(?:\\.\\d+)*))"
              + "(?:-(?<Encoding>(?!LoRA|vocab)[\\w_]+))?(?:-(?<Type>LoRA|vocab))?"
              + "(?:-(?<Shard>\\d{5}-of-\\d{5}))?\\.gguf$");

  @ParameterizedTest
  @CsvSource({
    "quickstart, 124439808, quickstart-124M-v1.0-Q8_0.gguf",
    "my run_3b.x, 3_212_749, my-run3b-x-3.2M-v1.0-Q8_0.gguf",
    "tales-7, 999_600, tales-7-1.0M-v1.0-Q8_0.gguf",
    "tales, 940, tales-0.94K-v1.0-Q8_0.gguf",
    "..., 7e9, model-7.0B-v1.0-Q8_0.gguf",
  })
  void namesFilesByTheConvention(String name, String parameters, String expected) {
    long count = (long) Double.parseDouble(parameters.replace("_", ""));
    String file = GgufFileName.of(name, count, GgufEncoding.Q8_0);
    assertThat(file).isEqualTo(expected).matches(CONVENTION);
  }
}
