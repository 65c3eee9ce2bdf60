/** A bounded block of plain text: long ones are folded, all can be copied. */

import { copyable } from './copy';
import { el } from './dom';
import { capped, visible } from './plaintext';
import type { Words } from './words';

/** Lines and letters that show before "Show all". */
export const FOLD_LINES = 16;
const FOLD_LETTERS = 4_000;

/** With `most`, so many letters are shown, and none of them is folded away. */
export function code(source: string, words: Words, className = '', most?: number): HTMLElement {
  const { shown, omitted } = capped(source, most);
  const whole = visible(shown);
  const begin = most === undefined ? beginning(whole) : whole;
  const text = el('code', className, begin);
  const pre = el('pre', 'ja-code', text);
  pre.tabIndex = 0;
  if (omitted) {
    pre.append(rest(omitted, words));
  }
  const block = copyable(pre, () => source, words);
  if (begin.length === whole.length) {
    return block;
  }
  const lines = whole.replace(/\n$/, '').split('\n').length;
  const more = el('button', 'ja-more', words._n('Show all', 'Show all %1 lines', lines));
  more.type = 'button';
  more.setAttribute('aria-expanded', 'false');
  more.addEventListener('click', () => {
    const open = more.getAttribute('aria-expanded') === 'false';
    text.textContent = open ? whole : begin;
    pre.classList.toggle('ja-whole', open);
    more.setAttribute('aria-expanded', String(open));
    more.textContent = open
      ? words.__('Show less')
      : words._n('Show all', 'Show all %1 lines', lines);
  });
  return el('div', 'ja-folded', block, more);
}

export function rest(omitted: number, words: Words): HTMLElement {
  const note = words._n('… %1 more character', '… %1 more characters', omitted);
  return el('span', 'ja-rest', '\n' + note);
}

function beginning(text: string): string {
  let end = -1;
  for (let line = 0; line < FOLD_LINES; line++) {
    end = text.indexOf('\n', end + 1);
    if (end < 0) {
      break;
    }
  }
  const cut = end < 0 ? text.length : end + 1;
  return text.slice(0, cut > FOLD_LETTERS + 500 ? FOLD_LETTERS : cut);
}
