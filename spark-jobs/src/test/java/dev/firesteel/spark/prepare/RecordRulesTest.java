package dev.firesteel.spark.prepare;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordRulesTest {
  private static final byte[] MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"text\": \"a\"}{\"text\": \"b\"}",
        "{\"text\": \"a\"} {\"text\": \"b\"}",
        "{\"text\": \"a\"}, {\"text\": \"b\"}",
        "{\"text\": \"a\"} trailing",
        "{\"text\": \"a\"},",
        "{\"text\": \"a\"}]",
        "{\"text\": \"a\"} 1",
        "{\"text\": \"a\"",
        "{\"text\": \"a\", \"n\": }",
        "{\"text\": \"a\", \"n\": 01}",
        "{\"text\": \"a\tb\"}",
        "{\"text\": \"a\\x\"}",
        "{text: \"a\"}",
        "[{\"text\": \"a\"}]",
        "[",
        "\"text\"",
        "null",
        "1",
        "text",
        "{\"text\": \"zero \\u0000\"}",
      })
  void aLineThatIsNotOneObjectIsMalformed(String line) {
    assertThat(json(line).outcome()).isEqualTo(Document.MALFORMED);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "{\"Text\": \"a\"}",
        "{\"other\": {\"text\": \"a\"}}",
        "{\"text\": null}",
        "{\"text\": 1.50}",
        "{\"text\": true}",
        "{\"text\": [\"a\"]}",
        "{\"text\": {\"text\": \"a\"}}",
        "{\"text\": \"a\", \"text\": 2}",
      })
  void aFieldThatIsNoStringIsNoText(String line) {
    assertThat(json(line).outcome()).isEqualTo(Document.MISSING_TEXT);
  }

  @Test
  void escapesAreRead() {
    assertThat(json("{\"text\": \"caf\\u00e9\\n \\\"q\\\" \\/\"}").text())
        .isEqualTo("café\n \"q\" /");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"n\": 1e400, \"text\": \"a\"}",
        "{\"n\": NaN, \"text\": \"a\", \"m\": -Infinity}",
        "{'n': 'x', 'text': 'a'}",
        "  {\"text\": \"b\", \"text\": \"a\"}  ",
        "{\"\": 0, \"n\": [[], {}, [{\"text\": \"b\"}]], \"text\": \"a\"}",
      })
  void otherFieldsDoNotMatter(String line) {
    assertThat(json(line).text()).isEqualTo("a");
  }

  @Test
  void noSizeAndNoDepthIsTooMuch() {
    int depth = 5_000;
    assertThat(
            json("{\"n\": " + "[".repeat(depth) + "]".repeat(depth) + ", \"text\": \"a\"}").text())
        .isEqualTo("a");
    assertThat(
            json("{\"n\": "
                    + "{\"n\":".repeat(depth)
                    + "1"
                    + "}".repeat(depth)
                    + ", \"text\": \"a\"}")
                .text())
        .isEqualTo("a");
    assertThat(json("{\"n\": " + "1".repeat(20_000) + ", \"text\": \"a\"}").text()).isEqualTo("a");
    assertThat(json("{\"" + "n".repeat(100_000) + "\": 1, \"text\": \"a\"}").text()).isEqualTo("a");
    String text = "ab".repeat(10_000_001);
    assertThat(json("{\"text\": \"" + text + "\"}").text()).isEqualTo(text);
    assertThat(json("{\"other\": \"" + text + "\", \"text\": \"a\"}").text()).isEqualTo("a");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"text\": \"caf\u00e9\"}",
        "{\"text\": \"\u00ff\u00fe\"}",
        "{\"n\": \"\u00c0\u00af\", \"text\": \"a\"}",
      })
  void bytesThatAreNotUtf8AreMalformed(String line) {
    byte[] latin1 = line.getBytes(StandardCharsets.ISO_8859_1);
    assertThat(RecordRules.ofJson(latin1, "text").outcome()).isEqualTo(Document.MALFORMED);
    assertThat(RecordRules.ofText(latin1, 0).outcome()).isEqualTo(Document.MALFORMED);
    assertThat(RecordRules.ofFile(latin1, 0).outcome()).isEqualTo(Document.MALFORMED);
    assertThat(RecordRules.ofColumn(latin1).outcome()).isEqualTo(Document.MALFORMED);
  }

  @Test
  void theReplacementCharacterItselfIsText() {
    String text = "a \uFFFD b";
    assertThat(RecordRules.ofText(utf8(text), 0).text()).isEqualTo(text);
    assertThat(json("{\"text\": \"" + text + "\"}").text()).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({
    "high \\ud83d end, high \uFFFD end",
    "low \\ude00 end, low \uFFFD end",
    "turned \\ude00\\ud83d end, turned \uFFFD\uFFFD end",
    "last \\ud83d, last \uFFFD",
    "pair \\ud83d\\ude00 end, pair \uD83D\uDE00 end",
    "three \\ud83d\\ud83d\\ude00 end, three \uFFFD\uD83D\uDE00 end",
  })
  void halfASurrogatePairIsReplaced(String escaped, String text) {
    Document document = json("{\"text\": \"" + escaped + "\"}");
    assertThat(document.text()).isEqualTo(text);
    // Equal to the same text spelt out, as duplicates are found.
    assertThat(document.hash()).isEqualTo(RecordRules.ofText(utf8(text), 0).hash());
  }

  @Test
  void theByteOrderMarkOfAFileIsDropped() {
    byte[] text = utf8("\uFEFFa \uFEFF b");
    assertThat(text).startsWith(MARK);
    Document document = RecordRules.ofFile(text, 3);
    assertThat(document.text()).isEqualTo("a \uFEFF b");
    assertThat(document.hash()).isEqualTo(RecordRules.ofFile(utf8("a \uFEFF b"), 0).hash());
    assertThat(document.file()).isEqualTo(3);
    assertThat(RecordRules.ofFile(MARK, 0).outcome()).isEqualTo(Document.EMPTY);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "\t\r\n \n"})
  void whiteSpaceIsEmpty(String text) {
    assertThat(json(text).outcome()).isEqualTo(Document.EMPTY);
    assertThat(RecordRules.ofText(utf8(text), 0).outcome()).isEqualTo(Document.EMPTY);
    assertThat(RecordRules.ofFile(utf8(text), 0).outcome()).isEqualTo(Document.EMPTY);
    assertThat(RecordRules.ofColumn(utf8(text)).outcome()).isEqualTo(Document.EMPTY);
  }

  private static Document json(String line) {
    return RecordRules.ofJson(utf8(line), "text");
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
