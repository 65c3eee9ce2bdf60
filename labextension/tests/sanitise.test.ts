import { Sanitizer } from '@jupyterlab/apputils/lib/sanitizer';

import { sanitise, webLink } from '../src/sanitise';

const labs = new Sanitizer();

function ours(html: string): HTMLElement {
  const host = document.createElement('div');
  host.append(sanitise(html));
  return host;
}

const HOSTILE = [
  '<script>hack()</script>',
  '<scr<script>ipt>hack()</scr</script>ipt>',
  '<img src=x onerror=hack()>',
  '<img src="https://evil.example/pixel.png" srcset="https://evil.example/2x.png 2x">',
  '<img src="data:image/svg+xml;base64,PHN2Zz4=">',
  '<svg onload=hack()><script>hack()</script><animate onbegin=hack()></svg>',
  '<svg><style><img src=x onerror=hack()></style></svg>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=hack()&gt;">',
  '<noscript><p title="</noscript><img src=x onerror=hack()>"></noscript>',
  '<iframe src="javascript:hack()"></iframe><iframe srcdoc="<script>hack()</script>"></iframe>',
  '<a href="javascript:hack()">x</a>',
  '<a href=" &#1;java\nscript:hack()">x</a>',
  '<a href="data:text/html,<script>hack()</script>">x</a>',
  '<a href="/lab?reset">x</a>',
  '<a href="#main">x</a>',
  '<a href="//evil.example">x</a>',
  '<form action="https://evil.example"><input name=password><button formaction=x>go</button></form>',
  '<input type=checkbox onclick=hack() name=x>',
  '<video src="https://evil.example/v.mp4" poster="https://evil.example/p.png"></video>',
  '<object data="javascript:hack()"></object><embed src="https://evil.example">',
  '<link rel=stylesheet href="https://evil.example"><style>body{display:none}</style>',
  '<base href="https://evil.example"><meta http-equiv=refresh content="0;url=https://evil.example">',
  '<div style="position:fixed;inset:0;background:url(https://evil.example)">x</div>',
  '<div class="jp-Dialog lm-Widget" id=main name=body role=dialog tabindex=0>x</div>',
  '<button data-commandlinker-command="docmanager:close-all">x</button>',
  '<details ontoggle=hack() open><summary>x</summary></details>',
  '<template><img src=x onerror=hack()></template>',
  '<td colspan=99999999 background="https://evil.example">x',
  '<xmp><img src=x onerror=hack()></xmp><plaintext><img src=x onerror=hack()>'
];

const ALLOWED =
  /^(alt|align|checked|class|colspan|disabled|href|open|rel|rowspan|scope|span|src|start|target|title|type)$/;

describe.each([
  ['alone', (html: string) => html],
  ["after JupyterLab's", (html: string) => labs.sanitize(html)]
])('the sanitiser %s', (_, before) => {
  it.each(HOSTILE)('disarms %s', html => {
    const host = ours(before(html));
    const all = Array.from(host.querySelectorAll('*'));
    expect(
      host.querySelector(
        'script, style, svg, math, iframe, form, button, object, embed, link, base, video'
      )
    ).toBeNull();
    for (const node of all) {
      for (const { name, value } of Array.from(node.attributes)) {
        expect(name).toMatch(ALLOWED);
        expect(name === 'href' || name === 'src' ? value : '').not.toMatch(
          /evil\.example|script:|^[/#]/i
        );
        expect(name === 'class' ? value : '').not.toMatch(/jp-|lm-/);
      }
    }
    expect(host.querySelector('img')).toBeNull();
  });
});

describe('what stays', () => {
  it('is the usual markup of markdown', () => {
    const html =
      '<h2>T</h2><p><strong>b</strong> <em>i</em> <code>c</code></p><ol start="3"><li>x</li></ol>' +
      '<pre><code class="cm-s-jupyter language-python"><span class="cm-keyword">def</span></code></pre>' +
      '<table><thead><tr><th align="left">h</th></tr></thead></table><blockquote>q</blockquote><hr>';
    expect(ours(html).innerHTML).toBe(html);
  });

  it('keeps the order and the text of what it unwraps', () => {
    expect(ours('a<center>b<font>c</font></center><foo-bar>d</foo-bar>e').textContent).toBe(
      'abcde'
    );
  });

  it('is a web link that opens elsewhere', () => {
    const link = ours(
      '<a href="https://example.org/a?b=c" onclick="hack()" target=_top>x</a>'
    ).querySelector('a')!;
    expect(link.href).toBe('https://example.org/a?b=c');
    expect(link.target).toBe('_blank');
    expect(link.rel).toBe('noopener noreferrer nofollow');
    expect(link.hasAttribute('onclick')).toBe(false);
  });

  it('is an inline bitmap', () => {
    const picture = ours('<img alt="dot" src="data:image/png;base64,iVBORw0KGgo=">').querySelector(
      'img'
    )!;
    expect(picture.src).toBe('data:image/png;base64,iVBORw0KGgo=');
    expect(picture.alt).toBe('dot');
  });

  it('is the name of a remote image', () => {
    const host = ours('<img alt="a plot" src="https://evil.example/x.png">');
    expect(host.textContent).toBe('a plot');
  });

  it('is a checkbox that cannot be used', () => {
    const box = ours('<input type="checkbox" checked>').querySelector('input')!;
    expect([box.checked, box.disabled]).toEqual([true, true]);
  });

  it('is bounded', () => {
    expect(ours('<b></b>'.repeat(50_000)).childElementCount).toBe(20_000);
  });
});

describe('webLink', () => {
  it.each([
    ['https://example.org', 'https://example.org/'],
    [' HTTP://example.org/x ', 'http://example.org/x'],
    ['mailto:a@example.org', 'mailto:a@example.org'],
    ['ftp://example.org', null],
    ['javascript:hack()', null],
    ['https://', null],
    ['', null]
  ])('%j -> %j', (given, wanted) => {
    expect(webLink(given)).toBe(wanted);
  });
});
