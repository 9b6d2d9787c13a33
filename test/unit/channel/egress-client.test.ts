import assert from "node:assert/strict";
import type { ClientHttp2Stream } from "node:http2";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { Egress, type EgressQuestion } from "../../../src/channel/egress-client.ts";

/** What a guest sends on its stream, and whether it was cut off. */
class Guest extends PassThrough {
  isCut = false;
  close(): void {
    this.isCut = true;
  }
}

/** What is asked by `bytes`, in pieces of these lengths, and whether the guest was cut off. */
function questionsOf(bytes: Buffer, lengths: Iterable<number>) {
  const guest = new Guest();
  const questions: EgressQuestion[] = [];
  new Egress(guest as unknown as ClientHttp2Stream, (question) => questions.push(question));
  let at = 0;
  for (const length of lengths) {
    if (at >= bytes.length) break;
    guest.emit("data", bytes.subarray(at, at + length));
    at += length;
  }
  if (at < bytes.length) guest.emit("data", bytes.subarray(at));
  return { questions, isCut: guest.isCut };
}

/** Numbers that are the same in every run. */
function* numbers(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    yield state >> 8;
  }
}

const sound = [
  '{"kind":"open"}',
  '{"kind":"name","id":1,"name":"a.example"}',
  '{"kind":"connection","id":2,"host":"198.51.100.1","port":443}',
  '{"kind":"attribution","id":2,"group":"command:1","program":"curl"}',
  '{"kind":"connection_limit","count":7}',
  '{"kind":"attribution","id":3}',
];
const text = Buffer.from(`${sound.join("\n")}\n`);
const asked: EgressQuestion[] = [
  { kind: "name", id: 1, name: "a.example" },
  { kind: "connection", id: 2, host: "198.51.100.1", port: 443 },
  { kind: "attribution", id: 2, group: "command:1", program: "curl" },
  { kind: "attribution", id: 3, group: null, program: "" },
];

describe("questions of a guest's network", () => {
  it("are the same however they are cut", () => {
    const random = numbers(1);
    for (let round = 0; round < 500; round++) {
      const lengths = Array.from({ length: 200 }, () => 1 + ((random.next().value ?? 0) % 9));
      assert.deepEqual(questionsOf(text, lengths), { questions: asked, isCut: false });
    }
  });

  it("are what they may be or end the way out, whatever is changed in them", () => {
    const random = numbers(2);
    const next = (below: number) => (random.next().value ?? 0) % below;
    const pieces = ["\n", '"', "{", "}", "\\u0000", "-1", "1e99", "65536", "null", "[", "\xff"];
    let cuts = 0;
    for (let round = 0; round < 20_000; round++) {
      let spoilt = Buffer.from(text);
      for (let change = 0; change <= next(3); change++) {
        const at = next(spoilt.length);
        const piece = Buffer.from(pieces[next(pieces.length)] ?? "", "latin1");
        const after = spoilt.subarray(at + next(4));
        spoilt = Buffer.concat([spoilt.subarray(0, at), piece, after]);
      }
      const { questions, isCut } = questionsOf(spoilt, [next(spoilt.length)]);
      if (isCut) cuts++;
      for (const question of questions) {
        assert.ok(Number.isSafeInteger(question.id) && question.id >= 0, JSON.stringify(question));
        switch (question.kind) {
          case "name":
            assert.ok(question.name.length <= 255);
            break;
          case "connection":
            assert.ok(question.host.length <= 255);
            assert.ok(Number.isInteger(question.port) && question.port >= 0);
            assert.ok(question.port <= 65_535);
            break;
          case "attribution":
            assert.ok(question.program.length <= 64 && (question.group?.length ?? 0) <= 128);
        }
      }
    }
    // Neither all nor none of what was changed is nonsense.
    assert.ok(cuts > 2_000 && cuts < 19_000, String(cuts));
  });

  it("are none that never end", () => {
    const long = Buffer.alloc(5_000, "x");
    assert.deepEqual(questionsOf(long, [100]), { questions: [], isCut: true });
    const padded = Buffer.from(`{"kind":"name","id":1,"name":"${"x".repeat(300)}"}\n`);
    assert.deepEqual(questionsOf(padded, []), { questions: [], isCut: true });
  });
});
