// The server's interface: requests, errors in OpenAI's form, and answers that arrive in pieces.
class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const Api = (() => {
  const keyField = document.getElementById("key");

  function headers(json) {
    const made = json ? { "Content-Type": "application/json" } : {};
    const key = keyField.value.trim();
    if (key) made.Authorization = "Bearer " + key;
    return made;
  }

  async function failure(response) {
    const text = await response.text().catch(() => "");
    try {
      const error = JSON.parse(text).error;
      return new ApiError(response.status, error.code, error.message);
    } catch {
      return new ApiError(response.status, null, "the server answered with status " + response.status);
    }
  }

  async function send(path, options) {
    let response;
    try {
      response = await fetch(path, options);
    } catch (e) {
      if (e.name === "AbortError") throw e;
      throw new ApiError(0, "unreachable", "the server does not answer: is it still running?");
    }
    if (!response.ok) throw await failure(response);
    return response;
  }

  /** The data of server-sent events, as they arrive. */
  async function* events(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let data = [];
    try {
      while (true) {
        const { value, done } = await reader.read();
        if (done) return;
        const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
        rest = lines.pop();
        for (const line of lines) {
          if (line === "") {
            if (data.length) yield data.join("\n");
            data = [];
          } else if (line.startsWith("data:")) {
            data.push(line.slice(line[5] === " " ? 6 : 5));
          }
        }
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  /** Tokens with their alternatives, of either form of log-probabilities. */
  function tokens(logprobs) {
    if (!logprobs) return [];
    if (logprobs.content) {
      return logprobs.content.map(each => ({
        text: each.token, logprob: each.logprob,
        top: (each.top_logprobs || []).map(other => ({ text: other.token, logprob: other.logprob }))
      }));
    }
    return (logprobs.tokens || []).map((text, i) => ({
      text, logprob: logprobs.token_logprobs[i],
      top: Object.entries((logprobs.top_logprobs || [])[i] || {}).map(([other, logprob]) => ({ text: other, logprob }))
    }));
  }

  return {
    async get(path) {
      return (await send(path, { headers: headers(false) })).json();
    },
    async post(path, body, signal) {
      return (await send(path, { method: "POST", headers: headers(true), body: JSON.stringify(body), signal })).json();
    },
    /** An answer in pieces: {text, tokens, finish, usage, citations}. */
    async* answer(path, body, signal) {
      const response = await send(path, { method: "POST", headers: headers(true), body: JSON.stringify({ ...body, stream: true }), signal });
      for await (const data of events(response)) {
        if (data === "[DONE]") return;
        const chunk = JSON.parse(data);
        if (chunk.error) throw new ApiError(200, chunk.error.code, chunk.error.message);
        const choice = (chunk.choices || [])[0] || {};
        yield {
          text: choice.delta ? choice.delta.content || "" : choice.text || "",
          tokens: tokens(choice.logprobs),
          finish: choice.finish_reason,
          usage: chunk.usage,
          citations: chunk.citations
        };
      }
      throw new ApiError(200, "incomplete", "the connection ended before the answer was complete");
    }
  };
})();
