package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** Real, hostile and random texts for tests. */
final class Texts {
  /** Characters on which splitters differ, and ordinary ones around them. */
  private static final String[] PARTS = {
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\u000B",
    "\u001C",
    "\u0085",
    "\u00A0",
    "\u1680",
    "\u180E",
    "\u2000",
    "\u200B",
    "\u200D",
    "\u2028",
    "\u2029",
    "\u202F",
    "\u205F",
    "\u3000",
    "\uFEFF",
    "\0",
    "\u0001",
    "\u007F",
    "'",
    "'s",
    "'S",
    "'ll",
    "'l",
    "'re",
    "'ve",
    "'t",
    "'d",
    "'m",
    "’s",
    "a",
    "b",
    "Zz",
    "ß",
    "é",
    "e\u0301",
    "ı",
    "ﬁ",
    "ǅ",
    "ʰ",
    "ª",
    "я",
    "ש",
    "\u05B0",
    "ع",
    "क्",
    "ไ",
    "한",
    "漢字",
    "ひ",
    "\uD840\uDC00",
    "1",
    "23",
    "²",
    "½",
    "Ⅷ",
    "٣",
    "၃",
    "〇",
    "\uD835\uDFD8",
    "\u0BF0",
    ".",
    "...",
    "_",
    "-",
    "<|",
    "|>",
    "<|endoftext|>",
    "{",
    "}",
    "\\",
    "\"",
    "€",
    "\uFFFD",
    "😀",
    "👩\u200D👩\u200D👧",
    "🏳\uFE0F\u200D🌈",
    "🇩🇪",
    "\uE000",
    "\uDBFF\uDFFD",
    "\uFFFF",
    "\u0300",
    "\u200F",
    "\u202E",
    "\u00AD",
    "\u0870",
    "\uD804\uDD47"
  };

  private Texts() {}

  static List<String> hostile() {
    return List.of(
        "",
        " ",
        "\n",
        "   leading and trailing   ",
        "a b  c   d    e\t\tf\n\n\ng \n h\n ",
        "I'm you're he's we've they'll I'd don't 'tis '90s ''s 'LL O'Neill's'",
        "👩‍👩‍👧‍👦 👨🏽‍💻 🏳️‍🌈 🇩🇪🇫🇷 ❤️ ©®™",
        "zero\0bytes\0\0 and \u0001\u001F\u007F",
        "漢字仮名交じり文、한국어 텍스트。中文文本！ไทย",
        "שלום עולם مرحبا بالعالم \u202Eright to left\u202C",
        "e\u0301 a\u0308\u0323 Z\u0351\u036B\u0343\u036A\u0302\u036B\u033D",
        "١٢٣ ४५६ ⅧⅫ ½¾ ²³ 〇一二 𝟘𝟙 ௰௱",
        "\uE000\uF8FF \uDBFF\uDFFD \uD840\uDC00",
        "a\u0085b\u00A0c\u2028d\u2029e\u180Ef\u3000g\u200Bh\uFEFFi",
        " \u0085 \u00A0\u00A0x \u2028\u2028y",
        "\u001C\u001D\u001E\u001Fx",
        "x" + " ".repeat(10_000) + "y" + "\t".repeat(5_000) + "\n".repeat(5_000) + " z",
        "=".repeat(3_000) + "ab".repeat(3_000) + "12".repeat(1_000),
        "for(int i=0;i<10;i++){\n\t\tSystem.out.println(\"\\u00e9\"+i);\n\t}\n");
  }

  /** A text of up to 60 parts, each hostile or any code point at all. */
  static String random(SplittableRandom random) {
    StringBuilder text = new StringBuilder();
    int parts = random.nextInt(60);
    for (int i = 0; i < parts; i++) {
      if (random.nextInt(4) == 0) {
        text.appendCodePoint(randomCodePoint(random));
      } else {
        text.append(PARTS[random.nextInt(PARTS.length)]);
      }
    }
    return text.toString();
  }

  /** Any code point that UTF-8 can hold; half of them in the first two planes. */
  private static int randomCodePoint(SplittableRandom random) {
    int codePoint = random.nextInt(random.nextBoolean() ? 0x20000 : 0x110000);
    return Character.getType(codePoint) == Character.SURROGATE ? 0xFFFD : codePoint;
  }

  /** Reads a file of the test data beside the project, or skips the test. */
  static String shared(String name) {
    // Two levels up: the working directory is the module.
    Path file = Path.of("../../shared/data", name);
    assumeThat(file).as("test data %s is not on this machine", name).exists();
    return read(file);
  }

  /** The sources of this package's module, real text on every machine. */
  static List<String> ownSources() {
    try (Stream<Path> files = Files.walk(Path.of("src"))) {
      return files.filter(f -> f.toString().endsWith(".java")).sorted().map(Texts::read).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
