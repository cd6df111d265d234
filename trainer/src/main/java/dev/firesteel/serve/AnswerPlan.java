package dev.firesteel.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.firesteel.generate.EngineRequest;
import java.util.List;
import java.util.Optional;

/**
 * What a request for text asks for.
 *
 * @param model which answers
 * @param form of the answer
 * @param request to the engine: the prompts of all choices, in order
 * @param echo for each choice what stands before the generated text: the prompt, if it is wanted
 * @param nothingNew whether no token is generated, and only the echo is wanted
 * @param promptTokens of the prompts, each counted once
 * @param stream whether the answer is sent as it grows
 * @param includeUsage whether a stream ends with counts of tokens
 * @param citations passages of documents that the prompt was given; empty if there are no documents
 */
record AnswerPlan(
    ServedModel model,
    AnswerForm form,
    EngineRequest request,
    Optional<List<String>> echo,
    boolean nothingNew,
    long promptTokens,
    boolean stream,
    boolean includeUsage,
    Optional<ArrayNode> citations) {
  boolean scored() {
    return request.topScores() >= 0;
  }
}
