package dev.firesteel.jinja;

import dev.firesteel.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads expressions with the precedence of Jinja2: {@code if}, or, and, not, comparisons, ... */
final class ExpressionParser {
  private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
  private static final Expression ABSENT = frame -> Values.NONE;

  private final Tokens tokens;

  ExpressionParser(Tokens tokens) {
    this.tokens = tokens;
  }

  /** An expression that knows its line and counts as a step. */
  private static Expression at(int line, Expression expression) {
    return frame -> {
      try {
        frame.step();
        return expression.evaluate(frame);
      } catch (JinjaException e) {
        throw e.at(line);
      }
    };
  }

  private int line() {
    return tokens.peek().line();
  }

  /** One expression, or several with commas between: a tuple. */
  Expression tuple(boolean conditional) {
    Expression first = conditional ? expression() : or();
    if (!tokens.isOperator(",")) {
      return first;
    }
    List<Expression> elements = new ArrayList<>(List.of(first));
    while (tokens.skipOperator(",")) {
      if (endsTuple()) {
        break;
      }
      elements.add(conditional ? expression() : or());
    }
    return tupleOf(elements);
  }

  private boolean endsTuple() {
    Kind kind = tokens.peek().kind();
    return kind == Kind.BLOCK_END
        || kind == Kind.VARIABLE_END
        || tokens.isOperator(")")
        || tokens.isOperator("=")
        || tokens.isName("in");
  }

  private static Expression tupleOf(List<Expression> elements) {
    return frame -> new Tuple(all(elements, frame));
  }

  private static List<Object> all(List<Expression> expressions, Frame frame) {
    List<Object> values = new ArrayList<>();
    expressions.forEach(each -> values.add(each.evaluate(frame)));
    return values;
  }

  Expression expression() {
    tokens.enter();
    int line = line();
    Expression value = or();
    while (tokens.skipName("if")) {
      Expression first = value;
      Expression condition = or();
      Expression second =
          tokens.skipName("else")
              ? expression()
              : frame -> new Undefined("the inline if had no else");
      value =
          at(
              line,
              frame -> (Values.truth(condition.evaluate(frame)) ? first : second).evaluate(frame));
    }
    tokens.leave();
    return value;
  }

  Expression or() {
    Expression left = and();
    while (tokens.skipName("or")) {
      Expression first = left;
      Expression second = and();
      left =
          frame -> {
            Object value = first.evaluate(frame);
            return Values.truth(value) ? value : second.evaluate(frame);
          };
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.skipName("and")) {
      Expression first = left;
      Expression second = not();
      left =
          frame -> {
            Object value = first.evaluate(frame);
            return Values.truth(value) ? second.evaluate(frame) : value;
          };
    }
    return left;
  }

  private Expression not() {
    if (tokens.skipName("not")) {
      tokens.enter();
      Expression value = not();
      tokens.leave();
      return frame -> !Values.truth(value.evaluate(frame));
    }
    return comparison();
  }

  /** {@code a < b < c} is {@code a < b and b < c}. */
  private Expression comparison() {
    int line = line();
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> operands = new ArrayList<>();
    while (true) {
      if (tokens.peek().kind() == Kind.OPERATOR && COMPARISONS.contains(tokens.peek().text())) {
        operators.add(tokens.next().text());
      } else if (tokens.skipName("in")) {
        operators.add("in");
      } else if (tokens.isName("not") && tokens.isNameAfterNext("in")) {
        tokens.next();
        tokens.next();
        operators.add("not in");
      } else {
        break;
      }
      operands.add(sum());
    }
    if (operators.isEmpty()) {
      return first;
    }
    return at(
        line,
        frame -> {
          Object left = first.evaluate(frame);
          for (int i = 0; i < operators.size(); i++) {
            Object right = operands.get(i).evaluate(frame);
            if (!holds(operators.get(i), left, right)) {
              return false;
            }
            left = right;
          }
          return true;
        });
  }

  private static boolean holds(String operator, Object left, Object right) {
    return switch (operator) {
      case "in" -> Values.isIn(left, right);
      case "not in" -> !Values.isIn(left, right);
      default -> Tests.apply(operator, left, List.of(right));
    };
  }

  private Expression sum() {
    Expression left = concatenation();
    while (tokens.isOperator("+") || tokens.isOperator("-")) {
      left = binary(left, tokens.next(), concatenation());
    }
    return left;
  }

