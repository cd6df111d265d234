package dev.firesteel.example;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.chat.TestTokenizers;
import dev.firesteel.error.UserException;
import dev.firesteel.example.ExampleRules.TrainOn;
import dev.firesteel.example.ExampleRules.Truncation;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExampleEncoderTest {
  private static final Tokenizer BASE = BpeTokenizer.bytes();
  private static final String TURNS =
      "[{'role':'user','content':'a'},{'role':'assistant','content':'b'},{'role':'user','content':'c'}";

  private static ExampleRules rules(ExampleKind kind, ExampleType type, String... columns) {
    return new ExampleRules(
        kind, type, List.of(columns), false, TrainOn.ANSWERS, 1000, Truncation.DROP);
  }

  private static ExampleRules shortened(
      ExampleKind kind, TrainOn trainOn, int length, Truncation truncation) {
    return new ExampleRules(kind, ExampleType.AUTO, List.of(), false, trainOn, length, truncation);
  }

  private static EncodedRecord encode(ExampleRules rules, String template, String json) {
    ChatTokens chat = ChatTokens.of(ChatTemplate.builtIn(template).orElseThrow(), BASE);
    try {
      return new ExampleEncoder(rules, chat)
          .encode(new ObjectMapper().readTree(json.replace('\'', '"')));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  /** Documents as text with the trained tokens in brackets, then the fields or the rejection. */
  private static String shown(EncodedRecord record) {
    if (record instanceof EncodedRecord.Rejected rejected) {
      return rejected.reason().label() + ": " + rejected.detail();
    }
    Example example = ((EncodedRecord.Accepted) record).example();
    String documents =
        example.documents().stream()
            .map(
                each -> {
                  boolean[] trained = new boolean[each.length()];
                  for (int i = 0; i < trained.length; i++) {
                    trained[i] = each.isTrained(i);
                  }
                  return TestTokenizers.shown(BASE, each.tokens(), trained);
                })
            .collect(Collectors.joining(" / "));
    String fields = example.fields().isEmpty() ? "" : " " + example.fields();
    return (documents + fields).replace("#256", "#").replace("\n", "\\n").replace('"', '\'');
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '`',
      value = {
        "SFT¦plain¦{'prompt':'a','completion':' b','id':3}¦a[ b#] {'id':3}",
        "SFT¦plain¦{'prompt':'','completion':'b'}¦#[b#]",
        "SFT¦chatml¦{'prompt':'a','completion':'b'}¦a[b#]",
        "SFT¦plain¦{'text':'ab'}¦#[ab#]",
        "SFT¦vicuna¦{'prompt':[{'role':'system','content':'s'},{'role':'user','content':'a'}],'completion':[{'role':'assistant','content':'b'}]}¦s USER: a ASSISTANT:[ b#]",
        "SFT¦vicuna¦{'messages':[{'role':'system','content':'s'},{'role':'user','content':'a'},{'role':'assistant','content':'b'},{'role':'user','content':'c'},{'role':'assistant','content':'d'},{'role':'user','content':'e'}]}¦s USER: a ASSISTANT:[ b#]USER: c ASSISTANT:[ d#]",
        "SFT¦plain¦{'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]},{'role':'assistant','content':'c'}]}¦ab[c#]",
        "SFT¦vicuna¦{'conversations':[{'from':'human','value':'a'},{'from':'gpt','value':'b'}],'system':'s'}¦s USER: a ASSISTANT:[ b#]",
        "SFT¦plain¦{'conversations':[{'from':'system','value':'s'},{'from':'user','value':'a'},{'from':'assistant','value':'b'}]}¦sa[b#]",
        "SFT¦plain¦{'instruction':'a','input':'','output':'b','history':[['c','d']]}¦c[d#]a[b#]",
        "SFT¦plain¦{'instruction':'a','input':'i','output':'b','system':'s'}¦sa\\ni[b#]",
        "PREFERENCE¦plain¦{'prompt':'a','chosen':'b','rejected':'c','margin':0.5}¦a[b#] / a[c#] {'margin':0.5}",
        "PREFERENCE¦plain¦{'chosen':'\\n\\nHuman: a\\n\\nAssistant: b','rejected':'\\n\\nHuman: a\\n\\nAssistant: c'}¦\\n\\nHuman: a\\n\\nAssistant:[ b#] / \\n\\nHuman: a\\n\\nAssistant:[ c#]",
        "PREFERENCE¦plain¦{'prompt':'x','chosen':[{'role':'user','content':'x'},{'role':'assistant','content':'b'}],'rejected':[{'role':'user','content':'x'},{'role':'assistant','content':'c'}]}¦x[b#] / x[c#]",
        "PREFERENCE¦plain¦{'prompt':'x','chosen':[{'role':'assistant','content':'b'}],'rejected':[{'role':'assistant','content':'c'}]}¦x[b#] / x[c#]",
        "PREFERENCE¦plain¦{'prompt':'a','answers':['b','c','d'],'ranks':[2,3,1]}¦a[d#] / a[b#] / a[c#] {'ranks':[1,2,3]}",
        "PREFERENCE¦plain¦{'prompt':'a','answers':['b','c','d']}¦a[b#] / a[c#] / a[d#]",
        "LABELLED¦plain¦{'prompt':'a','completion':'b','label':false}¦a[b#] {'label':false}",
        "PROMPT¦plain¦{'prompt':'a','answer':'42'}¦a {'answer':'42'}",
        "PROMPT¦vicuna¦{'messages':[{'role':'system','content':'s'},{'role':'user','content':'a'}]}¦s USER: a ASSISTANT:"
      })
  void makesExamplesOfEachType(ExampleKind kind, String template, String json, String expected) {
    ExampleType known = ExampleType.recognize(kind, read(json)).orElseThrow();
    for (ExampleType type : List.of(ExampleType.AUTO, known)) {
      assertThat(shown(encode(rules(kind, type), template, json))).isEqualTo(expected);
    }
  }

  private static JsonNode read(String json) {
    try {
      return new ObjectMapper().readTree(json.replace('\'', '"'));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  @Test
  void takesTheCommonTurnsForThePrompt() {
    String json =
        "{'chosen':%s,{'role':'assistant','content':'d'}],'rejected':%s,{'role':'assistant','content':'e'}]}"
            .formatted(TURNS, TURNS);
    // The answer among them is not trained.
    assertThat(shown(encode(rules(ExampleKind.PREFERENCE, ExampleType.AUTO), "plain", json)))
        .isEqualTo("ab#c[d#] / ab#c[e#]");
  }

  @Test
  void trainsEachAnswerOfAConversationAndNothingBetween() {
    String json = "{'messages':%s,{'role':'assistant','content':'d'}]}".formatted(TURNS);
    assertThat(shown(encode(rules(ExampleKind.SFT, ExampleType.AUTO), "chatml", json)))
        .isEqualTo(
            "<|im_start|>user\\na<|im_end|>\\n<|im_start|>assistant\\n[b<|im_end|>]\\n<|im_start|>user\\nc<|im_end|>\\n<|im_start|>assistant\\n[d<|im_end|>#]");
  }

  @Test
  void trainsOnAllOnRequest() {
    ExampleRules all = shortened(ExampleKind.SFT, TrainOn.ALL, 100, Truncation.DROP);
    assertThat(shown(encode(all, "plain", "{'prompt':'ab','completion':'c'}"))).isEqualTo("a[bc#]");
  }

  @Test
  void writesStringsWithATemplateThatIsChosen() {
    ExampleRules rules =
        new ExampleRules(
            ExampleKind.SFT,
            ExampleType.AUTO,
            List.of(),
            true,
            TrainOn.ANSWERS,
            1000,
            Truncation.DROP);
    assertThat(shown(encode(rules, "vicuna", "{'prompt':'a','completion':' b'}")))
        .endsWith(" USER: a ASSISTANT:[ b#]");
    ExampleRules preference =
        new ExampleRules(
            ExampleKind.PREFERENCE,
            ExampleType.AUTO,
            List.of(),
            true,
            TrainOn.ANSWERS,
            1000,
            Truncation.DROP);
    String json =
        "{'chosen':'\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\\n\\nAssistant: d','rejected':'\\n\\nHuman: a\\n\\nAssistant: b\\n\\nHuman: c\\n\\nAssistant: e'}";
    assertThat(shown(encode(preference, "plain", json))).isEqualTo("ab#c[d#] / ab#c[e#]");
  }

  /** What both answers begin with may name a speaker, too. */
  @Test
  void endsThePromptOfADialogueWhereATurnBegins() {
    String json =
        "{'chosen':'\\n\\nHuman: a\\n\\nAssistant: I am an Assistant: b','rejected':'\\n\\nHuman: a\\n\\nAssistant: I am an Assistant: c'}";
    assertThat(shown(encode(rules(ExampleKind.PREFERENCE, ExampleType.AUTO), "plain", json)))
        .isEqualTo(
            "\\n\\nHuman: a\\n\\nAssistant:[ I am an Assistant: b#] / \\n\\nHuman: a\\n\\nAssistant:[ I am an Assistant: c#]");
  }

  @Test
  void separatesInstructionAndInputAsAlpacaDoes() {
    String json = "{'instruction':'a','input':'i','output':'b'}";
    assertThat(shown(encode(rules(ExampleKind.SFT, ExampleType.ALPACA), "alpaca", json)))
        .endsWith(
            "paired with an input that provides further context. Write a response that appropriately completes the request.\\n\\n### Instruction:\\na\\n\\n### Input:\\ni\\n\\n### Response:\\n[b#]");
  }

  @Test
  void renamesFieldsFirst() {
    ExampleRules rules =
        rules(ExampleKind.PROMPT, ExampleType.AUTO, "prompt=question", "solution = answer");
    assertThat(shown(encode(rules, "plain", "{'question':'a','answer':'42','prompt':'z'}")))
        .isEqualTo("a {'solution':'42'}");
    ExampleRules swapped =
        rules(ExampleKind.PREFERENCE, ExampleType.AUTO, "chosen=worse", "rejected=better");
    assertThat(shown(encode(swapped, "plain", "{'prompt':'a','worse':'b','better':'c'}")))
        .isEqualTo("a[b#] / a[c#]");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '`',
      value = {
        "SFT¦{'prompt':'a','completion':' '}¦empty answer: completion must have text, got none",
        "SFT¦{'messages':[{'role':'user','content':'a'},{'role':'assistant','content':''}]}¦empty answer: an answer must have text, got none at turn 2",
        "SFT¦{'messages':[{'role':'user','content':'a'}]}¦no answer: a conversation must have a turn of the assistant, got 1 turns without one",
        "SFT¦{'messages':[{'role':'assistant','content':'a'}]}¦empty prompt: a conversation must not begin with an answer",
        "SFT¦{'messages':[{'role':'robot','content':'a'}]}¦unknown role: the role of turn 1 of messages must be system, user (human) or assistant (gpt), got robot",
        "SFT¦{'messages':[{'role':'system','content':'a'},{'role':'system','content':'a'},{'role':'user','content':'a'},{'role':'assistant','content':'a'}]}¦two system turns: a conversation must have one turn of the system at most, got a second one at turn 2",
        "SFT¦{'messages':[{'role':'user','content':'a'},{'role':'system','content':'a'},{'role':'assistant','content':'a'}]}¦late system turn: a turn of the system must be the first, got it at turn 2",
        "SFT¦{'messages':[{'role':'user'}]}¦missing field: turn 1 of messages must have role and content, got {\"role\":\"user\"}",
        "SFT¦{'messages':'a'}¦wrong type: messages must be a list of turns, got \"a\"",
        "SFT¦{'prompt':1,'completion':'a'}¦wrong type: prompt and completion must be two strings or two lists of turns, got 1 and \"a\"",
        "SFT¦{'foo':1}¦missing field: a record for fine-tuning must have the fields of one of messages (messages), sharegpt (conversations), alpaca (instruction, output), prompt_completion (prompt, completion), text (text), got [foo]",
        "SFT¦[1]¦wrong type: a record must be an object with fields, got [1]",
        "SFT¦{'text':null}¦missing field: the record must have the field text, got null",
        "PREFERENCE¦{'prompt':'a','chosen':'b','rejected':'c','margin':'big'}¦wrong type: margin must be a number, got \"big\"",
        "PREFERENCE¦{'prompt':'a','chosen':'b','rejected':'b'}¦identical pair: chosen and rejected must differ, and are the same",
        "PREFERENCE¦{'prompt':'a','answers':['b','c','b']}¦identical pair: two answers must differ, and are the same",
        "PREFERENCE¦{'prompt':'a','answers':['b']}¦wrong type: answers must be a list of two at least, got [\"b\"]",
        "PREFERENCE¦{'prompt':'a','answers':['b','c'],'ranks':[1]}¦wrong type: ranks must be a list of 2 numbers, one for each answer, got [1]",
        "PREFERENCE¦{'chosen':'b','rejected':'c'}¦missing field: a record without prompt must have a chosen and a rejected with the same beginning up to \"Assistant:\", got none",
        "LABELLED¦{'prompt':'a','completion':'b','label':'yes'}¦wrong type: label must be true or false, got \"yes\"",
        "PROMPT¦{'prompt':5}¦wrong type: prompt must be a string or a list of turns, got 5",
        "PROMPT¦{'prompt':' '}¦empty prompt: prompt must have text, got none",
        "PROMPT¦{'messages':[{'role':'user','content':'a'},{'role':'assistant','content':'b'}]}¦answered prompt: messages must end with a turn of the user, which the model answers, got one of the assistant"
      })
  void saysWhatIsWrongWithARecord(ExampleKind kind, String json, String expected) {
    EncodedRecord record = encode(rules(kind, ExampleType.AUTO), "plain", json);
    assertThat(shown(record)).isEqualTo(expected);
    assertThat(((EncodedRecord.Rejected) record).reason().isBad()).isTrue();
  }

  @Test
  void countsATemplateThatFailsAsBad() {
    ChatTemplate strict =
        ChatTemplate.of(
            "strict",
            "{% for m in messages %}{% if m.content == 'bad' %}{{ raise_exception('no') }}{% endif %}{{ m.content }}{% endfor %}");
    EncodedRecord record =
        new ExampleEncoder(rules(ExampleKind.SFT, ExampleType.AUTO), ChatTokens.of(strict, BASE))
            .encode(
                read(
                    "{'messages':[{'role':'user','content':'bad'},{'role':'assistant','content':'b'}]}"));
    assertThat(shown(record))
        .startsWith("template failed: chat template strict fails at line 1: no;");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '`',
      value = {
        "KEEP_START¦8¦abcd[efg#]¦0",
        "KEEP_START¦6¦abcd[ef]¦2",
        "KEEP_END¦6¦cd[efg#]¦2",
        "KEEP_END¦3¦f[g#]¦5",
        "KEEP_END¦2¦g[#]¦6"
      })
  void cutsTokensAndMarksTogether(Truncation truncation, int length, String expected, int cut) {
    EncodedRecord record =
        encode(
            shortened(ExampleKind.SFT, TrainOn.ANSWERS, length, truncation),
            "plain",
            "{'prompt':'abcd','completion':'efg'}");
    assertThat(shown(record)).isEqualTo(expected);
    assertThat(((EncodedRecord.Accepted) record).cut()).isEqualTo(cut);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '`',
      value = {
        "SFT¦KEEP_START¦4¦{'prompt':'abcd','completion':'efg'}¦prompt too long: a prompt must leave room for its answer in 4 tokens, got 4 of the prompt",
        "SFT¦DROP¦7¦{'prompt':'abcd','completion':'efg'}¦too long: an example must have 7 tokens at most, got 8",
        "SFT¦DROP¦4¦{'prompt':'abcd','completion':'efg'}¦prompt too long: an example must have 4 tokens at most, got 8",
        "PREFERENCE¦KEEP_START¦3¦{'prompt':'a','chosen':'bcd','rejected':'bce'}¦identical when cut: answers must differ in their first 3 tokens, and are the same there",
        "PROMPT¦KEEP_START¦3¦{'prompt':'abcd'}¦prompt too long: a prompt must leave room for its answer in 3 tokens, got 4 of the prompt"
      })
  void dropsWhatDoesNotFitWithoutCallingItBad(
      ExampleKind kind, Truncation truncation, int length, String json, String expected) {
    EncodedRecord record =
        encode(shortened(kind, TrainOn.ANSWERS, length, truncation), "plain", json);
    assertThat(shown(record)).isEqualTo(expected);
    assertThat(((EncodedRecord.Rejected) record).reason().isBad()).isFalse();
  }

  @Test
  void keepsTheEndOfALongPrompt() {
    ExampleRules rules = shortened(ExampleKind.PROMPT, TrainOn.ANSWERS, 3, Truncation.KEEP_END);
    assertThat(shown(encode(rules, "plain", "{'prompt':'abcd'}"))).isEqualTo("bcd");
  }

  @Test
  void refusesRulesThatDoNotFit() {
    assertThatThrownBy(() -> rules(ExampleKind.SFT, ExampleType.PREFERENCE))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "the dataset type for fine-tuning must be one of auto, messages, sharegpt, alpaca, prompt_completion, text, got preference: choose one of them, or another stage");
    assertThatThrownBy(() -> rules(ExampleKind.SFT, ExampleType.AUTO, "prompt"))
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("a column must be given as field=name in the file");
    assertThatThrownBy(() -> rules(ExampleKind.SFT, ExampleType.AUTO, "a=b", "a=c"))
        .hasMessageContaining("got several columns for a");
    assertThatThrownBy(() -> shortened(ExampleKind.SFT, TrainOn.ALL, 1, Truncation.DROP))
        .hasMessageContaining("must be allowed 2 tokens at least");
  }

  @Test
  void showsAnExample() {
    Example example =
        ((EncodedRecord.Accepted)
                encode(
                    rules(ExampleKind.SFT, ExampleType.AUTO),
                    "plain",
                    "{'prompt':'a\\u0001é','completion':'b','id':1}"))
            .example();
    assertThat(ExampleView.of(example, BASE, false))
        .isEqualTo(
            "a\uFFFDé[[b‹<|endoftext|>›]]\nfields: {\"id\":1}\n6 tokens, 2 trained (33.3 %)\n");
    assertThat(ExampleView.of(example, BASE, true))
        .startsWith(
            "\u001B[2ma\uFFFDé\u001B[0m\u001B[32mb\u001B[0m\u001B[32m\u001B[7m<|endoftext|>\u001B[0m\n");
  }
}
