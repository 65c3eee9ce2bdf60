/** A model's markdown into the page: JupyterLab's parser and sanitiser, then our own allow-list. */

import { removeMath, replaceMath } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';

import { addCopyButtons } from './copy';
import { el } from './dom';
import { visible } from './plaintext';
import { sanitise } from './sanitise';
import type { DrawMarkdown } from './steps';
import type { Words } from './words';

const MAX_MATH_MARKS = 1_000;
const MAX_CELLS = 20_000;
const MAX_MARKS = 4_000;
const MARKS = /[*_~`[\]<!]/g;

/** What the page has for it; each part may be missing. */
export type Tools = Pick<
  IRenderMime.IRendererOptions,
  'markdownParser' | 'sanitizer' | 'latexTypesetter'
>;

export function markdownDrawer(tools: Tools, words: Words): DrawMarkdown {
  return async (host, markdown, partial) => {
    const content = await parsed(markdown, tools);
    host.replaceChildren(content ?? plain(markdown));
    if (!partial) {
      addCopyButtons(host, words);
    }
    const marks = markdown.match(/[$\\]/g)?.length ?? 0;
    if (content && !partial && marks > 0 && marks <= MAX_MATH_MARKS) {
      // Math that cannot be set stays as it was written.
      await Promise.resolve(tools.latexTypesetter?.typeset(host)).catch(() => undefined);
    }
  };
}

/**
 * Whether the markdown would cost more than words are worth: a table with short rows is filled up to its full width,
 * and the marks of one block are each compared with those before them.
 */
function tooCostly(markdown: string): boolean {
  const rows = markdown.split('\n');
  const widths = rows.filter(row => /^[\s|:>-]+$/.test(row)).map(row => row.split('|').length);
  const widest = widths.reduce((most, width) => Math.max(most, width), 0);
  const marks = markdown.split(/\n\s*\n/).map(block => block.match(MARKS)?.length ?? 0);
  return widest * rows.length > MAX_CELLS || marks.some(count => count > MAX_MARKS);
}

async function parsed(markdown: string, tools: Tools): Promise<DocumentFragment | null> {
  if (!tools.markdownParser || tooCostly(markdown)) {
    return null;
  }
  try {
    const { text, math } = removeMath(markdown);
    const html = await tools.markdownParser.render(text);
    return sanitise(tools.sanitizer.sanitize(replaceMath(html, math)));
  } catch {
    // The parser gave up, on nesting too deep for it for instance: the words still count.
    return null;
  }
}

function plain(markdown: string): HTMLElement {
  return el('pre', 'ja-plain', visible(markdown));
}
