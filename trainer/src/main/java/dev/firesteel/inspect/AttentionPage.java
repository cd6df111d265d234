package dev.firesteel.inspect;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.model.AttentionWeights;
import dev.firesteel.run.SavedModel;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.HtmlPage;
import java.util.List;

/** A self-contained HTML page with what each layer and head of a model attends to in a text. */
public final class AttentionPage {
  /** A page of more would have tens of megabytes. */
  private static final int MOST_TOKENS = 256;

  /** Probabilities are written as integers: to four decimals. */
  private static final int SCALE = 10_000;

  private AttentionPage() {}

  /**
   * Computes the page.
   *
   * @param pool for activations; of the model's backend
   * @throws UserException if the text has no tokens, or more than the context or a page holds
   */
  public static byte[] of(SavedModel saved, ArrayPool pool, String text) {
    Tokenizer tokenizer = saved.tokenizer();
    int[] ids = tokenizer.encodeWithSpecialTokens(text);
    int most = Math.min(MOST_TOKENS, saved.model().config().contextLength());
    if (ids.length < 1 || ids.length > most) {
      throw UserException.usage(
          "the text of --attention must have 1 to %d tokens, got %d: %s"
              .formatted(most, ids.length, ids.length < 1 ? "give it text" : "shorten it"));
    }
    AttentionWeights weights = AttentionWeights.of(saved.model(), pool, ids);
    String model = HadoopFiles.withPlainPaths(saved.directory().toString());
    return new HtmlPage("Attention")
        .facts(
            List.of(
                new HtmlPage.Fact("model", model),
                new HtmlPage.Fact("layers and heads", weights.layers() + " and " + weights.heads()),
                new HtmlPage.Fact("tokens", String.valueOf(ids.length))))
        .paragraph(
            "Each square is a head: a row for each token, a column for each that it attends to, darker for a higher probability. Choose a head, and a token of the text.")
        .chart(PageData.part("attention.html", data(tokenizer, ids, weights)))
        .bytes();
  }

  private static ObjectNode data(Tokenizer tokenizer, int[] ids, AttentionWeights weights) {
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    data.put("layers", weights.layers()).put("heads", weights.heads()).put("scale", SCALE);
    ArrayNode tokens = data.putArray("tokens");
    for (int id : ids) {
      tokens.add(TokenText.plain(tokenizer, id));
    }
    ArrayNode ofLayers = data.putArray("weights");
    for (int layer = 0; layer < weights.layers(); layer++) {
      ArrayNode ofHeads = ofLayers.addArray();
      for (int head = 0; head < weights.heads(); head++) {
        ArrayNode numbers = ofHeads.addArray();
        for (int query = 0; query < ids.length; query++) {
          for (int key = 0; key <= query; key++) {
            numbers.add(Math.round(SCALE * weights.weight(layer, head, query, key)));
          }
        }
      }
    }
    return data;
  }
}
