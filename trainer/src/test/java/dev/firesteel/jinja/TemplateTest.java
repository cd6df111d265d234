package dev.firesteel.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TemplateTest {
  private static Rendered render(String source, Map<String, ?> variables) {
    return Template.parse(source).render(variables, Limits.DEFAULT);
  }

  private static String text(String source) {
    return render(source, Map.of("messages", List.of("a", "b"))).text();
  }

  @Test
  void rendersAsJinjaDoes() throws IOException {
    JsonNode goldens;
    try (InputStream in = TemplateTest.class.getResourceAsStream("/chat-templates/goldens.json")) {
      goldens = new ObjectMapper().readTree(in);
    }
    assertThat(goldens.path("snippets").size()).isGreaterThan(190);
    assertThat(JinjaSnippets.differences(goldens)).isEmpty();
  }

  @Test
  void knowsWhereEachCharacterComesFrom() {
    Rendered rendered =
        render(
            "{{ ('<' + x | trim + '>') | replace('b', 'BB') }}{{ x.split('b')[1] ~ x[1:2] }}",
            Map.of("x", new Typed(" abc ")));
    assertThat(rendered.text()).isEqualTo("<aBBc>c a");
    StringBuilder typed = new StringBuilder();
    for (int i = 0; i < rendered.text().length(); i++) {
      typed.append(rendered.isForeign(i) ? 'x' : '.');
    }
    assertThat(typed.toString()).isEqualTo(".x..x.xxx");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '`',
      value = {
        "{{ x|upper }}¦true",
        "{{ x|tojson }}¦true",
        "{{ [x] }}¦true",
        "{{ '%s' % x }}¦true",
        "{{ '{}'.format(x) }}¦true",
        "{{ [x, x]|join }}¦true",
        "{{ x|length }}¦false",
        "{{ 'a' if x == 'secret' }}¦false"
      })
  void keepsTheOriginThroughFilters(String source, boolean foreign) {
    Rendered rendered = render(source, Map.of("x", new Typed("secret")));
    boolean any = false;
    for (int i = 0; i < rendered.text().length(); i++) {
      any |= rendered.isForeign(i);
    }
    assertThat(any).isEqualTo(foreign);
  }

  @Test
  void neverRendersWhatWasTyped() {
    assertThat(render("{{ x }}", Map.of("x", new Typed("{{ 1 + 1 }}{% foo %}"))).text())
        .isEqualTo("{{ 1 + 1 }}{% foo %}");
  }

  @Test
  void writesTheTime() {
    Clock clock = Clock.fixed(Instant.parse("2026-02-03T04:05:06Z"), ZoneOffset.UTC);
    String source = "{{ strftime_now('%d %b %Y, %-d %B %H:%M:%S %A %j %%') }}";
    assertThat(Template.parse(source).at(clock).render(Map.of(), Limits.DEFAULT).text())
        .isEqualTo("03 Feb 2026, 3 February 04:05:06 Tuesday 034 %");
    assertThatThrownBy(() -> text("{{ strftime_now('%Q') }}"))
        .hasMessage("strftime_now does not support %Q");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '`',
      value = {
        "`\n{{ raise_exception('no, no') }}`¦2¦no, no",
        "`a\n\n{{ x.y }}`¦3¦'x' is undefined",
        "`{% for m in messages %}\n{% if true %}\n{{ m + 1 }}{% endif %}{% endfor %}`¦3¦+ cannot be applied to a string and a number",
        "{% include 'x' %}¦1¦{% include %} reads files, which a chat template may not",
        "{{ messages.append(1) }}¦1¦a template cannot change a list with append",
        "{{ 'a'.__class__ }}{{ 'a'.getClass() }}¦1¦a string has no attribute 'getClass'",
        "{{ 1 / 0 }}¦1¦division by zero",
        "{{ 9223372036854775807 + 1 }}¦1¦9223372036854775807 + 1 does not fit in 64 bits",
        "{% generation %}¦1¦expected {% endgeneration %}, got the end of the template",
        "{% for x in y recursive %}{% endfor %}¦1¦a recursive loop is not supported",
        "{{ 'x'|nope }}¦1¦unknown filter nope",
        "{{ 'x' is nope }}¦1¦unknown test nope",
        "{{ a b }}¦1¦expected }}, got 'b'",
        "{% break %}¦1¦{% break %} outside a loop",
        "{{ ? }}¦1¦unexpected character '?'",
        "{% raw %}x¦1¦{% raw %} has no {% endraw %}",
        "{# x¦1¦a comment {# has no #}",
        "{{ 'x'.replace('x') }}¦1¦replace needs the argument new",
        "{{ 'x'|trim(1, 2) }}¦1¦trim takes at most 1 arguments, got 2",
        "{{ 99999999999999999999 }}¦1¦99999999999999999999 does not fit in 64 bits",
        "{{ [1].99999999999999999999 }}¦1¦99999999999999999999 does not fit in 64 bits",
        "{{ [[1]]|map(attribute='99999999999999999999')|list }}¦1¦9999 does not fit in 64 bits",
        "{{ '%99999999999999999999s' % 1 }}¦1¦99999999999999999999 does not fit in 64 bits",
        "{{ '%.99999999999999999999f' % 1 }}¦1¦99999999999999999999 does not fit in 64 bits",
        "{{ '{99999999999}'.format(1) }}¦1¦no value for {99999999999} of the format"
      })
  void saysWhereAndWhyItFails(String source, int line, String reason) {
    assertThatThrownBy(() -> text(source))
        .isInstanceOfSatisfying(
            JinjaException.class, e -> assertThat(e.line()).as(source).isEqualTo(line))
        .hasMessageContaining(reason.strip());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      value = {
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}¦more than the 100,000 steps",
        "{{ range(99999999)|length }}¦more than the 100,000 steps",
        "{% for a in range(999) %}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{% endfor %}¦longer than the 10,000 characters",
        "{{ 'aaa' * 99999 }}¦longer than the 10,000",
        "{{ [1] * 99999 }}¦longer than the 10,000",
        "{{ ('a' * 200).replace('a', 'b' * 200) }}¦longer than the 10,000",
        "{{ '%99999d' % 1 }}¦longer than the 10,000",
        "{{ '%9999999999d' % 1 }}¦longer than the 10,000",
        "{{ '%.2147483647f' % 1 }}¦longer than the 10,000",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}¦macros call one another more than 50 deep"
      })
  void boundsItsWork(String source, String reason) {
    Limits limits = new Limits(100_000, 10_000, 50);
    assertThatThrownBy(() -> Template.parse(source).render(Map.of(), limits))
        .isInstanceOf(JinjaException.class)
        .hasMessageContaining(reason.strip());
  }

  @Test
  void boundsItsDepth() {
    for (String deep :
        new String[] {
          "{{ " + "(".repeat(100_000) + "1" + ")".repeat(100_000) + " }}",
          "{{ " + "-".repeat(100_000) + "1 }}",
          "{{ " + "not ".repeat(100_000) + "1 }}",
          "{% if 1 %}".repeat(100_000) + "{% endif %}".repeat(100_000)
        }) {
      assertThatThrownBy(() -> Template.parse(deep)).hasMessage("nested more than 200 deep");
    }
  }
}
