/** What an undo did, in words; the twin of jupyter_agents/kernel/undone.py. */

import { visible } from './plaintext';
import type { Bag } from './wire';
import { bag, list, numberOrNull, text } from './wire';
import type { Words } from './words';

export const MOST = 20;

/** Lines that say what the server's answer to an undo holds. */
export function undoneLines(answer: unknown, words: Words): string[] {
  const source = bag(answer);
  const restored = list(source.restored).map(bag);
  const unchanged = list(source.unchanged).length;
  const turns = numberOrNull(source.turns) ?? 1;
  const count = restored.length;
  return [
    words._n('The last turn was undone.', 'The last %1 turns were undone.', turns),
    words._n('%1 file put back as before.', '%1 files put back as before.', count),
    ...some(restored, file => back(file, words), words),
    ...(unchanged
      ? [words._n('%1 file as before already.', '%1 files as before already.', unchanged)]
      : []),
    ...some(
      list(source.conflicts).map(bag),
      file => words.__('Kept: %1: %2', pathOf(file), reasonOf(file)),
      words
    ),
    ...some(
      list(source.failed).map(bag),
      file => words.__('Not put back: %1: %2', pathOf(file), reasonOf(file)),
      words
    )
  ];
}

/** The first paths of many, in one line. */
export function named(paths: readonly string[], words: Words): string {
  return some(paths, short, words).join(', ');
}

function back(file: Bag, words: Words): string {
  const path = pathOf(file);
  const line =
    file.kind === 'deleted'
      ? words.__('Removed: %1', path)
      : file.kind === 'created'
        ? words.__('Brought back: %1', path)
        : words.__('Put back: %1', path);
  return file.partly === true ? words.__('%1 (as somebody else left it in between)', line) : line;
}

function pathOf(file: Bag): string {
  return short(text(file.path));
}

function reasonOf(file: Bag): string {
  return short(text(file.reason));
}

function short(value: string): string {
  return visible(value.slice(0, 300));
}

function some<T>(found: readonly T[], line: (one: T) => string, words: Words): string[] {
  const more = found.length - MOST;
  const lines = found.slice(0, MOST).map(line);
  return more > 0 ? [...lines, words.__('and %1 more', more)] : lines;
}
