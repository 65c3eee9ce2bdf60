import type { IOpener } from '../src/footer';
import { isRelative } from '../src/footer';
import type { IProducedFile, IToolStep, ITranscript, Step, TurnStatus } from '../src/model';
import { EMPTY_TRANSCRIPT } from '../src/model';
import { PAGE, TranscriptView } from '../src/transcript';
import type { Words } from '../src/words';

const words = {
  __: (text: string, ...args: unknown[]) =>
    text.replace(/%(\d)/g, (_, n: string) => String(args[Number(n) - 1])),
  _n: (one: string, many: string, n: number) => (n === 1 ? one : many).replace('%1', String(n))
} as unknown as Words;

const drawMarkdown = jest.fn(async (host: HTMLElement, markdown: string) => {
  host.textContent = markdown;
});

const extras = { omitted: 0, unfollowed: false };

function made(opener: Partial<IOpener> = {}): TranscriptView {
  const whole = { address: (path: string) => '/files/' + path, open: () => true, ...opener };
  const view = new TranscriptView({ words, drawMarkdown, opener: whole });
  document.body.replaceChildren(view.node);
  return view;
}

function tool(id: string, fields: Partial<IToolStep> = {}): IToolStep {
  const output = [{ type: 'text', text: 'out' }];
  const base = { kind: 'tool', id, name: 'bash', server: null, input: { command: 'ls' } } as const;
  return { ...base, status: 'ok', output, seconds: 1, ...fields };
}

function transcript(steps: readonly Step[], fields: Partial<ITranscript> = {}): ITranscript {
  return { ...EMPTY_TRANSCRIPT, status: 'done', steps, ...fields };
}

function all(selector: string): HTMLElement[] {
  return Array.from(document.querySelectorAll<HTMLElement>(selector));
}

function texts(selector: string): (string | null)[] {
  return all(selector).map(node => node.textContent);
}

async function opened(card: HTMLDetailsElement): Promise<void> {
  card.open = true;
  card.dispatchEvent(new Event('toggle'));
}

describe('steps', () => {
  it('are a list in their order, each updated in its place', () => {
    const view = made();
    const first = tool('a', { status: 'running', seconds: null, output: [] });
    view.draw(transcript([first], { status: 'running' }), extras);
    const node = all('.ja-step')[0];
    const text: Step = { kind: 'text', id: 't', markdown: 'Hi', partial: false };
    view.draw(transcript([text, tool('a')]), extras);
    expect(all('.ja-steps')[0]!.getAttribute('role')).toBe('list');
    expect(all('.ja-step')[1]).toBe(node);
    expect(texts('.ja-word')).toEqual(['ok']);
    expect(texts('.ja-seconds')).toEqual(['1.0 s']);
  });

  it('that go away are taken out', () => {
    const view = made();
    view.draw(transcript([tool('a'), tool('b'), tool('c')]), extras);
    view.draw(transcript([tool('c'), tool('a')]), extras);
    expect(all('.ja-step')).toHaveLength(2);
  });

  it('with the same id are drawn once', () => {
    made().draw(transcript([tool('a'), tool('a')]), extras);
    expect(all('.ja-step')).toHaveLength(1);
  });

  it('that did not change are not drawn again', () => {
    const view = made();
    const text: Step = { kind: 'text', id: 't', markdown: 'Hi', partial: false };
    drawMarkdown.mockClear();
    view.draw(transcript([text]), extras);
    view.draw(transcript([{ ...text }]), extras);
    expect(drawMarkdown).toHaveBeenCalledTimes(1);
  });

  it('come a page at a time, and those left out are counted', () => {
    const view = made();
    const steps = Array.from({ length: PAGE + 3 }, (_, n) => tool(`c${n}`));
    view.draw(transcript(steps), { omitted: 7, unfollowed: false });
    expect(all('.ja-step')).toHaveLength(PAGE);
    const button = all('.ja-earlier')[0] as HTMLButtonElement;
    expect(button.textContent).toBe('Show 3 earlier steps');
    button.click();
    expect(all('.ja-step')).toHaveLength(PAGE + 3);
    expect(button.textContent).toBe('7 earlier steps are not shown');
    expect(button.disabled).toBe(true);
  });

  it('that think show only while they do', () => {
    const view = made();
    view.draw(transcript([{ kind: 'thinking', id: 'x', partial: true }]), extras);
    expect(all('.ja-thinking')).toHaveLength(1);
    view.draw(transcript([{ kind: 'thinking', id: 'x', partial: false }]), extras);
    expect(all('.ja-step')[0]!.hidden).toBe(true);
  });

  it('show notices and steering as text', () => {
    const evil = '<img src=x onerror=hack()>';
    const steps: Step[] = [
      { kind: 'notice', id: 'n', level: 'error', text: evil },
      { kind: 'steer', id: 's', text: evil }
    ];
    made().draw(transcript(steps), extras);
    expect(texts('.ja-notice.ja-error')).toEqual([evil]);
    expect(texts('.ja-steer-text')).toEqual([evil]);
    expect(all('img')).toHaveLength(0);
  });
});

