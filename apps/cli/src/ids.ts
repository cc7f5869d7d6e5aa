import { limits } from '@reliable-ops/contracts';
import { UsageError } from './errors.ts';

/** Ids in one command: a slip (`0..99999999999`) must not become a day of work. */
const idsLimit = 10_000_000;
const defaultRange = '0..99';

/** Control characters, blanks of no width, and the byte order mark. */
// eslint-disable-next-line no-control-regex
const unseen = /[\u0000-\u001f\u007f-\u009f\u200b\u2060\ufeff]/;

/** All ids of `length` digits from `from` to `to`, both included. Two such pieces meet only where lengths are equal. */
interface Piece {
  length: number;
  from: bigint;
  to: bigint;
}
type Part = { literal: string } | { pieces: Piece[] };

/** Distinct ids in the order typed. Iterating builds them one by one: ten million never stand in memory. */
export interface Ids extends Iterable<string> {
  count: number;
}

/**
 * `5`, `007`, `10..19` to ids, as typed: case, blanks and leading zeros are part of an id. A range has
 * both its ends in it, and keeps its padding (`001..010`). An id given twice is there once. Nothing
 * given: 0..99. What cannot be seen is a slip. Throws UsageError with the argument that is wrong.
 */
export function parseIds(args: readonly string[]): Ids {
  const parts = (args.length === 0 ? [defaultRange] : args).map(parsePart);
  const distinct = withoutRepeats(parts);
  const count = distinct.reduce((sum, part) => sum + sizeOf(part), 0n);
  if (count > BigInt(idsLimit)) {
    throw new UsageError(
      `${count} ids are too many for one command, which takes ${idsLimit} at most`,
    );
  }
  return { count: Number(count), [Symbol.iterator]: () => listIds(distinct) };
}

/** `id` as it may be sent. Throws UsageError where the orchestrator would refuse it. */
export function parseId(id: string): string {
  if (id.length > limits.groupIdLength) {
    throw new UsageError(
      `"${id.slice(0, 20)}…" has ${id.length} characters: an id has ${limits.groupIdLength} at most`,
    );
  }
  return id;
}

function parsePart(argument: string): Part {
  parseId(argument);
  // From a file of Windows', most often; to the orchestrator it would be an id like any other.
  if (unseen.test(argument)) {
    throw new UsageError(
      `"${argument}" holds what cannot be seen: does a file end its lines with CR LF, or begin with a byte order mark? tr -d '\\r' takes CRs out (an id that has it: create-one, delete-one)`,
    );
  }
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(argument) ?? [];
  if (from !== undefined && to !== undefined) return { pieces: parseRange(argument, from, to) };
  // Half a range is a slip far more often than a name; create-one takes it as a name all the same.
  if (/^\d*\.\.|\.\.\d*$/.test(argument)) {
    throw new UsageError(
      `"${argument}" is no range: write two numbers, as in 10..19 (an id that looks like this: create-one, delete-one)`,
    );
  }
  return { literal: argument };
}

function parseRange(argument: string, from: string, to: string): Piece[] {
  const isPadded = [from, to].some((end) => end.length > 1 && end.startsWith('0'));
  if (isPadded && from.length !== to.length) {
    throw new UsageError(
      `"${argument}" mixes widths: give both ends the same number of digits, as in 001..010`,
    );
  }
  const first = BigInt(from);
  const last = BigInt(to);
  if (first > last) {
    throw new UsageError(`"${argument}" runs backwards: write ${to}..${from}`);
  }
  if (last - first >= BigInt(idsLimit)) {
    throw new UsageError(
      `"${argument}" holds ${last - first + 1n} ids: one command takes ${idsLimit} at most`,
    );
  }
  if (isPadded) return [{ length: from.length, from: first, to: last }];
  const pieces: Piece[] = [];
  for (let length = from.length; length <= to.length; length++) {
    const smallest = length === 1 ? 0n : 10n ** BigInt(length - 1);
    const largest = 10n ** BigInt(length) - 1n;
    pieces.push({
      length,
      from: first > smallest ? first : smallest,
      to: last < largest ? last : largest,
    });
  }
  return pieces;
}

function withoutRepeats(parts: Part[]): Part[] {
  const covered: Piece[] = [];
  const withoutRepeatedRanges = parts.map((part): Part => {
    if ('literal' in part) return part;
    const fresh = part.pieces.flatMap((piece) => subtract(piece, covered));
    covered.push(...fresh);
    return { pieces: fresh };
  });
  const literals = new Set<string>();
  return withoutRepeatedRanges.filter((part) => {
    if (!('literal' in part)) return true;
    if (literals.has(part.literal) || isCovered(part.literal, covered)) return false;
    literals.add(part.literal);
    return true;
  });
}

/** What is left of `piece` without `covered`. */
function subtract(piece: Piece, covered: readonly Piece[]): Piece[] {
  let left = [piece];
  for (const taken of covered) {
    if (taken.length !== piece.length) continue;
    left = left.flatMap(({ length, from, to }) =>
      [
        { length, from, to: taken.from - 1n < to ? taken.from - 1n : to },
        { length, from: taken.to + 1n > from ? taken.to + 1n : from, to },
      ].filter((rest) => rest.from <= rest.to),
    );
  }
  return left;
}

function isCovered(id: string, covered: readonly Piece[]): boolean {
  if (covered.length === 0 || !/^\d+$/.test(id)) return false;
  const value = BigInt(id);
  return covered.some(
    ({ length, from, to }) => length === id.length && from <= value && value <= to,
  );
}

const sizeOf = (part: Part): bigint =>
  'literal' in part ? 1n : part.pieces.reduce((sum, { from, to }) => sum + to - from + 1n, 0n);

function* listIds(parts: readonly Part[]): Generator<string> {
  for (const part of parts) {
    if ('literal' in part) {
      yield part.literal;
      continue;
    }
    for (const { length, from, to } of part.pieces) {
      for (let value = from; value <= to; value++) yield value.toString().padStart(length, '0');
    }
  }
}
