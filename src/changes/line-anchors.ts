/** Places of one line in both lists. */
export type Match = readonly [oldIndex: number, newIndex: number];

/**
 * Pairs lines that occur once in each list, in the longest order both share, and then their equal neighbours. Coarser than the
 * shortest edit, but its work is bounded by n log n whatever the lines are.
 */
export function matchAnchors(old: readonly number[], now: readonly number[]): Match[] {
  const newPlaces = uniquePlaces(now);
  const pairs: Match[] = [];
  for (const [id, oldIndex] of uniquePlaces(old)) {
    const newIndex = newPlaces.get(id);
    if (newIndex !== undefined) pairs.push([oldIndex, newIndex]);
  }
  return withNeighbours(longestRise(pairs), old, now);
}

function uniquePlaces(ids: readonly number[]): Map<number, number> {
  const places = new Map<number, number>();
  const repeated = new Set<number>();
  for (const [index, id] of ids.entries()) {
    if (places.has(id)) repeated.add(id);
    else places.set(id, index);
  }
  for (const id of repeated) places.delete(id);
  return places;
}

/** The longest part of `pairs` (rising on the left) that rises on the right too: patience sorting. */
function longestRise(pairs: readonly Match[]): Match[] {
  const tops: number[] = [];
  const before: (number | undefined)[] = [];
  for (const [index, [, right]] of pairs.entries()) {
    let low = 0;
    let high = tops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pairs[tops[middle] ?? 0]?.[1] ?? 0) < right) low = middle + 1;
      else high = middle;
    }
    before[index] = tops[low - 1];
    tops[low] = index;
  }
  const rise: Match[] = [];
  for (let at = tops.at(-1); at !== undefined; at = before[at]) {
    const pair = pairs[at];
    if (pair) rise.push(pair);
  }
  return rise.reverse();
}

function withNeighbours(
  anchors: readonly Match[],
  old: readonly number[],
  now: readonly number[],
): Match[] {
  const matches: Match[] = [];
  const ends: Match[] = [...anchors, [old.length, now.length]];
  let [oldAt, newAt] = [0, 0];
  for (const [oldEnd, newEnd] of ends) {
    while (oldAt < oldEnd && newAt < newEnd && old[oldAt] === now[newAt]) {
      matches.push([oldAt, newAt]);
      oldAt += 1;
      newAt += 1;
    }
    const backwards: Match[] = [];
    let [oldBack, newBack] = [oldEnd - 1, newEnd - 1];
    while (oldBack >= oldAt && newBack >= newAt && old[oldBack] === now[newBack]) {
      backwards.push([oldBack, newBack]);
      oldBack -= 1;
      newBack -= 1;
    }
    for (const match of backwards.reverse()) matches.push(match);
    if (oldEnd < old.length) matches.push([oldEnd, newEnd]);
    [oldAt, newAt] = [oldEnd + 1, newEnd + 1];
  }
  return matches;
}
