package dev.firesteel.format.gguf;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Blocks mean to us what they mean to llama.cpp ({@code gguf_blocks.py} made the goldens). */
class GgmlBlocksTest {
  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q5_0", "Q8_0", "Q4_K", "Q6_K"})
  void readsBlocksAsLlamaCppDoes(GgmlType type) throws IOException {
    JsonNode golden = golden(type);
    float[] wanted = floats(golden.path("numbers"));
    float[] numbers = new float[wanted.length];
    ByteBuffer blocks = buffer(HexFormat.of().parseHex(golden.path("bytes").asText()));
    GgmlBlocks.decode(type, blocks, numbers, 0, numbers.length);
    assertThat(numbers).containsExactly(wanted);
    assertThat(blocks.hasRemaining()).isFalse();
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q5_0", "Q8_0"})
  void writesBlocksAsLlamaCppDoes(GgmlType type) throws IOException {
    JsonNode golden = golden(type);
    float[] from = floats(golden.path("from"));
    assertThat(HexFormat.of().formatHex(encoded(type, from)))
        .isEqualTo(golden.path("written").asText());
  }

  /** On these numbers ggml's reference code leaves 0.0718 in Q4_K and 0.0179 in Q6_K. */
  @ParameterizedTest
  @CsvSource({"Q4_0, 0.087", "Q5_0, 0.043", "Q4_K, 0.0723", "Q6_K, 0.0179"})
  void findsScalesThatLeaveLittleError(GgmlType type, double most) {
    Random random = new Random(5);
    float[] numbers = new float[64 * KQuants.SIZE];
    double squares = 0;
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = (float) random.nextGaussian();
      squares += (double) numbers[i] * numbers[i];
    }
    float[] back = roundTrip(type, numbers);
    double error = 0;
    for (int i = 0; i < numbers.length; i++) {
      error += Math.pow(back[i] - numbers[i], 2);
    }
    assertThat(Math.sqrt(error / squares)).isLessThan(most);
  }

  /** Blocks without a range have no scale to search for. */
  @Test
  void keepsBlocksOfOneNumber() {
    for (GgmlType type : new GgmlType[] {GgmlType.Q4_K, GgmlType.Q6_K, GgmlType.Q5_0}) {
      for (float number : new float[] {0, -0f, 1, -1, 1e-30f, 63 * 4096f}) {
        float[] numbers = new float[KQuants.SIZE];
        Arrays.fill(numbers, number);
        float[] back = roundTrip(type, numbers);
        for (float each : back) {
          assertThat(Math.abs(each - number))
              .as("%s of %s", number, type)
              .isLessThanOrEqualTo(Math.abs(number) / 50 + 1e-9f);
        }
      }
    }
  }

  @Test
  void mixesTypesAsLlamaCppDoes() {
    GgufEncoding mix = GgufEncoding.Q4_K_M;
    StringBuilder down = new StringBuilder();
    for (int layer = 0; layer < 16; layer++) {
      down.append(mix.wanted("blk." + layer + ".ffn_down.weight", 16, false) == GgmlType.Q6_K);
      down.append(' ');
    }
    // llama.cpp's mix of a model of 16 layers, as Llama 3.2 1B.
    assertThat(down.toString().trim().split(" "))
        .containsExactly(
            "true true false false true false false true false false true false false true true true"
                .split(" "));
    assertThat(mix.wanted("blk.0.attn_v.weight", 16, false)).isEqualTo(GgmlType.Q6_K);
    assertThat(mix.wanted("blk.2.attn_v.weight", 16, false)).isEqualTo(GgmlType.Q4_K);
    assertThat(mix.wanted("blk.0.attn_q.weight", 16, false)).isEqualTo(GgmlType.Q4_K);
    assertThat(mix.wanted("output.weight", 16, false)).isEqualTo(GgmlType.Q6_K);
    assertThat(mix.wanted("token_embd.weight", 16, false)).isEqualTo(GgmlType.Q4_K);
    assertThat(mix.wanted("token_embd.weight", 16, true)).isEqualTo(GgmlType.Q6_K);
    assertThat(GgufEncoding.fitting(GgmlType.Q4_K, 768)).isEqualTo(GgmlType.Q4_K);
    assertThat(GgufEncoding.fitting(GgmlType.Q4_K, 288)).isEqualTo(GgmlType.Q5_0);
    assertThat(GgufEncoding.fitting(GgmlType.Q6_K, 288)).isEqualTo(GgmlType.Q8_0);
    assertThat(GgufEncoding.fitting(GgmlType.Q6_K, 24)).isEqualTo(GgmlType.F16);
    assertThat(GgufEncoding.fitting(GgmlType.F32, 3)).isEqualTo(GgmlType.F32);
  }

  private static float[] roundTrip(GgmlType type, float[] numbers) {
    float[] back = new float[numbers.length];
    GgmlBlocks.decode(type, buffer(encoded(type, numbers)), back, 0, back.length);
    return back;
  }

  private static byte[] encoded(GgmlType type, float[] numbers) {
    byte[] bytes = new byte[(int) type.bytes(numbers.length)];
    ByteBuffer out = buffer(bytes);
    GgmlBlocks.encode(type, numbers, numbers.length, out);
    assertThat(out.hasRemaining()).isFalse();
    return bytes;
  }

  private static ByteBuffer buffer(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static JsonNode golden(GgmlType type) throws IOException {
    try (InputStream in = GgmlBlocksTest.class.getResourceAsStream("/gguf-blocks/goldens.json")) {
      return new ObjectMapper().readTree(in).path(type.name());
    }
  }

  private static float[] floats(JsonNode list) {
    float[] floats = new float[list.size()];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) list.get(i).doubleValue();
    }
    return floats;
  }
}
