package dev.firesteel.reward;

import com.ezylang.evalex.EvaluationException;
import com.ezylang.evalex.Expression;
import com.ezylang.evalex.config.ExpressionConfiguration;
import com.ezylang.evalex.config.FunctionDictionaryIfc;
import com.ezylang.evalex.config.MapBasedFunctionDictionary;
import com.ezylang.evalex.config.MapBasedOperatorDictionary;
import com.ezylang.evalex.config.OperatorDictionaryIfc;
import com.ezylang.evalex.data.EvaluationValue;
import com.ezylang.evalex.functions.FunctionIfc;
import com.ezylang.evalex.functions.FunctionParameterDefinition;
import com.ezylang.evalex.functions.basic.IfFunction;
import com.ezylang.evalex.operators.arithmetic.InfixDivisionOperator;
import com.ezylang.evalex.operators.arithmetic.InfixMinusOperator;
import com.ezylang.evalex.operators.arithmetic.InfixModuloOperator;
import com.ezylang.evalex.operators.arithmetic.InfixMultiplicationOperator;
import com.ezylang.evalex.operators.arithmetic.InfixPlusOperator;
import com.ezylang.evalex.operators.arithmetic.PrefixMinusOperator;
import com.ezylang.evalex.operators.arithmetic.PrefixPlusOperator;
import com.ezylang.evalex.operators.booleans.InfixAndOperator;
import com.ezylang.evalex.operators.booleans.InfixEqualsOperator;
import com.ezylang.evalex.operators.booleans.InfixGreaterEqualsOperator;
import com.ezylang.evalex.operators.booleans.InfixGreaterOperator;
import com.ezylang.evalex.operators.booleans.InfixLessEqualsOperator;
import com.ezylang.evalex.operators.booleans.InfixLessOperator;
import com.ezylang.evalex.operators.booleans.InfixNotEqualsOperator;
import com.ezylang.evalex.operators.booleans.InfixOrOperator;
import com.ezylang.evalex.operators.booleans.PrefixNotOperator;
import com.ezylang.evalex.parser.Token;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * The language of {@link RewardExpression}: EvalEx with a list of operators and functions of which
 * each has the same result on every machine. Without powers, whose results may be as large as the
 * memory, and without EvalEx's functions of time and random numbers.
 */
final class ExpressionLanguage {
  private static final Map<String, Pattern> PATTERNS = new ConcurrentHashMap<>();

  /** A function of the values of its arguments and, through the expression, of the completion. */
  private interface Body {
    BigDecimal apply(Expression expression, EvaluationValue... arguments);
  }

  private record Function(List<FunctionParameterDefinition> parameters, Body body)
      implements FunctionIfc {
    static Function of(int arguments, Body body) {
      return new Function(
          Collections.nCopies(
              arguments, FunctionParameterDefinition.builder().name("value").build()),
          body);
    }

    @Override
    public List<FunctionParameterDefinition> getFunctionParameterDefinitions() {
      return parameters;
    }

    @Override
    public EvaluationValue evaluate(
        Expression expression, Token token, EvaluationValue... arguments)
        throws EvaluationException {
      try {
        return EvaluationValue.numberValue(body.apply(expression, arguments));
      } catch (RuntimeException e) {
        throw new EvaluationException(token, token.getValue() + ": " + e.getMessage());
      }
    }

    @Override
    public void validatePreEvaluation(Token token, EvaluationValue... arguments) {}

    @Override
    public boolean hasVarArgs() {
      return false;
    }
  }

  private ExpressionLanguage() {}

  static ExpressionConfiguration configuration() {
    return ExpressionConfiguration.builder()
        .functionDictionary(functions())
        .operatorDictionary(operators())
        .defaultConstants(
            Map.of(
                "TRUE", EvaluationValue.TRUE,
                "FALSE", EvaluationValue.FALSE,
                "NULL", EvaluationValue.NULL_VALUE))
        .mathContext(MathContext.DECIMAL128)
        .arraysAllowed(false)
        .structuresAllowed(false)
        .implicitMultiplicationAllowed(false)
        .singleQuoteStringLiteralsAllowed(true)
        .locale(Locale.ROOT)
        .build();
  }

