/**
 * "Did you mean": the known word nearest to a mistyped one.
 *
 * Near is counted as typists err: a letter too many, missing, wrong, or two swapped (the optimal string
 * alignment distance). A third of the letters may be wrong, so that short words are not guessed wildly.
 *
 * @module
 */

/** How many letters must be inserted, removed, replaced or swapped with their neighbour to turn a into b. */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const wrong = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + wrong);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], before[j - 2] + 1);
      }
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

/** The candidate a user most likely meant; undefined when none is near. The first of equals wins. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  const typed = word.toLowerCase().slice(0, 64); // longer than any name, short enough to be cheap
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const distance = editDistance(typed, candidate);
    if (distance < least && distance <= Math.ceil(Math.min(typed.length, candidate.length) / 3)) {
      [best, least] = [candidate, distance];
    }
  }
  const begun = typed.length > 1 ? candidates.find((name) => name.startsWith(typed)) : undefined;
  return least <= 1 ? best : begun ?? best;
}

/** `; did you mean X?`, or nothing. `show` dresses the word. */
export function didYouMean(
  word: string,
  candidates: readonly string[],
  show: (name: string) => string = (name) => name,
): string {
  const found = suggest(word, candidates);
  return found === undefined ? "" : `; did you mean ${show(found)}?`;
}
