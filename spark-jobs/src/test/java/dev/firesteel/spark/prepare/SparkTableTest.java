package dev.firesteel.spark.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.data.DatasetManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.spark.session.SparkSessions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.connector.catalog.CatalogPlugin;
import org.apache.spark.sql.util.CaseInsensitiveStringMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tables of Spark's own catalog; those of Delta and Iceberg need their jars (docs/data.md). */
class SparkTableTest {
  @TempDir private static Path warehouse;
  private static SparkSessions.OpenSession open;
  private static SparkSession spark;

  @TempDir private Path folder;

  @BeforeAll
  static void start() {
    open =
        SparkSessions.open(
            "test", Map.of("spark.sql.warehouse.dir", warehouse.resolve("tables").toString()));
    spark = open.session();
  }

  @AfterAll
  static void stop() {
    open.close();
  }

  @BeforeEach
  void makeTable() {
    spark.sql("CREATE DATABASE IF NOT EXISTS books");
    spark.sql("DROP TABLE IF EXISTS books.tales");
    spark.sql("CREATE TABLE books.tales (id BIGINT, body STRING) USING parquet");
    spark.sql(
        "INSERT INTO books.tales VALUES (1, 'a fox'), (2, 'a crow'), (3, NULL), (4, 'a crow')");
  }

  private PrepareJob.Prepared prepare(String source, boolean rebuild, String... settings) {
    List<String> overrides =
        new ArrayList<>(
            List.of(
                "data.path=" + folder.resolve("prepared"),
                "data.source=" + source,
                "tokenizer.kind=byte",
                "data.validation_fraction=0"));
    overrides.addAll(List.of(settings));
    return PrepareJob.run(
        spark, ConfigLoader.load(PretrainConfig.class, overrides), rebuild, line -> {});
  }

  @Test
  void readsATableByNameAndRecordsItsState() {
    DatasetManifest manifest =
        prepare("table:books.tales", false, "data.text_field=body").manifest();

    assertThat(manifest.documents())
        .isEqualTo(new DatasetManifest.DocumentCounts(4, 0, 0, 1, 1, 0, 2));
    assertThat(manifest.train().textBytes()).isEqualTo("a fox".length() + "a crow".length());
    assertThat(manifest.source()).matches("table:books\\.tales \\(files [0-9a-f]{12}\\)");
    assertThat(manifest.inputs().files()).isPositive();
    assertThat(manifest.inputs().bytes()).isPositive();
  }

  @Test
  void anUnchangedTableIsNotReadAgainAndAChangedOneIsRefused() {
    String[] settings = {"data.text_field=body"};
    DatasetManifest first = prepare("table:books.tales", false, settings).manifest();
    assertThat(prepare("table:books.tales", false, settings).upToDate()).isTrue();

    spark.sql("INSERT INTO books.tales VALUES (5, 'a hen')");

    assertThatThrownBy(() -> prepare("table:books.tales", false, settings))
        .isInstanceOf(UserException.class);
    DatasetManifest second = prepare("table:books.tales", true, settings).manifest();
    assertThat(second.documents().kept()).isEqualTo(3);
    assertThat(second.inputs().sha256()).isNotEqualTo(first.inputs().sha256());
    assertThat(second.source()).isNotEqualTo(first.source());
  }

  /** As Iceberg's for Spark 4.1 does under Spark 4.2. */
  public static final class ForeignCatalog implements CatalogPlugin {
    @Override
    public void initialize(String name, CaseInsensitiveStringMap options) {
      throw new IncompatibleClassChangeError("View is not an interface");
    }

    @Override
    public String name() {
      return "foreign";
    }
  }

  @Test
  void explainsACatalogForAnotherVersionOfSpark() {
    spark.conf().set("spark.sql.catalog.foreign", ForeignCatalog.class.getName());

    assertThatThrownBy(() -> prepare("table:foreign.books.tales", false))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the catalog of table:foreign.books.tales must be built for Spark %s, got one that does not load (View is not an interface): put the jar for this version of Spark on the class path"
                .formatted(spark.version()));
  }

  @Test
  void explainsATableOrColumnThatIsNotThere() {
    assertThatThrownBy(() -> prepare("table:books.none", false))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith(
            "data.source table:books.none must name a table of Spark's catalogs, got none (");
    assertThatThrownBy(() -> prepare("table:books.tales", false))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "data.text_field must name a column of table:books.tales, got \"text\": the columns are id, body");
    assertThatThrownBy(() -> prepare("table:books.tales", false, "data.text_field=id"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "data.text_field must name a column of text, got \"id\" of type bigint in table:books.tales");
  }
}
