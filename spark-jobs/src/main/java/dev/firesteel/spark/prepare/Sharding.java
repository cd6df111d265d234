package dev.firesteel.spark.prepare;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.data.DatasetManifest.Part;
import dev.firesteel.data.DatasetManifest.ShardInfo;
import dev.firesteel.data.DatasetManifest.SplitInfo;
import dev.firesteel.data.ShardWriter;
import dev.firesteel.data.TokenEncoding;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSError;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.SerializableConfiguration;
import scala.Tuple2;

/**
 * Tokenizes the documents and writes the shards. A document's shard is the number of tokens before
 * it in its split divided by {@code data.shard_tokens}, so a shard ends with the document that
 * fills it, whatever the partitions; a document that fills several leaves gaps in the numbers.
 */
final class Sharding {
  private static final int MOST_PARTITIONS = 10_000;

  /** Replaces a token id: a single document needs no separator. */
  private static final int NO_SEPARATOR = -1;

  private static final ObjectMapper JSON = new ObjectMapper();

  private Sharding() {}

  /** The two splits of the text as written. */
  record Written(SplitInfo train, SplitInfo validation) {}

  static Written write(
      JavaRDD<Document> documents,
      Split split,
      Tokenizer tokenizer,
      TokenEncoding encoding,
      long shardTokens,
      Path folder,
      Configuration conf) {
    var context = JavaSparkContext.fromSparkContext(documents.context());
    Broadcast<String> json = context.broadcast(tokenizer.toJson());
    JavaRDD<TokenizedDocument> tokens =
        documents
            .mapPartitionsWithIndex(
                new Tokenize(split, json, tokenizer.endOfText().orElse(NO_SEPARATOR), encoding),
                true)
            .persist(StorageLevel.DISK_ONLY());
    try {
      PartSums sums = PartSums.of(tokens, encoding);
      var placement = new Placement(sums, shardTokens, encoding);
      JavaRDD<String> writing =
          tokens
              .mapPartitionsWithIndex(placement, true)
              .mapToPair(pair -> pair)
              .repartitionAndSortWithinPartitions(placement.partitioner())
              .mapPartitions(
                  new WriteShards(
                      placement, folder.toString(), new SerializableConfiguration(conf)));
      List<ShardInfo> shards =
          WritingJob.collect(writing).stream()
              .map(Sharding::parse)
              .sorted(Comparator.comparing(ShardInfo::name))
              .toList();
      return new Written(info(Part.TRAIN, sums, shards), info(Part.VALIDATION, sums, shards));
    } finally {
      tokens.unpersist(false);
    }
  }

  private static SplitInfo info(Part part, PartSums sums, List<ShardInfo> shards) {
    List<ShardInfo> own =
        shards.stream().filter(shard -> shard.name().startsWith(part.title() + "-")).toList();
    int p = part == Part.TRAIN ? TokenizedDocument.TRAIN : TokenizedDocument.VALIDATION;
    return new SplitInfo(sums.documents[p], sums.total(p), sums.textBytes[p], own);
  }

  private static ShardInfo parse(String json) {
    try {
      return JSON.readValue(json, ShardInfo.class);
    } catch (JsonProcessingException e) {
      throw new AssertionError("written by this class", e);
    }
  }

  /** Tokens before each partition, and totals, for each split of the text. */
  private static final class PartSums {
    private final long[][] tokensBefore;
    private final long[] documents = new long[TokenizedDocument.PARTS];
    private final long[] textBytes = new long[TokenizedDocument.PARTS];

    private PartSums(int partitions) {
      tokensBefore = new long[TokenizedDocument.PARTS][partitions + 1];
    }

    static PartSums of(JavaRDD<TokenizedDocument> tokens, TokenEncoding encoding) {
      PartSums sums = new PartSums(tokens.getNumPartitions());
      List<long[]> rows = tokens.mapPartitionsWithIndex(new Count(encoding), true).collect();
      for (long[] row : rows) {
        int partition = (int) row[0];
        for (int p = 0; p < TokenizedDocument.PARTS; p++) {
          sums.documents[p] += row[1 + 3 * p];
          sums.tokensBefore[p][partition + 1] = row[2 + 3 * p];
          sums.textBytes[p] += row[3 + 3 * p];
        }
      }
      for (long[] before : sums.tokensBefore) {
        Arrays.parallelPrefix(before, Long::sum);
      }
      return sums;
    }

    long total(int part) {
      return tokensBefore[part][tokensBefore[part].length - 1];
    }
  }

  /** One row per partition: its number; documents, tokens and bytes of text of each split. */
  private static final class Count
      implements Function2<Integer, Iterator<TokenizedDocument>, Iterator<long[]>> {
    private static final long serialVersionUID = 1L;
    private final TokenEncoding encoding;

    Count(TokenEncoding encoding) {
      this.encoding = encoding;
    }

    @Override
    public Iterator<long[]> call(Integer partition, Iterator<TokenizedDocument> documents) {
      long[] row = new long[1 + 3 * TokenizedDocument.PARTS];
      row[0] = partition;
      while (documents.hasNext()) {
        TokenizedDocument document = documents.next();
        row[1 + 3 * document.part()]++;
        row[2 + 3 * document.part()] += document.tokens().length / encoding.bytes();
        row[3 + 3 * document.part()] += document.textBytes();
      }
      return Collections.singleton(row).iterator();
    }
  }

