package dev.firesteel.hostile;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Damages files: the same seed and case always give the same damage. Bytes are flipped, cut,
 * repeated and replaced by numbers at the edges of their types; JSON keeps its grammar, and has
 * values replaced, keys removed, renamed and repeated.
 */
public final class Mutator {
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final long[] EDGES = {
    0,
    1,
    -1,
    7,
    8,
    255,
    256,
    65535,
    65536,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 31,
    1L << 32,
    (1L << 32) + 1,
    1L << 40,
    1L << 62,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    100_000_000,
    100_000_001
  };

  /** Values as JSON text, of all types, with sizes and nesting that no file needs. */
  private static final List<String> VALUES =
      List.of(
          "null",
          "true",
          "false",
          "0",
          "1",
          "-1",
          "2",
          "3",
          "64",
          "65536",
          "2147483647",
          "2147483648",
          "-2147483648",
          "4294967296",
          "1099511627776",
          "9223372036854775807",
          "9223372036854775808",
          "-9223372036854775808",
          "123456789012345678901234567890",
          "0.5",
          "1.5",
          "-0.0",
          "1e-320",
          "1e308",
          "1e400",
          "1e999999999",
          "\"\"",
          "\" \"",
          "\"a\"",
          "\"1\"",
          "\"F32\"",
          "\"BF16\"",
          "\"I64\"",
          "\"../../etc/passwd\"",
          "\"/etc/passwd\"",
          "\"\\u0000\\u001b[31mred\\r\\n\\u0007\"",
          "\"\\ud800\"",
          "\"\\u202e\\u0130\\ufb01\\ud83d\\ude42\"",
          "\"" + "x".repeat(5000) + "\"",
          "\"(((((((((a+)+)+)+)+)+)+)+)+)$\"",
          "[]",
          "{}",
          "[0]",
          "[-1]",
          "[1,2]",
          "[4294967296,4294967296]",
          "[2147483647,2147483647,2147483647,2147483647,2147483647]",
          "[0,9223372036854775807]",
          "[[[]]]",
          "{\"a\":{\"a\":{}}}",
          "[".repeat(900) + "]".repeat(900),
          "[".repeat(5000) + "]".repeat(5000),
          "[" + "1,".repeat(3000) + "1]");

  private final Random random;

  /**
   * @param seed of a test
   * @param index of a case in it
   */
  public Mutator(long seed, int index) {
    random = new Random(seed * 1_000_003 + index);
  }

  /** A number from 0 to {@code bound - 1}. */
  public int below(int bound) {
    return random.nextInt(bound);
  }

  /** One of several things. */
  public <T> T oneOf(List<T> things) {
    return things.get(below(things.size()));
  }

  /** A number at the edge of a type, or any. */
  public long edge() {
    return below(4) == 0 ? random.nextLong() : EDGES[below(EDGES.length)];
  }

  /** Bytes with one to three mutations. */
  public byte[] bytes(byte[] valid) {
    return bytes(valid, valid.length);
  }

  /** Bytes with one to three mutations, three of four cases near their beginning. */
  public byte[] header(byte[] valid) {
    return bytes(valid, below(4) == 0 ? valid.length : 1 << (10 + below(4)));
  }

  private byte[] bytes(byte[] valid, int reach) {
    byte[] bytes = valid;
    for (int i = below(3); i >= 0; i--) {
      bytes = mutated(bytes, reach);
    }
    return bytes;
  }

  /** A mutation that begins among the first bytes. */
  private byte[] mutated(byte[] bytes, int reach) {
    if (bytes.length == 0) {
      return new byte[] {(byte) below(256)};
    }
    int at = below(Math.min(bytes.length, reach));
    byte[] copy = bytes.clone();
    switch (below(9)) {
      case 0 -> copy[at] ^= (byte) (1 << below(8));
      case 1 -> copy[at] = (byte) below(256);
      case 2 -> {
        return Arrays.copyOf(bytes, at); // cut off
      }
      case 3 -> {
        return Arrays.copyOf(bytes, bytes.length + 1 + below(64)); // zeros at the end
      }
      case 4 -> putNumber(copy, at, Long.BYTES);
      case 5 -> putNumber(copy, at, Integer.BYTES);
      case 6 -> {
        int end = at + below(Math.min(64, bytes.length - at)) + 1;
        return joined(bytes, 0, at, end, bytes.length); // without a range
      }
      case 7 -> {
        int end = at + below(Math.min(64, bytes.length - at)) + 1;
        return joined(bytes, 0, end, at, bytes.length); // a range twice
      }
      default ->
          Arrays.fill(copy, at, at + below(Math.min(32, bytes.length - at)) + 1, (byte) edge());
    }
    return copy;
  }

