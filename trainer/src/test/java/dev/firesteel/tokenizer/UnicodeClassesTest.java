package dev.firesteel.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class UnicodeClassesTest {
  @Test
  void equalsTheJdksCategoriesForEveryCharacterTheJdkKnows() {
    assumeThat(Runtime.version().feature())
        .as("this JDK's Unicode is newer than the table's 16.0")
        .isLessThanOrEqualTo(25);
    boolean sameUnicode = Runtime.version().feature() >= 24;
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      int category = Character.getType(c);
      // An older JDK calls unassigned what Unicode 16 knows; on 24 and 25 nothing is left out.
      if (UnicodeClasses.of(c) != UnicodeClasses.SPACE
          && (sameUnicode || category != Character.UNASSIGNED)) {
        byte expected =
            switch (category) {
              case Character.UPPERCASE_LETTER,
                  Character.LOWERCASE_LETTER,
                  Character.TITLECASE_LETTER,
                  Character.MODIFIER_LETTER,
                  Character.OTHER_LETTER ->
                  UnicodeClasses.LETTER;
              case Character.DECIMAL_DIGIT_NUMBER,
                  Character.LETTER_NUMBER,
                  Character.OTHER_NUMBER ->
                  UnicodeClasses.NUMBER;
              default -> UnicodeClasses.OTHER;
            };
        assertThat(UnicodeClasses.of(c)).as("U+%04X", c).isEqualTo(expected);
      }
    }
  }

  @Test
  void hasTheWhiteSpaceOfUnicode() {
    List<Integer> spaces = new ArrayList<>();
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      if (UnicodeClasses.of(c) == UnicodeClasses.SPACE) {
        spaces.add(c);
      }
    }
    // PropList.txt, White_Space: with U+0085 and U+00A0, without U+001C to U+001F and U+180E.
    assertThat(spaces)
        .containsExactly(
            0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003,
            0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F,
            0x3000);
  }

  @Test
  void knowsLettersOfUnicode16OnEveryJdk() {
    assertThat(UnicodeClasses.of(0x0870)).as("Unicode 14").isEqualTo(UnicodeClasses.LETTER);
    assertThat(UnicodeClasses.of(0x105C0)).as("Unicode 16").isEqualTo(UnicodeClasses.LETTER);
    assertThat(UnicodeClasses.of(0x10D40)).as("Unicode 16").isEqualTo(UnicodeClasses.NUMBER);
  }
}
