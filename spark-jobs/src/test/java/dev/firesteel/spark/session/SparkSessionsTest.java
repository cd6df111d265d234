package dev.firesteel.spark.session;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparkSessionsTest {
  private static final Map<String, String> SMALL = Map.of("spark.sql.shuffle.partitions", "2");

  @Test
  void anEmbeddedSessionLeavesNoFolderBehind() {
    Path temporary;
    try (var spark = SparkSessions.open("test", SMALL)) {
      assertThat(spark.embedded()).isTrue();
      temporary = Path.of(spark.session().conf().get("spark.local.dir"));
      assertThat(temporary).isDirectory();
      assertThat(spark.session().range(1000).repartition(2).count()).isEqualTo(1000);
    }
    assertThat(temporary).doesNotExist();
  }

  @Test
  void aSessionThatHasEndedMakesRoomForTheNext() {
    SparkSession first;
    Path temporary;
    try (var spark = SparkSessions.open("first", SMALL)) {
      first = spark.session();
    }
    try (var spark = SparkSessions.open("second", SMALL)) {
      assertThat(spark.session()).isNotSameAs(first);
      assertThat(spark.session().range(3).count()).isEqualTo(3);
      temporary = Path.of(spark.session().conf().get("spark.local.dir"));
    }
    assertThat(temporary).doesNotExist();
  }

  @Test
  void sparkSqlReadsAndWritesUnderRegisteredKryo(@TempDir Path folder) throws Exception {
    Path text = Files.writeString(folder.resolve("lines.txt"), "b\na\nb\n");
    try (var spark = SparkSessions.open("test", SMALL)) {
      SparkSession session = spark.session();
      String parquet = folder.resolve("out").toString();
      session.read().text(text.toString()).distinct().write().parquet(parquet);

      List<String> lines =
          session.read().parquet(parquet).as(Encoders.STRING()).collectAsList().stream()
              .sorted()
              .toList();

      assertThat(lines).containsExactly("a", "b");
    }
  }

  @Test
  void refusesToShipAClassThatIsNotRegistered() {
    try (var spark = SparkSessions.open("test", SMALL)) {
      var context = JavaSparkContext.fromSparkContext(spark.session().sparkContext());
      var one = context.parallelize(new ArrayList<>(List.of(1)), 1).map(Unregistered::new);

      assertThatThrownBy(one::collect)
          .hasStackTraceContaining("Class is not registered: " + Unregistered.class.getName());
    }
  }

  private static final class Unregistered {
    @SuppressWarnings("unused") // What would have travelled.
    private final int value;

    Unregistered(int value) {
      this.value = value;
    }
  }
}
