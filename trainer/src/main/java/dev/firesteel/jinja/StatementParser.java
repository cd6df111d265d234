package dev.firesteel.jinja;

import dev.firesteel.jinja.Statement.Signal;
import dev.firesteel.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads the blocks of a template. */
final class StatementParser {
  /** Where a value is put. */
  private interface Target {
    void set(Frame frame, Object value);
  }

  private final Tokens tokens;
  private final ExpressionParser expressions;
  private int loops;
  private boolean generates;

  StatementParser(List<Token> tokens) {
    this.tokens = new Tokens(tokens);
    this.expressions = new ExpressionParser(this.tokens);
  }

  /** The whole template. */
  Statement template() {
    Statement body = body();
    if (tokens.peek().kind() != Kind.END) {
      throw tokens.unexpected("the end of the template");
    }
    return body;
  }

  /** Whether the template marks what is trained. */
  boolean generates() {
    return generates;
  }

  /** Statements up to the block that ends them, whose name is the next token. */
  private Statement body(String... ends) {
    tokens.enter();
    List<Statement> statements = new ArrayList<>();
    while (tokens.peek().kind() != Kind.END) {
      Token token = tokens.next();
      if (token.kind() == Kind.DATA) {
        Text data = Text.own(token.text());
        statements.add(write(token.line(), frame -> data));
      } else if (token.kind() == Kind.VARIABLE_BEGIN) {
        statements.add(write(token.line(), expressions.tuple(true)));
        tokens.expect(Kind.VARIABLE_END, "}}");
      } else if (List.of(ends).contains(tokens.peek().text())) {
        tokens.leave();
        return Statement.sequence(statements);
      } else {
        statements.add(block(token.line()));
      }
    }
    if (ends.length > 0) {
      throw tokens.unexpected("{%% %s %%}".formatted(ends[ends.length - 1]));
    }
    tokens.leave();
    return Statement.sequence(statements);
  }

  private static Statement write(int line, Expression value) {
    return frame -> {
      try {
        frame.step();
        frame.output().write(Values.string(value.evaluate(frame)));
      } catch (JinjaException e) {
        throw e.at(line);
      }
      return Signal.NEXT;
    };
  }

  private void endOfBlock() {
    tokens.expect(Kind.BLOCK_END, "%}");
  }

  /** The rest of a block that begins with a name. */
  private Statement block(int line) {
    String name = tokens.expect(Kind.NAME, "the name of a block").text();
    return switch (name) {
      case "if" -> condition();
      case "for" -> loop(line);
      case "set" -> assignment(line);
      case "macro" -> macro();
      case "generation" -> generation(line);
      case "filter" -> filter(line);
      case "with" -> with();
      case "break", "continue" -> jump(name, line);
      case "include", "import", "from", "extends" ->
          throw new JinjaException(
              line, "{%% %s %%} reads files, which a chat template may not".formatted(name));
      default -> throw new JinjaException(line, "unknown block {%% %s %%}".formatted(name));
    };
  }

  private Statement condition() {
    Expression test = expressions.tuple(false);
    endOfBlock();
    Statement then = body("elif", "else", "endif");
    Statement otherwise = Statement.sequence(List.of());
    if (tokens.skipName("elif")) {
      otherwise = condition();
    } else {
      if (tokens.skipName("else")) {
        endOfBlock();
        otherwise = body("endif");
      }
      tokens.next();
      endOfBlock();
    }
    Statement or = otherwise;
    return frame -> (Values.truth(test.evaluate(frame)) ? then : or).run(frame);
  }

  private Statement jump(String name, int line) {
    endOfBlock();
    if (loops == 0) {
      throw new JinjaException(line, "{%% %s %%} outside a loop".formatted(name));
    }
    Signal signal = name.equals("break") ? Signal.BREAK : Signal.CONTINUE;
    return frame -> signal;
  }

  private Statement loop(int line) {
    Target target = target(false);
    if (!tokens.skipName("in")) {
      throw tokens.unexpected("in");
    }
    Expression iterated = expressions.tuple(false);
    Expression condition = tokens.skipName("if") ? expressions.expression() : frame -> true;
    if (tokens.isName("recursive")) {
      throw new JinjaException(line, "a recursive loop is not supported");
    }
    endOfBlock();
    loops++;
    Statement body = body("else", "endfor");
    loops--;
    Statement otherwise = Statement.sequence(List.of());
    if (tokens.skipName("else")) {
      endOfBlock();
      otherwise = body("endfor");
    }
    tokens.next();
    endOfBlock();
    Statement or = otherwise;
    return frame -> {
      try {
        return run(frame, target, iterated, condition, body, or);
      } catch (JinjaException e) {
        throw e.at(line);
      }
    };
  }

  private static Signal run(
      Frame frame,
      Target target,
      Expression iterated,
      Expression condition,
      Statement body,
      Statement otherwise) {
    List<Object> items = new ArrayList<>();
    for (Object item : Values.elements(iterated.evaluate(frame))) {
      Frame candidate = frame.inner();
      target.set(candidate, item);
      frame.step();
      if (Values.truth(condition.evaluate(candidate))) {
        items.add(item);
      }
    }
    if (items.isEmpty()) {
      return otherwise.run(frame.inner());
    }
    for (int i = 0; i < items.size(); i++) {
      Frame inner = frame.inner();
      inner.set("loop", new Loop(items, i));
      target.set(inner, items.get(i));
      frame.step();
      if (body.run(inner) == Signal.BREAK) {
        break;
      }
    }
    return Signal.NEXT;
  }

