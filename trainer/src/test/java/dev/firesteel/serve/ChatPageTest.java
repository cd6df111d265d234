package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The page in a browser, used as a person does, against answers that the test says. {@code
 * -Dfiresteel.screenshots=FOLDER} keeps pictures of it.
 */
class ChatPageTest {
  private static final String STORY =
      """
      ## A short story

      Once upon a time there was a **shepherd** with *three* dogs:

      1. Rex, who slept
      2. Bello, who ate
         - mostly `bones`
      3. a dog without a name

      > Nobody knew whose dog it was.

      ```java
      int dogs = 3;
      if (dogs < 4) { feed(dogs); }
      ```

      | dog | age |
      |---|---|
      | Rex | 7 |

      See [the farm](https://example.org/farm) or http://example.org/x.
      """;

  private static Chromium browser;
  private ScriptedServer server;

  @BeforeAll
  static void startBrowser() throws IOException {
    Optional<Path> program = Chromium.program();
    Assumptions.assumeTrue(
        program.isPresent(),
        "needs Chromium or Chrome on the PATH to look at the page: none found");
    browser = Chromium.start(program.get());
  }

  @AfterAll
  static void stopBrowser() throws IOException {
    if (browser != null) {
      browser.close();
    }
  }

  @BeforeEach
  void startServer() throws IOException {
    byte[] page = PageParts.page().getBytes(StandardCharsets.UTF_8);
    server = new ScriptedServer(Map.of("/", page, "/rate", page), Page.of(page).policy());
    server.model("tales-sft", true);
    server.model("tales-base", false);
    server.answers.put("Tell a story.", STORY);
    server.answers.put("Hi", "Hello there, what can I do for you?");
    browser.resize(1280, 900);
    browser.prefersDark(false);
  }

  @AfterEach
  void stopServer() {
    server.close();
    assertThat(browser.problems()).isEmpty();
  }

  private void open() {
    browser.open(server.address() + "/");
    browser.await("document.getElementById('send').disabled === false");
  }

  private void say(String text) {
    browser.value("document.getElementById('message').focus()");
    browser.type(text);
    browser.press("Enter");
  }

  private void sayAndWait(String text) {
    say(text);
    answered();
  }

  private static void answered() {
    browser.await(
        "document.querySelectorAll('.answer').length > 0 && !document.querySelector('.answer.running') && !document.getElementById('send').disabled");
  }

  private JsonNode lastRequest() {
    return server.requests.get(server.requests.size() - 1);
  }

  @Test
  void aConversationIsSentWholeAndShownAsMarkdown() throws IOException {
    open();
    browser.picture("empty");
    assertThat(browser.text("#welcome")).isEqualTo("Write a message to tales-sft.");
    assertThat(browser.value("document.activeElement.id").asText()).isEqualTo("message");
    sayAndWait("Tell a story.");
    browser.picture("markdown-light");

    String answer = "document.querySelector('.answer .body')";
    assertThat(browser.value(answer + ".querySelector('h4').textContent").asText())
        .isEqualTo("A short story");
    assertThat(browser.value(answer + ".querySelectorAll('ol > li').length").asInt()).isEqualTo(3);
    assertThat(browser.value(answer + ".querySelector('ol ul code').textContent").asText())
        .isEqualTo("bones");
    assertThat(browser.value(answer + ".querySelector('pre').textContent").asText())
        .isEqualTo("int dogs = 3;\nif (dogs < 4) { feed(dogs); }");
    assertThat(browser.value("[..." + answer + ".querySelectorAll('a')].map(a => a.href)"))
        .hasToString("[\"https://example.org/farm\",\"http://example.org/x\"]");
    assertThat(browser.value(answer + ".querySelector('td').textContent").asText())
        .isEqualTo("Rex");
    // A screen reader hears when the answer is complete.
    assertThat(browser.value(answer + ".getAttribute('aria-live')").asText()).isEqualTo("polite");
    assertThat(browser.value(answer + ".hasAttribute('aria-busy')").asBoolean()).isFalse();

    sayAndWait("Hi");
    assertThat(lastRequest().path("messages")).hasSize(3);
    assertThat(lastRequest().at("/messages/1/content").asText()).isEqualTo(STORY);
    assertThat(lastRequest().path("model").asText()).isEqualTo("tales-sft");
    assertThat(lastRequest().path("temperature").asDouble()).isEqualTo(0.8);
    assertThat(lastRequest().path("max_tokens").asInt()).isEqualTo(512);
    assertThat(lastRequest().has("seed")).isFalse();
  }

