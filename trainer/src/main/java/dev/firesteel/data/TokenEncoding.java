package dev.firesteel.data;

import com.fasterxml.jackson.annotation.JsonProperty;
import dev.firesteel.config.DataConfig;
import dev.firesteel.error.UserException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/** How a token id is stored on disk, little-endian. The codes are Megatron's. */
public enum TokenEncoding {
  @JsonProperty("uint16")
  UINT16(8, Short.BYTES),
  @JsonProperty("int32")
  INT32(4, Integer.BYTES);

  private final int code;
  private final int bytes;

  TokenEncoding(int code, int bytes) {
    this.code = code;
    this.bytes = bytes;
  }

  /**
   * The encoding given by a configuration.
   *
   * @throws UserException if the vocabulary does not fit it
   */
  public static TokenEncoding of(DataConfig.TokenType type, int vocabularySize) {
    boolean fits = vocabularySize <= DataConfig.UINT16_VOCABULARY;
    return switch (type) {
      case AUTO -> fits ? UINT16 : INT32;
      case INT32 -> INT32;
      case UINT16 -> {
        if (!fits) {
          throw UserException.usage(
              "data.token_type uint16 holds at most %d tokens, got a vocabulary of %d: set data.token_type to auto or int32"
                  .formatted(DataConfig.UINT16_VOCABULARY, vocabularySize));
        }
        yield UINT16;
      }
    };
  }

  static TokenEncoding ofCode(int code) {
    return Arrays.stream(values())
        .filter(encoding -> encoding.code == code)
        .findFirst()
        .orElseThrow(
            () ->
                UserException.failure(
                    "a token index must have the type code 4 (int32) or 8 (uint16), got " + code));
  }

  /** Megatron's number of the type. */
  int code() {
    return code;
  }

  /** Bytes of one token. */
  public int bytes() {
    return bytes;
  }

  /** The bytes of {@code tokens} as stored in a {@code .bin} file. */
  public byte[] encode(int... tokens) {
    ByteBuffer out =
        ByteBuffer.allocate(Math.multiplyExact(tokens.length, bytes))
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int token : tokens) {
      if (token < 0 || (this == UINT16 && token >= DataConfig.UINT16_VOCABULARY)) {
        throw new IllegalArgumentException("token id " + token + " does not fit " + this);
      }
      if (this == UINT16) {
        out.putShort((short) token);
      } else {
        out.putInt(token);
      }
    }
    return out.array();
  }
}
