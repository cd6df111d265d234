package dev.firesteel.config;

/** Section {@code sample}: the text that the model generates during and after training. */
public record SampleConfig(
    @Setting(resume = Resume.FREE, meaning = "Prompt to complete. Empty: the start of a document.")
        String prompt,
    @Setting(
            resume = Resume.FREE,
            byDefault = "0",
            meaning =
                "Number of steps between samples; one is also generated at the end. 0: only at the"
                    + " end.")
        int every,
    @Setting(
            resume = Resume.FREE,
            byDefault = "200",
            meaning = "Maximum length of a sample, in tokens. 0: no samples.")
        int maxTokens,
    @Setting(
            resume = Resume.FREE,
            byDefault = "0.8",
            meaning = "Sampling temperature: divides the logits. 0: greedy decoding.")
        double temperature,
    @Setting(
            resume = Resume.FREE,
            byDefault = "0",
            meaning = "Sample from the k most likely tokens. 0: from all tokens.")
        int topK,
    @Setting(
            resume = Resume.FREE,
            byDefault = "1.0",
            meaning =
                "Nucleus sampling: sample from the smallest set of most likely tokens whose"
                    + " probabilities sum to at least this.")
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
