/** A button that copies a text, on the block that shows it. */

import { el } from './dom';
import type { Words } from './words';

const SAID_FOR = 2_000;
const MAX_BUTTONS = 100;

/** `block` in a frame with a button that copies what `source` gives at that moment. */
export function copyable(block: HTMLElement, source: () => string, words: Words): HTMLElement {
  return el('div', 'ja-copyable', block, button(source, words));
}

/** Puts a copy button beside each block of code in `host`. */
export function addCopyButtons(host: HTMLElement, words: Words): void {
  for (const pre of Array.from(host.querySelectorAll('pre')).slice(0, MAX_BUTTONS)) {
    const frame = el('div', 'ja-copyable');
    pre.replaceWith(frame);
    frame.append(
      pre,
      button(() => pre.textContent ?? '', words)
    );
  }
}

function button(source: () => string, words: Words): HTMLButtonElement {
  const made = el('button', 'ja-copy', words.__('Copy'));
  made.type = 'button';
  let timer = 0;
  made.addEventListener('click', event => {
    event.stopPropagation();
    made.setAttribute('aria-live', 'polite');
    void copied(source()).then(done => {
      made.textContent = done ? words.__('Copied') : words.__('Not copied');
      window.clearTimeout(timer);
      timer = window.setTimeout(() => {
        made.textContent = words.__('Copy');
      }, SAID_FOR);
    });
  });
  return made;
}

async function copied(source: string): Promise<boolean> {
  try {
    // There is no clipboard for a page that came over plain HTTP from another machine.
    await navigator.clipboard.writeText(source);
    return true;
  } catch {
    return selected(source);
  }
}

/** The old way: a selection that the browser copies. */
function selected(source: string): boolean {
  const field = el('textarea', 'ja-spoken');
  field.value = source;
  const before = document.activeElement;
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  (before as HTMLElement | null)?.focus();
  return done;
}
