package dev.firesteel.skills;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SkillTest {
  private static final Map<Character, Character> PAIRS =
      Map.of('(', ')', '[', ']', '{', '}', '<', '>');

  @TempDir Path folder;

  private static List<Skill.Problem> problems(Skill skill, boolean test, int count) {
    List<Skill.Problem> problems = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      problems.add(skill.problem(1, test, i));
    }
    return problems;
  }

  @ParameterizedTest
  @EnumSource
  void answersAreRight(Skill skill) {
    for (Skill.Problem problem : problems(skill, false, 500)) {
      String prompt = problem.prompt();
      assertThat(prompt).endsWith(":");
      String asked = prompt.substring(prompt.indexOf(' ') + 1, prompt.length() - 1);
      switch (skill) {
        case COPY -> assertThat(problem.answer()).isEqualTo(asked).matches("[a-h]{6,12}");
        case ADDITION -> {
          String[] numbers = asked.split("\\+", -1);
          assertThat(Integer.parseInt(problem.answer()))
              .isEqualTo(Integer.parseInt(numbers[0]) + Integer.parseInt(numbers[1]));
        }
        case BRACKETS -> assertThat(closes(asked, problem.answer())).as(prompt).isTrue();
      }
    }
  }

  private static boolean closes(String open, String closed) {
    Deque<Character> expected = new ArrayDeque<>();
    for (int i = 0; i < open.length(); i++) {
      expected.push(PAIRS.get(open.charAt(i)));
    }
    for (int i = 0; i < closed.length(); i++) {
      if (expected.isEmpty() || expected.pop() != closed.charAt(i)) {
        return false;
      }
    }
    return expected.isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void textAndTestHaveNoProblemInCommon(Skill skill) {
    Set<Skill.Problem> text = new HashSet<>(problems(skill, false, 5_000));
    List<Skill.Problem> test = problems(skill, true, 300);
    assertThat(Collections.disjoint(text, test)).isTrue();
    assertThat(problems(skill, true, 300)).as("the same each time").isEqualTo(test);
    assertThat(new HashSet<>(test)).hasSizeGreaterThan(200);
  }

  @Test
  void theTextHasAllSkills() throws IOException {
    Path file = folder.resolve("text.jsonl");
    SkillsDataset.write(file, 300);
    List<String> lines = Files.readAllLines(file);
    assertThat(lines).hasSize(300);
    for (String word : List.of("copy", "add", "close")) {
      assertThat(lines.stream().filter(line -> line.startsWith("{\"text\":\"" + word)).count())
          .as(word)
          .isBetween(60L, 140L);
    }
    assertThat(lines.get(0)).matches("\\{\"text\":\"[a-z]+ [^:]+:[^:]+\"}");
  }
}
