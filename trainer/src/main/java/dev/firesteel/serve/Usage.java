package dev.firesteel.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * How many tokens an answer took.
 *
 * @param prompt tokens of the prompts, each prompt once
 * @param completion tokens generated, those that end an answer included
 */
record Usage(long prompt, long completion) {
  ObjectNode json() {
    return Json.object()
        .put("prompt_tokens", prompt)
        .put("completion_tokens", completion)
        .put("total_tokens", prompt + completion);
  }
}
