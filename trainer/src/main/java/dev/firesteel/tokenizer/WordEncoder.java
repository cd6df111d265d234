package dev.firesteel.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;

/** The model of a tokenizer: the ids of one word. */
interface WordEncoder {
  /** Appends the ids of the word {@code text[start, end)}, which is not empty. */
  void encode(String text, int start, int end, IntList ids);

  /** Writes the fields of the file's {@code model}. */
  void write(JsonGenerator json) throws IOException;
}
