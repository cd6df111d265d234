package dev.firesteel.spark.prepare;

import dev.firesteel.config.DataConfig;
import dev.firesteel.data.DatasetManifest.Part;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function2;

/**
 * Which documents are kept, and the split that each belongs to: a function of a document's hash
 * ({@code hash}) or of its position in the whole text ({@code tail}). Shipped with the tasks.
 */
final class Split implements Serializable {
  private static final long serialVersionUID = 1L;

  /** {@code auto} uses whole documents if it can expect this many of them. */
  private static final int ENOUGH_VALIDATION_DOCUMENTS = 10;

  /** Hexadecimal digits at the hash's end, 48 bits; its beginning determined the order. */
  private static final int DIGITS = 12;

  private final DataConfig.Split split;
  private final double validationFraction;
  private final long keep;

  /** Documents and characters in the partitions before each. */
  private final long[] documentsBefore;

  private final long[] charactersBefore;

  /** The first character of the validation text. */
  private final long cut;

  private Split(
      DataConfig.Split split,
      double validationFraction,
      long keep,
      Tally[] tallies,
      long keptCharacters) {
    this.split = split;
    this.validationFraction = validationFraction;
    this.keep = keep;
    // As nanoGPT cuts: int(n * 0.9) characters are training text.
    this.cut = (long) (keptCharacters * (1 - validationFraction));
    documentsBefore = new long[tallies.length];
    charactersBefore = new long[tallies.length];
    for (int i = 1; i < tallies.length; i++) {
      documentsBefore[i] = documentsBefore[i - 1] + tallies[i - 1].documents();
      charactersBefore[i] = charactersBefore[i - 1] + tallies[i - 1].characters();
    }
  }

  /**
   * The split given by the configuration.
   *
   * @param keep how many documents to keep, from the first
   */
  static Split of(DataConfig data, long keep, Tally[] tallies, JavaRDD<Document> documents) {
    double fraction = data.validationFraction();
    boolean enough = fraction == 0 || keep * fraction >= ENOUGH_VALIDATION_DOCUMENTS;
    DataConfig.Split split =
        switch (data.split()) {
          case AUTO -> enough ? DataConfig.Split.HASH : DataConfig.Split.TAIL;
          case HASH -> DataConfig.Split.HASH;
          case TAIL -> DataConfig.Split.TAIL;
        };
    Tally all = Tally.sum(tallies);
    long characters = all.characters();
    if (keep < all.documents() && split == DataConfig.Split.TAIL) {
      // This one treats all kept documents as training text.
      var everything = new Split(DataConfig.Split.HASH, 0, keep, tallies, 0);
      characters =
          documents.mapPartitionsWithIndex(new Characters(everything), true).fold(0L, Long::sum);
    }
    return new Split(split, fraction, keep, tallies, characters);
  }

  private static final class Characters
      implements Function2<Integer, Iterator<Document>, Iterator<Long>> {
    private static final long serialVersionUID = 1L;
    private final Split split;

    Characters(Split split) {
      this.split = split;
    }

    @Override
    public Iterator<Long> call(Integer partition, Iterator<Document> documents) {
      long characters = 0;
      for (var parts = split.parts(partition, documents); parts.hasNext(); ) {
        String text = parts.next().text();
        characters += text.codePointCount(0, text.length());
      }
      return Collections.singleton(characters).iterator();
    }
  }

  /** HASH or TAIL. */
  DataConfig.Split kind() {
    return split;
  }

  /** The kept documents of a partition, in two pieces where the cut goes through one. */
  Iterator<DocumentPart> parts(int partition, Iterator<Document> documents) {
    return new Parts(partition, documents);
  }

  private final class Parts implements Iterator<DocumentPart> {
    private final Iterator<Document> documents;
    private final List<DocumentPart> ready = new ArrayList<>(2);
    private long document;
    private long character;

    Parts(int partition, Iterator<Document> documents) {
      this.documents = documents;
      this.document = documentsBefore[partition];
      this.character = charactersBefore[partition];
    }

    @Override
    public boolean hasNext() {
      while (ready.isEmpty() && document < keep && documents.hasNext()) {
        Document next = documents.next();
        if (next.isText()) {
          add(next);
          document++;
        }
      }
      return !ready.isEmpty();
    }

    @Override
    public DocumentPart next() {
      if (!hasNext()) {
        throw new NoSuchElementException("no more documents");
      }
      return ready.remove(0);
    }

    private void add(Document next) {
      String text = next.text();
      if (split == DataConfig.Split.HASH) {
        ready.add(
            new DocumentPart(isValidation(next.hash()) ? Part.VALIDATION : Part.TRAIN, text, true));
        return;
      }
      int length = text.codePointCount(0, text.length());
      long train = Math.max(0, Math.min(length, cut - character));
      int at = text.offsetByCodePoints(0, (int) train);
      if (at > 0) {
        ready.add(new DocumentPart(Part.TRAIN, text.substring(0, at), at == text.length()));
      }
      if (at < text.length()) {
        ready.add(new DocumentPart(Part.VALIDATION, text.substring(at), true));
      }
      character += length;
    }
  }

  private boolean isValidation(String hash) {
    long bits = Long.parseLong(hash.substring(hash.length() - DIGITS), 16);
    return bits < validationFraction * (1L << (4 * DIGITS));
  }
}
