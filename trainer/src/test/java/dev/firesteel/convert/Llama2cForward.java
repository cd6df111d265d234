package dev.firesteel.convert;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The forward pass of llama2.c's {@code run.c}, written from its description: all in one file of
 * weights, with interleaved rotary pairs and grouped queries.
 */
final class Llama2cForward {
  private final ByteBuffer in;
  private final int width;
  private final int inner;
  private final int layers;
  private final int heads;
  private final int kvHeads;
  private final int vocabulary;
  private final boolean tied;
  private final boolean old;
  private final int start;

  private Llama2cForward(byte[] file) {
    in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    old = in.getInt(0) != 0x616b3432;
    in.position(old ? 0 : 8);
    width = in.getInt();
    inner = in.getInt();
    layers = in.getInt();
    heads = in.getInt();
    kvHeads = in.getInt();
    int tokens = in.getInt();
    in.getInt();
    tied = old ? tokens > 0 : in.get() == 1;
    vocabulary = Math.abs(tokens);
    start = old ? 28 : 256;
  }

  /** Logits [T, V] of ids. */
  static float[] logits(byte[] file, int[] ids) {
    return new Llama2cForward(file).logits(ids);
  }

  private double at(int element) {
    return in.getFloat(start + 4 * element);
  }

  /** {@code y = W x} for a matrix [rows, columns] that begins at an element. */
  private double[] times(int begin, int rows, double[] x) {
    double[] y = new double[rows];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < x.length; c++) {
        y[r] += at(begin + r * x.length + c) * x[c];
      }
    }
    return y;
  }

  private double[] norm(double[] x, int gain) {
    double sum = 0;
    for (double each : x) {
      sum += each * each;
    }
    double scale = 1 / Math.sqrt(sum / x.length + 1e-5);
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = at(gain + i) * x[i] * scale;
    }
    return y;
  }

  private float[] logits(int[] ids) {
    int head = width / heads;
    int keys = kvHeads * head;
    int embedding = old ? 0 : (2 * layers + 1) * width;
    int attentionNorm = old ? vocabulary * width : 0;
    int wq = old ? attentionNorm + layers * width : embedding + vocabulary * width;
    int wk = wq + layers * width * width;
    int wv = wk + layers * keys * width;
    int wo = wv + layers * keys * width;
    int afterAttention = wo + layers * width * width;
    int forwardNorm = old ? afterAttention : layers * width;
    int w1 = old ? afterAttention + layers * width : afterAttention;
    int w2 = w1 + layers * inner * width;
    int w3 = w2 + layers * inner * width;
    int end = w3 + layers * inner * width;
    int finalNorm = old ? end : 2 * layers * width;
    int context = 16;
    int output = tied ? embedding : old ? end + width + context * head : end;
    double[][][] k = new double[layers][ids.length][];
    double[][][] v = new double[layers][ids.length][];
    float[] logits = new float[ids.length * vocabulary];
    for (int t = 0; t < ids.length; t++) {
      double[] x = new double[width];
      for (int i = 0; i < width; i++) {
        x[i] = at(embedding + ids[t] * width + i);
      }
      for (int l = 0; l < layers; l++) {
        double[] h = norm(x, attentionNorm + l * width);
        double[] q = rotate(times(wq + l * width * width, width, h), t, head);
        k[l][t] = rotate(times(wk + l * keys * width, keys, h), t, head);
        v[l][t] = times(wv + l * keys * width, keys, h);
        double[] mixed = new double[width];
        for (int a = 0; a < heads; a++) {
          int group = a / (heads / kvHeads) * head;
          double[] p = new double[t + 1];
          double sum = 0;
          for (int s = 0; s <= t; s++) {
            double dot = 0;
            for (int i = 0; i < head; i++) {
              dot += q[a * head + i] * k[l][s][group + i];
            }
            p[s] = Math.exp(dot / Math.sqrt(head));
            sum += p[s];
          }
          for (int s = 0; s <= t; s++) {
            for (int i = 0; i < head; i++) {
              mixed[a * head + i] += p[s] / sum * v[l][s][group + i];
            }
          }
        }
        add(x, times(wo + l * width * width, width, mixed));
        double[] f = norm(x, forwardNorm + l * width);
        double[] gate = times(w1 + l * inner * width, inner, f);
        double[] up = times(w3 + l * inner * width, inner, f);
        for (int i = 0; i < inner; i++) {
          gate[i] = gate[i] / (1 + Math.exp(-gate[i])) * up[i];
        }
        add(x, times(w2 + l * inner * width, width, gate));
      }
      double[] y = times(output, vocabulary, norm(x, finalNorm));
      for (int i = 0; i < vocabulary; i++) {
        logits[t * vocabulary + i] = (float) y[i];
      }
    }
    return logits;
  }

  private static double[] rotate(double[] x, int position, int head) {
    for (int i = 0; i < x.length; i += 2) {
      double angle = position * Math.pow(10000, -(double) (i % head) / head);
      double real = x[i];
      x[i] = real * Math.cos(angle) - x[i + 1] * Math.sin(angle);
      x[i + 1] = real * Math.sin(angle) + x[i + 1] * Math.cos(angle);
    }
    return x;
  }

  private static void add(double[] x, double[] more) {
    for (int i = 0; i < x.length; i++) {
      x[i] += more[i];
    }
  }
}
