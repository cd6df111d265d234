package dev.firesteel.jinja;

import java.time.Clock;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A template in the part of Jinja2 that chat templates are written in, with the settings and the
 * additions of transformers ({@code trim_blocks}, {@code lstrip_blocks}, loop controls, {@code
 * generation}, {@code raise_exception}, {@code strftime_now}, its {@code tojson}). Values and their
 * methods behave as in Python. A template can neither read files nor reach Java objects, and its
 * work, output and depth are bounded. What is not supported is refused when the template is read.
 * Immutable.
 */
public final class Template {
  private final Statement body;
  private final boolean marks;
  private final Clock clock;

  private Template(Statement body, boolean marks, Clock clock) {
    this.body = body;
    this.marks = marks;
    this.clock = clock;
  }

  /**
   * Reads a template.
   *
   * @throws JinjaException with the line, if it is not one or uses what is not supported
   */
  public static Template parse(String source) {
    StatementParser parser = new StatementParser(Lexer.tokens(source));
    Statement body = parser.template();
    return new Template(body, parser.generates(), Clock.system(ZoneId.systemDefault()));
  }

  /** This template with another clock for {@code strftime_now}. */
  public Template at(Clock other) {
    return new Template(body, marks, other);
  }

  /** Whether it has {@code generation} blocks. */
  public boolean marksGeneration() {
    return marks;
  }

  /**
   * Renders the template.
   *
   * @param variables strings, which count as the template's own text, {@link Typed}, integers,
   *     doubles, booleans, null, lists and maps of them
   * @throws JinjaException with the line, if it fails, raises an exception or exceeds a limit
   */
  public Rendered render(Map<String, ?> variables, Limits limits) {
    Map<String, Object> all = new HashMap<>(functions());
    variables.forEach((name, value) -> all.put(name, Values.of(value)));
    Frame frame = Frame.of(all, limits);
    body.run(frame);
    return frame.output().rendered();
  }

  private Map<String, Object> functions() {
    Callable raise =
        (frame, arguments) -> {
          Object message = arguments.bind(1, "message").get("message");
          throw new JinjaException(0, Values.string(message).characters());
        };
    Callable namespace = (frame, arguments) -> Namespace.of(arguments);
    Callable dict =
        (frame, arguments) -> {
          Map<Object, Object> map = new LinkedHashMap<>();
          arguments.positional().forEach(each -> map.putAll(Values.map(each)));
          arguments.named().forEach((key, value) -> map.put(Text.own(key), value));
          return map;
        };
    Callable now =
        (frame, arguments) ->
            Text.own(time(Values.text(arguments.bind(1, "format").get("format")).characters()));
    return Map.of(
        "raise_exception", raise,
        "namespace", namespace,
        "dict", dict,
        "range", (Callable) Template::range,
        "strftime_now", now);
  }

  private static Object range(Frame frame, Arguments arguments) {
    List<Object> given = arguments.positional();
    if (given.isEmpty() || given.size() > 3 || !arguments.named().isEmpty()) {
      throw new JinjaException(0, "range takes 1 to 3 numbers");
    }
    long start = given.size() == 1 ? 0 : Values.integer(given.get(0));
    long stop = Values.integer(given.get(given.size() == 1 ? 0 : 1));
    long step = given.size() == 3 ? Values.integer(given.get(2)) : 1;
    if (step == 0) {
      throw new JinjaException(0, "the step of a range cannot be 0");
    }
    List<Object> numbers = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      frame.step();
      numbers.add(i);
    }
    return numbers;
  }

  /** {@code strftime} with the fields that templates use. */
  private String time(String format) {
    LocalDateTime now = LocalDateTime.now(clock);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char character = format.charAt(i);
      if (character != '%' || i + 1 == format.length()) {
        text.append(character);
        continue;
      }
      char field = format.charAt(++i);
      boolean unpadded = field == '-' && i + 1 < format.length();
      field = unpadded ? format.charAt(++i) : field;
      String pattern =
          switch (field) {
            case 'Y' -> "yyyy";
            case 'y' -> "yy";
            case 'm' -> unpadded ? "M" : "MM";
            case 'd' -> unpadded ? "d" : "dd";
            case 'H' -> unpadded ? "H" : "HH";
            case 'I' -> unpadded ? "h" : "hh";
            case 'M' -> unpadded ? "m" : "mm";
            case 'S' -> unpadded ? "s" : "ss";
            case 'p' -> "a";
            case 'b' -> "MMM";
            case 'B' -> "MMMM";
            case 'a' -> "EEE";
            case 'A' -> "EEEE";
            case 'j' -> unpadded ? "D" : "DDD";
            case 'F' -> "yyyy-MM-dd";
            case 'T' -> "HH:mm:ss";
            case '%' -> "'%'";
            default ->
                throw new JinjaException(0, "strftime_now does not support %%%s".formatted(field));
          };
      text.append(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(now));
    }
    return text.toString();
  }
}
