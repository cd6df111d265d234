package dev.firesteel.jinja;

import dev.firesteel.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a template into tokens as Jinja2's lexer does with {@code trim_blocks} and {@code
 * lstrip_blocks}: a newline after a block or a comment is dropped, as are blanks before one at the
 * beginning of a line; {@code -} drops all white space on its side, {@code +} keeps it. The last
 * newline of the template is dropped.
 */
final class Lexer {
  private static final Pattern RAW =
      Pattern.compile("\\{%([-+]?)\\s*raw\\s*(-%\\}\\s*|%\\})", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern END_RAW =
      Pattern.compile(
          "\\{%([-+]?)\\s*endraw\\s*(\\+%\\}|-%\\}\\s*|%\\}\\n?)", Pattern.UNICODE_CHARACTER_CLASS);
  private static final Pattern NUMBER =
      Pattern.compile("(\\d+(?:_\\d+)*)((?:\\.\\d+(?:_\\d+)*)?(?:[eE][+-]?\\d+(?:_\\d+)*)?)");
  private static final List<String> OPERATORS =
      List.of(
          "**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{",
          "}", ">", "<", "=", ".", ":", "|", ",", ";");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;
  private boolean lineStarting = true;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String template) {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    Lexer lexer =
        new Lexer(source.endsWith("\n") ? source.substring(0, source.length() - 1) : source);
    lexer.run();
    return lexer.tokens;
  }

  private void run() {
    while (at < source.length()) {
      int tag = nextTag();
      if (tag < 0) {
        data(source.substring(at), "", false);
        at = source.length();
        break;
      }
      char kind = source.charAt(tag + 1);
      Matcher raw = RAW.matcher(source).region(tag, source.length());
      String sign = tag + 2 < source.length() ? source.substring(tag + 2, tag + 3) : "";
      data(source.substring(at, tag), sign, kind != '{');
      at = tag;
      if (kind == '%' && raw.lookingAt()) {
        raw(raw);
      } else if (kind == '#') {
        comment();
      } else {
        code(kind == '%', sign);
      }
    }
    add(Kind.END, "");
  }

  private int nextTag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  /** Data before a tag with the sign that follows its opening braces. */
  private void data(String text, String sign, boolean blockOrComment) {
    String kept = text;
    if (sign.equals("-")) {
      kept = Text.own(text).strip(null, false, true).characters();
    } else if (blockOrComment && !sign.equals("+")) {
      int start = text.lastIndexOf('\n') + 1;
      if ((start > 0 || lineStarting)
          && text.substring(start).chars().allMatch(c -> Text.isSpace((char) c))) {
        kept = text.substring(0, start);
      }
    }
    if (!kept.isEmpty()) {
      add(Kind.DATA, kept);
    }
    if (!text.isEmpty()) {
      passed(text);
    }
  }

  private void raw(Matcher begin) {
    passed(begin.group());
    Matcher end = END_RAW.matcher(source);
    if (!end.find(begin.end())) {
      throw new JinjaException(line, "{% raw %} has no {% endraw %}");
    }
    data(source.substring(begin.end(), end.start()), end.group(1), true);
    passed(end.group());
    at = end.end();
  }

  private void comment() {
    int end = source.indexOf("#}", at + 2);
    if (end < 0) {
      throw new JinjaException(line, "a comment {# has no #}");
    }
    boolean strips = end > at + 2 && source.charAt(end - 1) == '-';
    finish(source.substring(at, end + 2), end + 2, strips, true);
  }

  /** Passes a tag and the white space that it takes. */
  private void finish(String tag, int end, boolean strips, boolean trims) {
    int next = end;
    if (strips) {
      while (next < source.length() && Text.isSpace(source.charAt(next))) {
        next++;
      }
    } else if (trims && next < source.length() && source.charAt(next) == '\n') {
      next++;
    }
    passed(tag + source.substring(end, next));
    at = next;
  }

  private void code(boolean block, String sign) {
    add(block ? Kind.BLOCK_BEGIN : Kind.VARIABLE_BEGIN, block ? "{%" : "{{");
    int begun = line;
    at += 2 + (sign.equals("-") || sign.equals("+") ? 1 : 0);
    String close = block ? "%}" : "}}";
    Deque<Character> open = new ArrayDeque<>();
    while (true) {
      skipSpace();
      if (at >= source.length()) {
        throw new JinjaException(begun, "%s has no %s".formatted(block ? "{%" : "{{", close));
      }
      if (open.isEmpty()) {
        boolean signed = "-+".indexOf(source.charAt(at)) >= 0 && source.startsWith(close, at + 1);
        if (signed || source.startsWith(close, at)) {
          add(block ? Kind.BLOCK_END : Kind.VARIABLE_END, close);
          boolean strips = signed && source.charAt(at) == '-';
          int end = at + close.length() + (signed ? 1 : 0);
          finish(source.substring(at, end), end, strips, block && !signed);
          return;
        }
      }
      expressionToken(open);
    }
  }

