/** Untrusted values as bounded plain text that shows what is really there. */

import type { IToolStep } from './model';
import { text } from './wire';
import type { Bag } from './wire';

export const MAX_TEXT = 50_000;
const MAX_DEPTH = 8;
const MAX_NODES = 1_000;
const MAX_SUMMARY = 160;

// Control characters but tab and newline, and whatever reorders or hides the text around it.
const HIDDEN =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

// eslint-disable-next-line no-control-regex
const COLOUR = /\u001b\[[0-9;]*m/g;

/**
 * `value` without terminal colours, a carriage return as a new line, and each hidden or
 * direction-changing character written as its code; the twin of `words.visible` in the kernel.
 */
export function visible(value: string): string {
  return value
    .replace(/\r\n?/g, '\n')
    .replace(COLOUR, '')
    .replace(HIDDEN, found => '\\u' + found.charCodeAt(0).toString(16).padStart(4, '0'));
}

/** The first `limit` characters of `value`, and how many were left out. */
export function capped(
  value: string,
  limit: number = MAX_TEXT
): { readonly shown: string; readonly omitted: number } {
  return value.length <= limit
    ? { shown: value, omitted: 0 }
    : { shown: value.slice(0, limit), omitted: value.length - limit };
}

/** `value` as indented JSON; what is too deep, too long or too much becomes an ellipsis. */
export function json(value: unknown, indent: number = 2): string {
  return JSON.stringify(pruned(value, 0, { left: MAX_NODES }), null, indent) ?? '';
}

function pruned(value: unknown, depth: number, budget: { left: number }): unknown {
  budget.left -= 1;
  if (typeof value === 'string') {
    const { shown, omitted } = capped(value, MAX_TEXT / 5);
    return omitted ? shown + '…' : shown;
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (depth >= MAX_DEPTH) {
    return '…';
  }
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) {
      if (budget.left <= 0) {
        items.push('…');
        break;
      }
      items.push(pruned(item, depth + 1, budget));
    }
    return items;
  }
  const fields: [string, unknown][] = [];
  for (const key in value) {
    if (budget.left <= 0) {
      fields.push(['…', '…']);
      break;
    }
    const field = (value as Bag)[key];
    fields.push([key.slice(0, 200), pruned(field, depth + 1, budget)]);
  }
  return Object.fromEntries(fields);
}

const SUMMARY_FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['bash', ['command']],
  ['read', ['file_path']],
  ['write', ['file_path']],
  ['edit', ['file_path']],
  ['glob', ['pattern', 'path']],
  ['grep', ['pattern', 'path']],
  ['web_search', ['query']],
  ['web_fetch', ['url']]
]);

/** What a call does, on one line. */
export function summary(step: IToolStep): string {
  const fields = step.server === null ? SUMMARY_FIELDS.get(step.name) : undefined;
  const values = (fields ?? []).map(name => text(step.input[name])).filter(value => value);
  const whole = values.length
    ? values.join('  ')
    : Object.keys(step.input).length
      ? json(step.input, 0)
      : '';
  const start = whole.trim().slice(0, MAX_SUMMARY * 4);
  const line = visible(start.replace(/\s+/g, ' '));
  return line.length > MAX_SUMMARY ? line.slice(0, MAX_SUMMARY) + '…' : line;
}

/** Seconds as a person says them: `12 ms`, `0.3 s`, `12 s`, `3 min 05 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, seconds);
  if (whole < 0.0995) {
    return `${Math.round(whole * 1000)} ms`;
  }
  if (whole < 9.95) {
    return `${whole.toFixed(1)} s`;
  }
  const rounded = Math.round(whole);
  if (rounded < 60) {
    return `${rounded} s`;
  }
  const rest = String(rounded % 60).padStart(2, '0');
  return `${Math.floor(rounded / 60)} min ${rest} s`;
}

/** A count in few characters: `950`, `12.3k`, `1.2M`. */
export function count(value: number): string {
  if (value < 1000) {
    return String(Math.round(value));
  }
  const [scaled, unit] = value < 999_500 ? [value / 1000, 'k'] : [value / 1_000_000, 'M'];
  return (scaled < 99.95 ? scaled.toFixed(1) : scaled.toFixed(0)) + unit;
}

/** Dollars. The server counts whole cents: nothing there is not nothing paid. */
export function dollars(value: number): string {
  return value >= 0.01 ? `$${value.toFixed(2)}` : '<$0.01';
}

/** A file's size: `123 B`, `4.5 kB`, `1.2 MB`. */
export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = Math.max(0, size);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}
