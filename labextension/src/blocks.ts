/** What a tool was given and what it gave back, as elements. */

import { code, rest } from './code';
import { el } from './dom';
import type { IBlock, IToolStep } from './model';
import { bytes, capped, json, visible } from './plaintext';
import { outward, webLink } from './sanitise';
import { bag, list, numberOrNull, text } from './wire';
import type { Bag } from './wire';
import type { Words } from './words';

export const MAX_IMAGE = 12_000_000;
const MAX_LINES = 2_000;

const IMAGE_TYPES: ReadonlySet<unknown> = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp'
]);
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A tool's whole input; with `all` nothing of it is left out, however long it is: who approves it must see it. */
export function inputOf(step: IToolStep, words: Words, all = false): HTMLElement {
  const { input } = step;
  const path = text(input.file_path);
  const most = all ? Infinity : undefined;
  const others = (...shown: readonly string[]): HTMLElement | null => {
    const rest = Object.entries(input).filter(([key]) => !shown.includes(key));
    return rest.length ? code(asJson(Object.fromEntries(rest), all), words, '', most) : null;
  };
  if (step.server === null) {
    if (step.name === 'bash' && text(input.command)) {
      const command = code(text(input.command), words, 'ja-command', most);
      return el('div', 'ja-input', command, others('command'));
    }
    if (step.name === 'read' && path && Object.keys(input).length === 1) {
      return pathLine(path);
    }
    if (step.name === 'write' && path && typeof input.content === 'string') {
      const content = code(input.content, words, '', most);
      return el('div', 'ja-input', pathLine(path), content, others('file_path', 'content'));
    }
    if (step.name === 'edit' && path && typeof input.old_string === 'string') {
      const rest = others('file_path', 'old_string', 'new_string');
      return el('div', 'ja-input', pathLine(path), change(input, words, most), rest);
    }
  }
  return code(asJson(input, all), words, '', most);
}

function asJson(value: unknown, all: boolean): string {
  return all ? JSON.stringify(value, null, 2) : json(value);
}

/** A tool's whole output. */
export function outputOf(step: IToolStep, words: Words): HTMLElement {
  const parts = step.output.map(block => blockOf(block, words));
  return el('div', 'ja-output', ...parts);
}

function blockOf(block: IBlock, words: Words): HTMLElement {
  switch (block.type) {
    case 'text':
      return code(text(block.text), words);
    case 'image':
      return image(bag(block.source), words);
    case 'document':
      return documentOf(block, words);
    case 'search_result':
      return searchResult(block, words);
    default:
      return code(json(block), words);
  }
}

function image(source: Bag, words: Words): HTMLElement {
  const data = text(source.data);
  const plain = data.length <= MAX_IMAGE ? data.replace(/\s+/g, '') : '';
  if (IMAGE_TYPES.has(source.media_type) && BASE64.test(plain)) {
    const picture = el('img', 'ja-picture');
    picture.alt = words.__('Image from the tool');
    picture.src = `data:${text(source.media_type)};base64,${plain}`;
    return picture;
  }
  return left(words.__('An image that is not shown here'));
}

function documentOf(block: IBlock, words: Words): HTMLElement {
  const source = bag(block.source);
  if (source.type === 'text') {
    return code(text(source.data), words);
  }
  const title = text(block.title) || text(source.media_type);
  const size = bytes((text(source.data).length * 3) / 4);
  return left(words.__('Document: %1 (%2)', visible(title.slice(0, 200)), size));
}

function searchResult(block: IBlock, words: Words): HTMLElement {
  const target = webLink(text(block.source));
  const title = visible(text(block.title).slice(0, 300)) || (target ?? '');
  const head = target ? outward(el('a', '', title), target) : title;
  const parts = list(block.content).map(part => text(bag(part).text));
  return el('div', 'ja-search-result', el('div', '', head), code(parts.join('\n'), words));
}

/** An edit as removed and added lines; what both texts begin and end with stands between them once. */
function change(input: Bag, words: Words, most?: number): HTMLElement {
  const [before, after] = [lines(input.old_string, most), lines(input.new_string, most)];
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) {
    head += 1;
  }
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) {
    tail += 1;
  }
  const pre = el(
    'pre',
    'ja-code ja-diff',
    ...marked('span', ' ', before.slice(0, head)),
    ...marked('del', '-', before.slice(head, before.length - tail)),
    ...marked('ins', '+', after.slice(head, after.length - tail)),
    ...marked('span', ' ', before.slice(before.length - tail))
  );
  const omitted =
    capped(text(input.old_string), most).omitted + capped(text(input.new_string), most).omitted;
  if (omitted) {
    pre.append(rest(omitted, words));
  }
  pre.tabIndex = 0;
  return pre;
}

function lines(value: unknown, most?: number): string[] {
  const source = visible(capped(text(value), most).shown).replace(/\n$/, '');
  return source ? source.split('\n').slice(0, most ?? MAX_LINES) : [];
}

function marked(tag: 'del' | 'ins' | 'span', mark: string, rows: readonly string[]): HTMLElement[] {
  return rows.map(row => el(tag, '', `${mark} ${row}\n`));
}

function pathLine(path: string): HTMLElement {
  return el('div', 'ja-path', visible(path.slice(0, 1000)));
}

function left(words: string): HTMLElement {
  return el('p', 'ja-left-out', words);
}

/** A file's size in words, or null where it is not known. */
export function sizeOf(size: unknown): string | null {
  const known = numberOrNull(size);
  return known === null ? null : bytes(known);
}