  private void skipSpace() {
    while (at < source.length() && Text.isSpace(source.charAt(at))) {
      line += source.charAt(at) == '\n' ? 1 : 0;
      at++;
    }
  }

  private void expressionToken(Deque<Character> open) {
    char first = source.charAt(at);
    if (Character.isDigit(first)) {
      number();
    } else if (Character.isLetter(first) || first == '_') {
      int end = at + 1;
      while (end < source.length()
          && (Character.isLetterOrDigit(source.charAt(end)) || source.charAt(end) == '_')) {
        end++;
      }
      add(Kind.NAME, source.substring(at, end));
      at = end;
    } else if (first == '\'' || first == '"') {
      string(first);
    } else {
      String operator =
          OPERATORS.stream()
              .filter(each -> source.startsWith(each, at))
              .findFirst()
              .orElseThrow(
                  () -> new JinjaException(line, "unexpected character '%s'".formatted(first)));
      balance(open, operator);
      add(Kind.OPERATOR, operator);
      at += operator.length();
    }
  }

  private void balance(Deque<Character> open, String operator) {
    char bracket = operator.charAt(0);
    if ("([{".indexOf(bracket) >= 0) {
      open.push(bracket == '(' ? ')' : bracket == '[' ? ']' : '}');
    } else if (")]}".indexOf(bracket) >= 0 && (open.isEmpty() || open.pop() != bracket)) {
      throw new JinjaException(line, "unexpected '%s'".formatted(operator));
    }
  }

  private void number() {
    Matcher number = NUMBER.matcher(source).region(at, source.length());
    if (!number.lookingAt()) {
      throw new JinjaException(line, "not a number at '%s'".formatted(source.charAt(at)));
    }
    add(number.group(2).isEmpty() ? Kind.INTEGER : Kind.FLOAT, number.group().replace("_", ""));
    at = number.end();
  }

  private void string(char quote) {
    StringBuilder text = new StringBuilder();
    int begun = line;
    int i = at + 1;
    for (; i < source.length() && source.charAt(i) != quote; i++) {
      char character = source.charAt(i);
      line += character == '\n' ? 1 : 0;
      if (character != '\\' || i + 1 >= source.length()) {
        text.append(character);
        continue;
      }
      i = escape(source.charAt(++i), i, text);
    }
    if (i >= source.length()) {
      throw new JinjaException(begun, "a string has no closing " + quote);
    }
    tokens.add(new Token(Kind.STRING, text.toString(), begun));
    at = i + 1;
  }

  /** Appends what an escape stands for, as in Python; the position of its last character. */
  private int escape(char kind, int position, StringBuilder text) {
    int digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits > 0) {
      try {
        text.appendCodePoint(
            Integer.parseInt(source.substring(position + 1, position + 1 + digits), 16));
      } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
        throw new JinjaException(line, "\\%s needs %d hexadecimal digits".formatted(kind, digits));
      }
      return position + digits;
    }
    if (kind >= '0' && kind <= '7') {
      int end = position;
      while (end < source.length()
          && end < position + 3
          && source.charAt(end) >= '0'
          && source.charAt(end) <= '7') {
        end++;
      }
      text.append((char) Integer.parseInt(source.substring(position, end), 8));
      return end - 1;
    }
    switch (kind) {
      case '\n' -> line++;
      case 'n' -> text.append('\n');
      case 't' -> text.append('\t');
      case 'r' -> text.append('\r');
      case 'a' -> text.append('\u0007');
      case 'b' -> text.append('\b');
      case 'f' -> text.append('\f');
      case 'v' -> text.append('\u000B');
      case '\\', '\'', '"' -> text.append(kind);
      default -> text.append('\\').append(kind);
    }
    return position;
  }

  private void add(Kind kind, String text) {
    tokens.add(new Token(kind, text, line));
  }

  private void passed(String text) {
    line += (int) text.chars().filter(c -> c == '\n').count();
    lineStarting = text.endsWith("\n");
  }
}