  private Expression concatenation() {
    Expression first = product();
    if (!tokens.isOperator("~")) {
      return first;
    }
    int line = line();
    List<Expression> parts = new ArrayList<>(List.of(first));
    while (tokens.skipOperator("~")) {
      parts.add(product());
    }
    return at(line, frame -> Methods.joined(Text.EMPTY, all(parts, frame), frame, true));
  }

  private Expression product() {
    Expression left = power();
    while (tokens.isOperator("*")
        || tokens.isOperator("/")
        || tokens.isOperator("//")
        || tokens.isOperator("%")) {
      left = binary(left, tokens.next(), power());
    }
    return left;
  }

  private Expression power() {
    Expression left = unary(true);
    while (tokens.isOperator("**")) {
      left = binary(left, tokens.next(), unary(true));
    }
    return left;
  }

  private static Expression binary(Expression left, Token operator, Expression right) {
    return at(
        operator.line(),
        frame ->
            Operators.apply(operator.text(), left.evaluate(frame), right.evaluate(frame), frame));
  }

  private Expression unary(boolean filtered) {
    tokens.enter();
    int line = line();
    Expression value;
    if (tokens.isOperator("-") || tokens.isOperator("+")) {
      String sign = tokens.next().text();
      Expression operand = unary(false);
      value = at(line, frame -> Operators.apply(sign, 0L, operand.evaluate(frame), frame));
    } else {
      value = primary();
    }
    value = postfix(value);
    tokens.leave();
    return filtered ? filters(value) : value;
  }

