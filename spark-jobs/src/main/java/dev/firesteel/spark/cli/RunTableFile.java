package dev.firesteel.spark.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.univocity.parsers.common.TextParsingException;
import com.univocity.parsers.csv.CsvParser;
import com.univocity.parsers.csv.CsvParserSettings;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.scaling.RunColumn;
import dev.firesteel.scaling.RunTable;
import dev.firesteel.scaling.RunTable.Row;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.StringReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation.DecimalLogicalTypeAnnotation;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;

/**
 * A file of runs: CSV with a header, JSONL with an object a line, or Parquet (a file, or a folder
 * of them as Spark writes it). Read with Spark's own parsers, but without a session, which takes
 * longer to start than most fits take.
 */
final class RunTableFile {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String LINE = "line";

  private final String shown;
  private final Path path;
  private final FileSystem fs;

  private RunTableFile(String shown, Path path, FileSystem fs) {
    this.shown = shown;
    this.path = path;
    this.fs = fs;
  }

  /**
   * The content of a file.
   *
   * @param unit what a row's number counts: {@code line} or {@code record}
   */
  record Content(String shown, String unit, List<String> header, List<Row> rows) {
    /** The rows of finished runs, in the table of a sweep; all rows of another one. */
    Content finished() {
      int state = header.indexOf("state");
      return state < 0
          ? this
          : new Content(
              shown,
              unit,
              header,
              rows.stream().filter(row -> "finished".equals(row.cells().get(state))).toList());
    }

    /** Whether there is a column. */
    boolean has(String column) {
      return header.contains(column);
    }

    /**
     * The runs.
     *
     * @param names of columns, where they differ from {@link RunColumn#title}
     */
    RunTable table(Map<RunColumn, String> names) {
      return RunTable.read(shown, unit, header, rows, names);
    }
  }

  /** Reads a file by the format that its name ends with. */
  static Content read(String file, Configuration hadoop) {
    Path path = new Path(file);
    try {
      FileSystem fs = HadoopFiles.fileSystem(path, hadoop);
      if (!fs.exists(path)) {
        throw UserException.usage(
            "--data must name a file of runs, got %s, which does not exist".formatted(file));
      }
      return new RunTableFile(file, path, fs).read();
    } catch (CharacterCodingException e) {
      throw UserException.usage(
          "%s must be text in UTF-8, got bytes that are none: convert it".formatted(file), e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the runs in " + file, e);
    }
  }

  private Content read() throws IOException {
    String name = path.getName().toLowerCase(Locale.ROOT);
    if (fs.getFileStatus(path).isDirectory() || name.endsWith(".parquet")) {
      return parquet();
    }
    if (name.endsWith(".csv")) {
      return csv();
    }
    if (name.endsWith(".jsonl") || name.endsWith(".ndjson")) {
      return jsonLines();
    }
    throw UserException.usage(
        "--data must name a file that ends in .csv, .jsonl or .parquet, or a folder of Parquet files, got %s"
            .formatted(shown));
  }

  private Reader reader() throws IOException {
    return new InputStreamReader(
        fs.open(path),
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT));
  }

  private Content csv() throws IOException {
    StringBuilder text = new StringBuilder();
    try (Reader reader = reader()) {
      char[] buffer = new char[1 << 16];
      for (int read = reader.read(buffer); read >= 0; read = reader.read(buffer)) {
        text.append(buffer, 0, read);
      }
    }
    CsvParserSettings settings = new CsvParserSettings();
    settings.getFormat().setLineSeparator("\n");
    settings.setSkipEmptyLines(true);
    settings.setMaxCharsPerColumn(-1);
    CsvParser parser = new CsvParser(settings);
    List<Row> rows = new ArrayList<>();
    List<String> header = null;
    try {
      // A byte-order mark is no part of the first name; lines may end differently in one file.
      parser.beginParsing(
          new StringReader(
              text.toString()
                  .replaceFirst("^\ufeff", "")
                  .replace("\r\n", "\n")
                  .replace('\r', '\n')));
      for (String[] cells = parser.parseNext(); cells != null; cells = parser.parseNext()) {
        // Lines are counted as they end; a cell may contain some.
        long line = parser.getContext().currentLine();
        if (header == null) {
          header = header(cells);
        } else if (cells.length > header.size()) {
          throw UserException.usage(
              "%s must have %d cells in each line, as its header has, got %d in line %d: quote cells that contain commas"
                  .formatted(shown, header.size(), cells.length, line));
        } else {
          rows.add(new Row(line, Arrays.asList(cells)));
        }
      }
    } catch (TextParsingException e) {
      throw UserException.usage(
          "%s must be CSV, got something else in line %d".formatted(shown, e.getLineIndex() + 1),
          e);
    } finally {
      parser.stopParsing();
    }
    if (header == null) {
      throw empty();
    }
    return new Content(shown, LINE, header, rows);
  }

