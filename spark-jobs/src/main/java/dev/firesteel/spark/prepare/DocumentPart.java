package dev.firesteel.spark.prepare;

import dev.firesteel.data.DatasetManifest.Part;

/** A document, or a piece of one, that belongs to one split of the text. Stays within a task. */
record DocumentPart(Part part, String text, boolean endsDocument) {

  /** Length of a text in UTF-8, without encoding it; an unpaired surrogate becomes U+FFFD. */
  static int utf8Bytes(String text) {
    int bytes = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < 0x80) {
        bytes++;
      } else if (c < 0x800) {
        bytes += 2;
      } else if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        bytes += 4;
        i++;
      } else {
        bytes += 3;
      }
    }
    return bytes;
  }
}