  private Expression primary() {
    Token token = tokens.next();
    switch (token.kind()) {
      case NAME -> {
        return named(token);
      }
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (tokens.peek().kind() == Kind.STRING) {
          text.append(tokens.next().text());
        }
        return constant(Text.own(text.toString()));
      }
      case INTEGER -> {
        return constant(Values.integer(token.text(), token.line()));
      }
      case FLOAT -> {
        return constant(Double.parseDouble(token.text()));
      }
      case OPERATOR -> {
        switch (token.text()) {
          case "(" -> {
            return parentheses();
          }
          case "[" -> {
            List<Expression> elements = list("]");
            return frame -> all(elements, frame);
          }
          case "{" -> {
            return mapping();
          }
          default -> throw new JinjaException(token.line(), "unexpected " + token.described());
        }
      }
      default -> throw new JinjaException(token.line(), "unexpected " + token.described());
    }
  }

  private static Expression constant(Object value) {
    return frame -> value;
  }

  private static Expression named(Token token) {
    return switch (token.text()) {
      case "true", "True" -> constant(true);
      case "false", "False" -> constant(false);
      case "none", "None" -> constant(Values.NONE);
      default -> at(token.line(), frame -> frame.get(token.text()));
    };
  }

  private Expression parentheses() {
    if (tokens.skipOperator(")")) {
      return constant(new Tuple(List.of()));
    }
    Expression inner = tuple(true);
    tokens.expectOperator(")");
    return inner;
  }

  private List<Expression> list(String close) {
    List<Expression> elements = new ArrayList<>();
    while (!tokens.skipOperator(close)) {
      if (!elements.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(close)) {
          break;
        }
      }
      elements.add(expression());
    }
    return elements;
  }

  private Expression mapping() {
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!tokens.skipOperator("}")) {
      if (!keys.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator("}")) {
          break;
        }
      }
      keys.add(expression());
      tokens.expectOperator(":");
      values.add(expression());
    }
    return frame -> {
      Map<Object, Object> map = new LinkedHashMap<>();
      for (int i = 0; i < keys.size(); i++) {
        map.put(keys.get(i).evaluate(frame), values.get(i).evaluate(frame));
      }
      return map;
    };
  }

  private Expression postfix(Expression value) {
    Expression found = value;
    String called = "the function";
    while (true) {
      int line = line();
      Expression base = found;
      if (tokens.skipOperator(".")) {
        Token name = tokens.next();
        called = name.text();
        if (name.kind() == Kind.INTEGER) {
          long index = Values.integer(name.text(), line);
          found = at(line, frame -> Operators.item(base.evaluate(frame), index));
        } else if (name.kind() == Kind.NAME) {
          found = at(line, frame -> Operators.attribute(base.evaluate(frame), name.text()));
        } else {
          throw new JinjaException(line, "expected a name after '.', got " + name.described());
        }
      } else if (tokens.skipOperator("[")) {
        found = subscript(base, line);
      } else if (tokens.skipOperator("(")) {
        found = call(base, line, called);
      } else {
        return found;
      }
    }
  }

  private Expression subscript(Expression base, int line) {
    Expression start = tokens.isOperator(":") ? ABSENT : expression();
    if (!tokens.isOperator(":")) {
      tokens.expectOperator("]");
      return at(line, frame -> Operators.item(base.evaluate(frame), start.evaluate(frame)));
    }
    tokens.next();
    Expression stop = tokens.isOperator(":") || tokens.isOperator("]") ? ABSENT : expression();
    Expression step = tokens.skipOperator(":") && !tokens.isOperator("]") ? expression() : ABSENT;
    tokens.expectOperator("]");
    return at(
        line,
        frame ->
            Operators.slice(
                base.evaluate(frame),
                start.evaluate(frame),
                stop.evaluate(frame),
                step.evaluate(frame)));
  }

  private Expression call(Expression callee, int line, String name) {
    Call call = arguments(name);
    return at(
        line,
        frame -> {
          Object function = callee.evaluate(frame);
          if (function instanceof Callable callable) {
            return callable.call(frame, call.evaluate(frame));
          }
          throw function instanceof Undefined missing
              ? missing.used()
              : new JinjaException(0, "%s cannot be called".formatted(Values.type(function)));
        });
  }

  /** Arguments to be evaluated. */
  record Call(String name, List<Expression> positional, Map<String, Expression> named) {
    Arguments evaluate(Frame frame) {
      Map<String, Object> values = new LinkedHashMap<>();
      named.forEach((key, value) -> values.put(key, value.evaluate(frame)));
      return new Arguments(name, all(positional, frame), values);
    }
  }

  /** The arguments after an opening parenthesis. */
  private Call arguments(String name) {
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    while (!tokens.skipOperator(")")) {
      if (!positional.isEmpty() || !named.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(")")) {
          break;
        }
      }
      if (tokens.isOperator("*") || tokens.isOperator("**")) {
        throw new JinjaException(line(), "* and ** in a call are not supported");
      }
      if (tokens.peek().kind() == Kind.NAME && tokens.isOperatorAfterNext("=")) {
        String key = tokens.next().text();
        tokens.next();
        named.put(key, expression());
      } else {
        positional.add(expression());
      }
    }
    return new Call(name, positional, named);
  }

  /** {@code | filter}, {@code is test} and calls after a value. */
  private Expression filters(Expression value) {
    Expression found = value;
    while (true) {
      int line = line();
      if (tokens.skipOperator("|")) {
        found = filter(found);
      } else if (tokens.skipName("is")) {
        found = test(found, line);
      } else if (tokens.skipOperator("(")) {
        found = call(found, line, "the function");
      } else {
        return found;
      }
    }
  }

  /** A filter by its name and arguments, applied to a value. */
  Expression filter(Expression value) {
    int line = line();
    String name = tokens.expect(Kind.NAME, "the name of a filter").text();
    if (!Filters.has(name)) {
      throw new JinjaException(line, "unknown filter %s".formatted(name));
    }
    Call call = tokens.skipOperator("(") ? arguments(name) : new Call(name, List.of(), Map.of());
    return at(
        line, frame -> Filters.apply(frame, name, value.evaluate(frame), call.evaluate(frame)));
  }

  private Expression test(Expression value, int line) {
    boolean negated = tokens.skipName("not");
    String name = tokens.expect(Kind.NAME, "the name of a test").text();
    if (!Tests.has(name)) {
      throw new JinjaException(line, "unknown test %s".formatted(name));
    }
    List<Expression> arguments = List.of();
    if (tokens.skipOperator("(")) {
      arguments = arguments(name).positional();
    } else if (beginsArgument()) {
      arguments = List.of(postfix(primary()));
    }
    List<Expression> given = arguments;
    return at(
        line, frame -> Tests.apply(name, value.evaluate(frame), all(given, frame)) != negated);
  }

  /** As in Jinja2: a value right after the name of a test is its argument. */
  private boolean beginsArgument() {
    return switch (tokens.peek().kind()) {
      case STRING, INTEGER, FLOAT -> true;
      case NAME ->
          !Set.of("else", "or", "and", "is", "if", "in", "not").contains(tokens.peek().text());
      case OPERATOR -> tokens.isOperator("[") || tokens.isOperator("{");
      default -> false;
    };
  }
}
