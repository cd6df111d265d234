package dev.firesteel.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.reference.ReferenceBackend;
import dev.firesteel.error.UserException;
import dev.firesteel.model.AttentionWeights;
import dev.firesteel.run.SavedModel;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.TinyRun;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PagesTest {
  private static final Configuration HADOOP = new Configuration();

  @TempDir private static Path trained;

  @BeforeAll
  static void train() throws IOException {
    TinyRun.prepare(trained);
    TinyRun.train(TinyRun.config(trained));
  }

  private static org.apache.hadoop.fs.Path run() {
    return new org.apache.hadoop.fs.Path(trained.resolve("runs/tiny").toString());
  }

  @Test
  void thePageOfAttentionHasTheModelsProbabilities() throws IOException {
    try (Backend backend = new ReferenceBackend();
        SavedModel saved = SavedModel.open(run(), HADOOP, backend);
        ArrayPool pool = new ArrayPool(backend)) {
      JsonNode data = data(AttentionPage.of(saved, pool, "7 shee"));

      AttentionWeights weights =
          AttentionWeights.of(saved.model(), pool, saved.tokenizer().encode("7 shee"));
      assertThat(data.path("tokens")).hasSize(6);
      assertThat(data.path("weights")).hasSize(1);
      JsonNode head = data.path("weights").path(0).path(1);
      assertThat(head).hasSize(6 * 7 / 2);
      assertThat(head.path(0).asInt()).isEqualTo(10_000); // the first token sees itself alone
      assertThat(head.path(4).asDouble() / 10_000)
          .isCloseTo(weights.weight(0, 1, 2, 1), within(5e-5));
      assertThatThrownBy(() -> AttentionPage.of(saved, pool, "123456789"))
          .isInstanceOf(UserException.class)
          .hasMessage("the text of --attention must have 1 to 8 tokens, got 9: shorten it");
    }
  }

  @Test
  void thePageOfEmbeddingsHasAPlaceForEachToken() throws IOException {
    byte[] page = EmbeddingPage.of(run(), 10, EmbeddingMap.PCA, HADOOP);

    JsonNode points = data(page).path("points");
    assertThat(points).hasSize(10);
    assertThat(points.path(3).path(0).asInt()).isEqualTo(3);
    assertThat(points.path(3).path(1).isTextual()).isTrue();
    assertThat(new String(page, StandardCharsets.UTF_8)).contains("variance on the two axes");
  }

  @Test
  void noTokenCanEndTheScriptOfAPage() {
    JsonNode data =
        new ObjectMapper().createObjectNode().put("text", "</script><script>alert(1)//\u2028");

    String part = PageData.part("attention.html", data);

    assertThat(part).contains("\\u003c/script>\\u003cscript>alert(1)//\\u2028");
    assertThat(part.split("</script>", -1)).hasSize(2);
  }

  @Test
  void principalComponentsFindTheDirectionsOfMostVariance() {
    Random random = new Random(3);
    double[][] rows = new double[200][5];
    double[][] expected = new double[200][2];
    for (int i = 0; i < rows.length; i++) {
      // Along (3, 4, 0, 0, 0) / 5 and, less, along the fourth axis.
      double first = 10 * random.nextGaussian();
      double second = 2 * random.nextGaussian();
      rows[i] = new double[] {7 + 0.6 * first, 0.8 * first, 0, second, -3};
      expected[i] = new double[] {first, second};
    }

    PrincipalComponents components = PrincipalComponents.of(rows, 2);

    assertThat(components.share(0) + components.share(1)).isCloseTo(1, within(1e-9));
    assertThat(components.share(0)).isGreaterThan(0.9);
    double correlation = 0;
    double ours = 0;
    double theirs = 0;
    for (int i = 0; i < rows.length; i++) {
      correlation += components.scores()[i][0] * expected[i][0];
      ours += components.scores()[i][0] * components.scores()[i][0];
      theirs += expected[i][0] * expected[i][0];
    }
    assertThat(Math.abs(correlation) / Math.sqrt(ours * theirs)).isGreaterThan(0.99);
  }

  @Test
  void tokensAreShownWithTheirIds() {
    Tokenizer tokenizer = BpeTokenizer.bytes();
    TokenText text = TokenText.of(tokenizer, "a\n\u00e9<|endoftext|>");

    int a = tokenizer.encode("a")[0];
    int end = tokenizer.encode("\n")[0];
    int[] accent = tokenizer.encode("\u00e9");
    assertThat(text.bracketed())
        .isEqualTo(
            "[a %d][\\n %d]\n[<0xC3> %d][<0xA9> %d][<|endoftext|> 256]"
                .formatted(a, end, accent[0], accent[1]));
    assertThat(text.coloured()).contains("\u001b[30;48;5;153ma\u001b[0m");
    assertThat(text.summary()).isEqualTo("5 tokens, 17 bytes, 3.40 bytes per token");
    assertThat(text.toJson()).contains("\"text\" : \"<|endoftext|>\"");
  }

  private static JsonNode data(byte[] page) throws IOException {
    Matcher data =
        Pattern.compile("const data = (.*);").matcher(new String(page, StandardCharsets.UTF_8));
    assertThat(data.find()).isTrue();
    return new ObjectMapper().readTree(data.group(1));
  }
}
