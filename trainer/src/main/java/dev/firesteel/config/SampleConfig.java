package dev.firesteel.config;

/** Section {@code sample}: the text that the model writes while and after it trains. */
public record SampleConfig(
    @Setting(meaning = "Text to go on from. Empty: the start of a document.") String prompt,
    @Setting(
            byDefault = "0",
            meaning = "Show a sample each so many steps, and at the end. 0: only at the end.")
        int every,
    @Setting(byDefault = "200", meaning = "Tokens of a sample. 0: no sample.") int maxTokens,
    @Setting(
            byDefault = "0.8",
            meaning = "Divides the logits before the draw. 0: always the likeliest token.")
        double temperature,
    @Setting(byDefault = "0", meaning = "Draw from the likeliest so many tokens. 0: from all.")
        int topK,
    @Setting(
            byDefault = "1.0",
            meaning = "Draw from the fewest likeliest tokens whose probabilities reach this sum.")
        double topP) {

  public SampleConfig {
    Require.atLeast("sample.every", every, 0);
    Require.atLeast("sample.max_tokens", maxTokens, 0);
    Require.notNegative("sample.temperature", temperature);
    Require.atLeast("sample.top_k", topK, 0);
    Require.positive("sample.top_p", topP);
    Require.upToOne("sample.top_p", topP);
  }
}
