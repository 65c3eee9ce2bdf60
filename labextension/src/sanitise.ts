/**
 * HTML from untrusted markdown -> a fragment that can be put into the page.
 *
 * JupyterLab's sanitiser allows what a notebook author may want: forms, media, remote images, command links,
 * inline style. A model's text needs none of that, and each is a way to track, to cover or to drive the page; so
 * this is an allow-list of its own, applied after JupyterLab's, and sufficient without it. The HTML is parsed into
 * an inert document: nothing loads and nothing runs before it is scrubbed.
 */

const TAGS: ReadonlySet<string> = new Set(
  (
    'a abbr b blockquote br caption code col colgroup dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ' +
    'input ins kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead ' +
    'tr u ul var'
  ).split(' ')
);

/** Elements whose text is no text: taken away with all that they hold. */
const DROPPED: ReadonlySet<string> = new Set(
  (
    'applet audio base button canvas dialog embed form frame frameset head iframe link map math meta ' +
    'noembed noframes noscript object option picture plaintext portal script select source style svg ' +
    'template textarea title track video xmp'
  ).split(' ')
);

const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ['title'],
  abbr: ['title'],
  col: ['span'],
  colgroup: ['span'],
  details: ['open'],
  img: ['alt', 'title'],
  ol: ['start'],
  td: ['align', 'colspan', 'rowspan'],
  th: ['align', 'colspan', 'rowspan', 'scope']
};

const MAX_ELEMENTS = 20_000;
const MAX_SPAN = 100;
const CODE_CLASS = /^(cm-|tok-|hljs|language-|\u037c)[\w\u037c-]*$/;
const IMAGE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*$/;

/** The scrubbed content of `html`. */
export function sanitise(html: string): DocumentFragment {
  const source = new DOMParser().parseFromString(html, 'text/html').body;
  const result = document.createDocumentFragment();
  const budget = { left: MAX_ELEMENTS };
  const todo: [Node, ParentNode & Node][] = [[source, result]];
  for (let next = todo.pop(); next; next = todo.pop()) {
    const [from, into] = next;
    for (const child of Array.from(from.childNodes)) {
      const copy = scrubbed(child, budget);
      if (copy) {
        into.appendChild(copy);
        if (copy instanceof Element) {
          todo.push([child, copy]);
        }
      }
    }
  }
  return result;
}

function scrubbed(node: Node, budget: { left: number }): Node | null {
  if (node.nodeType === Node.TEXT_NODE) {
    return document.createTextNode(node.nodeValue ?? '');
  }
  if (!(node instanceof Element) || (budget.left -= 1) < 0) {
    return null;
  }
  const tag = node.localName;
  if (node.namespaceURI !== 'http://www.w3.org/1999/xhtml' || DROPPED.has(tag)) {
    return null;
  }
  switch (tag) {
    case 'a':
      return anchor(node);
    case 'img':
      return image(node);
    case 'input':
      return checkbox(node);
    default:
      return copied(node, TAGS.has(tag) ? tag : 'span');
  }
}

function copied(node: Element, tag: string): HTMLElement {
  const copy = document.createElement(tag);
  for (const name of ATTRIBUTES[tag] ?? []) {
    const value = node.getAttribute(name);
    if (value !== null && (!name.endsWith('span') || Number(value) <= MAX_SPAN)) {
      copy.setAttribute(name, value);
    }
  }
  if (tag === 'code' || tag === 'pre' || tag === 'span') {
    const classes = Array.from(node.classList).filter(name => CODE_CLASS.test(name));
    if (classes.length) {
      copy.className = classes.join(' ');
    }
  }
  return copy;
}

function anchor(node: Element): HTMLElement {
  const target = webLink(node.getAttribute('href') ?? '');
  if (target === null) {
    return copied(node, 'span');
  }
  const copy = copied(node, 'a') as HTMLAnchorElement;
  return outward(copy, target);
}

function image(node: Element): HTMLElement {
  const source = node.getAttribute('src') ?? '';
  if (IMAGE.test(source)) {
    const copy = copied(node, 'img') as HTMLImageElement;
    copy.src = source;
    return copy;
  }
  const words = document.createElement('span');
  words.className = 'ja-image-left-out';
  words.textContent = node.getAttribute('alt') || source.slice(0, 200);
  return words;
}

function checkbox(node: Element): HTMLElement | null {
  if (node.getAttribute('type') !== 'checkbox') {
    return null;
  }
  const copy = document.createElement('input');
  copy.type = 'checkbox';
  copy.disabled = true;
  copy.checked = node.hasAttribute('checked');
  return copy;
}

/** `href` as an absolute web or mail address, or null: links into the page or the server are not the model's to make. */
export function webLink(href: string): string | null {
  if (!/^(https?:\/\/|mailto:)/i.test(href.trim())) {
    return null;
  }
  try {
    return new URL(href.trim()).href;
  } catch {
    return null;
  }
}

/** Makes `link` lead to `target` in a new tab that knows nothing of this one. */
export function outward<T extends HTMLAnchorElement>(link: T, target: string): T {
  link.href = target;
  link.target = '_blank';
  link.rel = 'noopener noreferrer nofollow';
  return link;
}
