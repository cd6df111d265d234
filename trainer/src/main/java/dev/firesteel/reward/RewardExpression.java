package dev.firesteel.reward;

import com.ezylang.evalex.EvaluationException;
import com.ezylang.evalex.Expression;
import com.ezylang.evalex.data.EvaluationValue;
import com.ezylang.evalex.parser.ASTNode;
import com.ezylang.evalex.parser.ParseException;
import com.ezylang.evalex.parser.Token;
import com.fasterxml.jackson.databind.JsonNode;
import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.PatternSyntaxException;

/**
 * A reward function that is an expression over the completion, such as {@code -abs(length - 60) /
 * 60 + 2 * contains("The end.")}. {@link ExpressionLanguage} has its functions; its variables are
 * those of {@link #VARIABLES} and the fields of the prompt's record. Names are those of the
 * expression's author, without regard to case.
 *
 * <p>Expressions have no access to classes, files, clocks or random numbers, and decimals of 34
 * digits: the same completion has the same score on every machine.
 */
final class RewardExpression implements RewardFunction {
  /** The variables of every completion; a field of the record with the same name is hidden. */
  static final List<String> VARIABLES = List.of("completion", "prompt", "length", "words", "ended");

  private static final Set<String> CONSTANTS = Set.of("TRUE", "FALSE", "NULL");

  private final String text;
  private final Expression expression;

  private RewardExpression(String text, Expression expression) {
    this.text = text;
    this.expression = expression;
  }

  /**
   * Parses an expression.
   *
   * @throws UserException if it is none, calls an unknown function, or has a malformed regex
   */
  static RewardExpression parse(String text) {
    Expression expression = new Expression(text, ExpressionLanguage.configuration());
    try {
      expression.validate();
      for (ASTNode node : expression.getAllASTNodes()) {
        checkRegex(text, node);
      }
    } catch (ParseException e) {
      throw UserException.usage(
          "the reward `"
              + text
              + "` must be an expression or `weight * class.Name`: "
              + e.getMessage()
              + " at character "
              + e.getStartPosition(),
          e);
    }
    return new RewardExpression(text, expression);
  }

  private static void checkRegex(String text, ASTNode node) {
    boolean matches =
        node.getToken().getType() == Token.TokenType.FUNCTION
            && node.getToken().getValue().equalsIgnoreCase("matches");
    for (ASTNode argument : matches ? node.getParameters() : List.<ASTNode>of()) {
      if (argument.getToken().getType() == Token.TokenType.STRING_LITERAL) {
        try {
          ExpressionLanguage.pattern(argument.getToken().getValue());
        } catch (PatternSyntaxException e) {
          throw UserException.usage(
              "the reward `" + text + "` must have valid regular expressions: " + e.getMessage(),
              e);
        }
      }
    }
  }

  /**
   * Makes sure that the expression has a number as value, and that its variables exist.
   *
   * @param example a completion of a prompt of the data
   * @throws UserException otherwise
   */
  void check(ScoredText example) {
    Map<String, Object> known = values(example);
    try {
      for (String variable : expression.getUsedVariables()) {
        if (!known.containsKey(variable)
            && !CONSTANTS.contains(variable.toUpperCase(Locale.ROOT))) {
          throw UserException.usage(
              "the reward `"
                  + text
                  + "` must use variables that exist, got `"
                  + variable
                  + "`: there are "
                  + String.join(", ", known.keySet()));
        }
      }
      evaluate(example);
    } catch (ParseException | IllegalArgumentException e) {
      throw UserException.usage(
          "the reward `"
              + text
              + "` must have a value for the completion `"
              + example.completion()
              + "`: "
              + e.getMessage(),
          e);
    }
  }

  @Override
  public List<Double> score(List<ScoredText> completions) {
    List<Double> scores = new ArrayList<>();
    for (ScoredText completion : completions) {
      scores.add(evaluate(completion));
    }
    return scores;
  }

  private double evaluate(ScoredText completion) {
    EvaluationValue value;
    try {
      value = expression.copy().withValues(values(completion)).evaluate();
    } catch (EvaluationException | ParseException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    if (value.isBooleanValue()) {
      return value.getBooleanValue() ? 1 : 0;
    }
    if (!value.isNumberValue()) {
      throw new IllegalArgumentException(
          "the value must be a number, got a "
              + value.getDataType()
              + ": "
              + value.getStringValue());
    }
    return value.getNumberValue().doubleValue();
  }

  private static Map<String, Object> values(ScoredText completion) {
    Map<String, Object> values = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    for (Map.Entry<String, JsonNode> field : completion.fields().properties()) {
      values.put(field.getKey(), value(field.getValue()));
    }
    values.put("completion", completion.completion());
    values.put("prompt", completion.prompt());
    values.put("length", completion.tokens());
    values.put("words", words(completion.completion()));
    values.put("ended", completion.ended() ? 1 : 0);
    return values;
  }

  private static Object value(JsonNode field) {
    if (field.isNumber()) {
      return field.decimalValue();
    }
    return field.isBoolean() ? (Object) (field.booleanValue() ? 1 : 0) : text(field);
  }

  private static String text(JsonNode field) {
    return field.isTextual() ? field.textValue() : field.toString();
  }

  private static long words(String completion) {
    return Arrays.stream(completion.split("\\s+")).filter(word -> !word.isEmpty()).count();
  }
}
