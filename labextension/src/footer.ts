/** What a turn cost and where it ran, on one quiet line; and the files it made. */

import { sizeOf } from './blocks';
import { el, icon } from './dom';
import { figureOf } from './gallery';
import type { IFooter, IProducedFile, ITranscript } from './model';
import { goesOn } from './model';
import { count, dollars, duration, visible } from './plaintext';
import type { Words } from './words';
import { turnGlyph, turnWord } from './words';

const MAX_FIGURES = 8;

/** How the page opens a file of the server; null where it cannot. */
export interface IOpener {
  /** The address of a file, `path` being relative to the server's root. */
  address(path: string): string;
  /** Opens the file in this page; false where the browser should follow the address. */
  open(path: string): boolean;
}

export function footerOf(transcript: ITranscript, words: Words): HTMLElement {
  const { status, footer } = transcript;
  const items = [
    el('span', `ja-turn ja-turn-${status}`, icon(turnGlyph(status)), turnWord(status, words)),
    ...facts(footer, goesOn(status), words).map(([value, title]) => {
      const item = el('span', 'ja-fact', value);
      item.title = title;
      return item;
    })
  ];
  if (footer.replayed) {
    items.push(el('span', 'ja-replayed', words.__('replayed')));
  }
  return el('footer', 'ja-footer', ...items);
}

function facts(footer: IFooter, running: boolean, words: Words): [string, string][] {
  const result: [string, string][] = [];
  if (footer.model) {
    result.push([short(footer.model), words.__('Model')]);
  }
  const cached = footer.cache_read_input_tokens;
  const input = footer.input_tokens + cached + footer.cache_creation_input_tokens;
  if (input || footer.output_tokens) {
    result.push([
      words.__('%1 in, %2 out', count(input), count(footer.output_tokens)),
      words.__(
        'Tokens: %1 in (%2 read from the cache), %3 out',
        input,
        cached,
        footer.output_tokens
      )
    ]);
  }
  if (typeof footer.cost_usd === 'number' && footer.cost_usd >= 0 && input) {
    result.push([dollars(footer.cost_usd), words.__('List price of this turn in US dollars')]);
  }
  if (footer.sandbox) {
    result.push([short(footer.sandbox), words.__('Sandbox')]);
  }
  if (footer.seconds > 0 && !running) {
    result.push([duration(footer.seconds), words.__('Time of this turn')]);
  }
  if (footer.turn) {
    result.push([words.__('turn %1', footer.turn), words.__('Number of this turn in its session')]);
  }
  return result;
}

export function filesOf(
  files: readonly IProducedFile[],
  opener: IOpener,
  words: Words
): HTMLElement | null {
  if (!files.length) {
    return null;
  }
  const items = files.map(file => fileItem(file, opener));
  const nodes = el('ul', 'ja-file-list', ...items);
  nodes.setAttribute('aria-label', words.__('Files'));
  const shown = files.filter(file => file.preview).slice(0, MAX_FIGURES);
  const figures = shown.map(file => figureOf(file, words));
  return el('div', 'ja-files', nodes, ...figures);
}

function fileItem(file: IProducedFile, opener: IOpener): HTMLElement {
  const name = visible(file.path.slice(0, 300));
  const url = file.url !== null && isRelative(file.url) ? file.url : null;
  let shown: HTMLElement;
  if (url === null) {
    shown = el('span', 'ja-file-name', name);
  } else {
    const link = el('a', 'ja-file-name', name);
    link.href = opener.address(url);
    link.target = '_blank';
    link.rel = 'noopener';
    link.addEventListener('click', event => {
      const plain = !(event.ctrlKey || event.metaKey || event.shiftKey);
      if (plain && opener.open(url)) {
        event.preventDefault();
      }
    });
    shown = link;
  }
  const size = sizeOf(file.size);
  return el(
    'li',
    'ja-file',
    icon('file'),
    shown,
    size === null ? null : el('span', 'ja-size', size)
  );
}

/** Whether `path` stays below the server's root: no scheme, no drive, no way up, nothing hidden. */
export function isRelative(path: string): boolean {
  return (
    path.length <= 4000 &&
    path === visible(path) &&
    !/^[/\\]|\\|:|\n/.test(path) &&
    !path.split('/').some(part => part === '..' || part === '')
  );
}

function short(value: string): string {
  return visible(value.slice(0, 80));
}
