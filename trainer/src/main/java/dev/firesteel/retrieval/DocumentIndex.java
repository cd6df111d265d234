package dev.firesteel.retrieval;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.KnnFloatVectorField;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.VectorSimilarityFunction;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.KnnFloatVectorQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.store.ByteBuffersDirectory;
import org.apache.lucene.store.Directory;
import org.apache.lucene.util.QueryBuilder;

/**
 * Passages that are found by their words (BM25) and by their meaning (the nearest embeddings), both
 * with Lucene, in memory. The two rankings are fused by reciprocal ranks: {@code score(p) = sum
 * over rankings of 1 / (60 + rank(p))} (Cormack, Clarke and Buettcher 2009). Thread-safe.
 */
public final class DocumentIndex implements AutoCloseable {
  /** Lucene's limit of its default format. */
  public static final int MOST_DIMENSIONS = 1024;

  /**
   * Says that Java 17 is too old for Lucene's own use of the Vector API, which is no one's worry.
   */
  private static final Logger VECTORS =
      Logger.getLogger("org.apache.lucene.internal.vectorization.VectorizationProvider");

  static {
    VECTORS.setLevel(Level.SEVERE);
  }

  private static final int RANK_OFFSET = 60;
  private static final int CANDIDATES = 50;
  private static final String TEXT = "text";
  private static final String VECTOR = "vector";

  private final List<Passage> passages;
  private final Directory directory;
  private final Analyzer analyzer;
  private final DirectoryReader reader;
  private final IndexSearcher searcher;

  /** A passage that was found, with its fused score. */
  public record Found(Passage passage, double score) {}

  private DocumentIndex(List<Passage> passages, Directory directory, Analyzer analyzer)
      throws IOException {
    this.passages = passages;
    this.directory = directory;
    this.analyzer = analyzer;
    reader = DirectoryReader.open(directory);
    searcher = new IndexSearcher(reader);
  }

  /**
   * Indexes passages.
   *
   * @param vectors of the passages, of length 1
   * @throws UserException if there are no passages, or the vectors are too long
   */
  public static DocumentIndex of(List<Passage> passages, List<float[]> vectors) {
    if (passages.isEmpty() || passages.size() != vectors.size()) {
      throw UserException.usage(
          "an index must have a passage or more, each with its embedding, got %d and %d: put text files into the folder"
              .formatted(passages.size(), vectors.size()));
    }
    if (vectors.get(0).length > MOST_DIMENSIONS) {
      throw UserException.usage(
          "embeddings of passages must have at most %d numbers, as Lucene has it, got %d: embed with a narrower model"
              .formatted(MOST_DIMENSIONS, vectors.get(0).length));
    }
    Directory directory = new ByteBuffersDirectory();
    Analyzer analyzer = new StandardAnalyzer();
    try {
      try (IndexWriter writer = new IndexWriter(directory, new IndexWriterConfig(analyzer))) {
        for (int i = 0; i < passages.size(); i++) {
          Document document = new Document();
          document.add(new TextField(TEXT, passages.get(i).text(), Field.Store.NO));
          document.add(
              new KnnFloatVectorField(
                  VECTOR, vectors.get(i), VectorSimilarityFunction.DOT_PRODUCT));
          document.add(new StoredField("passage", i));
          writer.addDocument(document);
        }
        // One segment: the documents keep their order, and searches their results.
        writer.forceMerge(1);
      }
      return new DocumentIndex(List.copyOf(passages), directory, analyzer);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Passages in it. */
  public int size() {
    return passages.size();
  }

  /**
   * The passages that fit a question best, best first.
   *
   * @param vector the question's embedding, of length 1
   */
  public List<Found> search(String question, float[] vector, int most) {
    try {
      Map<Integer, Double> scores = new HashMap<>();
      Query words = new QueryBuilder(analyzer).createBooleanQuery(TEXT, question);
      if (words != null) {
        add(searcher.search(words, CANDIDATES).scoreDocs, scores);
      }
      add(
          searcher.search(new KnnFloatVectorQuery(VECTOR, vector, CANDIDATES), CANDIDATES)
              .scoreDocs,
          scores);
      List<Found> found = new ArrayList<>();
      List<Map.Entry<Integer, Double>> ranked = new ArrayList<>(scores.entrySet());
      ranked.sort(
          Map.Entry.<Integer, Double>comparingByValue(Comparator.reverseOrder())
              .thenComparing(Map.Entry.comparingByKey()));
      for (Map.Entry<Integer, Double> each : ranked.subList(0, Math.min(most, ranked.size()))) {
        found.add(new Found(passages.get(each.getKey()), each.getValue()));
      }
      return found;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void add(ScoreDoc[] ranking, Map<Integer, Double> scores) throws IOException {
    for (int rank = 0; rank < ranking.length; rank++) {
      int passage =
          searcher
              .storedFields()
              .document(ranking[rank].doc)
              .getField("passage")
              .numericValue()
              .intValue();
      scores.merge(passage, 1.0 / (RANK_OFFSET + rank + 1), Double::sum);
    }
  }

  @Override
  public void close() {
    try {
      reader.close();
      directory.close();
      analyzer.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
