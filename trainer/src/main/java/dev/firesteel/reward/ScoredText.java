package dev.firesteel.reward;

import com.fasterxml.jackson.databind.JsonNode;

/**
 * A completion to be scored.
 *
 * @param prompt text of the prompt, with the chat template
 * @param completion text that the model wrote, without its end token
 * @param tokens number of tokens of the completion, its end token included
 * @param ended whether the model ended it; false if it was cut at the maximum length
 * @param fields further fields of the prompt's record, such as the right answer; an object
 */
public record ScoredText(
    String prompt, String completion, int tokens, boolean ended, JsonNode fields) {}