  /** One name, several with commas between, or an attribute of a namespace. */
  private Target target(boolean attributes) {
    boolean parenthesized = tokens.skipOperator("(");
    List<Target> targets = new ArrayList<>();
    do {
      Token name = tokens.expect(Kind.NAME, "the name of a variable");
      if (List.of("true", "false", "none", "True", "False", "None").contains(name.text())) {
        throw new JinjaException(name.line(), "%s cannot be assigned to".formatted(name.text()));
      }
      if (attributes && tokens.skipOperator(".")) {
        String attribute = tokens.expect(Kind.NAME, "the name of an attribute").text();
        targets.add((frame, value) -> setAttribute(frame, name, attribute, value));
      } else {
        targets.add((frame, value) -> frame.set(name.text(), value));
      }
    } while (tokens.skipOperator(","));
    if (parenthesized) {
      tokens.expectOperator(")");
    }
    return targets.size() == 1 ? targets.get(0) : (frame, value) -> unpack(frame, targets, value);
  }

  private static void setAttribute(Frame frame, Token name, String attribute, Object value) {
    if (!(frame.get(name.text()) instanceof Namespace namespace)) {
      throw new JinjaException(
          name.line(),
          "cannot assign to %s.%s: it is no namespace".formatted(name.text(), attribute));
    }
    namespace.attributes().put(attribute, value);
  }

  private static void unpack(Frame frame, List<Target> targets, Object value) {
    List<Object> values = Values.elements(value);
    if (values.size() != targets.size()) {
      throw new JinjaException(
          0, "%d values for %d variables".formatted(values.size(), targets.size()));
    }
    for (int i = 0; i < targets.size(); i++) {
      targets.get(i).set(frame, values.get(i));
    }
  }

  private Statement assignment(int line) {
    Target target = target(true);
    if (tokens.skipOperator("=")) {
      Expression value = expressions.tuple(true);
      endOfBlock();
      return frame -> {
        try {
          target.set(frame, value.evaluate(frame));
        } catch (JinjaException e) {
          throw e.at(line);
        }
        return Signal.NEXT;
      };
    }
    String variable = "";
    Expression filtered = frame -> frame.get(variable);
    while (tokens.skipOperator("|")) {
      filtered = expressions.filter(filtered);
    }
    endOfBlock();
    Statement body = body("endset");
    tokens.next();
    endOfBlock();
    Expression value = filtered;
    return frame -> {
      Frame inner = frame.inner();
      inner.set(variable, frame.inner().captured(body));
      target.set(frame, value.evaluate(inner));
      return Signal.NEXT;
    };
  }

  private Statement filter(int line) {
    Expression value = expressions.filter(frame -> frame.get(""));
    while (tokens.skipOperator("|")) {
      value = expressions.filter(value);
    }
    endOfBlock();
    Statement body = body("endfilter");
    tokens.next();
    endOfBlock();
    Expression filtered = value;
    return write(
        line,
        frame -> {
          Frame inner = frame.inner();
          inner.set("", frame.inner().captured(body));
          return filtered.evaluate(inner);
        });
  }

  private Statement with() {
    Map<Target, Expression> values = new LinkedHashMap<>();
    while (tokens.peek().kind() != Kind.BLOCK_END) {
      if (!values.isEmpty()) {
        tokens.expectOperator(",");
      }
      String name = tokens.expect(Kind.NAME, "the name of a variable").text();
      tokens.expectOperator("=");
      values.put((frame, value) -> frame.set(name, value), expressions.expression());
    }
    endOfBlock();
    Statement body = body("endwith");
    tokens.next();
    endOfBlock();
    return frame -> {
      Frame inner = frame.inner();
      values.forEach((target, value) -> target.set(inner, value.evaluate(frame)));
      return body.run(inner);
    };
  }

  private Statement generation(int line) {
    endOfBlock();
    generates = true;
    Statement body = body("endgeneration");
    tokens.next();
    endOfBlock();
    return frame -> {
      if (frame.isCapturing()) {
        throw new JinjaException(
            line, "{% generation %} inside a macro, a set or a filter block is not supported");
      }
      frame.output().beginGeneration();
      Signal signal = body.run(frame.inner());
      frame.output().endGeneration();
      return signal;
    };
  }

  private Statement macro() {
    String name = tokens.expect(Kind.NAME, "the name of a macro").text();
    tokens.expectOperator("(");
    List<String> parameters = new ArrayList<>();
    Map<String, Expression> defaults = new LinkedHashMap<>();
    while (!tokens.skipOperator(")")) {
      if (!parameters.isEmpty()) {
        tokens.expectOperator(",");
      }
      String parameter = tokens.expect(Kind.NAME, "the name of a parameter").text();
      parameters.add(parameter);
      if (tokens.skipOperator("=")) {
        defaults.put(parameter, expressions.expression());
      }
    }
    endOfBlock();
    int outer = loops;
    loops = 0;
    Statement body = body("endmacro");
    loops = outer;
    tokens.next();
    if (tokens.isName(name)) {
      tokens.next();
    }
    endOfBlock();
    return defining -> {
      Callable macro =
          (frame, given) -> {
            Arguments arguments = new Arguments(name, given.positional(), given.named());
            Map<String, Object> bound = arguments.bind(parameters.toArray(String[]::new));
            Frame inner = defining.capturing();
            frame.enter();
            for (String parameter : parameters) {
              Object value = bound.get(parameter);
              Expression otherwise = defaults.get(parameter);
              inner.set(
                  parameter,
                  value != null
                      ? value
                      : otherwise != null
                          ? otherwise.evaluate(inner)
                          : new Undefined("parameter '%s' was not provided".formatted(parameter)));
            }
            body.run(inner);
            frame.leave();
            return inner.output().text();
          };
      defining.set(name, macro);
      return Signal.NEXT;
    };
  }
}
