package dev.firesteel.inspect;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.run.SavedModel;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.train.HtmlPage;
import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** A self-contained HTML page with a map of a model's token embeddings. */
public final class EmbeddingPage {
  /** The embedding of GPT-2 and of Llama, with or without a prefix. */
  private static final List<String> NAMES = List.of("wte.weight", "embed_tokens.weight");

  private EmbeddingPage() {}

  /**
   * Reads the embeddings of the tokens with the lowest ids, which a trained tokenizer learned
   * first, and places them on a map.
   *
   * @param points how many tokens, at least 3; fewer if the vocabulary is smaller
   * @throws UserException if the path has no model, or a weight is not finite
   */
  public static byte[] of(Path path, int points, EmbeddingMap map, Configuration hadoop) {
    Path folder = SavedModel.find(path, hadoop);
    Tokenizer tokenizer = TokenText.tokenizer(folder, hadoop);
    try (TensorSet set = Inspections.tensors(folder, hadoop)) {
      StoredTensor embedding =
          set.tensors().stream()
              .filter(tensor -> !tensor.file().contains("/") && tensor.shape().rank() == 2)
              .filter(tensor -> NAMES.stream().anyMatch(tensor.name()::endsWith))
              .filter(StoredTensor::isNumeric)
              .findFirst()
              .orElseThrow(
                  () ->
                      UserException.failure(
                          "%s must hold an embedding, a tensor whose name ends with %s, got none"
                              .formatted(folder, String.join(" or ", NAMES))));
      int rows = Math.min(points, Math.min(embedding.shape().dim(0), tokenizer.vocabularySize()));
      return page(folder, tokenizer, embedding, map.place(read(embedding, rows, folder)));
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the model in " + path, e);
    }
  }

  private static double[][] read(StoredTensor embedding, int count, Path folder)
      throws IOException {
    int width = embedding.shape().dim(1);
    double[][] rows = new double[count][width];
    float[] buffer = new float[width];
    for (int i = 0; i < count; i++) {
      embedding.elements().read((long) i * width, buffer, width);
      for (int j = 0; j < width; j++) {
        rows[i][j] = buffer[j];
        if (!Float.isFinite(buffer[j])) {
          throw UserException.failure(
              "the embedding of %s must be finite, got %s for token %d: choose an earlier checkpoint"
                  .formatted(folder, buffer[j], i));
        }
      }
    }
    return rows;
  }

  private static byte[] page(
      Path folder, Tokenizer tokenizer, StoredTensor embedding, EmbeddingMap.Places places) {
    ObjectNode data = JsonNodeFactory.instance.objectNode();
    ArrayNode points = data.putArray("points");
    for (int id = 0; id < places.count(); id++) {
      points
          .addArray()
          .add(id)
          .add(TokenText.plain(tokenizer, id))
          .add((float) places.x(id))
          .add((float) places.y(id));
    }
    return new HtmlPage("Token embeddings")
        .facts(
            List.of(
                new HtmlPage.Fact("model", HadoopFiles.withPlainPaths(folder.toString())),
                new HtmlPage.Fact("embedding", embedding.name() + " " + embedding.shape()),
                new HtmlPage.Fact("tokens on the map", String.valueOf(places.count())),
                places.fact()))
        .paragraph(places.explanation() + " Scroll to zoom, drag to move.")
        .chart(PageData.part("embeddings.html", data))
        .bytes();
  }
}