  private static FunctionDictionaryIfc functions() {
    FunctionDictionaryIfc functions = new MapBasedFunctionDictionary();
    functions.addFunction("if", new IfFunction());
    functions.addFunction("abs", Function.of(1, (at, x) -> number(x[0]).abs()));
    functions.addFunction("min", Function.of(2, (at, x) -> number(x[0]).min(number(x[1]))));
    functions.addFunction("max", Function.of(2, (at, x) -> number(x[0]).max(number(x[1]))));
    functions.addFunction("exp", ofDouble(StrictMath::exp));
    functions.addFunction("log", ofDouble(StrictMath::log));
    functions.addFunction("sqrt", ofDouble(StrictMath::sqrt));
    functions.addFunction("floor", ofDouble(StrictMath::floor));
    functions.addFunction("contains", Function.of(1, (at, x) -> truth(contains(at, x[0]))));
    functions.addFunction("matches", Function.of(1, (at, x) -> truth(matches(at, x[0]))));
    functions.addFunction(
        "count", Function.of(1, (at, x) -> BigDecimal.valueOf(count(completion(at), text(x[0])))));
    return functions;
  }

  private static OperatorDictionaryIfc operators() {
    OperatorDictionaryIfc operators = new MapBasedOperatorDictionary();
    operators.addOperator("+", new PrefixPlusOperator());
    operators.addOperator("-", new PrefixMinusOperator());
    operators.addOperator("+", new InfixPlusOperator());
    operators.addOperator("-", new InfixMinusOperator());
    operators.addOperator("*", new InfixMultiplicationOperator());
    operators.addOperator("/", new InfixDivisionOperator());
    operators.addOperator("%", new InfixModuloOperator());
    operators.addOperator("==", new InfixEqualsOperator());
    operators.addOperator("!=", new InfixNotEqualsOperator());
    operators.addOperator(">", new InfixGreaterOperator());
    operators.addOperator(">=", new InfixGreaterEqualsOperator());
    operators.addOperator("<", new InfixLessOperator());
    operators.addOperator("<=", new InfixLessEqualsOperator());
    operators.addOperator("&&", new InfixAndOperator());
    operators.addOperator("||", new InfixOrOperator());
    operators.addOperator("!", new PrefixNotOperator());
    return operators;
  }

  private static Function ofDouble(UnaryOperator<Double> function) {
    return Function.of(
        1, (at, x) -> BigDecimal.valueOf(function.apply(number(x[0]).doubleValue())));
  }

  /** The pattern of a regular expression, compiled once. */
  static Pattern pattern(String regex) {
    return PATTERNS.computeIfAbsent(regex, Pattern::compile);
  }

  private static boolean contains(Expression at, EvaluationValue text) {
    return completion(at).contains(text(text));
  }

  private static boolean matches(Expression at, EvaluationValue regex) {
    return pattern(text(regex)).matcher(completion(at)).find();
  }

  /** Occurrences that do not overlap. */
  private static long count(String text, String part) {
    if (part.isEmpty()) {
      throw new IllegalArgumentException("the text to count must not be empty");
    }
    long count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  private static String completion(Expression at) {
    return at.getDataAccessor().getData("completion").getStringValue();
  }

  private static BigDecimal number(EvaluationValue value) {
    if (!value.isNumberValue() && !value.isBooleanValue()) {
      throw new IllegalArgumentException(
          "requires a number, got the " + value.getDataType() + " " + value.getStringValue());
    }
    return value.getNumberValue();
  }

  private static String text(EvaluationValue value) {
    if (!value.isStringValue()) {
      throw new IllegalArgumentException(
          "requires a text, got the " + value.getDataType() + " " + value.getStringValue());
    }
    return value.getStringValue();
  }

  private static BigDecimal truth(boolean value) {
    return value ? BigDecimal.ONE : BigDecimal.ZERO;
  }
}