  private static final class Tokenize
      implements Function2<Integer, Iterator<Document>, Iterator<TokenizedDocument>> {
    private static final long serialVersionUID = 1L;
    private final Split split;
    private final Broadcast<String> tokenizerJson;
    private final int separator;
    private final TokenEncoding encoding;

    Tokenize(Split split, Broadcast<String> tokenizerJson, int separator, TokenEncoding encoding) {
      this.split = split;
      this.tokenizerJson = tokenizerJson;
      this.separator = separator;
      this.encoding = encoding;
    }

    @Override
    public Iterator<TokenizedDocument> call(Integer partition, Iterator<Document> documents) {
      Tokenizer tokenizer = Tokenizers.load(tokenizerJson.value(), "the tokenizer of this job");
      Iterator<DocumentPart> parts = split.parts(partition, documents);
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return parts.hasNext();
        }

        @Override
        public TokenizedDocument next() {
          DocumentPart part = parts.next();
          int[] tokens = tokenizer.encode(part.text());
          if (separator != NO_SEPARATOR && part.endsDocument()) {
            tokens = Arrays.copyOf(tokens, tokens.length + 1);
            tokens[tokens.length - 1] = separator;
          }
          return new TokenizedDocument(
              part.part(), DocumentPart.utf8Bytes(part.text()), encoding.encode(tokens));
        }
      };
    }
  }

  /**
   * Gives each document its position: the number of its first token, with validation text after the
   * training text, at {@link #VALIDATION}.
   */
  private static final class Placement
      implements Function2<
          Integer, Iterator<TokenizedDocument>, Iterator<Tuple2<Long, TokenizedDocument>>> {
    private static final long serialVersionUID = 1L;

    /** Above any number of tokens. */
    private static final long VALIDATION = 1L << 62;

    private final long[][] tokensBefore;
    private final long shardTokens;
    private final long trainShards;
    private final long shards;
    private final TokenEncoding encoding;

    Placement(PartSums sums, long shardTokens, TokenEncoding encoding) {
      this.tokensBefore = sums.tokensBefore;
      this.shardTokens = shardTokens;
      this.trainShards = shardsFor(sums.total(TokenizedDocument.TRAIN));
      this.shards = trainShards + shardsFor(sums.total(TokenizedDocument.VALIDATION));
      this.encoding = encoding;
    }

    private long shardsFor(long tokens) {
      return (tokens + shardTokens - 1) / shardTokens;
    }

    @Override
    public Iterator<Tuple2<Long, TokenizedDocument>> call(
        Integer partition, Iterator<TokenizedDocument> documents) {
      long[] next = {
        tokensBefore[TokenizedDocument.TRAIN][partition],
        VALIDATION + tokensBefore[TokenizedDocument.VALIDATION][partition]
      };
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return documents.hasNext();
        }

        @Override
        public Tuple2<Long, TokenizedDocument> next() {
          TokenizedDocument document = documents.next();
          long place = next[document.part()];
          next[document.part()] += document.tokens().length / encoding.bytes();
          return new Tuple2<>(place, document);
        }
      };
    }

    /** The shard's number, counted over both splits. */
    long shard(long place) {
      return place < VALIDATION
          ? place / shardTokens
          : trainShards + (place - VALIDATION) / shardTokens;
    }

    String name(long shard) {
      return shard < trainShards
          ? name(Part.TRAIN, shard)
          : name(Part.VALIDATION, shard - trainShards);
    }

    private static String name(Part part, long number) {
      return String.format(Locale.ROOT, "%s-%05d", part.title(), number);
    }

    Partitioner partitioner() {
      return new ByShard(this, (int) Math.min(shards, MOST_PARTITIONS));
    }
  }

  private static final class ByShard extends Partitioner {
    private static final long serialVersionUID = 1L;
    private final Placement placement;
    private final int partitions;

    ByShard(Placement placement, int partitions) {
      this.placement = placement;
      this.partitions = partitions;
    }

    @Override
    public int numPartitions() {
      return partitions;
    }

    @Override
    public int getPartition(Object key) {
      return (int) (placement.shard((Long) key) % partitions);
    }
  }

  /** Writes a partition's shards one by one; each is returned as JSON. */
  private static final class WriteShards
      implements FlatMapFunction<Iterator<Tuple2<Long, TokenizedDocument>>, String>, Serializable {
    private static final long serialVersionUID = 1L;
    private final Placement placement;
    private final String folder;
    private final SerializableConfiguration conf;

    WriteShards(Placement placement, String folder, SerializableConfiguration conf) {
      this.placement = placement;
      this.folder = folder;
      this.conf = conf;
    }

    @Override
    public Iterator<String> call(Iterator<Tuple2<Long, TokenizedDocument>> documents)
        throws IOException {
      Path path = new Path(folder);
      FileSystem fs = HadoopFiles.fileSystem(path, conf.value());
      List<String> written = new ArrayList<>();
      ShardWriter writer = null;
      try {
        long shard = -1;
        while (documents.hasNext()) {
          Tuple2<Long, TokenizedDocument> next = documents.next();
          if (placement.shard(next._1()) != shard) {
            if (writer != null) {
              written.add(JSON.writeValueAsString(writer.finish()));
            }
            shard = placement.shard(next._1());
            writer = new ShardWriter(fs, path, placement.name(shard), placement.encoding);
          }
          writer.addEncoded(next._2().tokens());
        }
        if (writer != null) {
          written.add(JSON.writeValueAsString(writer.finish()));
        }
      } catch (IOException | FSError e) { // Hadoop's local files fail as an error.
        throw HadoopFiles.explain("writing token shards into " + folder, e);
      } finally {
        if (writer != null) {
          writer.close();
        }
      }
      return written.iterator();
    }
  }
}
