package dev.firesteel.collective;

import java.nio.ByteBuffer;

/** Bytes, unchanged. */
final class BytesWire implements Wire {
  private final byte[] bytes;

  BytesWire(byte[] bytes) {
    this.bytes = bytes;
  }

  @Override
  public int elementBytes() {
    return 1;
  }

  @Override
  public void put(int begin, int end, ByteBuffer payload) {
    payload.put(bytes, begin, end - begin);
  }

  @Override
  public void take(int begin, int end, ByteBuffer payload) {
    payload.get(bytes, begin, end - begin);
  }
}
