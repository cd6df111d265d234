package dev.firesteel.spark.prepare;

import dev.firesteel.config.TokenizerConfig;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.tokenizer.BpeTrainer;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.SplitPattern;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.WordCounts;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function2;
import scala.Tuple2;

/** Loads the tokenizer named by the configuration, or trains it on the documents with Spark. */
final class TokenizerTraining {
  /** 256 bytes and the end of text: a BPE without merges. */
  private static final int BYTE_VOCABULARY = 257;

  private TokenizerTraining() {}

  /** The tokenizer of {@code tokenizer.file}. */
  static Tokenizer load(String file, Configuration conf) {
    Path path = new Path(file);
    try {
      return TokenizerFiles.read(HadoopFiles.fileSystem(path, conf), path);
    } catch (FileNotFoundException e) {
      throw UserException.usage(
          "tokenizer.file %s does not exist: give the path of a tokenizer.json".formatted(file), e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading tokenizer.file " + file, e);
    }
  }

  /**
   * Trains: bytes and BPE on the training text only, characters on all text, because a character
   * that occurs only in the validation text could not be encoded.
   */
  static Tokenizer train(
      TokenizerConfig config,
      JavaRDD<Document> documents,
      Split split,
      long keptDocuments,
      Consumer<String> progress) {
    return switch (config.kind()) {
      case BYTE -> {
        WordCounts none = new WordCounts();
        none.addWord("a", 1);
        yield BpeTrainer.builder(BYTE_VOCABULARY).build().train(none);
      }
      case CHAR -> {
        CharTokenizer tokenizer =
            CharTokenizer.train(List.of(distinctCharacters(documents, split)).iterator());
        // One document needs no separator, and nanoGPT's vocabulary has none.
        yield keptDocuments > 1 ? tokenizer.withEndOfText() : tokenizer;
      }
      case BPE -> bpe(config, documents, split, progress);
    };
  }

  private static String distinctCharacters(JavaRDD<Document> documents, Split split) {
    BitSet all = new BitSet();
    documents
        .mapPartitionsWithIndex(new Characters(split), true)
        .collect()
        .forEach(bits -> all.or(BitSet.valueOf(bits)));
    StringBuilder text = new StringBuilder();
    all.stream().forEach(text::appendCodePoint);
    return text.toString();
  }

  private static Tokenizer bpe(
      TokenizerConfig config, JavaRDD<Document> documents, Split split, Consumer<String> progress) {
    long limit = config.trainingBytes() == 0 ? Long.MAX_VALUE : config.trainingBytes();
    // The training text's bytes in each partition, then the bytes before each.
    List<Tuple2<Integer, Long>> bytes =
        documents.mapPartitionsWithIndex(new TrainBytes(split), true).collect();
    long[] before = new long[documents.getNumPartitions() + 1];
    bytes.forEach(each -> before[each._1() + 1] = each._2());
    for (int i = 1; i < before.length; i++) {
      before[i] += before[i - 1];
    }
    long used = Math.min(limit, before[before.length - 1]);
    if (used == 0) {
      throw UserException.usage(
          "the training text must not be empty to train a tokenizer: lower data.validation_fraction or provide more text");
    }
    progress.accept(
        "Training a BPE tokenizer of %d tokens on %.1f MB"
            .formatted(config.vocabularySize(), used / 1e6));
    WordCounts words = new WordCounts(config.pattern());
    documents
        .mapPartitionsWithIndex(new Words(split, config.pattern(), before, limit), true)
        .mapToPair(pair -> pair)
        .reduceByKey(Long::sum)
        .toLocalIterator()
        .forEachRemaining(word -> words.addWord(word._1(), word._2()));
    return BpeTrainer.builder(config.vocabularySize())
        .pattern(config.pattern())
        .build()
        .train(words);
  }

  private static final class Characters
      implements Function2<Integer, Iterator<Document>, Iterator<long[]>> {
    private static final long serialVersionUID = 1L;
    private final Split split;

    Characters(Split split) {
      this.split = split;
    }

    @Override
    public Iterator<long[]> call(Integer partition, Iterator<Document> documents) {
      BitSet found = new BitSet();
      split
          .parts(partition, documents)
          .forEachRemaining(part -> part.text().codePoints().forEach(found::set));
      return Collections.singleton(found.toLongArray()).iterator();
    }
  }

  private static final class TrainBytes
      implements Function2<Integer, Iterator<Document>, Iterator<Tuple2<Integer, Long>>> {
    private static final long serialVersionUID = 1L;
    private final Split split;

    TrainBytes(Split split) {
      this.split = split;
    }

    @Override
    public Iterator<Tuple2<Integer, Long>> call(Integer partition, Iterator<Document> documents) {
      long bytes = 0;
      for (var parts = split.parts(partition, documents); parts.hasNext(); ) {
        DocumentPart part = parts.next();
        bytes += part.part() == Part.TRAIN ? DocumentPart.utf8Bytes(part.text()) : 0;
      }
      return Collections.singleton(new Tuple2<>(partition, bytes)).iterator();
    }
  }

  /** Counts the words of the training text's first bytes. */
  private static final class Words
      implements Function2<Integer, Iterator<Document>, Iterator<Tuple2<String, Long>>> {
    private static final long serialVersionUID = 1L;
    private final Split split;
    private final SplitPattern pattern;
    private final long[] bytesBefore;
    private final long limit;

    Words(Split split, SplitPattern pattern, long[] bytesBefore, long limit) {
      this.split = split;
      this.pattern = pattern;
      this.bytesBefore = bytesBefore;
      this.limit = limit;
    }

    @Override
    public Iterator<Tuple2<String, Long>> call(Integer partition, Iterator<Document> documents) {
      WordCounts counts = new WordCounts(pattern);
      long bytes = bytesBefore[partition];
      for (var parts = split.parts(partition, documents); bytes < limit && parts.hasNext(); ) {
        DocumentPart part = parts.next();
        if (part.part() == Part.TRAIN) {
          counts.addDocument(within(part.text(), limit - bytes));
          bytes += DocumentPart.utf8Bytes(part.text());
        }
      }
      List<Tuple2<String, Long>> pairs = new ArrayList<>(counts.distinctWords());
      counts.forEach((word, count) -> pairs.add(new Tuple2<>(word, count)));
      return pairs.iterator();
    }

    /** The longest prefix of whole characters that has at most that many bytes. */
    private static String within(String text, long bytes) {
      if (DocumentPart.utf8Bytes(text) <= bytes) {
        return text;
      }
      int end = 0;
      for (long left = bytes; ; ) {
        int codePoint = text.codePointAt(end);
        left -= DocumentPart.utf8Bytes(Character.toString(codePoint));
        if (left < 0) {
          return text.substring(0, end);
        }
        end += Character.charCount(codePoint);
      }
    }
  }
}