  private void putNumber(byte[] bytes, int at, int width) {
    ByteBuffer number = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    number.putLong(edge());
    for (int i = 0; i < width && at + i < bytes.length; i++) {
      bytes[at + i] = number.get(i);
    }
  }

  private static byte[] joined(byte[] bytes, int from, int to, int andFrom, int andTo) {
    byte[] joined = Arrays.copyOf(Arrays.copyOfRange(bytes, from, to), to - from + andTo - andFrom);
    System.arraycopy(bytes, andFrom, joined, to - from, andTo - andFrom);
    return joined;
  }

  /** JSON text with one to three mutations of its tree or, in one of six cases, of its bytes. */
  public byte[] json(String valid) {
    if (below(6) == 0) {
      return bytes(valid.getBytes(StandardCharsets.UTF_8));
    }
    Tree tree = new Tree(valid);
    for (int i = below(2) * below(3); i >= 0; i--) { // mostly one
      tree.mutate();
    }
    return tree.text().getBytes(StandardCharsets.UTF_8);
  }

  /** A tree of JSON, in which texts stand for what a tree cannot have: repeated keys, raw text. */
  private final class Tree {
    private static final String MARK = "@firesteel-";

    private final List<String> raw = new ArrayList<>();
    private JsonNode root;

    Tree(String json) {
      try {
        root = JSON.readTree(json);
      } catch (JsonProcessingException e) {
        throw new IllegalArgumentException("the valid file must be JSON", e);
      }
    }

    void mutate() {
      List<JsonNode> containers = new ArrayList<>();
      collect(root, containers);
      if (containers.isEmpty()) {
        root = marked(oneOf(VALUES));
        return;
      }
      JsonNode node = oneOf(containers);
      if (node instanceof ObjectNode object) {
        mutate(object);
      } else {
        mutate((ArrayNode) node);
      }
    }

    private void mutate(ObjectNode object) {
      List<String> keys = new ArrayList<>();
      object.fieldNames().forEachRemaining(keys::add);
      if (keys.isEmpty() || below(8) == 0) {
        object.set(oneOf(List.of("a", "type", "", "\u0000\u001b[2J", "__metadata__")), value());
        return;
      }
      String key = oneOf(keys);
      switch (below(7)) {
        case 0 -> object.remove(key);
        case 1 -> object.set(key + oneOf(List.of("", "x", "\u0007", "\ud83d")), object.remove(key));
        case 2 -> object.set(mark('"' + key + '"'), object.get(key)); // the key twice
        case 3 -> object.set(key, object.get(oneOf(keys)).deepCopy());
        default -> object.set(key, near(object.get(key)));
      }
    }

    private void mutate(ArrayNode array) {
      if (array.isEmpty() || below(8) == 0) {
        array.insert(below(array.size() + 1), value());
        return;
      }
      int at = below(array.size());
      switch (below(4)) {
        case 0 -> array.remove(at);
        case 1 -> array.insert(at, array.get(below(array.size())).deepCopy());
        default -> array.set(at, near(array.get(at)));
      }
    }

    /** Often a value near the one that is there, since most others are refused at once. */
    private JsonNode near(JsonNode old) {
      if (old.isNumber() && below(2) == 0) {
        long moved = old.asLong() + oneOf(List.of(-1L, 1L, 2L, 4L, 1L << 32));
        return marked(String.valueOf(below(3) == 0 ? edge() : moved));
      } else if (old.isTextual() && below(2) == 0) {
        String text = old.textValue();
        int at = below(text.length() + 1);
        return new TextNode(
            text.substring(0, at)
                + oneOf(List.of("", "x", " ", "\u0000", "\u001b[31m", "\ud800", "\u0120", "("))
                + text.substring(Math.min(text.length(), at + below(2))));
      }
      return value();
    }

    private JsonNode value() {
      return marked(oneOf(VALUES));
    }

    private JsonNode marked(String text) {
      return new TextNode(mark(text));
    }

    private String mark(String text) {
      raw.add(text);
      return MARK + (raw.size() - 1) + "@";
    }

    private void collect(JsonNode node, List<JsonNode> into) {
      if (node.isContainerNode()) {
        into.add(node);
        node.forEach(child -> collect(child, into));
      }
    }

    String text() {
      String text = root.toString();
      for (int i = 0; i < raw.size(); i++) {
        text = text.replace('"' + MARK + i + "@\"", raw.get(i));
      }
      return text;
    }
  }
}