  @Test
  void nothingInAnAnswerIsMarkup() {
    server.answers.put(
        "x",
        "<img src=x onerror=alert(1)> <script>alert(1)</script> [a](javascript:alert(1)) [b](data:text/html,x) ![c](http://example.org/c.png) **<b>x</b>** `<i>`\n\n```<u>\n<u>\n```");
    open();
    sayAndWait("x");
    String answer = "document.querySelector('.answer .body')";
    assertThat(
            browser
                .value(answer + ".querySelectorAll('img, script, b, i, u, [onerror]').length")
                .asInt())
        .isZero();
    assertThat(browser.value("[..." + answer + ".querySelectorAll('a')].map(a => a.href)"))
        .hasToString("[\"http://example.org/c.png\"]");
    assertThat(browser.text(".answer .body"))
        .contains(
            "<img src=x onerror=alert(1)> <script>alert(1)</script> [a](javascript:alert(1))");
  }

  /** Every beginning of an answer is shown while it arrives; none may break, and none be lost. */
  @Test
  void unfinishedMarkdownIsShownAsFarAsItIs() {
    open();
    JsonNode problems =
        browser.value(
            """
            (() => {
              const problems = [];
              const box = document.createElement("div");
              const texts = %s;
              for (const text of texts) {
                for (let i = 0; i <= text.length; i++) {
                  Markdown.render(text.slice(0, i), box);
                  const word = /[a-z]+$/.exec(text.slice(0, i));
                  if (word && !box.textContent.includes(word[0]) && !/(```|~~~)[a-z]*$/.test(text.slice(0, i)))
                    problems.push(text.slice(0, i) + " lacks " + word[0]);
                }
              }
              return problems;
            })()
            """
                .formatted(
                    new ObjectMapper()
                        .valueToTree(
                            List.of(
                                STORY,
                                "**bold and *em* `code",
                                "*a **b** c* __d__ _e_ snake_case_name ~~f~~",
                                "- a\n  - b\n\n    c\n- d\n\n1. e\n2) f",
                                "> a\n> > b\n> ```\n> c",
                                "| a | b |\n|---|---|\n| c | d",
                                "[a](http://x.y \"t\") <http://b.c> http://d.e/f_(g)."))));
    assertThat(problems).isEmpty();
    // Hostile texts end before the limit of a call.
    assertThat(
            browser
                .value(
                    """
                    (() => {
                      const box = document.createElement("div");
                      const texts = ["*a".repeat(5000), "[".repeat(10000), "`a``b".repeat(3000), "> ".repeat(5000), "**a _b ".repeat(3000),
                        "- ".repeat(3000), "|a".repeat(3000) + "\\n" + "|-".repeat(3000), "http://".repeat(3000)];
                      return texts.filter(text => { Markdown.render(text, box); return box.childNodes.length > 0; }).length;
                    })()
                    """)
                .asInt())
        .isEqualTo(8);
  }

