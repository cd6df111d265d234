package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** What can be known of the page without a browser. */
class PagePartsTest {
  private static final String PAGE = PageParts.page();

  /** The markup without what is in scripts and styles. */
  private static final String MARKUP =
      PAGE.replaceAll("(?s)(<script>|<style>).*?(</script>|</style>)", "$1$2");

  private static List<String> all(String pattern, String text) {
    List<String> found = new ArrayList<>();
    Matcher matcher = Pattern.compile(pattern).matcher(text);
    while (matcher.find()) {
      found.add(matcher.group(1));
    }
    return found;
  }

  @Test
  void isOneFileWithoutRequestsToAnyoneElse() {
    assertThat(PAGE).doesNotContain("{{", "@import", "url(", "importScripts", "import(");
    assertThat(all("(?:src|href)=\"([^\"]*)\"", MARKUP)).containsOnly("data:,", "#message");
    // Its scripts ask the server by paths alone.
    assertThat(all("Api\\.(?:get|post|answer)\\(([^,)]{3})", PAGE))
        .isNotEmpty()
        .allMatch(argument -> argument.startsWith("\"/") || argument.startsWith("com"));
    assertThat(all("(https?://[^\"' ]*)", MARKUP)).isEmpty();
  }

  @Test
  void hasNoCodeThatItsPolicyRefuses() throws Exception {
    assertThat(MARKUP).doesNotContainPattern("\\son[a-z]+=").doesNotContain("style=\"");
    assertThat(PAGE)
        .doesNotContain(
            "innerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function");
    String policy = Page.of(PAGE.getBytes(StandardCharsets.UTF_8)).policy();
    assertThat(policy)
        .startsWith("default-src 'none'; ")
        .contains(
            "script-src 'sha256-" + sha256(all("(?s)<script>(.*?)</script>", PAGE).get(0)) + "'")
        .contains("style-src 'sha256-" + sha256(all("(?s)<style>(.*?)</style>", PAGE).get(0)) + "'")
        .contains(
            "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")
        .doesNotContain("unsafe");
  }

  private static String sha256(String text) throws Exception {
    return Base64.getEncoder()
        .encodeToString(
            MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void namesEveryField() {
    List<String> ids = all("\\sid=\"([^\"]+)\"", MARKUP);
    assertThat(ids).doesNotHaveDuplicates();
    Set<String> labelled = new HashSet<>(all("<label[^>]*\\sfor=\"([^\"]+)\"", MARKUP));
    assertThat(all("<(?:input|select|textarea)[^>]*\\sid=\"([^\"]+)\"", MARKUP))
        .hasSize(
            Pattern.compile("<(?:input|select|textarea)").matcher(MARKUP).results().toList().size())
        .allMatch(labelled::contains);
    assertThat(ids).containsAll(labelled);
    assertThat(all("\\saria-(?:controls|describedby|labelledby)=\"([^\"]+)\"", MARKUP))
        .isNotEmpty()
        .allMatch(ids::contains);
    assertThat(MARKUP).startsWith("<!DOCTYPE html>\n<html lang=\"en\">");
    List<MatchResult> buttons =
        Pattern.compile("<button[^>]*>([^<]*)</button>").matcher(MARKUP).results().toList();
    assertThat(buttons).isNotEmpty().noneMatch(button -> button.group(1).isBlank());
  }

  @Test
  void scriptsNameElementsThatThereAre() {
    Set<String> ids = new HashSet<>(all("\\sid=\"([^\"]+)\"", MARKUP));
    assertThat(all("byId\\(\"([^\"]+)\"\\)", PAGE))
        .isNotEmpty()
        .filteredOn(id -> !id.endsWith("-"))
        .allMatch(ids::contains);
  }
}
