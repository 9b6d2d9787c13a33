/** What programs ask that a terminal of xterm's kind answers: the question, and its answer as `cat -v` shows it. */
const kinds: Readonly<Record<string, { readonly question: RegExp; readonly answer: RegExp }>> = {
  a: { question: /\u001b\[0?c/g, answer: /\^\[\[\?1;2c/g },
  b: { question: /\u001b\[>0?c/g, answer: /\^\[\[>0;276;0c/g },
  c: { question: /\u001b\[\??6n/g, answer: /\^\[\[\??\d+;\d+R/g },
  d: { question: /\u001b\[5n/g, answer: /\^\[\[0n/g },
  e: { question: /\u001b\[\??\d+\$p/g, answer: /\^\[\[\??\d+;\d\$y/g },
  f: { question: /\u001b\]1[012];\?/g, answer: /\^\[\]1[012];rgb:/g },
  g: { question: /\u001bP\$q/g, answer: /\^\[P[01]\$r/g },
};

/** One letter for each question in what a program wrote, by kind. */
export function questionsIn(output: string): string {
  return lettersOf(output, "question");
}

/** The same of the answers in what was typed. */
export function typedAnswers(typed: string): string {
  return lettersOf(typed, "answer");
}

function lettersOf(text: string, part: "question" | "answer"): string {
  return Object.entries(kinds)
    .map(([letter, kind]) => letter.repeat([...text.matchAll(kind[part])].length))
    .join("");
}