  @Test
  void inlineMarks() {
    open();
    Map<String, String> cases =
        Map.ofEntries(
            Map.entry(
                "**b** *i* ~~d~~ `c`",
                "<p><strong>b</strong> <em>i</em> <del>d</del> <code>c</code></p>"),
            Map.entry("a * b * c and 2*3*4", "<p>a * b * c and 2<em>3</em>4</p>"),
            Map.entry("snake_case_name __init__", "<p>snake_case_name <strong>init</strong></p>"),
            Map.entry("*a **b** c*", "<p><em>a <strong>b</strong> c</em></p>"),
            Map.entry("**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>"),
            Map.entry("\\*a\\* `` x`y ``", "<p>*a* <code>x`y</code></p>"),
            Map.entry("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
            Map.entry("# a #\ntext\n---\n", "<h3>a</h3><p>text</p><hr>"),
            Map.entry("3. c\n4. d", "<ol start=\"3\"><li>c</li><li>d</li></ol>"),
            Map.entry("text\n- a\n- b\nmore", "<p>text</p><ul><li>a</li><li>b<br>more</li></ul>"),
            Map.entry("a | b", "<p>a | b</p>"));
    cases.forEach(
        (text, html) ->
            assertThat(
                    browser
                        .value(
                            "(() => { const box = document.createElement('div'); Markdown.render(%s, box); return box.innerHTML; })()"
                                .formatted(new ObjectMapper().valueToTree(text)))
                        .asText())
                .as(text)
                .isEqualTo(html));
  }

  @Test
  void anAnswerIsStoppedAndRetried() {
    server.answers.put("slow one", "a b c d e f g h i j k l m n o p q r s t u v w x y z");
    open();
    browser.click("#settings-button");
    browser.value("document.getElementById('seed').value = '5'");
    say("slow one");
    browser.await("document.querySelector('.answer .body').innerText.length > 3");
    assertThat(browser.value("document.getElementById('send').disabled").asBoolean()).isTrue();
    browser.press("Escape");
    answered();
    assertThat(browser.text(".answer .facts")).endsWith("stopped");
    assertThat(lastRequest().path("seed").asInt()).isEqualTo(5);

    server.answers.put("slow one", "short");
    browser.click("#retry");
    answered();
    assertThat(browser.text(".answer .body")).isEqualTo("short");
    assertThat(browser.value("document.querySelectorAll('.turn').length").asInt()).isEqualTo(1);
    // With a fixed seed, another one each time.
    assertThat(lastRequest().path("seed").asInt()).isEqualTo(6);
    assertThat(lastRequest().path("messages")).hasSize(1);
  }

  @Test
  void tokensAreColouredWithTheirAlternatives() throws IOException {
    open();
    sayAndWait("Hi");
    browser.click(".answer .bar button");
    assertThat(browser.value("[...document.querySelectorAll('.token')].map(t => t.className)"))
        .hasToString(
            "[\"token p0\",\"token p1\",\"token p2\",\"token p3\",\"token p4\",\"token p0\",\"token p1\",\"token p2\"]");

    browser.hover(".token:nth-child(3)");
    browser.await("!document.getElementById('tip').hidden");
    assertThat(browser.text("#tip")).contains("what·", "30.0 %", "·other", "2.0 %");
    browser.picture("tokens-hover");
    browser.press("Escape");
    browser.await("document.getElementById('tip').hidden");

    // One stop of the Tab key, arrows within.
    browser.click(".token");
    browser.press("ArrowRight");
    assertThat(browser.value("document.activeElement.getAttribute('aria-label')").asText())
        .isEqualTo("chosen “there,·” 60.0 %, “·other” 2.0 %");
    assertThat(browser.text("#tip")).contains("there,·");
    browser.press("End");
    assertThat(browser.value("document.activeElement.textContent").asText()).isEqualTo("you?");
    assertThat(browser.value("document.querySelectorAll('.token[tabindex=\"0\"]').length").asInt())
        .isEqualTo(1);
    browser.prefersDark(true);
    browser.picture("tokens-dark");
  }

  @Test
  void twoModelsAnswerSideBySide() throws IOException {
    server.answers.put("tales-sft: Once", "A story of a dog.\n\nThe end.");
    server.answers.put("tales-base: Once", " upon a time there was a dog");
    open();
    browser.click("#compare");
    assertThat(browser.value("document.getElementById('second').value").asText())
        .isEqualTo("tales-base");
    sayAndWait("Once");
    assertThat(
            browser.value("[...document.querySelectorAll('.answer .who')].map(e => e.innerText)"))
        .hasToString("[\"tales-sft\",\"tales-base\"]");
    // The base model has no template: it continues the text.
    assertThat(browser.text(".answer:nth-child(2) .body"))
        .isEqualTo("Once upon a time there was a dog");
    assertThat(server.requests)
        .anySatisfy(request -> assertThat(request.path("prompt").asText()).isEqualTo("Once"))
        .anySatisfy(
            request -> assertThat(request.at("/messages/0/content").asText()).isEqualTo("Once"));
    browser.picture("compare-wide");
    browser.resize(390, 800);
    browser.picture("compare-narrow");
    browser.prefersDark(true);
    browser.picture("compare-narrow-dark");
    assertThat(browser.value("document.documentElement.scrollWidth").asInt())
        .isLessThanOrEqualTo(390);
  }

  @Test
  void showsThePassagesThatAnAnswerIsDrawnFrom() throws IOException {
    server.answers.put("cite", "Rex is the oldest [1].");
    open();
    sayAndWait("cite");
    assertThat(browser.text(".sources summary")).isEqualTo("[1] farm/dogs.txt, line 7");
    browser.click(".sources summary");
    assertThat(browser.text(".sources p")).isEqualTo("Rex is the oldest dog.");
    browser.picture("sources");
  }

  @Test
  void theOldestExchangesGoWhenTheContextIsFull() {
    server.mostMessages = 3;
    open();
    sayAndWait("Hi");
    sayAndWait("Hi");
    sayAndWait("Hi");
    assertThat(lastRequest().path("messages")).hasSize(3);
    assertThat(browser.text("#notice"))
        .isEqualTo(
            "The conversation is longer than the model's context: it no longer sees the first exchange.");
  }

  @Test
  void theOldestExchangesGoWhenThereIsLittleRoomForAnAnswer() {
    server.mostMessagesWithRoom = 3;
    open();
    sayAndWait("Hi");
    sayAndWait("Hi");
    sayAndWait("Tell a story.");
    assertThat(lastRequest().path("messages")).hasSize(3);
    assertThat(browser.text(".turn:nth-child(3) .body h4")).isEqualTo("A short story");
    assertThat(browser.value("document.querySelectorAll('.turn:nth-child(3) h4').length").asInt())
        .isEqualTo(1);
    assertThat(browser.text("#notice")).contains("it no longer sees the first exchange");
    // Nothing more can go: the short answer stays.
    server.mostMessagesWithRoom = 0;
    sayAndWait("Hi");
    assertThat(browser.text(".turn:nth-child(4) .facts"))
        .endsWith("ended because the context is full");
    assertThat(browser.text("#notice")).contains("it no longer sees the first 3 exchanges");
  }

  @Test
  void asksForTheKeyOfTheServer() throws IOException {
    server.key = "secret";
    browser.open(server.address() + "/");
    browser.await("!document.getElementById('notice').hidden");
    assertThat(browser.text("#notice"))
        .isEqualTo("This server needs an API key: type it under Settings.");
    assertThat(browser.value("document.activeElement.id").asText()).isEqualTo("key");
    browser.picture("key");
    browser.type("secret");
    browser.press("Enter");
    browser.value("document.getElementById('message').focus()");
    browser.await("!document.getElementById('send').disabled");
    sayAndWait("Hi");
    assertThat(browser.text(".answer .body")).isEqualTo("Hello there, what can I do for you?");
  }

  @Test
  void saysWhatIsWrong() {
    open();
    browser.click("#settings-button");
    browser.value("document.getElementById('top_p').value = '2'");
    say("Hi");
    browser.await("!document.getElementById('notice').hidden");
    assertThat(browser.text("#notice")).startsWith("Top-p must be a number within its limits");
    assertThat(browser.value("document.getElementById('message').value").asText()).isEqualTo("Hi");
    browser.click("#defaults");
    server.close();
    browser.click("#send");
    answered();
    assertThat(browser.text(".answer .error"))
        .isEqualTo("the server does not answer: is it still running?");
  }

  @Test
  void settingsAreSentAndKept() throws IOException {
    open();
    browser.click("#settings-button");
    browser.value(
        """
        for (const [id, value] of Object.entries({temperature: "0.3", top_p: "0.9", top_k: "40", min_p: "0.05", max_tokens: "20", seed: "4", stop_texts: "\\nUser:\\nEnd", system: "Be brief."})) {
          document.getElementById(id).value = value;
          document.getElementById(id).dispatchEvent(new Event("input", {bubbles: true}));
        }
        document.getElementById("coloured").click();
        """);
    browser.picture("settings");
    sayAndWait("Hi");
    JsonNode request = lastRequest();
    assertThat(request.path("temperature").asDouble()).isEqualTo(0.3);
    assertThat(request.path("top_p").asDouble()).isEqualTo(0.9);
    assertThat(request.path("top_k").asInt()).isEqualTo(40);
    assertThat(request.path("min_p").asDouble()).isEqualTo(0.05);
    assertThat(request.path("max_tokens").asInt()).isEqualTo(20);
    assertThat(request.path("seed").asInt()).isEqualTo(4);
    assertThat(request.path("stop")).hasToString("[\"User:\",\"End\"]");
    assertThat(request.at("/messages/0"))
        .hasToString("{\"role\":\"system\",\"content\":\"Be brief.\"}");
    assertThat(browser.value("document.querySelectorAll('.token').length").asInt()).isEqualTo(8);

    open();
    assertThat(browser.value("document.getElementById('temperature').value").asText())
        .isEqualTo("0.3");
    browser.click("#settings-button");
    browser.click("#defaults");
    assertThat(browser.value("document.getElementById('temperature').value").asText())
        .isEqualTo("0.8");
  }

  @Test
  void coloursFollowTheSystemAndTheButton() {
    open();
    String back = "getComputedStyle(document.body).backgroundColor";
    String light = browser.value(back).asText();
    browser.prefersDark(true);
    String dark = browser.value(back).asText();
    assertThat(dark).isNotEqualTo(light);
    browser.click("#theme");
    assertThat(browser.value(back).asText()).isEqualTo(light);
    browser.prefersDark(false);
    browser.click("#theme");
    assertThat(browser.value(back).asText()).isEqualTo(dark);
    browser.value("localStorage.clear()");
  }

  /** WCAG 2.2, 1.4.3: 4.5 to 1. Disabled buttons are exempt. */
  @Test
  void textHasContrastInBothColours() {
    open();
    browser.click("#settings-button");
    sayAndWait("Tell a story.");
    browser.click(".answer .bar button");
    sayAndWait("Hi");
    for (boolean dark : new boolean[] {false, true}) {
      browser.prefersDark(dark);
      assertThat(
              browser.value(
                  """
                  (() => {
                    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
                    const light = colour => parts(colour).slice(0, 3).map(c => c / 255)
                      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
                      .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
                    const opaque = element => {
                      for (let e = element; e; e = e.parentElement) {
                        const back = getComputedStyle(e).backgroundColor;
                        if ((parts(back)[3] ?? 1) === 1) return back;
                      }
                    };
                    return [...document.querySelectorAll("body *")]
                      .filter(e => e.offsetParent && !e.disabled && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
                      .map(e => {
                        const [a, b] = [light(getComputedStyle(e).color), light(opaque(e))];
                        return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 80)];
                      })
                      .filter(([ratio]) => ratio < 4.5);
                  })()
                  """))
          .as(dark ? "dark" : "light")
          .isEmpty();
    }
  }

  @Test
  void everythingHasANameAndCanBeReachedWithKeys() {
    open();
    browser.click("#settings-button");
    sayAndWait("Tell a story.");
    assertThat(
            browser.value(
                """
                [...document.querySelectorAll("button, input, select, textarea, [role=option], [tabindex]")]
                  .filter(e => e.offsetParent && !e.innerText.trim() && !e.getAttribute("aria-label") && !(e.labels && e.labels.length))
                  .map(e => e.outerHTML)
                """))
        .isEmpty();
    assertThat(
            browser.value(
                "[...document.querySelectorAll('[tabindex]')].filter(e => e.tabIndex > 0).length"))
        .hasToString("0");
    // The first thing that Tab reaches.
    assertThat(browser.value("document.querySelector('a, button, select').id").asText())
        .isEqualTo("skip");
    browser.value("document.getElementById('skip').focus()");
    browser.press("Enter");
    assertThat(browser.value("document.activeElement.id").asText()).isEqualTo("message");
  }

  @Test
  void twoAnswersAreRatedWithKeys() throws IOException {
    ObjectMapper json = new ObjectMapper();
    server.on(
        "/rate/state",
        json.readTree(
            "{\"rated\":1,\"undecided\":0,\"prompts\":3,\"remaining\":[\"Hi\",\"Bye\"],\"out\":\"ratings.jsonl\"}"));
    server.on(
        "/rate/pair",
        json.readTree(
            "{\"id\":\"7\",\"prompt\":\"Tell a story of a dog.\",\"answers\":[\"**One** dog.\",\"Two dogs, of which one slept and the other ate.\"],\"comparable\":true}"));
    server.on(
        "/rate/verdict",
        json.readTree(
            "{\"rated\":2,\"undecided\":0,\"prompts\":3,\"remaining\":[],\"out\":\"ratings.jsonl\"}"));
    browser.open(server.address() + "/rate");
    browser.await("!document.getElementById('verdicts').hidden");
    assertThat(browser.text("#rate-progress"))
        .isEqualTo("1 rating in ratings.jsonl; 2 of 3 prompts remain");
    assertThat(browser.text("#rate-shown")).isEqualTo("Tell a story of a dog.");
    browser.picture("rate");
    browser.press("2");
    browser.await("document.getElementById('rate-progress').textContent.startsWith('2 ratings')");
    assertThat(lastRequest()).hasToString("{\"id\":\"7\",\"verdict\":\"right\"}");
    browser.await("document.activeElement.id === 'rate-prompt'");
    browser.type("Own prompt 1");
    browser.press("Enter");
    browser.await("!document.getElementById('verdicts').hidden");
    assertThat(lastRequest()).hasToString("{\"prompt\":\"Own prompt 1\"}");
    browser.resize(390, 800);
    browser.picture("rate-narrow");
  }
}
