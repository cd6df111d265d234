package dev.firesteel.jinja;

import dev.firesteel.jinja.Token.Kind;
import java.util.List;

/** Tokens to be read from left to right. */
final class Tokens {
  private static final int DEPTH = 200;

  private final List<Token> tokens;
  private int at;
  private int depth;

  Tokens(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token peek() {
    return tokens.get(at);
  }

  Token next() {
    return tokens.get(peek().kind() == Kind.END ? at : at++);
  }

  boolean isName(String name) {
    return peek().is(Kind.NAME, name);
  }

  boolean isOperator(String operator) {
    return peek().is(Kind.OPERATOR, operator);
  }

  /** Whether the token after the next one is this operator. */
  boolean isOperatorAfterNext(String operator) {
    return at + 1 < tokens.size() && tokens.get(at + 1).is(Kind.OPERATOR, operator);
  }

  boolean isNameAfterNext(String name) {
    return at + 1 < tokens.size() && tokens.get(at + 1).is(Kind.NAME, name);
  }

  boolean skipName(String name) {
    boolean is = isName(name);
    at += is ? 1 : 0;
    return is;
  }

  boolean skipOperator(String operator) {
    boolean is = isOperator(operator);
    at += is ? 1 : 0;
    return is;
  }

  Token expect(Kind kind, String what) {
    if (peek().kind() != kind) {
      throw unexpected(what);
    }
    return next();
  }

  void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  JinjaException unexpected(String wanted) {
    return new JinjaException(
        peek().line(), "expected %s, got %s".formatted(wanted, peek().described()));
  }

  /** Counts nesting, which a template may not take to the end of the stack. */
  void enter() {
    if (++depth > DEPTH) {
      throw new JinjaException(peek().line(), "nested more than %d deep".formatted(DEPTH));
    }
  }

  void leave() {
    depth--;
  }
}
