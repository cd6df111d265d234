package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.error.UserException;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenizerFilesTest {
  @TempDir Path folder;
  private FileSystem fs;

  @BeforeEach
  void openFileSystem() throws IOException {
    fs = FailingFileSystem.local();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "<|endoftext|>            ~                       ~                                      ~ 256",
        "</s>                     ~                       ~                                      ~ 256",
        "<s> </s>                 ~                       ~                                      ~ 257",
        "<eos>                    ~                       ~                                      ~ 256",
        "<|im_end|> <|endoftext|> ~                       ~                                      ~ 257",
        "<|im_end|> </s>          ~                       ~                                      ~ 257",
        "<s> <sep>                ~ tokenizer_config.json ~ {'eos_token': '<sep>'}               ~ 257",
        "<sep> <|endoftext|>      ~ tokenizer_config.json ~ {'eos_token': '<sep>'}               ~ 256",
        "<sep> <s>                ~ tokenizer_config.json ~ {'eos_token': {'content': '<sep>'}}  ~ 256",
        "<a> <sep>                ~ special_tokens_map.json ~ {'eos_token': '<sep>'}             ~ 257",
        "<a> <sep>                ~ config.json           ~ {'eos_token_id': 257}                ~ 257",
        "<a> <sep> <b>            ~ generation_config.json~ {'eos_token_id': [9999, 258, 257]}   ~ 258",
        "<a> </s>                 ~ tokenizer_config.json ~ {'eos_token': '<absent>'}            ~ 257",
        "<a> </s>                 ~ tokenizer_config.json ~ {'eos_token': 'a'}                   ~ 257",
        "<a> </s>                 ~ config.json           ~ {'eos_token_id': null}               ~ 257",
      })
  void findsTheEndOfTextThatTheFilesName(String special, String file, String json, int end)
      throws IOException {
    writeTokenizer(special.split(" "));
    if (file != null) {
      Files.writeString(folder.resolve(file), json.replace('\'', '"'));
    }

    Tokenizer tokenizer = TokenizerFiles.read(fs, path("tokenizer.json"));

    assertThat(tokenizer.endOfText()).hasValue(end);
    Path copy = Files.createDirectory(folder.resolve("copy"));
    TokenizerFiles.write(fs, new org.apache.hadoop.fs.Path(copy.toString()), tokenizer);
    Tokenizer again = TokenizerFiles.read(fs, path("copy/tokenizer.json"));
    assertThat(again.endOfText()).hasValue(end);
    assertThat(again.sha256()).isEqualTo(tokenizer.sha256());
  }

  @Test
  void aTokenThatTextCanSpellEndsNothing() throws IOException {
    Files.writeString(
        folder.resolve("tokenizer.json"),
        json("</s>").replace("\"special\": true", "\"special\": false"));

    assertThat(TokenizerFiles.read(fs, path("tokenizer.json")).endOfText()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{}                                        ~ {}                                 ~ 257 ~ 257",
        "{'eos_token_id': 258}                     ~ {}                                 ~ 258 ~ 258",
        "{'eos_token_id': 257, 'bos_token_id': 256}~ {'eos_token_id': [257, 258]}       ~ 256 ~ 257 258",
        "{'eos_token_id': [258, 256]}              ~ {'bos_token_id': 65}               ~ 65  ~ 256 258",
        "{'eos_token_id': 50256}                   ~ {'eos_token_id': null}             ~ 257 ~ 257",
        "{'eos_token_id': [], 'bos_token_id': -1}  ~ {}                                 ~ 257 ~ 257",
      })
  void everyEndThatTheModelsFilesNameEndsADocument(
      String config, String generation, int start, String ends) throws IOException {
    writeTokenizer("<s>", "</s>", "<turn>");
    Files.writeString(folder.resolve("config.json"), config.replace('\'', '"'));
    Files.writeString(folder.resolve("generation_config.json"), generation.replace('\'', '"'));
    Tokenizer tokenizer = TokenizerFiles.read(fs, path("tokenizer.json"));

    DocumentTokens documents = TokenizerFiles.documentTokens(fs, path(""), tokenizer);

    assertThat(documents.start()).hasValue(start);
    Set<Integer> expected =
        Arrays.stream(ends.split(" ")).map(Integer::valueOf).collect(Collectors.toSet());
    assertThat(new TreeSet<>(documents.ends())).isEqualTo(new TreeSet<>(expected));
  }

  /** As transformers 4 and 5 list special tokens, and 4 names them. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "tokenizer_config.json   ~ {'additional_special_tokens': ['<b>', {'content': '<new>', 'lstrip': false}]}",
        "special_tokens_map.json ~ {'additional_special_tokens': ['<b>', '<new>', '<new>']}",
        "tokenizer_config.json   ~ {'extra_special_tokens': ['<b>', '<new>'], 'additional_special_tokens': null}",
        "tokenizer_config.json   ~ {'extra_special_tokens': {'b_token': '<b>', 'new_token': '<new>'}}",
      })
  void tokensThatTheFilesListAreSpecial(String file, String json) throws IOException {
    // The third was added to the vocabulary as a word.
    Files.writeString(
        folder.resolve("tokenizer.json"),
        json("<a>", "<b>").replaceFirst("(<b>[^}]*\"special\": )true", "$1false"));
    Files.writeString(folder.resolve(file), json.replace('\'', '"'));

    Tokenizer tokenizer = TokenizerFiles.read(fs, path("tokenizer.json"));

    assertThat(tokenizer.vocabularySize()).isEqualTo(259);
    assertThat(tokenizer.id("<new>")).hasValue(258);
    for (int id = 256; id < 259; id++) {
      assertThat(tokenizer.isSpecial(id)).isTrue();
    }
    assertThat(tokenizer.encodeWithSpecialTokens("x<new><b>")).containsExactly(120, 258, 257);
    assertThat(tokenizer.decode(tokenizer.encode("x<new><b>"))).isEqualTo("x<new><b>");
    assertThat(tokenizer.encode("<new>")).doesNotContain(258);
  }

  @Test
  void refusesListsOfSpecialTokensThatAreNone() throws IOException {
    writeTokenizer("</s>");
    for (String value : new String[] {"1", "\"<b>\"", "[1]", "{\"b_token\": {\"id\": 3}}"}) {
      Files.writeString(
          folder.resolve("tokenizer_config.json"), "{\"extra_special_tokens\": " + value + "}");
      assertThatThrownBy(() -> TokenizerFiles.read(fs, path("tokenizer.json")))
          .isInstanceOf(UserException.class)
          .hasMessageStartingWith(
              "extra_special_tokens of %s/tokenizer_config.json must be a list of tokens, or tokens by name, got "
                  .formatted(folder));
    }
  }

  @Test
  void aBeginningThatOnlyTheTokenizersFilesNameIsTaken() throws IOException {
    writeTokenizer("<s>", "</s>");
    Files.writeString(folder.resolve("tokenizer_config.json"), "{\"bos_token\": \"<s>\"}");
    Tokenizer tokenizer = TokenizerFiles.read(fs, path("tokenizer.json"));

    DocumentTokens documents = TokenizerFiles.documentTokens(fs, path(""), tokenizer);

    assertThat(documents.start()).hasValue(256);
    assertThat(documents.ends()).containsExactly(257);
  }

  @Test
  void refusesWhatIsNoIdAndWhatIsNoJson() throws IOException {
    writeTokenizer("</s>");
    Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\": \"</s>\"}");
    assertThatThrownBy(() -> TokenizerFiles.read(fs, path("tokenizer.json")))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "eos_token_id of %s/config.json must be the id of a token or a list of ids, got \"</s>\": correct the file"
                .formatted(folder));
    Files.writeString(folder.resolve("config.json"), "{");
    assertThatThrownBy(() -> TokenizerFiles.read(fs, path("tokenizer.json")))
        .isInstanceOf(UserException.class)
        .hasMessage(folder + "/config.json is not valid JSON");
  }

  private void writeTokenizer(String... special) throws IOException {
    Files.writeString(folder.resolve("tokenizer.json"), json(special));
  }

  /** Bytes and these special tokens, from id 256. */
  private static String json(String... special) {
    String json = BpeTokenizer.bytes().toJson();
    int begin = json.indexOf("    {\n      \"id\": 256");
    int end = json.indexOf("    }\n", begin) + "    }".length();
    String one = json.substring(begin, end);
    StringBuilder added = new StringBuilder();
    StringBuilder vocabulary = new StringBuilder();
    for (int i = 0; i < special.length; i++) {
      added
          .append(i == 0 ? "" : ",\n")
          .append(
              one.replace("256", Integer.toString(256 + i)).replace("<|endoftext|>", special[i]));
      vocabulary.append(i == 0 ? "" : ", ").append("\"%s\": %d".formatted(special[i], 256 + i));
    }
    return json.replace(one, added).replace("\"<|endoftext|>\": 256", vocabulary);
  }

  private org.apache.hadoop.fs.Path path(String name) {
    return new org.apache.hadoop.fs.Path(folder.resolve(name).toString());
  }
}
