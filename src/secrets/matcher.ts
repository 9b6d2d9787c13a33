/** One of the byte strings to find. */
export interface Pattern {
  readonly bytes: Uint8Array;
  /** What it is a form of. */
  readonly owner: number;
}

/** Nodes up to this depth have a table of all their successors. */
const tableDepthMax = 2;

/**
 * Finds any number of byte strings in one pass (Aho and Corasick): a tree of all of them, in which each node knows where to go on when its
 * string breaks off. What it costs depends on the text alone, whatever the text is.
 */
export class Matcher {
  /** Nodes below this number, the shallow ones, have a row in `successors`. */
  readonly tableCount: number;
  readonly successors: Int32Array;
  /** How many bytes the text ends with at a node that could be the beginning of a pattern. */
  readonly heldDepth: Int32Array;
  /** The length of the longest pattern that ends at a node; 0 for none. */
  readonly matchLength: Int32Array;
  /** Whose pattern that is. */
  readonly matchOwner: Int32Array;
  /** Of the longest pattern. */
  readonly lengthMax: number;
  readonly #firstChild: Int32Array;
  readonly #sibling: Int32Array;
  readonly #label: Uint8Array;
  readonly #fallback: Int32Array;

  constructor(patterns: readonly Pattern[]) {
    this.lengthMax = patterns.reduce((max, { bytes }) => Math.max(max, bytes.length), 0);
    const tree = inBreadthFirstOrder(new PatternTree(patterns));
    this.#firstChild = tree.firstChild;
    this.#sibling = tree.sibling;
    this.#label = tree.label;
    this.matchLength = tree.matchLength;
    this.matchOwner = tree.matchOwner;
    const count = tree.label.length;
    this.#fallback = new Int32Array(count);
    this.heldDepth = this.#depths();
    const firstDeep = this.heldDepth.findIndex((depth) => depth > tableDepthMax);
    this.tableCount = firstDeep < 0 ? count : firstDeep;
    this.successors = new Int32Array(this.tableCount * 256);
    this.#fillTable();
    this.#linkDeepNodes();
    this.#shortenEnds();
  }

  /** The node after `byte` for one that has no row in the table. */
  deepSuccessor(from: number, byte: number): number {
    let node = from;
    while (node >= this.tableCount) {
      const child = this.#child(node, byte);
      if (child !== 0) return child;
      node = this.#fallback[node] as number;
    }
    return this.successors[node * 256 + byte] as number;
  }

  #child(node: number, byte: number): number {
    let child = this.#firstChild[node] as number;
    while (child !== 0 && this.#label[child] !== byte) child = this.#sibling[child] as number;
    return child;
  }

  #forEachChild(node: number, visit: (child: number, byte: number) => void): void {
    for (
      let child = this.#firstChild[node] as number;
      child !== 0;
      child = this.#sibling[child] as number
    )
      visit(child, this.#label[child] as number);
  }

  #depths(): Int32Array {
    const depths = new Int32Array(this.#label.length);
    for (let node = 0; node < depths.length; node++)
      this.#forEachChild(node, (child) => {
        depths[child] = (depths[node] as number) + 1;
      });
    return depths;
  }

  /** A pattern that nothing continues is over at once; what may begin then is what its end has in common with a beginning. */
  #shortenEnds(): void {
    for (let node = 0; node < this.heldDepth.length; node++)
      if (this.#firstChild[node] === 0)
        this.heldDepth[node] = this.heldDepth[this.#fallback[node] as number] as number;
  }

  /** Parents come before their children, so that a node's fallback has its row already. */
  #fillTable(): void {
    for (let node = 0; node < this.tableCount; node++) {
      const fallback = this.#fallback[node] as number;
      const row = node * 256;
      if (node !== 0) this.successors.copyWithin(row, fallback * 256, fallback * 256 + 256);
      this.#forEachChild(node, (child, byte) => {
        this.#link(child, node === 0 ? 0 : (this.successors[row + byte] as number));
        this.successors[row + byte] = child;
      });
    }
  }

  #linkDeepNodes(): void {
    for (let node = this.tableCount; node < this.#label.length; node++)
      this.#forEachChild(node, (child, byte) =>
        this.#link(child, this.deepSuccessor(this.#fallback[node] as number, byte)),
      );
  }

  /** Where a child goes on is known, and what ends there ends at the child as well. */
  #link(child: number, fallback: number): void {
    this.#fallback[child] = fallback;
    if (this.matchLength[child] !== 0) return;
    this.matchLength[child] = this.matchLength[fallback] as number;
    this.matchOwner[child] = this.matchOwner[fallback] as number;
  }
}

interface Tree {
  readonly firstChild: Int32Array;
  readonly sibling: Int32Array;
  readonly label: Uint8Array;
  readonly matchLength: Int32Array;
  readonly matchOwner: Int32Array;
}

/** The patterns as a tree, in the order in which they were put in. 0 is the root, and no node's child. */
class PatternTree implements Tree {
  readonly firstChild: Int32Array;
  readonly sibling: Int32Array;
  readonly label: Uint8Array;
  readonly matchLength: Int32Array;
  readonly matchOwner: Int32Array;
  count = 1;

  constructor(patterns: readonly Pattern[]) {
    const most = patterns.reduce((sum, { bytes }) => sum + bytes.length, 1);
    this.firstChild = new Int32Array(most);
    this.sibling = new Int32Array(most);
    this.label = new Uint8Array(most);
    this.matchLength = new Int32Array(most);
    this.matchOwner = new Int32Array(most);
    for (const pattern of patterns) this.#add(pattern);
  }

  #add({ bytes, owner }: Pattern): void {
    let node = 0;
    for (const byte of bytes) node = this.#childOrNew(node, byte);
    // Of two owners of one string, the first.
    if (node === 0 || this.matchLength[node] !== 0) return;
    this.matchLength[node] = bytes.length;
    this.matchOwner[node] = owner;
  }

  #childOrNew(node: number, byte: number): number {
    let child = this.firstChild[node] as number;
    while (child !== 0 && this.label[child] !== byte) child = this.sibling[child] as number;
    if (child !== 0) return child;
    const made = this.count++;
    this.label[made] = byte;
    this.sibling[made] = this.firstChild[node] as number;
    this.firstChild[node] = made;
    return made;
  }
}

/** The same tree with its nodes numbered by depth. */
function inBreadthFirstOrder(tree: PatternTree): Tree {
  const order = new Int32Array(tree.count);
  const rank = new Int32Array(tree.count);
  let found = 1;
  for (let next = 0; next < found; next++)
    for (
      let child = tree.firstChild[order[next] as number] as number;
      child !== 0;
      child = tree.sibling[child] as number
    ) {
      rank[child] = found;
      order[found++] = child;
    }
  const renumbered = (numbers: Int32Array) =>
    gather(numbers, order).map((node) => rank[node] as number);
  return {
    firstChild: renumbered(tree.firstChild),
    sibling: renumbered(tree.sibling),
    label: Uint8Array.from(gather(tree.label, order)),
    matchLength: gather(tree.matchLength, order),
    matchOwner: gather(tree.matchOwner, order),
  };
}

function gather(from: Int32Array | Uint8Array, order: Int32Array): Int32Array {
  const gathered = new Int32Array(order.length);
  for (let index = 0; index < order.length; index++)
    gathered[index] = from[order[index] as number] as number;
  return gathered;
}
