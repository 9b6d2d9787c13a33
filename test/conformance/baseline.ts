/** Scenarios of the suite that pyro's server does not pass, and why that is right. */
export interface ExpectedFailure {
  readonly reason: string;
  /** What each failing check says; another message is another failure. */
  readonly says: RegExp;
  /** `scenario` or `revision/scenario` where none of its checks can pass, `scenario:check` where that check alone cannot. */
  readonly failing: readonly string[];
}

export const baseline: readonly ExpectedFailure[] = [
  {
    reason: "calls a tool of the suite's own, which no product has",
    says: /\btool '?\w+'? not found|diagnostic tool 'test_\w+'|^Prerequisite failed|^Expected InputRequiredResult/i,
    failing: [
      "tools-call-simple-text",
      "tools-call-image",
      "tools-call-audio",
      "tools-call-embedded-resource",
      "tools-call-mixed-content",
      "tools-call-error",
      "tools-call-with-progress",
      "tools-call-sampling",
      "tools-call-elicitation",
      "json-schema-2020-12",
      "elicitation-sep1034-defaults",
      "elicitation-sep1330-enums",
      "input-required-result-basic-elicitation",
      "input-required-result-basic-sampling",
      "input-required-result-basic-list-roots",
      "input-required-result-request-state",
      "input-required-result-multiple-input-requests",
      "input-required-result-multi-round",
      "input-required-result-missing-input-response",
      "input-required-result-result-type",
      "input-required-result-tampered-state",
      "input-required-result-capability-check",
      "input-required-result-ignore-extra-params",
      "server-stateless:sep-2575-server-rejects-undeclared-capability",
      "server-stateless:sep-2575-missing-capability-http-400",
      "server-stateless:sep-2575-http-server-no-independent-requests-on-stream",
      "server-stateless:sep-2575-server-no-log-without-loglevel",
    ],
  },
  {
    reason: "asks for a prompt of the suite's own, which no product has",
    says: /\bPrompt test_\w+ not found/,
    failing: [
      "prompts-get-simple",
      "prompts-get-with-args",
      "prompts-get-embedded-resource",
      "prompts-get-with-image",
      "input-required-result-non-tool-request",
    ],
  },
  {
    reason: "the server has tools and prompts, and says so: no resources, completion or logging",
    says: /Method not found/,
    failing: [
      "completion-complete",
      "logging-set-level",
      "tools-call-with-logging",
      "resources-list",
      "resources-read-text",
      "resources-read-binary",
      "resources-templates-read",
      "resources-subscribe",
      "resources-unsubscribe",
      "caching:sep-2549-resources-list-caching-hints",
      "caching:sep-2549-resources-templates-list-caching-hints",
    ],
  },
  {
    reason: "about HTTP sessions, streams and headers, which a server on standard streams lacks",
    says: /server exposes no tool with x-mcp-header annotations/,
    failing: [
      "server-session-lifecycle",
      "server-sse-polling",
      "2025-11-25/server-sse-multiple-streams",
      "http-custom-header-server-validation",
    ],
  },
];