describe('a text that grows', () => {
  it('is drawn at once, then no faster than the page can, and in the end as it ended', async () => {
    jest.useFakeTimers();
    const view = made();
    drawMarkdown.mockClear();
    for (let n = 1; n <= 100; n++) {
      view.draw(
        transcript([{ kind: 'text', id: 't', markdown: 'x'.repeat(n), partial: n < 100 }]),
        extras
      );
      await jest.advanceTimersByTimeAsync(1);
    }
    await jest.advanceTimersByTimeAsync(1000);
    jest.useRealTimers();
    expect(drawMarkdown.mock.calls.length).toBeLessThan(10);
    expect(texts('.ja-markdown')).toEqual(['x'.repeat(100)]);
    expect(all('.ja-partial')).toHaveLength(0);
  });
});

describe('a card', () => {
  it.each<[Partial<IToolStep>, string]>([
    [{ input: { command: 'ls -l' } }, 'ls -l'],
    [{ name: 'write', input: { file_path: 'a.txt', content: 'words' } }, 'a.txtwords'],
    [
      { name: 'edit', input: { file_path: 'a', old_string: 'a\nb\nc', new_string: 'a\nx\nc\n' } },
      'a  a\n- b\n+ x\n  c\n'
    ],
    [{ name: 'chart', server: 'plots', input: { n: 1 } }, '{\n  "n": 1\n}'],
    [{ server: 'other', input: { command: 'ls' } }, '{\n  "command": "ls"\n}']
  ])('shows its whole input when it is opened, %#', async (fields, wanted) => {
    made().draw(transcript([tool('a', fields)]), extras);
    const card = all('.ja-card')[0] as HTMLDetailsElement;
    expect(texts('.ja-body')).toEqual(['']);
    await opened(card);
    all('.ja-copy').forEach(button => button.remove());
    expect(all('.ja-body')[0]!.firstElementChild!.textContent).toBe(wanted);
  });

  it('shows every kind of output block, and only safe images', async () => {
    const image = (media_type: string, data: string): { type: string; source: object } => ({
      type: 'image',
      source: { type: 'base64', media_type, data }
    });
    const output = [
      { type: 'text', text: '<b>bold</b>' },
      image('image/png', 'iVBO\nRw0KGgo='),
      image('image/svg+xml', 'PHN2Zz4='),
      image('image/png', '" onerror="hack()'),
      { type: 'image', source: { type: 'url', url: 'https://evil.example/x.png' } },
      { type: 'document', title: 'A paper', source: { type: 'base64', data: 'AAAA' } },
      { type: 'search_result', source: 'javascript:hack()', title: 'Bad', content: [] },
      { type: 'search_result', source: 'https://example.org', title: 'Good', content: [] },
      { type: 'hologram', shape: 'cube' }
    ];
    made().draw(transcript([tool('a', { output })]), extras);
    await opened(all('.ja-card')[0] as HTMLDetailsElement);
    const pictures = all('img') as HTMLImageElement[];
    expect(pictures.map(picture => picture.src)).toEqual(['data:image/png;base64,iVBORw0KGgo=']);
    const links = all('.ja-output a') as HTMLAnchorElement[];
    expect(links.map(link => link.href)).toEqual(['https://example.org/']);
    const shown = all('.ja-output')[0]!.textContent;
    expect(shown).toContain('<b>bold</b>');
    expect(shown).toContain('Document: A paper (3 B)');
    expect(shown).toContain('"shape": "cube"');
    expect(all('.ja-output b')).toHaveLength(0);
  });

  it('caps a long text and says how much is left out', async () => {
    made().draw(
      transcript([tool('a', { output: [{ type: 'text', text: 'x'.repeat(60_000) }] })]),
      extras
    );
    await opened(all('.ja-card')[0] as HTMLDetailsElement);
    expect(texts('.ja-rest')).toEqual(['\n… 10000 more characters']);
  });

  it('folds a long text until all of it is asked for', async () => {
    const lines = Array.from({ length: 100 }, (_, n) => `line ${n}\n`).join('');
    made().draw(transcript([tool('a', { output: [{ type: 'text', text: lines }] })]), extras);
    await opened(all('.ja-card')[0] as HTMLDetailsElement);
    const text = (): string => all('.ja-output code')[0]!.textContent!;
    const more = all('.ja-more')[0]!;
    expect(text().split('\n')).toHaveLength(17);
    expect(more.textContent).toBe('Show all 100 lines');
    expect(more.getAttribute('aria-expanded')).toBe('false');
    more.click();
    expect(text()).toBe(lines);
    expect(more.getAttribute('aria-expanded')).toBe('true');
    more.click();
    expect(text().split('\n')).toHaveLength(17);
  });

  it('copies the whole text, and says whether it did', async () => {
    const lines = 'x\n'.repeat(100);
    const writeText = jest.fn(async () => undefined);
    Object.defineProperty(navigator, 'clipboard', { value: { writeText }, configurable: true });
    made().draw(transcript([tool('a', { output: [{ type: 'text', text: lines }] })]), extras);
    await opened(all('.ja-card')[0] as HTMLDetailsElement);
    const button = all('.ja-output .ja-copy')[0]!;
    button.click();
    await new Promise(resolve => setTimeout(resolve));
    expect(writeText).toHaveBeenCalledWith(lines);
    expect(button.textContent).toBe('Copied');
  });

  it('that waits is open, and its call is named below', () => {
    const view = made();
    view.draw(
      transcript([tool('a', { status: 'waiting', output: [] })], { status: 'waiting' }),
      extras
    );
    expect((all('.ja-card')[0] as HTMLDetailsElement).open).toBe(true);
    expect(texts('.ja-waiting')).toEqual(['bash needs your answer before the agent goes on: ls']);
    view.draw(transcript([tool('a')]), extras);
    expect(all('.ja-waiting')).toHaveLength(0);
  });
});

