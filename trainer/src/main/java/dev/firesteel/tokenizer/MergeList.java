package dev.firesteel.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The merges of a BPE model as {@code tokenizer.json} lists them.
 *
 * @param left token ids of the left halves, indexed by rank
 * @param right token ids of the right halves
 * @param merged token ids of the results
 */
@SuppressWarnings("ArrayRecordComponent") // package-private, never compared
record MergeList(int[] left, int[] right, int[] merged) {
  /**
   * @param tokens indexed by id
   */
  static MergeList read(TokenizerJson json, String[] tokens) {
    Map<String, Integer> ids = new HashMap<>(tokens.length * 2);
    for (int id = 0; id < tokens.length; id++) {
      ids.put(tokens[id], id);
    }
    JsonNode merges = json.model().path("merges");
    if (!merges.isArray()) {
      throw json.damaged("model.merges must be a list, got " + TokenizerJson.describe(merges));
    }
    int[] left = new int[merges.size()];
    int[] right = new int[merges.size()];
    int[] merged = new int[merges.size()];
    Set<Long> seen = new HashSet<>();
    for (int rank = 0; rank < left.length; rank++) {
      List<String> pair = pair(json, merges.get(rank), rank);
      left[rank] = known(json, ids, pair.get(0), pair, rank);
      right[rank] = known(json, ids, pair.get(1), pair, rank);
      merged[rank] = known(json, ids, pair.get(0) + pair.get(1), pair, rank);
      if (!seen.add(((long) left[rank] << 32) | right[rank])) {
        throw json.damaged(
            "merge %d ('%s' with '%s') occurs twice".formatted(rank, pair.get(0), pair.get(1)));
      }
    }
    return new MergeList(left, right, merged);
  }

  private static List<String> pair(TokenizerJson json, JsonNode merge, int rank) {
    List<String> pair = new ArrayList<>();
    if (merge.isTextual()) {
      pair.addAll(Arrays.asList(merge.textValue().split(" ", -1)));
    } else {
      merge.forEach(half -> pair.add(half.asText()));
    }
    if (pair.size() != 2) {
      throw json.damaged(
          "merge %d must be two tokens, \"a b\" or [\"a\", \"b\"], got %s".formatted(rank, merge));
    }
    return pair;
  }

  private static int known(
      TokenizerJson json, Map<String, Integer> ids, String token, List<String> pair, int rank) {
    Integer id = ids.get(token);
    if (id == null) {
      throw json.damaged(
          "merge %d ('%s' with '%s') needs the token '%s', which the vocabulary lacks"
              .formatted(rank, pair.get(0), pair.get(1), token));
    }
    return id;
  }

  /**
   * Writes the merges as {@code "a b"}, which readers older than the form {@code ["a", "b"]}
   * accept, too; as pairs if a token has a space.
   *
   * @param tokens indexed by id
   */
  void write(JsonGenerator json, String[] tokens) throws IOException {
    boolean spaces = false;
    for (int rank = 0; rank < left.length; rank++) {
      spaces |= tokens[merged[rank]].indexOf(' ') >= 0;
    }
    json.writeArrayFieldStart("merges");
    for (int rank = 0; rank < left.length; rank++) {
      if (spaces) {
        json.writeStartArray();
        json.writeString(tokens[left[rank]]);
        json.writeString(tokens[right[rank]]);
        json.writeEndArray();
      } else {
        json.writeString(tokens[left[rank]] + " " + tokens[right[rank]]);
      }
    }
    json.writeEndArray();
  }
}
