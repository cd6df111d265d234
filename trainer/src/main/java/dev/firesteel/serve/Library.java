package dev.firesteel.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.firesteel.chat.Conversation;
import dev.firesteel.chat.Message;
import dev.firesteel.generate.GenerationEngine;
import dev.firesteel.retrieval.DocumentFolder;
import dev.firesteel.retrieval.DocumentFolder.TextDocument;
import dev.firesteel.retrieval.DocumentIndex;
import dev.firesteel.retrieval.DocumentIndex.Found;
import dev.firesteel.retrieval.Passage;
import dev.firesteel.retrieval.Passages;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * The documents that chat answers are drawn from: their passages, embedded by a served model, and
 * how those that fit a question are put before it.
 */
public final class Library implements AutoCloseable {
  /** Passages put before a question, at most. */
  static final int MOST_PASSAGES = 4;

  private static final int MOST_PASSAGE_TOKENS = 200;
  private static final int EMBEDDED_AT_ONCE = 64;

  private final GenerationEngine engine;
  private final ServedModel embedder;
  private final DocumentIndex index;
  private final List<String> skipped;

  private Library(
      GenerationEngine engine, ServedModel embedder, DocumentIndex index, List<String> skipped) {
    this.engine = engine;
    this.embedder = embedder;
    this.index = index;
    this.skipped = List.copyOf(skipped);
  }

  /**
   * Reads a folder's documents and embeds their passages, each of at most an eighth of the model's
   * context.
   *
   * @param embedder of the engine
   * @throws dev.firesteel.error.UserException if there are none, or the model's context is too
   *     short
   */
  public static Library of(Path folder, ServedModel embedder, GenerationEngine engine) {
    DocumentFolder read = DocumentFolder.read(folder);
    int most = Math.min(MOST_PASSAGE_TOKENS, embedder.context() / 8);
    Passages cutter = new Passages(embedder.tokenizer(), most, most / 5);
    List<Passage> passages = new ArrayList<>();
    for (TextDocument document : read.documents()) {
      passages.addAll(cutter.of(document.source(), document.text()));
    }
    List<float[]> vectors = new ArrayList<>();
    for (int from = 0; from < passages.size(); from += EMBEDDED_AT_ONCE) {
      List<int[]> texts =
          passages.subList(from, Math.min(passages.size(), from + EMBEDDED_AT_ONCE)).stream()
              .map(passage -> embedder.tokenizer().encode(passage.text()))
              .toList();
      vectors.addAll(engine.embed(embedder.id(), texts).join());
    }
    return new Library(engine, embedder, DocumentIndex.of(passages, vectors), read.skipped());
  }

  /** Passages in it. */
  public int size() {
    return index.size();
  }

  /** Files of the folder that are not text. */
  public List<String> skipped() {
    return skipped;
  }

  /** The passages that fit a question best, best first. */
  CompletableFuture<List<Found>> find(String question) {
    int[] ids = embedder.tokenizer().encode(question);
    if (ids.length == 0) {
      return CompletableFuture.completedFuture(List.of());
    }
    // Of a long question its end, where what is asked usually stands.
    int[] last = Arrays.copyOfRange(ids, Math.max(0, ids.length - embedder.context()), ids.length);
    return engine
        .embed(embedder.id(), List.of(last))
        .thenApply(vectors -> index.search(question, vectors.get(0), MOST_PASSAGES));
  }

  /** A conversation with passages in its system message, numbered from 1. */
  static Conversation with(Conversation conversation, List<Found> found) {
    StringBuilder text =
        new StringBuilder("Answer from these passages, and cite them by number, as in [1].\n");
    for (int i = 0; i < found.size(); i++) {
      Passage passage = found.get(i).passage();
      text.append("\n[%d] %s, line %d:\n".formatted(i + 1, passage.source(), passage.line()));
      text.append(passage.text().strip()).append('\n');
    }
    List<Message> messages = new ArrayList<>(conversation.messages());
    if (messages.get(0).role().equals(Message.SYSTEM)) {
      messages.set(0, Message.system(messages.get(0).content() + "\n\n" + text));
    } else {
      messages.add(0, Message.system(text.toString()));
    }
    return new Conversation(messages);
  }

  /** The passages as a field of the answer. */
  static ArrayNode citations(List<Found> found) {
    ArrayNode citations = Json.object().arrayNode();
    for (int i = 0; i < found.size(); i++) {
      Passage passage = found.get(i).passage();
      citations
          .addObject()
          .put("index", i + 1)
          .put("source", passage.source())
          .put("line", passage.line())
          .put("text", passage.text())
          .put("score", found.get(i).score());
    }
    return citations;
  }

  @Override
  public void close() {
    index.close();
  }
}
