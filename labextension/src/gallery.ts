/** Previews of produced files as figures: pictures and the first rows of tables. */

import { el } from './dom';
import type { IProducedFile, ITablePreview, Preview } from './model';
import { visible } from './plaintext';
import type { Words } from './words';

/** The figure of a file's preview; null where it has none. */
export function figureOf(file: IProducedFile, words: Words): HTMLElement | null {
  const { preview } = file;
  if (!preview) {
    return null;
  }
  const name = visible(file.path.slice(0, 300));
  return el('figure', 'ja-figure', ...shown(preview, name, words));
}

function shown(preview: Preview, name: string, words: Words): HTMLElement[] {
  if (preview.type === 'table') {
    return [table(preview, name, words)];
  }
  const picture = el('img', 'ja-picture');
  picture.alt = name;
  // An SVG as an image's source runs no script and loads nothing.
  picture.src = `data:${preview.media_type};base64,${preview.data}`;
  return [picture, el('figcaption', 'ja-caption', name)];
}

function table(preview: ITablePreview, name: string, words: Words): HTMLElement {
  const heads = preview.columns.map(column => {
    const head = el('th', '', visible(column));
    head.scope = 'col';
    return head;
  });
  const rows = preview.rows.map(row =>
    el('tr', '', ...preview.columns.map((_, at) => el('td', '', visible(row[at] ?? ''))))
  );
  const caption = preview.more ? words.__('%1, its beginning', name) : name;
  const whole = el(
    'table',
    'ja-table',
    el('caption', 'ja-caption', caption),
    el('thead', '', el('tr', '', ...heads)),
    el('tbody', '', ...rows)
  );
  const scroller = el('div', 'ja-scroller', whole);
  scroller.tabIndex = 0;
  scroller.setAttribute('role', 'region');
  scroller.setAttribute('aria-label', caption);
  return scroller;
}