describe('the footer', () => {
  const footer = {
    model: 'claude-opus-4-7',
    turn: 3,
    input_tokens: 1000,
    output_tokens: 20,
    cache_read_input_tokens: 500,
    cache_creation_input_tokens: 0,
    cost_usd: 0.0123,
    sandbox: 'docker',
    seconds: 12.3,
    replayed: true
  };

  it('says what is known', () => {
    made().draw(transcript([], { footer }), extras);
    expect(texts('.ja-footer > *')).toEqual([
      'Done',
      'claude-opus-4-7',
      '1.5k in, 20 out',
      '$0.01',
      'docker',
      '12 s',
      'turn 3',
      'replayed'
    ]);
  });

  it('never calls a used model free', () => {
    made().draw(transcript([], { footer: { ...footer, cost_usd: 0 } }), extras);
    expect(texts('.ja-fact')[2]).toBe('<$0.01');
  });

  it('leaves out what is not', () => {
    made().draw(transcript([], { footer: { ...EMPTY_TRANSCRIPT.footer, cost_usd: null } }), extras);
    expect(texts('.ja-footer > *')).toEqual(['Done']);
  });

  it.each<[TurnStatus, string]>([
    ['running', 'Running'],
    ['retrying', 'Trying again'],
    ['waiting', 'Waiting for you'],
    ['done', 'Done'],
    ['interrupted', 'Interrupted'],
    ['failed', 'Failed'],
    ['refused', 'Refused by the model'],
    ['budget_reached', 'Budget used up']
  ])('names the status %s', (status, wanted) => {
    made().draw(transcript([], { status }), extras);
    expect(texts('.ja-turn')).toEqual([wanted]);
  });

  it('says when nobody tells how it goes on', () => {
    made().draw(transcript([], { status: 'running' }), { omitted: 0, unfollowed: true });
    expect(texts('.ja-notice')[0]).toContain('Saved before its end');
  });
});

