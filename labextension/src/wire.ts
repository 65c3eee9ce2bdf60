/** Reading untrusted JSON: each function gives a value of its type, whatever it was given. */

import type { IBlock } from './model';

export type Bag = Readonly<Record<string, unknown>>;

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value ? value : null;
}

export function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function bag(value: unknown): Bag {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Bag) : {};
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function blocks(value: unknown): IBlock[] {
  return list(value).filter((block): block is IBlock => text(bag(block).type) !== '');
}

/** The text of a message's content: its text blocks, a blank line between them. */
export function plain(content: unknown): string {
  return joined(blocks(content).map(block => (block.type === 'text' ? text(block.text) : '')));
}

export function joined(parts: readonly string[]): string {
  return parts.filter(part => part).join('\n\n');
}

/** A time of the wire in milliseconds, or null. */
export function time(value: unknown): number | null {
  const parsed = Date.parse(text(value));
  return Number.isNaN(parsed) ? null : parsed;
}

/** Seconds between two times, null where one is missing, never negative. */
export function seconds(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : Math.max(0, to - from) / 1000;
}
