package dev.firesteel.example;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/**
 * One example of a dataset.
 *
 * <p>The number of documents and what is trained in them depends on the stage: supervised
 * fine-tuning has one document; reward models and DPO have one for each answer, best first, each
 * with the prompt before it; KTO has one; reinforcement learning has the prompt alone, of which
 * nothing is trained.
 *
 * @param documents at least one
 * @param fields further fields of the record, such as {@code label}, {@code margin} or what a
 *     reward function compares an answer with; an object
 */
public record Example(List<TrainedTokens> documents, JsonNode fields) {
  /** Checks that there is a document and fields are an object. */
  public Example {
    documents = List.copyOf(documents);
    if (documents.isEmpty() || !fields.isObject()) {
      throw new IllegalArgumentException(
          "an example must have documents and an object of fields, got "
              + documents.size()
              + " and "
              + fields);
    }
  }

  /** Tokens of all documents. */
  public int length() {
    return documents.stream().mapToInt(TrainedTokens::length).sum();
  }
}