describe('files', () => {
  function file(path: string, url: string | null): IProducedFile {
    return { path, size: 1234, file_id: null, url };
  }

  it('open in the application', () => {
    const open = jest.fn(() => true);
    made({ open }).draw(transcript([], { files: [file('a.txt', 'agents/x/a.txt')] }), extras);
    const link = all('a.ja-file-name')[0] as HTMLAnchorElement;
    expect(link.getAttribute('href')).toBe('/files/agents/x/a.txt');
    const click = new MouseEvent('click', { cancelable: true });
    link.dispatchEvent(click);
    expect(open).toHaveBeenCalledWith('agents/x/a.txt');
    expect(click.defaultPrevented).toBe(true);
    expect(texts('.ja-size')).toEqual(['1.2 kB']);
  });

  it.each([{ ctrlKey: true }, { metaKey: true }, { shiftKey: true }])(
    'open in a new tab with %j',
    keys => {
      const open = jest.fn(() => true);
      made({ open }).draw(transcript([], { files: [file('a.txt', 'a.txt')] }), extras);
      all('a.ja-file-name')[0]!.dispatchEvent(
        new MouseEvent('click', { ...keys, cancelable: true })
      );
      expect(open).not.toHaveBeenCalled();
    }
  );

  it('show their previews as figures, with words for a screen reader and nothing live', () => {
    const evil = '<img src=x onerror=hack()>';
    const table = {
      type: 'table' as const,
      columns: ['a', evil],
      rows: [['1', evil], ['2']],
      more: true
    };
    const picture = { type: 'image' as const, media_type: 'image/svg+xml', data: 'PHN2Zy8+' };
    const files = [
      { ...file('rows.csv', null), preview: table },
      { ...file('plot.svg', null), preview: picture }
    ];
    made().draw(transcript([], { files }), extras);
    expect(texts('th')).toEqual(['a', evil]);
    expect(all('th').map(head => head.getAttribute('scope'))).toEqual(['col', 'col']);
    expect(texts('td')).toEqual(['1', evil, '2', '']);
    expect(texts('caption')).toEqual(['rows.csv, its beginning']);
    const pictures = all('img') as HTMLImageElement[];
    expect(pictures.map(image => [image.alt, image.src])).toEqual([
      ['plot.svg', 'data:image/svg+xml;base64,PHN2Zy8+']
    ]);
    expect(all('svg.ja-icon ~ script, .ja-figure svg')).toHaveLength(0);
  });

  it('keep the focus while the run goes on', () => {
    const view = made();
    const files = [file('a.txt', 'a.txt')];
    view.draw(transcript([], { files, status: 'running' }), extras);
    const link = all('a.ja-file-name')[0]!;
    link.focus();
    view.draw(transcript([tool('a')], { files, status: 'running' }), extras);
    expect(document.activeElement).toBe(link);
  });

  it('without a place below the root are only named', () => {
    const files = [
      file('a', null),
      file('b', '../b'),
      file('c', 'javascript:hack()'),
      file('d', '//evil.example')
    ];
    made().draw(transcript([], { files }), extras);
    expect(all('a.ja-file-name')).toHaveLength(0);
    expect(texts('.ja-file-name')).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each(['/etc/passwd', 'a/../../b', 'a//b', 'C:\\x', 'RTC:a', 'a\nb', 'a\u202eb', ''])(
    '%j leads nowhere',
    path => expect(isRelative(path)).toBe(false)
  );
});

describe('a screen reader', () => {
  it('hears whole messages and the end, but nothing of a saved run', () => {
    const view = made();
    const spoken = (): string => all('[aria-live=polite]')[0]!.textContent!;
    const text = (markdown: string, partial: boolean): Step => ({
      kind: 'text',
      id: 't',
      markdown,
      partial
    });
    view.draw(transcript([text('Hel', true)], { status: 'running' }), extras);
    expect(spoken()).toBe('');
    view.draw(transcript([text('Hello.', false)], { status: 'running' }), extras);
    expect(spoken()).toBe('Hello.');
    view.draw(transcript([text('Hello.', false)]), extras);
    expect(spoken()).toBe('Hello. Done');
    const saved = made();
    saved.draw(transcript([text('Hello.', false)]), extras);
    expect(spoken()).toBe('');
  });
});

describe('a function of the notebook', () => {
  it('has the kernel as its place, and shows what it printed apart from its result', async () => {
    const view = made();
    const shown = [{ type: 'text', text: '<b>printed</b>' }];
    view.draw(transcript([tool('a', { name: 'sales', place: 'kernel', shown })]), extras);
    expect(texts('.ja-name')).toEqual(['kernel / sales']);
    await opened(all('.ja-card')[0] as HTMLDetailsElement);
    expect(texts('.ja-label')).toContain('Printed here, not sent to the agent');
    expect(all('.ja-body')[0]!.textContent).toContain('<b>printed</b>');
    expect(all('.ja-body b')).toEqual([]);
  });
});
