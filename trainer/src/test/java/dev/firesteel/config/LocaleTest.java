package dev.firesteel.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** In processes of their own: Jackson keeps the names that it made in the first locale. */
class LocaleTest {
  @Test
  void aConfigurationIsTheSameInEveryLocale() throws Exception {
    String english = configuration("en", "US", "");

    assertThat(english)
        .contains("document_unit: line", "split: tail", "sampling: shuffled_windows");
    assertThat(configuration("tr", "TR", "")).as("dotless i").isEqualTo(english);
    assertThat(configuration("ar", "SA", "")).as("Arabic digits").isEqualTo(english);
    assertThat(configuration("hi", "IN", "nu-deva")).as("Indian digits").isEqualTo(english);
  }

  private static String configuration(String language, String country, String extensions)
      throws Exception {
    var builder =
        new ProcessBuilder(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Duser.language=" + language,
                "-Duser.country=" + country,
                "-Duser.extensions=" + extensions,
                "-Xmx128m",
                "-cp",
                System.getProperty("java.class.path"),
                Child.class.getName()));
    Process process = builder.redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said;
  }

  /** Writes a configuration, reads it back, and prints it with its hashes. */
  static final class Child {
    private Child() {}

    public static void main(String[] args) {
      PretrainConfig config =
          ConfigLoader.load(
              PretrainConfig.class,
              List.of(
                  "data.source=text",
                  "data.document_unit=line",
                  "data.split=tail",
                  "model.architecture=gpt2",
                  "training.steps=1234567",
                  "optimizer.learning_rate=0.00012345"));
      String yaml = ConfigLoader.toYaml(config);
      PretrainConfig again =
          ConfigLoader.parse(PretrainConfig.class, yaml, "what was written", List.of());
      var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
      out.println(yaml);
      out.println(again.equals(config));
      out.println(ConfigLoader.contentHash(again));
      out.println(again.preparation().hash());
    }
  }
}
