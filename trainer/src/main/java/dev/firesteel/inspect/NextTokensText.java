package dev.firesteel.inspect;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.generate.NextTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a model expects next, position by position. */
public final class NextTokensText {
  private NextTokensText() {}

  /** A table: a row for each position, its tokens with their probabilities. */
  public static List<String> lines(Tokenizer tokenizer, List<NextTokens> positions) {
    int most = positions.stream().mapToInt(next -> next.candidates().size()).max().orElse(0);
    List<String> header = new ArrayList<>(List.of("step"));
    for (int i = 1; i <= most; i++) {
      header.add(i == 1 ? "most likely" : i + ".");
    }
    List<List<Object>> rows = new ArrayList<>();
    for (NextTokens next : positions) {
      List<Object> row = new ArrayList<>();
      row.add((long) rows.size() + 1);
      for (NextTokens.Candidate candidate : next.candidates()) {
        row.add(
            String.format(
                Locale.ROOT,
                "%s %.2f %%",
                TokenText.quoted(tokenizer, candidate.id()),
                100 * candidate.probability()));
      }
      rows.add(row);
    }
    return InspectionText.lines(new Table("next tokens", header, rows));
  }

  /** The text of the most likely tokens. */
  public static String text(Tokenizer tokenizer, List<NextTokens> positions) {
    return tokenizer.decode(positions.stream().mapToInt(NextTokens::first).toArray());
  }

  /** {@code prompt}, {@code text}, and {@code steps}: a list of tokens for each position. */
  public static String toJson(Tokenizer tokenizer, String prompt, List<NextTokens> positions) {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    root.put("prompt", prompt).put("text", text(tokenizer, positions));
    ArrayNode steps = root.putArray("steps");
    for (NextTokens next : positions) {
      ArrayNode step = steps.addArray();
      for (NextTokens.Candidate candidate : next.candidates()) {
        step.addObject()
            .put("id", candidate.id())
            .put("text", tokenizer.decode(candidate.id()))
            .put("probability", candidate.probability());
      }
    }
    return root.toPrettyString();
  }
}
