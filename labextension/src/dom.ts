/** Building elements without a string of HTML anywhere. */

export type Child = Node | string | null;

/** An element with a class and children; strings become text. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  if (className) {
    node.className = className;
  }
  node.append(...children.filter(child => child !== null));
  return node;
}

/** Keys that are meant for this element are no shortcuts of the notebook. */
export function ownKeys(node: HTMLElement): void {
  node.setAttribute('data-lm-suppress-shortcuts', 'true');
}

/** A button that says `words`. */
export function button(words: string, className: string, act: () => void): HTMLButtonElement {
  const node = el('button', `ja-button ${className}`.trim(), words);
  ownKeys(node);
  node.type = 'button';
  node.addEventListener('click', act);
  return node;
}

export type Glyph =
  | 'running'
  | 'waiting'
  | 'ok'
  | 'error'
  | 'denied'
  | 'interrupted'
  | 'info'
  | 'warning'
  | 'file'
  | 'thinking';

const SVG = 'http://www.w3.org/2000/svg';

// Strokes on a 16 by 16 grid.
const PATHS: Readonly<Record<Glyph, string>> = {
  running: 'M8 2.5a5.5 5.5 0 1 1-5.5 5.5',
  waiting: 'M5.75 4v8M10.25 4v8',
  ok: 'M3 8.5 6.5 12 13 4.5',
  error: 'M4 4l8 8M12 4l-8 8',
  denied: 'M8 2.5a5.5 5.5 0 1 0 .01 0M4.2 4.2l7.6 7.6',
  interrupted: 'M4.5 4.5h7v7h-7z',
  info: 'M8 2.5a5.5 5.5 0 1 0 .01 0M8 7.5V11M8 5.2v.2',
  warning: 'M8 2.8 14 13H2zM8 6.8v2.7M8 11.2v.2',
  file: 'M4 2.5h5l3 3v8H4zM9 2.5v3h3',
  thinking: 'M3.6 8v.2M8 8v.2M12.4 8v.2'
};

/** A small drawing in the colour of its text, hidden from screen readers. */
export function icon(glyph: Glyph): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('class', `ja-icon ja-icon-${glyph}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', PATHS[glyph]);
  svg.appendChild(path);
  return svg;
}

/** Calls `then` once `node` is in sight; at once where the browser cannot tell. */
export function onceSeen(node: Element, then: () => void): void {
  if (typeof IntersectionObserver === 'undefined') {
    then();
    return;
  }
  const observer = new IntersectionObserver(entries => {
    if (entries.some(entry => entry.isIntersecting)) {
      observer.disconnect();
      then();
    }
  });
  observer.observe(node);
}