  private static List<String> header(String[] cells) {
    return Arrays.stream(cells).map(cell -> cell == null ? "" : cell.strip()).toList();
  }

  private UserException empty() {
    return UserException.usage(
        "%s must hold a header and at least one row with a run, got an empty file"
            .formatted(shown));
  }

  private Content jsonLines() throws IOException {
    Map<String, Integer> places = new LinkedHashMap<>();
    List<Row> rows = new ArrayList<>();
    try (BufferedReader lines = new BufferedReader(reader())) {
      long number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        if (!line.isBlank()) {
          rows.add(row(number, line, places));
        }
      }
    }
    if (rows.isEmpty()) {
      throw empty();
    }
    return new Content(shown, LINE, List.copyOf(places.keySet()), rows);
  }

  private Row row(long number, String line, Map<String, Integer> places) {
    JsonNode json;
    try {
      json = JSON.readTree(line);
    } catch (JsonProcessingException e) {
      throw UserException.usage(
          "%s must hold one JSON object a line, got something else in line %d"
              .formatted(shown, number),
          e);
    }
    if (!json.isObject()) {
      throw UserException.usage(
          "%s must hold one JSON object a line, got another value in line %d"
              .formatted(shown, number));
    }
    Object[] cells = new Object[places.size() + json.size()];
    json.properties()
        .forEach(
            field -> {
              int place = places.computeIfAbsent(field.getKey(), key -> places.size());
              JsonNode value = field.getValue();
              cells[place] =
                  value.isNumber() ? value.numberValue() : value.isNull() ? null : value.asText();
            });
    return new Row(number, Arrays.asList(cells));
  }

  private Content parquet() throws IOException {
    List<Path> files = new ArrayList<>();
    if (fs.getFileStatus(path).isDirectory()) {
      for (FileStatus file : fs.listStatus(path)) {
        if (file.getPath().getName().endsWith(".parquet")) {
          files.add(file.getPath());
        }
      }
      files.sort(null);
    } else {
      files.add(path);
    }
    if (files.isEmpty()) {
      throw UserException.usage(
          "%s must contain Parquet files, got none that ends in .parquet".formatted(shown));
    }
    Map<String, Integer> places = new LinkedHashMap<>();
    List<Row> rows = new ArrayList<>();
    for (Path file : files) {
      try (ParquetReader<Group> reader =
          ParquetReader.builder(new GroupReadSupport(), file).withConf(fs.getConf()).build()) {
        for (Group group = reader.read(); group != null; group = reader.read()) {
          rows.add(new Row(rows.size() + 1L, cells(group, places)));
        }
      } catch (RuntimeException e) { // What is no Parquet file.
        throw HadoopFiles.explain(
            "reading the Parquet file " + HadoopFiles.withPlainPaths(file.toString()), e);
      }
    }
    if (rows.isEmpty()) {
      throw empty();
    }
    return new Content(shown, "record", List.copyOf(places.keySet()), rows);
  }

  private static List<Object> cells(Group group, Map<String, Integer> places) {
    GroupType type = group.getType();
    Object[] cells = new Object[places.size() + type.getFieldCount()];
    for (int i = 0; i < type.getFieldCount(); i++) {
      int place = places.computeIfAbsent(type.getFieldName(i), key -> places.size());
      cells[place] = group.getFieldRepetitionCount(i) == 1 ? cell(group, type.getType(i), i) : null;
    }
    return Arrays.asList(cells);
  }

  private static Object cell(Group group, Type type, int field) {
    if (!type.isPrimitive()) {
      return "a nested value";
    }
    if (type.getLogicalTypeAnnotation() instanceof DecimalLogicalTypeAnnotation decimal
        && (type.asPrimitiveType().getPrimitiveTypeName() == PrimitiveTypeName.INT32
            || type.asPrimitiveType().getPrimitiveTypeName() == PrimitiveTypeName.INT64)) {
      return Double.parseDouble(group.getValueToString(field, 0))
          * Math.pow(10, -decimal.getScale());
    }
    return switch (type.asPrimitiveType().getPrimitiveTypeName()) {
      case INT32, INT64, FLOAT, DOUBLE -> Double.valueOf(group.getValueToString(field, 0));
      default -> group.getValueToString(field, 0);
    };
  }
}
